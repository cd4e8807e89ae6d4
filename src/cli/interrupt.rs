//! Ctrl-C, SIGTERM and a terminal that goes away.

use tokio::{signal::unix::SignalKind, task::JoinHandle};

/// It was started to outlive its terminal, as `nohup` does it: SIGHUP is the lowest bit of the mask.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|l| l.strip_prefix("SigIgn:")).map(str::trim);
    mask.and_then(|m| u64::from_str_radix(m, 16).ok()).is_some_and(|m| m & 1 == 1)
}

pub(super) async fn interrupted() {
    let outlives = ignores_hangup();
    let on = |kind| tokio::signal::unix::signal(kind).ok();
    let (term, hangup) = (on(SignalKind::terminate()), on(SignalKind::hangup()));
    let (Some(mut term), Some(mut hangup)) = (term, hangup) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
        // the terminal is gone: what is under way is ended in order, unless it was started to outlive it
        _ = hangup.recv(), if !outlives => {}
    }
}

/// Waits until an engine that was told to stop has ended its changes and released the Lease. Interrupted once more it is
/// left as it is: what it has begun is on record, and the next engine looks for it. `note` says what goes on.
pub(super) async fn until_ended(engine: JoinHandle<()>, note: impl Fn(&str)) {
    if engine.is_finished() {
        return;
    }
    note("stopping: changes in flight end first, then the Lease is released; Ctrl-C again leaves at once");
    tokio::select! {
        _ = engine => {}
        () = interrupted() => {
            let left = "left at once: what was in flight may still happen, and the Lease lapses by itself. Run it again to resume";
            note(left);
        }
    }
}
