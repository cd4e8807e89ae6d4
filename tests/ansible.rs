//! The plan as playbooks: what is written, and that Ansible takes it. That it is the plan is held by `it playbook`.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use cutover::sim::{Embedded, Settings, clock::Pace, world::CONSENTS};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::{Api, Client, api::ListParams};
use serde_json::Value;
use support::{Cutover, said};

struct Export {
    cluster: Embedded,
    folder: tempfile::TempDir,
}

impl Export {
    async fn new(nodes: usize, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Embedded::start(Settings { nodes, pace: Pace::MAX }, folder.path()).await.unwrap();
        settled(&support::client(&cluster.kubeconfig).await).await;
        let export = Self { cluster, folder };
        let plan = export.plan().display().to_string();
        export.cutover(&[&["plan", "--ansible", &plan], arguments].concat());
        export
    }

    fn plan(&self) -> PathBuf {
        self.folder.path().join("plan")
    }

    fn cutover(&self, arguments: &[&str]) -> String {
        let cutover = Cutover { kubeconfig: self.cluster.kubeconfig.clone() };
        let (code, out, err) = cutover.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.plan().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn yaml(&self, name: &str) -> Value {
        serde_saphyr::from_str(&self.text(name)).unwrap()
    }

    /// Exit code and what was said.
    fn ansible(&self, arguments: &[&str]) -> (i32, String) {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/target/ansible/bin/ansible-playbook");
        let program = Path::new(env!("CARGO_BIN_EXE_cutover")).parent().unwrap();
        // the stand-in for helm is in the cluster's folder, and a kubectl that does not ask for schemas: the embedded
        // API server has none
        let kubectl = "#!/bin/sh\nPATH=${PATH#*:}\nverb=$1\ncase $verb in create | apply) shift; exec kubectl $verb --validate=false \"$@\" ;; esac\nexec kubectl \"$@\"\n";
        let stand_in = self.folder.path().join("kubectl");
        fs::write(&stand_in, kubectl).unwrap();
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}:{}", self.folder.path().display(), program.display(), std::env::var("PATH").unwrap());
        let output = Command::new(own)
            .args([&["-i", "inventory.yml"], arguments].concat())
            .current_dir(self.plan())
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", &self.cluster.kubeconfig)
            .env("ANSIBLE_NOCOLOR", "1")
            .output()
            .expect("target/ansible/bin/ansible-playbook");
        let (code, out, err) = said(&output);
        (code, format!("{out}{err}"))
    }

    fn play(&self, arguments: &[&str]) -> String {
        let (code, said) = self.ansible(arguments);
        assert_eq!(code, 0, "{arguments:?}: {said}");
        said
    }

    fn kubectl(&self, arguments: &str) -> String {
        let script = format!("kubectl {arguments}");
        let output = Command::new("sh").args(["-c", &script]).env("KUBECONFIG", &self.cluster.kubeconfig).output();
        let (code, out, err) = said(&output.unwrap());
        assert_eq!(code, 0, "{arguments}: {err}");
        out
    }

    fn boot(&self, node: &str) -> String {
        self.kubectl(&format!("get node {node} -o jsonpath={{.status.nodeInfo.bootID}}"))
    }

    /// Label, cordon and mark of a node.
    fn state(&self, node: &str) -> String {
        let path = r"{.metadata.labels.io\.cilium\.migration/cilium-default} {.spec.unschedulable} {.metadata.annotations.cutover\.dev/cordoned} {.spec.taints[*].key}";
        self.kubectl(&format!("get node {node} -o jsonpath='{path}'"))
    }
}

/// Waits until every pod that is wanted is ready: a plan names those that are there.
async fn settled(client: &Client) {
    for _ in 0..600 {
        let sets = Api::<StatefulSet>::all(client.clone()).list(&ListParams::default()).await.unwrap();
        let deployments = Api::<Deployment>::all(client.clone()).list(&ListParams::default()).await.unwrap();
        let daemons = Api::<DaemonSet>::all(client.clone()).list(&ListParams::default()).await.unwrap();
        let of_daemon = |d: &DaemonSet| match &d.status {
            Some(status) => (Some(status.desired_number_scheduled), Some(status.number_ready)),
            None => (Some(1), None),
        };
        let of_set = |s: &StatefulSet| (s.spec.replicas, s.status.as_ref().and_then(|s| s.ready_replicas));
        let of_deployment = |d: &Deployment| (d.spec.replicas, d.status.as_ref().and_then(|s| s.ready_replicas));
        let counts = sets.iter().map(of_set).chain(deployments.iter().map(of_deployment));
        let counts: Vec<_> = counts.chain(daemons.iter().map(of_daemon)).collect();
        if !counts.is_empty() && counts.iter().all(|(wanted, ready)| wanted == ready) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the cluster does not settle");
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// Every command of a playbook.
fn commands(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| match inner.as_str().filter(|_| key == "cmd") {
            Some(command) => out.push(command.to_owned()),
            None => commands(inner, out),
        }),
        Value::Array(all) => all.iter().for_each(|inner| commands(inner, out)),
        _ => {}
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The order is the engine's, and so are the consents that are asked for.
#[tokio::test(flavor = "multi_thread")]
async fn the_playbooks_are_written_for_their_owner_alone() {
    let export = Export::new(5, &["--batch-by", "topology.kubernetes.io/zone", "--max-unavailable", "2"]).await;
    let inventory = export.yaml("inventory.yml");
    let order = |group: &str| -> Vec<String> {
        inventory["all"]["children"][group]["hosts"].as_object().unwrap().keys().cloned().collect()
    };
    let forward = ["worker-3", "worker-1", "worker-4", "worker-2", "cp-1"];
    assert_eq!(order("nodes"), forward, "zone by zone, the control plane last");
    assert_eq!(order("nodes_back"), ["worker-2", "worker-4", "worker-1", "worker-3", "cp-1"]);
    let site = export.yaml("site.yml");
    let roll = site.as_array().unwrap().iter().find(|p| p["hosts"] == "nodes").unwrap();
    assert_eq!(roll["serial"], serde_json::json!([1, 2, 1, 1]), "a canary, then zone by zone");
    let needed: Vec<String> = forward
        .iter()
        .flat_map(|n| export.yaml(&format!("forward/Migrate/{n}.yml")).as_array().unwrap().clone())
        .flat_map(|task| task["block"].as_array().cloned().unwrap_or_default())
        .filter(|task| task["ansible.builtin.assert"]["that"] == "item in consents")
        .flat_map(|task| task["loop"].as_array().unwrap().clone())
        .map(|c| c.as_str().unwrap().to_owned())
        .collect();
    assert!(needed.iter().any(|n| n == "DeleteBarePod:batch/import-once"), "{needed:?}");
    let files = files(&export.plan());
    assert!(files.len() > 15, "{files:?}");
    files.iter().for_each(|f| assert_eq!(mode(f), 0o600, "{}", f.display()));
    assert_eq!(mode(&export.plan()), 0o700);
    // what is written is read as it was printed
    let mut written = vec![];
    files
        .iter()
        .for_each(|f| commands(&serde_saphyr::from_str(&fs::read_to_string(f).unwrap()).unwrap(), &mut written));
    let plan = ["plan", "-o", "json", "--batch-by", "topology.kubernetes.io/zone", "--max-unavailable", "2"];
    let printed: Value = serde_json::from_str(&export.cutover(&plan)).unwrap();
    let of_migration = |change: &&Value| change["object"] == "migration/cutover";
    for change in printed["plan"].as_array().unwrap().iter().filter(|c| !of_migration(c)) {
        let proofs = ["before", "after"].iter().flat_map(|k| change[*k].as_array().cloned().unwrap_or_default());
        let proofs = proofs.map(|p| p["command"].clone());
        for command in change["kubectl"].as_array().unwrap().iter().cloned().chain(proofs) {
            let command = command.as_str().unwrap();
            assert!(written.iter().any(|w| w.contains(command)), "{command}");
        }
    }
    // what is written again is one node's, with the settings that were given first
    fs::remove_file(export.plan().join("forward/Migrate/worker-1.yml")).unwrap();
    let before = export.text("site.yml");
    export.cutover(&["plan", "--ansible", &export.plan().display().to_string(), "--node", "worker-1"]);
    assert!(
        export.text("forward/Migrate/worker-1.yml").contains("at most 1 other nodes are cordoned"),
        "--max-unavailable 2"
    );
    assert_eq!(export.text("site.yml"), before);
}

const BOOKS: [&str; 3] = ["site.yml", "back.yml", "back-all.yml"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Ansible; .ci/run installs it and runs this"]
async fn ansible_takes_them() {
    for access in ["pod", "ssh", "manual"] {
        let export = Export::new(5, &["--host-access", access]).await;
        for book in BOOKS {
            export.play(&[book, "--syntax-check"]);
        }
        // what is included is read only when it is played
        let included = fs::read_dir(export.plan().join("forward/Migrate")).unwrap();
        for file in included {
            let name = format!("forward/Migrate/{}", file.unwrap().file_name().display());
            let book = format!("[{{hosts: localhost, gather_facts: false, tasks: [{{import_tasks: {name}}}]}}]");
            fs::write(export.plan().join("one.yml"), book).unwrap();
            export.play(&["one.yml", "--syntax-check"]);
        }
    }
}

/// Installed, one node moved and taken back, then everything, by Ansible alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Ansible in target/ansible, and kubectl"]
async fn ansible_plays_them() {
    let mut arguments = vec!["--observe", "0"];
    CONSENTS.iter().filter(|c| !c.starts_with("DeleteBarePod")).for_each(|c| arguments.extend(["--consent", *c]));
    let export = Export::new(4, &arguments).await;
    let definitions = export.folder.path().join("definitions.yaml");
    fs::write(&definitions, export.cutover(&["manifests"])).unwrap();
    export.kubectl(&format!("apply --validate=false -f {}", definitions.display()));
    let nodes = || {
        export.kubectl("get nodes -o jsonpath='{range .items[*]}{.metadata.name} {.spec.unschedulable} {.metadata.labels}{.status.nodeInfo.bootID}{end}'")
    };

    let consent = ["-e", r#"{"consents": ["DeleteBarePod:batch/import-once"]}"#];

    // a check changes nothing
    let before = nodes();
    for book in BOOKS {
        export.play(&[book, "--check", "-e", "confirm=embedded", "--tags", "all,never", consent[0], consent[1]]);
    }
    assert_eq!(nodes(), before);
    assert_eq!(export.kubectl("-n kube-system get daemonsets -l app.kubernetes.io/part-of=cilium -o name"), "");

    export.play(&["site.yml", "--tags", "install"]);
    assert!(export.kubectl("get ciliumnodeconfigs -A -o name").contains("cilium-default"));

    // the node with the bare pod is refused, and not touched
    let bare = export.kubectl("-n batch get pod import-once -o jsonpath={.spec.nodeName}");
    let boot = export.boot(&bare);
    let (code, said) = export.ansible(&["site.yml", "--limit", &bare]);
    assert!(code != 0 && said.contains("needs the consent DeleteBarePod:batch/import-once"), "{said}");
    assert_eq!((export.state(&bare).trim(), export.boot(&bare)), ("", boot.clone()));

    export.play(&[&["site.yml", "--limit", &bare], &consent[..]].concat());
    assert_eq!(export.state(&bare).trim(), "true", "labelled, and in service");
    let moved = export.boot(&bare);
    assert_ne!(moved, boot, "rebooted");
    let again = export.play(&["site.yml", "--limit", &bare]);
    assert_eq!((export.boot(&bare), again.contains("changed=0")), (moved.clone(), true), "{again}");

    export.play(&["back.yml", "--limit", &bare]);
    assert_eq!((export.state(&bare).trim(), export.boot(&bare)), ("", moved), "the way back does not reboot");

    let (code, said) = export.ansible(&["back-all.yml"]);
    assert!(code != 0 && said.contains("confirm=embedded"), "{said}");
    export.play(&["back-all.yml", "-e", "confirm=embedded"]);
    assert_eq!(export.kubectl("-n kube-system get daemonsets -l app.kubernetes.io/part-of=cilium -o name"), "");
}
