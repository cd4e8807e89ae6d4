//! The script that runs on hosts, for real, against a folder that looks like one. The embedded nodes
//! answer in its place; this holds them to what it does.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use cutover::domain::host::{Report, SCRIPT};
use tempfile::TempDir;

struct Host(TempDir);

impl Host {
    fn new(files: &[(&str, &str)]) -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        for folder in ["etc/cni/net.d", "var/lib/cni/networks/cbr0", "run/flannel", "links"] {
            fs::create_dir_all(host.path(folder)).unwrap();
        }
        fs::write(host.path("boot_id"), "boot-1\n").unwrap();
        for (name, text) in files {
            fs::write(host.path(name), text).unwrap();
        }
        host
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> (Output, Report) {
        let report = self.path("report");
        let _ = fs::remove_file(&report);
        let output = Command::new("sh")
            .args(["-c", SCRIPT, "cutover"])
            .args(arguments)
            .env("HOST_ROOT", self.0.path())
            .env("REPORT", &report)
            .env("BOOT_ID_FILE", self.path("boot_id"))
            .env("LINKS_DIR", self.path("links"))
            .output()
            .unwrap();
        let text = fs::read_to_string(report).unwrap_or_default();
        assert!(text.len() <= 4096, "a termination message holds no more");
        (output, Report::parse(&text))
    }

    fn confs(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("etc/cni/net.d"))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

const FLANNEL: &str = "etc/cni/net.d/10-flannel.conflist";
const BAK: &str = "etc/cni/net.d/10-flannel.conflist.cilium_bak";
const CILIUM: &str = "etc/cni/net.d/05-cilium.conflist";

#[test]
fn it_looks_and_changes_nothing() {
    let host = Host::new(&[
        (CILIUM, "c"),
        (BAK, "f"),
        ("var/lib/cni/networks/cbr0/10.1.0.7", "x"),
        ("var/lib/cni/networks/cbr0/lock", ""),
        ("links/flannel.1", ""),
    ]);
    let (output, report) = host.run(&["look"]);
    assert!(output.status.success() && report.is_complete());
    assert_eq!(report.all("conf").collect::<Vec<_>>(), ["05-cilium.conflist", "10-flannel.conflist.cilium_bak"]);
    assert_eq!(
        (report.get("boot"), report.get("leases"), report.get("link")),
        (Some("boot-1"), Some("1"), Some("flannel.1"))
    );
    assert_eq!(host.confs().len(), 2);
}

#[test]
fn it_restores_from_the_twin_and_keeps_a_backup_with_its_checksum() {
    let host = Host::new(&[(CILIUM, "cilium's"), (BAK, "flannel's")]);
    let (output, report) = host.run(&["restore"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(host.confs(), ["10-flannel.conflist"]);
    assert_eq!(fs::read_to_string(host.path(FLANNEL)).unwrap(), "flannel's");
    assert!(report.host("restore", jiff::Timestamp::UNIX_EPOCH).only("10-flannel"));
    let sums = fs::read_to_string(host.path("var/lib/cutover/backup/SHA256SUMS")).unwrap();
    let (sum, name) = sums.trim().split_once(' ').unwrap();
    assert_eq!(fs::read_to_string(host.path("var/lib/cutover/backup").join(name)).unwrap(), "cilium's");
    let check = Command::new("sha256sum").arg(host.path("var/lib/cutover/backup").join(name)).output().unwrap();
    assert!(String::from_utf8_lossy(&check.stdout).starts_with(sum));
    // once more changes nothing
    let (again, _) = host.run(&["restore"]);
    assert!(again.status.success());
    assert_eq!(host.confs(), ["10-flannel.conflist"]);
}

#[test]
fn it_never_leaves_a_node_without_any_configuration() {
    let host = Host::new(&[(CILIUM, "cilium's")]);
    let (output, report) = host.run(&["restore"]);
    assert!(!output.status.success() && !report.is_complete());
    assert!(report.get("error").unwrap().contains("no 10-flannel.conflist"));
    assert_eq!(host.confs(), ["05-cilium.conflist"]);
}

#[test]
fn it_does_not_reboot_a_host_that_has_rebooted() {
    let host = Host::new(&[]);
    let (output, report) = host.run(&["reboot", "boot-0"]);
    assert!(output.status.success());
    assert_eq!(report.get("rebooted"), Some("already"));
    assert_eq!(report.get("rebooting"), None);
}

#[test]
fn cleaning_moves_and_deletes_nothing() {
    let host = Host::new(&[
        (CILIUM, "c"),
        (BAK, "flannel's"),
        ("run/flannel/subnet.env", "FLANNEL_MTU=1450"),
        ("var/lib/cni/networks/cbr0/10.1.0.7", "x"),
    ]);
    let (output, report) = host.run(&["clean"]);
    assert!(output.status.success() && report.is_complete(), "{output:?}");
    assert_eq!(host.confs(), ["05-cilium.conflist"]);
    assert!(!host.path("run/flannel").exists() && !host.path("var/lib/cni/networks/cbr0").exists());
    let kept = |tail: &str| {
        fs::read_dir(host.path("var/lib/cutover/backup"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .find(|p: &std::path::PathBuf| p.display().to_string().ends_with(tail))
    };
    let text =
        |p: Option<std::path::PathBuf>, inner: &str| fs::read_to_string(p.unwrap().join(Path::new(inner))).unwrap();
    assert_eq!(text(kept("-flannel"), "subnet.env"), "FLANNEL_MTU=1450");
    assert_eq!(text(kept("-cbr0"), "10.1.0.7"), "x");
    assert!(kept("10-flannel.conflist.cilium_bak").is_some());
}
