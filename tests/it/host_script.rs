//! The script that runs on hosts, for real, against a folder that looks like one. The embedded nodes
//! answer in its place; this holds them to what it does.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use cutover::domain::{
    evidence::Sent,
    host::{Report, SCRIPT},
};
use tempfile::TempDir;

/// All that the script needs besides the shell, `ip` and a firewall's tools.
const TOOLS: [&str; 22] = [
    "awk",
    "basename",
    "cat",
    "cp",
    "date",
    "dirname",
    "find",
    "grep",
    "head",
    "ls",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "sha256sum",
    "sleep",
    "sync",
    "tail",
    "tr",
    "env",
    "printf",
    "true",
];

struct Host(TempDir);

impl Host {
    fn new(files: &[(&str, &str)]) -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(host.path("etc/cni/net.d")).unwrap();
        fs::create_dir_all(host.path("links")).unwrap();
        fs::write(host.path("boot_id"), "boot-1\n").unwrap();
        for (name, text) in files {
            fs::create_dir_all(host.path(name).parent().unwrap()).unwrap();
            fs::write(host.path(name), text).unwrap();
        }
        // no firewall, no links: those of the machine that runs the tests are not touched
        fs::create_dir(host.path("bin")).unwrap();
        for tool in TOOLS {
            let found = ["/usr/bin", "/bin"].iter().map(|d| Path::new(d).join(tool)).find(|p| p.exists());
            std::os::unix::fs::symlink(found.unwrap(), host.path("bin").join(tool)).unwrap();
        }
        host
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> (Output, Report) {
        let report = self.path("report");
        let _ = fs::remove_file(&report);
        let output = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "cutover"])
            .args(arguments)
            .env("PATH", self.path("bin"))
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

/// What `cilium-dbg endpoint list` says on a real node: the agent's own endpoints are called `/`, the host's without
/// an address.
#[test]
fn endpoints_of_the_agent_itself_are_not_reported_as_pods() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::new(&[(CILIUM, "c"), ("run/cilium/other", "")]);
    let _socket = std::os::unix::net::UnixListener::bind(host.path("run/cilium/cilium.sock")).unwrap();
    let agent = host.path("bin/cilium-dbg");
    let list = "7 10.245.1.149 /\n293  /\n428 10.245.1.204 shop/web-7bbf79967d-nxlvj\n";
    fs::write(&agent, format!("#!/bin/sh\ncase \"$3\" in endpoint) printf '{list}' ;; *) echo '{{}}' ;; esac\n"))
        .unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let (output, report) = host.run(&["look"]);
    assert!(output.status.success() && report.is_complete());
    assert_eq!(report.endpoints().collect::<Vec<_>>(), [("428", "10.245.1.204")]);
}

/// As `cilium-dbg` 1.15 and `ip -s xfrm state` print them.
#[test]
fn it_says_how_the_agent_and_the_kernel_encrypt() {
    let host = Host::new(&[]);
    std::fs::create_dir_all(host.path("run/cilium")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(host.path("run/cilium/cilium.sock")).unwrap();
    let program = |name: &str, text: &str| {
        let path = host.path(&format!("bin/{name}"));
        fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    let agent = |mode: &str, rest: &str| {
        format!(
            "case \"$*\" in *'status -o json'*) echo '{{\"encryption\": {{\"mode\": \"{mode}\"}}}}' ;; {rest} esac\n"
        )
    };
    let status =
        "*'encrypt status'*) printf 'Encryption: IPsec\\nKeys in use: 4\\nMax Seq. Number: 0x1\\nErrors: 2\\n' ;;";
    program("cilium-dbg", &agent("IPsec", status));
    let state = "\tlifetime config:\\n\t  limit: soft (INF)(bytes), hard (INF)(bytes)\\n\tlifetime current:\\n";
    program(
        "ip",
        &format!(
            "printf 'src 10.1.0.1 dst 10.1.0.2\\n{state}\t  1680(bytes), 20(packets)\\nsrc 10.1.0.1 dst 10.1.0.2\\n{state}\t  20(bytes), 1(packets)\\nsrc 0.0.0.0 dst 0.0.0.0\\n{state}\t  5(bytes), 1(packets)\\n'\n"
        ),
    );
    let seen = |report: &Report| report.host("look", jiff::Timestamp::UNIX_EPOCH);
    let (_, report) = host.run(&["look"]);
    let said = seen(&report);
    let encrypts = said.encrypts.unwrap();
    assert_eq!((said.encryption.as_str(), encrypts.count, encrypts.errors), ("IPsec", 4, 2));
    let sent = |to: &str, bytes| Sent { to: to.into(), bytes };
    assert_eq!(encrypts.sent, [sent("10.1.0.2", 1700)]);
    let peers = r#"*'encrypt status'*) printf 'Encryption: Wireguard\nInterface: cilium_wg0\n\tNumber of peers: 1\n' ;;
        *'debuginfo -o json'*) echo '{"encryption": {"wireguard": {"interfaces": [{"peers": [{"endpoint": "192.168.1.2:51871", "transfer-rx": 1, "transfer-tx": 200}]}]}}}' ;;"#;
    program("cilium-dbg", &agent("Wireguard", peers));
    program("ip", "");
    let (_, report) = host.run(&["look"]);
    let encrypts = seen(&report).encrypts.unwrap();
    assert_eq!((encrypts.count, encrypts.sent), (1, vec![sent("192.168.1.2", 200)]));
    program("cilium-dbg", &agent("Disabled", ""));
    let (_, report) = host.run(&["look"]);
    assert_eq!((seen(&report).encryption.as_str(), seen(&report).encrypts), ("Disabled", None));
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

const LEASE: &str = "var/lib/cni/networks/cbr0/10.1.0.7";

#[test]
fn cleaning_moves_and_putting_back_undoes_it() {
    let files = [(CILIUM, "c"), (BAK, "flannel's"), ("run/flannel/subnet.env", "FLANNEL_MTU=1450"), (LEASE, "x")];
    let host = Host::new(&files);
    let (output, report) = host.run(&["clean", "10.1.0.0/16"]);
    assert!(output.status.success() && report.is_complete(), "{output:?}");
    assert_eq!(host.confs(), ["05-cilium.conflist"]);
    assert!(!host.path("run/flannel").exists() && !host.path("var/lib/cni/networks/cbr0").exists());
    // once more changes nothing, and loses nothing
    assert!(host.run(&["clean", "10.1.0.0/16"]).0.status.success());
    let (output, report) = host.run(&["put-back"]);
    assert!(output.status.success() && report.is_complete(), "{output:?}");
    for (name, text) in files {
        assert_eq!(fs::read_to_string(host.path(name)).unwrap(), text, "{name}");
    }
    assert!(host.run(&["put-back"]).0.status.success(), "there is nothing more to put back");
}

/// A node is never left without a CNI configuration.
#[test]
fn the_only_configuration_is_not_taken_away() {
    let host = Host::new(&[(FLANNEL, "flannel's"), ("run/flannel/subnet.env", "FLANNEL_MTU=1450")]);
    let (output, report) = host.run(&["clean", "10.1.0.0/16"]);
    assert!(!output.status.success() && report.get("error_code") == Some("missing-file"), "{report:?}");
    assert_eq!(host.confs(), ["10-flannel.conflist"]);
    assert!(host.path("run/flannel/subnet.env").exists());
}

#[test]
fn what_helm_leaves_of_cilium_is_moved_away_only_where_flannels_configuration_is_in_use() {
    let (plugin, map) = ("opt/cni/bin/cilium-cni", "sys/fs/bpf/tc/globals/cilium_ipcache");
    let host = Host::new(&[(CILIUM, "c"), (BAK, "flannel's"), (plugin, "a program"), (map, "")]);
    let (output, report) = host.run(&["clean-cilium"]);
    assert!(!output.status.success() && report.get("error_code") == Some("missing-file"), "{report:?}");
    assert_eq!(report.all("cilium").count(), 2, "{report:?}");
    assert!(host.path(plugin).exists() && host.path(map).exists());
    assert!(host.run(&["restore"]).0.status.success());
    for _ in 0..2 {
        let (output, report) = host.run(&["clean-cilium"]);
        assert!(output.status.success() && report.is_complete(), "{output:?} {report:?}");
        assert_eq!(report.all("cilium").count(), 0, "{report:?}");
    }
    assert!(!host.path(plugin).exists() && !host.path(map).exists());
    let kept = fs::read_dir(host.path("var/lib/cutover/backup")).unwrap().map(|e| e.unwrap().path());
    assert!(kept.into_iter().any(|p| p.join("files/opt/cni/bin/cilium-cni").exists()), "its copy is in the backup");
    assert_eq!(host.confs(), ["10-flannel.conflist"]);
}

/// A copy that somebody has changed is not put back over a host.
const MULTUS: &str = r#"{
  "name": "multus", "type": "multus", "kubeconfig": "/etc/cni/net.d/multus.d/multus.kubeconfig",
  "delegates": [
    {"name": "cilium", "type": "cilium-cni"},
    {"name": "cbr0", "plugins": [{"type": "flannel", "delegate": {}}, {"type": "portmap"}]}
  ]
}"#;

#[test]
fn it_says_what_multus_calls_and_holds_no_pods_before_it() {
    let host = Host::new(&[("etc/cni/net.d/00-multus.conf", MULTUS), ("etc/cni/net.d/10-flannel.conflist", "{}")]);
    assert_eq!(host.run(&["look"]).1.get("multus"), Some("cilium-cni flannel"));
    let (output, report) = host.run(&["hold"]);
    assert!(!output.status.success() && report.get("error").unwrap().starts_with("00-multus.conf"), "{report:?}");
    assert!(!host.path("etc/cni/net.d/00-cutover-hold.conflist").exists());
}

#[test]
fn multus_is_moved_away_only_where_another_configuration_is_there() {
    let conf = "etc/cni/net.d/00-multus.conf";
    let of_multus = [(conf, MULTUS), ("etc/cni/net.d/multus.d/multus.kubeconfig", "token"), ("opt/cni/bin/multus", "")];
    let cache = ("var/lib/cni/multus/results/x", "");
    let host = Host::new(&[of_multus[0], of_multus[1], of_multus[2], cache]);
    let (output, report) = host.run(&["clean-multus"]);
    assert!(!output.status.success() && report.get("error_code") == Some("missing-file"), "{report:?}");
    assert!(host.path(conf).exists());
    for other in ["05-cilium.conflist", "10-flannel.conflist"] {
        let renamed = ("etc/cni/net.d/00-multus.conf.cilium_bak", MULTUS);
        let other = format!("etc/cni/net.d/{other}");
        let host = Host::new(&[of_multus[0], renamed, of_multus[1], of_multus[2], cache, (&other, "{}")]);
        let (output, report) = host.run(&["clean-multus"]);
        assert!(output.status.success() && report.get("multus").is_none(), "{report:?}");
        for gone in [conf, renamed.0, "etc/cni/net.d/multus.d", of_multus[2].0, "var/lib/cni/multus"] {
            assert!(!host.path(gone).exists(), "{gone}");
        }
        assert!(host.path(&other).exists());
        let kept = fs::read_dir(host.path("var/lib/cutover/backup")).unwrap().count();
        assert_eq!(kept, 4, "two configurations, the plugin and the checksums");
        assert!(host.run(&["clean-multus"]).0.status.success(), "once more");
    }
}

#[test]
fn a_damaged_copy_is_refused() {
    let host = Host::new(&[(CILIUM, "c"), ("run/flannel/subnet.env", "FLANNEL_MTU=1450")]);
    assert!(host.run(&["clean"]).0.status.success());
    fs::write(host.path("var/lib/cutover/backup/cleaned/files/run/flannel/subnet.env"), "FLANNEL_MTU=9000").unwrap();
    let (output, report) = host.run(&["put-back"]);
    assert!(!output.status.success());
    assert!(report.get("error").unwrap().contains("is not what it was"), "{report:?}");
    assert!(!host.path("run/flannel").exists());
}

/// Two active configurations are never left on a node.
#[test]
fn flannels_configuration_comes_back_beside_ciliums_only_as_its_twin() {
    let host = Host::new(&[(FLANNEL, "flannel's"), (CILIUM, "c")]);
    assert!(host.run(&["clean"]).0.status.success());
    assert!(host.run(&["put-back"]).0.status.success());
    assert_eq!(host.confs(), ["05-cilium.conflist", "10-flannel.conflist.cilium_bak"]);
}

/// A lease is released only where it is certain that its sandbox is gone.
#[test]
fn only_leases_without_a_sandbox_are_released() {
    let folder = "run/containerd/io.containerd.runtime.v2.task/k8s.io";
    let other = "var/lib/cni/networks/cbr0/10.1.0.8";
    let host = Host::new(&[(LEASE, "dead\neth0"), (other, "alive\neth0")]);
    let (_, report) = host.run(&["release", "lease=10.1.0.7", "lease=10.1.0.8"]);
    assert_eq!(report.all("released").count(), 0, "the runtime's folder is not known: nothing is certain");
    assert!(host.path(LEASE).exists());
    fs::create_dir_all(host.path(folder).join("alive")).unwrap();
    let (_, report) = host.run(&["release", "lease=10.1.0.7"]);
    assert_eq!(report.all("released").count(), 0, "its sandbox may just be on its way");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(300);
    for name in [LEASE, other] {
        fs::File::open(host.path(name)).unwrap().set_modified(old).unwrap();
    }
    let (output, report) = host.run(&["release", "lease=10.1.0.7", "lease=10.1.0.8", "lease=../../../etc/passwd"]);
    assert!(output.status.success());
    assert_eq!(report.all("released").collect::<Vec<_>>(), ["10.1.0.7"]);
    assert_eq!(report.all("kept").collect::<Vec<_>>(), ["10.1.0.8: its sandbox lives"]);
    assert_eq!((host.path(LEASE).exists(), host.path(other).exists()), (false, true));
}
