//! The plan as playbooks: what is in them is what Cutover would do, and Ansible takes them.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

mod support;

use std::process::Command;

use cutover::sim::{Embedded, Settings, clock::Pace};
use support::Cutover;

async fn written(arguments: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 5, pace: Pace::MAX }, folder.path()).await.unwrap();
    let cutover = Cutover { kubeconfig: cluster.kubeconfig.clone() };
    let plan = folder.path().join("plan").display().to_string();
    let (code, _, err) = cutover.run(&[&["plan", "--ansible", &plan], arguments].concat());
    assert_eq!(code, 0, "{err}");
    folder
}

fn read(folder: &tempfile::TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join("plan").join(name)).unwrap()
}

/// Names that both use come from one place, and the order is the engine's.
#[tokio::test(flavor = "multi_thread")]
async fn the_playbooks_say_what_cutover_does() {
    let folder = written(&["--batch-by", "topology.kubernetes.io/zone", "--max-unavailable", "2"]).await;
    let inventory = cutover::domain::values::parse(&read(&folder, "inventory.yml")).unwrap();
    let vars = &inventory["all"]["vars"];
    assert_eq!(vars["switch_label"], cutover::domain::effect::SWITCH_LABEL);
    assert_eq!(vars["away_taint"], cutover::domain::effect::SWITCHING_TAINT);
    assert_eq!(
        vars["node_config"]["spec"],
        cutover::domain::effect::cilium::create_node_config("kube-system", "v2").body()["spec"]
    );
    assert_eq!(vars["flannel_networks"][0], "10.233.64.0/18");
    let needed: Vec<String> = vars["needed_consents"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|v| v.as_array().unwrap())
        .map(ToString::to_string)
        .collect();
    assert!(needed.iter().any(|n| n.contains("DeleteBarePod:batch/import-once")), "{needed:?}");
    let order: Vec<String> =
        inventory["all"]["children"]["nodes"]["hosts"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(order, ["worker-3", "worker-1", "worker-4", "worker-2", "cp-1"], "zone by zone, the control plane last");
    let site = read(&folder, "site.yml");
    assert!(site.contains("serial: [1,2,1,1]"), "a canary, then zone by zone");
    assert_eq!(read(&folder, "host.sh"), cutover::domain::host::SCRIPT);
    // the order of a node's steps
    let in_order = |text: &str, steps: &[&str]| {
        let places: Vec<usize> = steps.iter().map(|s| text.find(s).unwrap_or_else(|| panic!("{s}"))).collect();
        assert!(places.is_sorted(), "{places:?}");
    };
    let leave = ["item in consents", "kubectl cordon", "Evict, each by its UID", "pods with a pod address go last"];
    in_order(&read(&folder, "leave.yml"), &leave);
    let node = [
        "include_tasks: leave.yml",
        "host.sh hold",
        "kubectl label node",
        "Cilium's is the only CNI configuration",
        "ansible.builtin.reboot",
        "A new pod gets",
        "kubectl uncordon",
    ];
    in_order(&read(&folder, "node.yml"), &node);
    let back = [
        "include_tasks: leave.yml",
        "kubectl label node",
        "cni=Disabled",
        "host.sh hold",
        "host.sh restore",
        "kubectl uncordon",
    ];
    in_order(&read(&folder, "back.yml"), &back);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Ansible; .ci/run installs it and runs this"]
async fn ansible_takes_them() {
    let folder = written(&[]).await;
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/target/ansible/bin/ansible-playbook");
    for book in ["site.yml", "back.yml"] {
        let output = Command::new(own)
            .args(["-i", "inventory.yml", book, "--syntax-check"])
            .current_dir(folder.path().join("plan"))
            .output()
            .expect("target/ansible/bin/ansible-playbook");
        assert!(output.status.success(), "{book}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
