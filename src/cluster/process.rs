//! The name of a run of the program: never the same twice, and on the same machine it shows whether that run has
//! ended.

use std::fs;

/// `BOOT:PIDS:PID:START`: the machine's boot id, the namespace of process ids, the id, and when it started (in
/// the kernel's ticks since boot). Where there is no `/proc` it is random.
pub fn own() -> String {
    let pid = std::process::id();
    match (boot(), namespace(), started(pid)) {
        (Some(boot), Some(namespace), Some(started)) => format!("{boot}:{namespace}:{pid}:{started}"),
        _ => format!("random:{}", uuid::Uuid::new_v4()),
    }
}

/// A process of this machine and boot that is not there any more. Of another machine's nothing is known.
pub fn has_ended(process: &str) -> bool {
    let mut parts = process.split(':');
    let (Some(at), Some(of), Some(pid), Some(start)) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let Ok(pid) = pid.parse::<u32>() else { return false };
    // another user's processes may be hidden: only what the kernel itself says is gone has ended
    let gone = || {
        let id = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        id.is_some_and(|id| rustix::process::test_kill_process(id) == Err(rustix::io::Errno::SRCH))
    };
    let another = started(pid).map_or_else(gone, |now| now != start);
    boot().as_deref() == Some(at) && namespace().as_deref() == Some(of) && another
}

/// The boot id with the machine's own: a copy of a machine that was resumed has the same boot id.
fn boot() -> Option<String> {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    Some(format!("{}.{}", fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim(), machine.trim()))
}

fn namespace() -> Option<String> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(link.to_str()?.trim_start_matches("pid:").to_owned())
}

/// The 22nd field of `/proc/PID/stat`; the second may hold blanks and ends with the last bracket. A process that
/// is only waited for by its parent has ended: it has no start any more. Nothing where it cannot be read.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    let state = rest.next()?;
    if matches!(state, "Z" | "X") { Some(String::new()) } else { rest.nth(18).map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ran_here_and_is_gone_has_ended() {
        let own = own();
        assert!(!has_ended(&own));
        let (rest, start) = own.rsplit_once(':').unwrap();
        assert!(has_ended(&format!("{rest}:1{start}")), "another process has the id now");
        assert!(!has_ended("elsewhere:1:2:3"));
        assert!(!has_ended("random:abc"));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let theirs = |start: &str| {
            let mut parts: Vec<&str> = own.split(':').collect();
            let pid = pid.to_string();
            parts[2] = &pid;
            parts[3] = start;
            parts.join(":")
        };
        let begun = started(pid);
        child.wait().unwrap();
        assert!(has_ended(&theirs(&begun.unwrap_or_else(|| "7".into()))));
    }
}
