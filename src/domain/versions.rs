//! Which Cilium goes with which Kubernetes and kernel: one table, for the checks, the help and the README.

/// A minor version of Cilium 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minor {
    /// The number: 15 of 1.15.
    pub number: u32,
    /// The Kubernetes minors that its project tests it with, first and last; nothing where that was not found.
    pub kubernetes: Option<(u32, u32)>,
    /// The oldest kernel.
    pub kernel: (u32, u32, u32),
    /// The oldest build of RHEL 8's 4.18 that has what it needs.
    pub rhel8: u32,
}

const fn minor(number: u32, kubernetes: Option<(u32, u32)>, kernel: (u32, u32, u32), rhel8: u32) -> Minor {
    Minor { number, kubernetes, kernel, rhel8 }
}

/// Where the rows come from.
pub const SOURCE: &str = "Cilium's documentation and its compatibility pages by release, read in November 2026";

/// Oldest first. 305, 372 and 553 are the kernels of RHEL 8.4, 8.6 and 8.10.
pub const TABLE: &[Minor] = &[
    minor(12, Some((16, 24)), (4, 9, 17), 305),
    minor(13, None, (4, 9, 17), 305),
    minor(14, None, (4, 19, 57), 305),
    minor(15, Some((26, 29)), (4, 19, 57), 305),
    minor(16, None, (4, 19, 57), 305),
    minor(17, None, (5, 4, 0), 372),
    minor(18, Some((30, 33)), (5, 10, 0), 553),
    minor(19, Some((31, 34)), (5, 10, 0), 553),
    minor(20, Some((33, 36)), (5, 10, 0), 553),
];

/// The major and the minor of a version, as `v1.15.19` has them.
pub fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split(['.', '-', '+']).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

/// The row of a version. One that is newer than the table is taken for the newest: what it needs is not less.
pub fn of(version: &str) -> Option<&'static Minor> {
    let (major, minor) = parse(version)?;
    let older = TABLE.iter().rfind(|m| major == 1 && m.number <= minor);
    if major == 1 { older } else { None }
}

/// Agents from 1.14 on, which write their CNI configuration themselves, say in which state it is (seen with 1.15.19 and
/// 1.19.5; those of 1.12.19 do not).
pub fn says_cni_state(version: &str) -> bool {
    parse(version).is_none_or(|version| version >= (1, 14))
}

/// A kernel as its node reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its version.
    pub version: (u32, u32, u32),
    /// The build of RHEL 8 and its like.
    pub rhel8: Option<u32>,
}

/// How RHEL 8 and its rebuilds mark their kernels.
const EL8: &str = ".el8";

impl Kernel {
    /// Reads `4.18.0-553.22.1.el8_10.x86_64`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        let mut next = || numbers.next()?.parse::<u32>().ok();
        let version = (next()?, next()?, next().unwrap_or(0));
        let build = text.split_once('-').and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next());
        let rhel8 =
            build.and_then(|b| b.parse().ok()).filter(|_| text.contains(EL8) && version.0 == 4 && version.1 == 18);
        Some(Self { version, rhel8 })
    }

    /// Does this Cilium run on it?
    pub fn runs(self, cilium: &Minor) -> bool {
        self.version >= cilium.kernel || self.rhel8.is_some_and(|build| build >= cilium.rhel8)
    }
}

/// The oldest kernel, in words.
pub fn kernel_words(minor: &Minor) -> String {
    let (a, b, c) = minor.kernel;
    let patch = if c == 0 { String::new() } else { format!(".{c}") };
    format!("{a}.{b}{patch}, or RHEL 8's 4.18.0-{}", minor.rhel8)
}

fn kubernetes_words(minor: &Minor) -> String {
    minor.kubernetes.map_or_else(|| "not found".into(), |(first, last)| format!("1.{first} to 1.{last}"))
}

/// The table as lines for `--help`.
pub fn help() -> String {
    let rows = TABLE
        .iter()
        .map(|m| format!("  {:<8} {:<14} {}\n", format!("1.{}", m.number), kubernetes_words(m), kernel_words(m)));
    format!("Versions:\n  Cilium   Kubernetes     oldest kernel\n{}  ({SOURCE})", rows.collect::<String>())
}

/// The table for the README.
pub fn markdown() -> String {
    let rows = TABLE.iter().map(|m| format!("| 1.{} | {} | {} |\n", m.number, kubernetes_words(m), kernel_words(m)));
    format!(
        "| Cilium | tested by its project with Kubernetes | oldest kernel |\n| --- | --- | --- |\n{}\nFrom {SOURCE}. WireGuard needs a kernel from 5.6 on, and Cilium 1.14 or `l7Proxy: false`.\n",
        rows.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_with_backports_are_judged_by_their_build() {
        for (kernel, cilium, runs) in [
            ("4.18.0-553.el8_10.x86_64", "1.15.19", true),
            ("4.18.0-553.22.1.el8_10.x86_64", "1.18.6", true),
            ("4.18.0-372.9.1.el8.x86_64", "1.18.6", false),
            ("4.18.0-25-generic", "1.15.19", false),
            ("5.4.0-216-generic", "1.18.6", false),
            ("5.4.0-216-generic", "1.17.3", true),
            ("4.19.0-27-amd64", "1.15.19", false),
            ("4.19.57", "1.15.19", true),
            ("6.1.0-28-amd64", "1.20.0", true),
            ("5.14.0-427.el9.x86_64", "1.19.5", true),
            ("6.12-rc3+", "1.30.0", true),
        ] {
            let row = of(cilium).unwrap();
            assert_eq!(Kernel::parse(kernel).unwrap().runs(row), runs, "{kernel} {cilium}");
        }
        assert_eq!(Kernel::parse("linux"), None);
    }

    #[test]
    fn a_version_has_a_row() {
        assert_eq!(of("v1.15.19").map(|m| m.number), Some(15));
        assert_eq!(of("1.27.0").map(|m| m.number), Some(20), "newer than the table");
        assert_eq!(of("1.11.0"), None);
        assert_eq!(of("banana"), None);
        assert!(help().lines().count() > TABLE.len() && markdown().lines().count() > TABLE.len());
    }
}
