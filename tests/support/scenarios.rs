//! The scenario suite: a rolling migration forward, one node rolled back, everything rolled back. It
//! takes any kubeconfig, and judges by the API alone.

use std::path::Path;

use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{Node, Pod},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use cutover::{domain::api::NodeMigration, sim::world};

use super::{Cutover, client, context};

/// Every consent that the cluster needs, as arguments.
fn consents() -> Vec<&'static str> {
    world::CONSENTS.iter().flat_map(|c| ["--consent", *c]).collect()
}

/// Runs all of it, as whoever the first kubeconfig is; the second one is for looking.
pub async fn rolling(operator: &Path, admin: &Path) {
    let cutover = Cutover { kubeconfig: operator.to_owned() };
    let client = client(admin).await;
    let context = context(operator);
    let to_the_end = ["run", "--until", "verify", "--yes", "--timeout", "600"];

    let (code, found, _) = cutover.json(&["preflight"]);
    assert_eq!(code, 0, "{found:#}");
    nothing_of_ours(&client).await;

    // without the consents the node with the bare pod waits, says so, and the others go on
    let (code, _, err) = cutover.run(&["run", "--until", "install", "--yes", "--observe", "0"]);
    assert_eq!(code, 0, "{err}");
    let before = boot_ids(&client).await;
    let (code, _, err) = cutover.run(&["run", "--until", "migrate", "--yes", "--timeout", "120"]);
    assert_eq!(code, 5, "{err}");
    assert!(err.contains("needs consent"), "{err}");

    let (code, said, err) =
        cutover.json(&[&["run", "--until", "MIGRATE", "--yes", "--timeout", "600"], &consents()[..]].concat());
    assert_eq!(code, 0, "{err}");
    every_node(&said, "Done");
    on_cilium(&client, |_| true).await;
    every_node_is_free(&client).await;
    rebooted_once(&said, &before, &boot_ids(&client).await);

    let (code, said, err) = cutover.json(&["rollback", "--node", "worker-2", "--yes", "--timeout", "600"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(node(&said, "worker-2")["status"]["step"], "RolledBack");
    assert_eq!(node(&said, "worker-1")["status"]["step"], "Done");
    on_cilium(&client, |node| node != "worker-2").await;
    every_node_is_free(&client).await;

    // forward again, and to the end
    let records: Api<NodeMigration> = Api::all(client.clone());
    let go = Patch::Merge(json!({"spec": {"target": "Cilium"}}));
    records.patch("worker-2", &PatchParams::default(), &go).await.unwrap();
    let (code, _, err) = cutover.run(&to_the_end);
    assert!(code == 2 && err.contains("--confirm-context"), "{err}");
    let (code, said, err) = cutover.json(&[&to_the_end[..], &["--confirm-context", &context]].concat());
    assert_eq!(code, 0, "{err}");
    assert_eq!(said["migration"]["status"]["phase"], "Complete");
    assert!(flannel(&client).await.is_empty());
    let (code, found, _) = cutover.json(&["verify"]);
    assert_eq!(code, 0, "{found:#}");

    // a yes is not enough for everything
    let (code, _, err) = cutover.run(&["rollback", "--yes"]);
    assert!(code == 2 && err.contains("--confirm-context"), "{err}");
    let (code, said, err) = cutover.json(&["rollback", "--confirm-context", &context, "--timeout", "600"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(said["migration"]["status"]["phase"], "RolledBack");
    every_node(&said, "RolledBack");
    on_cilium(&client, |_| false).await;
    every_node_is_free(&client).await;
    let flannel = flannel(&client).await;
    let status = flannel[0].status.clone().unwrap();
    assert_eq!(status.number_ready, status.desired_number_scheduled);
    let sets: Api<DaemonSet> = Api::namespaced(client.clone(), "kube-system");
    assert!(sets.get_opt("cilium").await.unwrap().is_none());
}

async fn nothing_of_ours(client: &Client) {
    let error = Api::<NodeMigration>::all(client.clone()).list(&ListParams::default()).await;
    assert!(error.is_err(), "preflight has left something behind");
}

fn node<'a>(said: &'a Value, name: &str) -> &'a Value {
    said["nodes"].as_array().unwrap().iter().find(|n| n["metadata"]["name"] == name).unwrap()
}

fn every_node(said: &Value, step: &str) {
    let nodes = said["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 5);
    for node in nodes {
        assert_eq!(node["status"]["step"], step, "{node:#}");
    }
}

/// Every pod with a pod address has one of Cilium's pool exactly on the nodes that are named.
async fn on_cilium(client: &Client, wanted: impl Fn(&str) -> bool) {
    let pods: Api<Pod> = Api::all(client.clone());
    let mut seen = 0;
    for pod in pods.list(&ListParams::default()).await.unwrap() {
        let (spec, status) = (pod.spec.clone().unwrap(), pod.status.clone().unwrap_or_default());
        if spec.host_network == Some(true)
            || status.phase.as_deref() != Some("Running")
            || pod.metadata.deletion_timestamp.is_some()
        {
            continue;
        }
        let (node, ip) = (spec.node_name.unwrap_or_default(), status.pod_ip.unwrap_or_default());
        assert_eq!(ip.starts_with("10.245."), wanted(&node), "{} on {node} has {ip}", pod.name_any());
        seen += 1;
    }
    assert!(seen > 20, "only {seen} pods");
}

async fn every_node_is_free(client: &Client) {
    for node in Api::<Node>::all(client.clone()).list(&ListParams::default()).await.unwrap() {
        let spec = node.spec.clone().unwrap_or_default();
        assert_ne!(spec.unschedulable, Some(true), "{} is still cordoned", node.name_any());
        let ours = |t: &k8s_openapi::api::core::v1::Taint| t.key.starts_with("cutover.dev/");
        assert!(!spec.taints.iter().flatten().any(ours), "{} is still tainted", node.name_any());
        assert!(!node.annotations().contains_key("cutover.dev/cordoned"));
    }
}

async fn boot_ids(client: &Client) -> Vec<(String, String)> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    nodes.into_iter().map(|n| (n.name_any(), n.status.unwrap().node_info.unwrap().boot_id)).collect()
}

/// The boot id of each record is the one before, and the node has the one after: once, not twice.
fn rebooted_once(said: &Value, before: &[(String, String)], after: &[(String, String)]) {
    for ((name, old), (_, new)) in before.iter().zip(after) {
        let evidence = &node(said, name)["status"]["evidence"];
        assert_ne!(old, new, "{name} has not rebooted");
        assert_eq!((&evidence["bootIdBefore"], &evidence["bootIdAfter"]), (&json!(old), &json!(new)), "{name}");
    }
}

async fn flannel(client: &Client) -> Vec<DaemonSet> {
    let sets: Api<DaemonSet> = Api::all(client.clone());
    sets.list(&ListParams::default().labels("app=flannel")).await.unwrap().items
}
