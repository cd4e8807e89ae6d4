//! Host tasks for real: against a network namespace with a bridge, a VXLAN link, chains and rules of its own and
//! folders of its own in the place of the machine's, and through a real `ssh`. Needs root, iproute2, iptables,
//! nftables and sshd; `.ci/run` runs it. By hand: `cargo test --test host_real -- --ignored`.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use cutover::{
    cluster::{
        apply::KubeCluster,
        audit::Audit,
        connect::{Named, connect},
        helm::Helm,
        port::{Cluster, Permit},
        store::FactStore,
    },
    domain::{
        audit::Actor,
        effect::Effect,
        host::{HostTask, Report, SCRIPT, Way},
        problem::ProblemKind,
    },
    sim::{Embedded, Settings, clock::Pace},
};
use tempfile::TempDir;

/// A host: a network namespace and folders of its own, held by a process.
struct Host {
    holder: Child,
    folder: TempDir,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Folders that the host has in the place of the machine's.
const OWN: [&str; 4] = ["/etc/cni/net.d", "/run/flannel", "/var/lib/cni", "/var/lib/cutover"];

impl Host {
    fn new() -> Self {
        assert_eq!(Self::said(Command::new("id").arg("-u")).trim(), "0", "needs root");
        let folder = tempfile::tempdir().unwrap();
        let mut mounts = String::from("mount --make-rprivate /; ");
        for own in OWN {
            let here = folder.path().join(own.trim_start_matches('/'));
            fs::create_dir_all(&here).unwrap();
        }
        // /run and /var/lib as a whole are the machine's: only what is the host's own lies over them
        for (upper, lower) in [("run", "/run"), ("var/lib", "/var/lib"), ("etc/cni", "/etc/cni")] {
            fs::create_dir_all(lower).unwrap();
            let upper = folder.path().join(upper);
            mounts.push_str(&format!("mount --bind {} {lower}; ", upper.display()));
        }
        mounts.push_str("mkdir -p /run/sshd; mount -t sysfs sysfs /sys; echo ready; exec sleep 600");
        let mut holder = Command::new("unshare")
            .args(["--mount", "--net", "sh", "-c", &mounts])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.as_mut().unwrap()), &mut line).unwrap();
        assert_eq!(line.trim(), "ready");
        let host = Self { holder, folder };
        host.network();
        host.files();
        host
    }

    fn said(command: &mut Command) -> String {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command line on the host.
    fn on(&self, line: &str) -> String {
        let pid = self.holder.id().to_string();
        Self::said(Command::new("nsenter").args(["-t", &pid, "-m", "-n", "--", "sh", "-c", line]))
    }

    fn network(&self) {
        for line in [
            // addresses that come and settle by themselves are not what is compared
            "for c in all default; do echo 1 > /proc/sys/net/ipv6/conf/$c/disable_ipv6; done",
            "ip link set lo up",
            "ip link add eth0 type veth peer name peer0",
            "ip addr add 192.168.77.1/24 dev eth0",
            "ip link set eth0 up; ip link set peer0 up",
            "ip link add flannel.1 address 02:11:22:33:44:55 mtu 1450 type vxlan id 1 local 192.168.77.1 dev eth0 dstport 8472 nolearning",
            "ip link set flannel.1 up; ip addr add 10.233.64.0/32 dev flannel.1",
            "ip route add 10.233.65.0/24 via 10.233.65.0 dev flannel.1 onlink",
            "ip neigh replace 10.233.65.0 lladdr 02:aa:bb:cc:dd:01 dev flannel.1 nud permanent",
            "bridge fdb append 02:aa:bb:cc:dd:01 dev flannel.1 dst 192.168.77.2",
            "ip link add cni0 address 0a:58:0a:e9:40:01 mtu 1450 type bridge",
            "ip addr add 10.233.64.1/24 brd 10.233.64.255 dev cni0; ip link set cni0 up",
            "nft add table ip flannel-ipv4; nft add chain ip flannel-ipv4 postrtg '{ type nat hook postrouting priority srcnat; }'",
            "nft add rule ip flannel-ipv4 postrtg ip saddr 10.233.64.0/18 return",
        ] {
            self.on(line);
        }
        let rules = self.folder.path().join("rules");
        fs::write(&rules, RULES).unwrap();
        self.on(&format!("iptables-restore < {}", rules.display()));
    }

    fn files(&self) {
        for (path, text) in [
            ("etc/cni/net.d/05-cilium.conflist", "cilium's"),
            ("etc/cni/net.d/10-flannel.conflist.cilium_bak", "flannel's"),
            ("run/flannel/subnet.env", "FLANNEL_MTU=1450"),
            ("var/lib/cni/networks/cbr0/10.233.64.7", "abc\neth0"),
        ] {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    /// Everything that Flannel has on a host, sorted, without what counts or runs by itself.
    fn snapshot(&self) -> String {
        let without =
            "sed -E 's/^[0-9]+: //; s/(gc|hello|tcn|topology_change)_timer +[0-9.]+//g; s/\\[[0-9]+:[0-9]+\\]//'";
        let links =
            "for l in cni0 eth0@peer0 flannel.1; do ip -d link show dev ${l%@*}; ip addr show dev ${l%@*}; done";
        let files = "find /etc/cni/net.d /run/flannel /var/lib/cni -type f -printf '%p %m %u %T@ ' -exec sha256sum {} \\; | sort";
        [
            format!("{{ {links}; }} | {without}"),
            "ip route; ip neigh show nud permanent; bridge fdb show dev flannel.1".to_owned(),
            format!("iptables-save | grep -v '^#' | {without}"),
            "nft list table ip flannel-ipv4".to_owned(),
            files.to_owned(),
        ]
        .iter()
        .map(|line| self.on(line))
        .collect()
    }

    fn task(&self, task: &HostTask) -> Report {
        let arguments: Vec<String> = task.args().iter().map(|a| format!("'{a}'")).collect();
        let script = self.folder.path().join("host.sh");
        fs::write(&script, SCRIPT).unwrap();
        let line = format!("HOST_ROOT= REPORT=- sh {} {} {}", script.display(), task.name(), arguments.join(" "));
        let report = Report::parse(&self.on(&line));
        assert!(report.is_complete(), "{report:?}");
        report
    }
}

/// What kube-proxy, Flannel and the port mapper leave behind, in an order of their own.
const RULES: &str = r#"*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:CNI-DN-aaa - [0:0]
:CNI-DN-bbb - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:FLANNEL-POSTRTG - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A POSTROUTING -s 10.9.0.0/16 -j MASQUERADE
-A POSTROUTING -d 10.8.0.9/32 -m comment --comment "monitoring/flannel-exporter:http cluster IP" -j KUBE-POSTROUTING
-A CNI-DN-aaa -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.233.64.7:8080
-A CNI-DN-bbb -p tcp -m tcp --dport 81 -j DNAT --to-destination 10.245.1.7:8080
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"cbr0\" id: \"x\"" -m multiport --dports 80 -j CNI-DN-aaa
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"cilium\" id: \"y\"" -m multiport --dports 81 -j CNI-DN-bbb
-A FLANNEL-POSTRTG -s 10.233.64.0/18 -d 10.233.64.0/18 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.233.64.0/18 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:FLANNEL-FWD - [0:0]
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FORWARD -s 1.2.3.4/32 -j ACCEPT
-A FLANNEL-FWD -s 10.233.64.0/18 -m comment --comment "flanneld forward" -j ACCEPT
COMMIT
"#;

/// Equal line by line; says only what is not.
fn same(now: &str, before: &str) {
    let (gone, new): (Vec<_>, Vec<_>) = (
        before.lines().filter(|l| !now.lines().any(|n| n == *l)).collect(),
        now.lines().filter(|l| !before.lines().any(|b| b == *l)).collect(),
    );
    assert!(gone.is_empty() && new.is_empty(), "gone: {gone:#?}\nnew: {new:#?}");
    assert_eq!(now, before, "the same lines in another order");
}

fn clean() -> HostTask {
    HostTask::Clean { networks: vec!["10.233.64.0/18".parse().unwrap()] }
}

#[test]
#[ignore = "needs root and a network namespace; .ci/run runs it"]
fn a_host_is_cleaned_and_put_back_byte_by_byte() {
    let host = Host::new();
    let before = host.snapshot();
    let seen = host.task(&HostTask::Look);
    assert_eq!(seen.all("link").collect::<Vec<_>>(), ["flannel.1", "cni0"]);
    assert_eq!((seen.get("rules"), seen.get("leases")), (Some("8"), Some("1")), "{seen:?}");
    same(&host.snapshot(), &before);

    let cleaned = host.task(&clean());
    assert_eq!(cleaned.all("link").count() + cleaned.all("folder").count(), 0, "{cleaned:?}");
    assert_eq!(cleaned.get("rules"), Some("0"), "{cleaned:?}");
    let rules = host.on("iptables-save");
    assert!(!rules.contains("CNI-DN-aaa"), "a host port that leads into Flannel's network is stale");
    for kept in ["CNI-DN-bbb", "flannel-exporter", "10.9.0.0/16", "1.2.3.4/32"] {
        assert!(rules.contains(kept), "{kept} is not Flannel's:\n{rules}");
    }
    let once = host.on("iptables-save | grep -v '^#'; find /etc/cni /var/lib/cni /run/flannel 2>/dev/null | sort");
    host.task(&clean());
    let twice = host.on("iptables-save | grep -v '^#'; find /etc/cni /var/lib/cni /run/flannel 2>/dev/null | sort");
    assert_eq!(once, twice, "cleaned twice is cleaned once");

    host.task(&HostTask::PutBack);
    same(&host.snapshot(), &before);
    host.task(&HostTask::PutBack);
    same(&host.snapshot(), &before);
}

/// What an agent leaves on a host, as it was seen on real nodes after `helm uninstall`.
const CILIUMS: &[&str] = &[
    "ip link add cilium_net type veth peer name cilium_host; ip link set cilium_host up; ip link set cilium_net up",
    "ip link add cilium_vxlan type vxlan external dstport 8473; ip link set cilium_vxlan up",
    "ip rule add fwmark 0x200/0xf00 lookup 2004 pref 9; ip route add local 0.0.0.0/0 dev lo table 2004",
    "iptables -t nat -N CILIUM_POST_nat; iptables -t nat -I POSTROUTING -m comment --comment 'cilium-feeder: CILIUM_POST_nat' -j CILIUM_POST_nat",
    "iptables -N CILIUM_FORWARD; iptables -I FORWARD -m comment --comment 'cilium-feeder: CILIUM_FORWARD' -j CILIUM_FORWARD",
    "iptables -A CILIUM_FORWARD -o cilium_host -m comment --comment 'cilium: any->cluster on cilium_host forward accept' -j ACCEPT",
    "iptables -t raw -N OLD_CILIUM_PRE_raw; iptables -t raw -A PREROUTING -j OLD_CILIUM_PRE_raw",
];

#[test]
#[ignore = "needs root and a network namespace; .ci/run runs it"]
fn what_helm_leaves_of_cilium_is_cleaned_and_nothing_else() {
    let host = Host::new();
    host.on("cd /etc/cni/net.d; rm 05-cilium.conflist; mv 10-flannel.conflist.cilium_bak 10-flannel.conflist");
    // the tables that it uses are there before: an empty one is listed, too
    host.on("iptables -t raw -N x; iptables -t raw -X x");
    let (before, policy) = (host.snapshot(), host.on("ip rule; ip route show table all | grep -v cilium"));
    CILIUMS.iter().for_each(|line| drop(host.on(line)));
    let seen = host.task(&HostTask::Look);
    let left: Vec<&str> = seen.all("cilium").collect();
    assert_eq!(left[..3], ["link cilium_host", "link cilium_net", "link cilium_vxlan"], "{left:?}");
    assert!(left[3].ends_with("firewall rules"), "{left:?}");
    for _ in 0..2 {
        let cleaned = host.task(&HostTask::CleanCilium);
        assert_eq!(cleaned.all("cilium").count(), 0, "{cleaned:?}");
        same(&host.snapshot(), &before);
        same(&host.on("ip rule; ip route show table all | grep -v cilium"), &policy);
    }
    assert!(host.on("cat /var/lib/cutover/backup/*-cilium/iptables.restore").contains("CILIUM_FORWARD"));
}

/// A full disk: what cannot be copied whole is not removed.
#[test]
#[ignore = "needs root and a network namespace; .ci/run runs it"]
fn nothing_is_removed_whose_copy_does_not_fit_on_the_disk() {
    let host = Host::new();
    host.on("mkdir -p /var/lib/cutover; mount -t tmpfs -o size=64k tmpfs /var/lib/cutover; dd if=/dev/zero of=/var/lib/cutover/full bs=1k count=60 2>/dev/null");
    let before = host.snapshot();
    // from no room at all to room for some of the copies
    for room in 0..6 {
        host.on(&format!("dd if=/dev/zero of=/var/lib/cutover/full bs=1k count={} 2>/dev/null || true", 64 - 4 * room));
        let script = host.folder.path().join("host.sh");
        fs::write(&script, SCRIPT).unwrap();
        host.on(&format!("HOST_ROOT= REPORT=- sh {} clean 10.233.64.0/18 || true", script.display()));
    }
    host.on("rm /var/lib/cutover/full");
    host.task(&HostTask::PutBack);
    same(&host.snapshot(), &before);
}

/// A crash at any point of the cleaning: begun again it ends, and everything can be put back.
#[test]
#[ignore = "needs root and a network namespace; .ci/run runs it"]
fn a_cleaning_that_was_cut_short_is_ended_and_undone() {
    let host = Host::new();
    let before = host.snapshot();
    // the firewall is done and the links are not; then the links are done and the files are not
    for cut in [
        "  for l in flannel.1 flannel-v6.1 cni0; do\n    [ -e \"$links/$l\" ] || continue\n    complete",
        "  put_away /run",
    ] {
        assert!(SCRIPT.contains(cut));
        let path = host.folder.path().join("cut.sh");
        fs::write(&path, SCRIPT.replacen(cut, &format!("  exit 9\n{cut}"), 1)).unwrap();
        let line = format!("HOST_ROOT= REPORT=- sh {} clean 10.233.64.0/18 || echo cut", path.display());
        assert!(host.on(&line).contains("cut"), "it was not cut");
    }
    host.task(&clean());
    host.task(&HostTask::PutBack);
    same(&host.snapshot(), &before);
}

/// A server and a client of OpenSSH with keys of their own; the server works on the host.
fn ssh(host: &Host) -> PathBuf {
    let folder = host.folder.path().join("ssh");
    fs::create_dir_all(&folder).unwrap();
    let f = |name: &str| folder.join(name).display().to_string();
    for key in ["host", "user"] {
        Host::said(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &f(key)]));
    }
    fs::copy(folder.join("user.pub"), folder.join("authorized")).unwrap();
    let server = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n",
        f("host"),
        f("authorized")
    );
    fs::write(folder.join("server"), server).unwrap();
    let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter().find(|p| Path::new(p).exists()).expect("sshd");
    let pid = host.holder.id();
    let client = format!(
        "Host worker-1\n  User root\n  IdentityFile {}\n  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n  LogLevel ERROR\n  ProxyCommand nsenter -t {pid} -m -n {sshd} -i -f {}\n",
        f("user"),
        f("server")
    );
    fs::write(folder.join("client"), client).unwrap();
    // the system's ssh, told where its configuration is
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("ssh"), format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", f("client"))).unwrap();
    Host::said(Command::new("chmod").arg("+x").arg(bin.join("ssh")));
    bin
}

#[test]
#[ignore = "needs root, a network namespace and sshd; .ci/run runs it"]
fn the_same_through_ssh() {
    let host = Host::new();
    let before = host.snapshot();
    let bin = ssh(&host);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    // a process of its own: the search path is the process's, and other tests have theirs
    let runner = std::env::current_exe().unwrap();
    for task in ["look", "clean", "put-back", "refused"] {
        let output = Command::new(&runner)
            .args(["--ignored", "--exact", "one_task_by_ssh", "--nocapture"])
            .env("PATH", &path)
            .env("CUTOVER_TEST_TASK", task)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{task}:\n{said}");
    }
    same(&host.snapshot(), &before);
}

/// Called by [`the_same_through_ssh`]; by itself it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of the_same_through_ssh"]
async fn one_task_by_ssh() {
    let Ok(name) = std::env::var("CUTOVER_TEST_TASK") else { return };
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 2, pace: Pace::MAX }, folder.path()).await.unwrap();
    let named = Named { kubeconfig: Some(cluster.kubeconfig.clone()), ..Named::default() };
    let connection = connect(&named).await.unwrap();
    let store = FactStore::default();
    let audit = Audit::open(&folder.path().join("audit.jsonl"), Actor::default()).unwrap();
    let hands = KubeCluster {
        client: connection.write.clone(),
        helm: Helm::new(None, &connection),
        store: store.clone(),
        namespace: "kube-system".into(),
        audit,
    };
    let task = match name.as_str() {
        "clean" => clean(),
        "put-back" => HostTask::PutBack,
        _ => HostTask::Look,
    };
    let target = if name == "refused" { "nobody.invalid" } else { "worker-1" };
    let effect =
        Effect::Task { node: "worker-1".into(), task: task.clone(), nth: 3, way: Way::Ssh { target: target.into() } };
    let (lines, _said) = tokio::sync::mpsc::channel(8);
    let result =
        hands.apply(&effect, Permit::new(1, || Duration::from_secs(60)), Duration::from_secs(300), lines).await;
    if name == "refused" {
        let refusal = result.unwrap_err();
        assert!(refusal.message.contains("nobody.invalid") && refusal.kind == ProblemKind::Unknown, "{refusal:?}");
        assert!(store.read().reports.is_empty());
        return;
    }
    result.unwrap();
    let (code, report) = store.read().reports[&task.pod_name("worker-1", 3)].clone();
    let report = Report::parse(&report);
    assert_eq!(code, 0, "{report:?}");
    assert!(report.is_complete(), "{report:?}");
    let links: Vec<&str> = report.all("link").collect();
    assert_eq!(links.is_empty(), name == "clean", "{report:?}");
}
