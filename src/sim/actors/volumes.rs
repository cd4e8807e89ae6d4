//! Volumes: attached to a node before one of its pods starts, detached a moment after the last has ended. The kubelets'
//! and the driver's part, and on the embedded server the controller's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kube::ResourceExt;
use serde_json::{Value, json};

use super::{
    cache::{Cluster, Kind, Object},
    fitting::claims,
};

/// Annotation of a node that no longer detaches volumes, like a storage system that hangs.
const STUCK: &str = "cutover.dev/embedded-detach";

/// A pod's attachable volumes: name of the persistent volume and its unique name for the kubelet.
fn attachable(cluster: &Cluster, pod: &Object) -> Vec<(String, String)> {
    let volume = |claim: &String| {
        let claim = cluster.get(Kind::Claim, &pod.namespace().unwrap_or_default(), claim)?;
        let name = claim.data["spec"]["volumeName"].as_str()?.to_owned();
        let csi = cluster.get(Kind::Volume, "", &name)?.data["spec"]["csi"].clone();
        let (driver, handle) = (csi["driver"].as_str()?, csi["volumeHandle"].as_str()?);
        Some((name, format!("kubernetes.io/csi/{driver}^{handle}")))
    };
    claims(pod).iter().filter_map(volume).collect()
}

/// The volumes that each node's running pods need.
fn wanted(cluster: &Cluster) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let mut wanted: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for pod in cluster.all(Kind::Pod) {
        let ended = matches!(pod.data["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        if let Some(node) = pod.data["spec"]["nodeName"].as_str().filter(|_| !ended) {
            wanted.entry(node.to_owned()).or_default().extend(attachable(cluster, &pod));
        }
    }
    wanted
}

/// What `node.status.volumesInUse` lists.
fn in_use(node: &Object) -> BTreeSet<&str> {
    node.data["status"]["volumesInUse"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// True if the kubelet may start the pod: its claims are bound, and each volume is attached to the node and listed as in
/// use there.
pub(super) fn are_mounted(cluster: &Cluster, node: &str, pod: &Object) -> bool {
    let listed = cluster.get(Kind::Node, "", node);
    let attachments = cluster.all(Kind::Attachment);
    let namespace = pod.namespace().unwrap_or_default();
    let is_bound = |claim: &String| {
        let claim = cluster.get(Kind::Claim, &namespace, claim)?;
        cluster.get(Kind::Volume, "", claim.data["spec"]["volumeName"].as_str()?)
    };
    if claims(pod).iter().any(|c| is_bound(c).is_none()) {
        return false;
    }
    attachable(cluster, pod).iter().all(|(volume, unique)| {
        let is_attached = attachments.iter().any(|a| {
            let spec = &a.data["spec"];
            spec["nodeName"] == node
                && spec["source"]["persistentVolumeName"] == volume.as_str()
                && a.data["status"]["attached"] == true
        });
        is_attached && listed.as_ref().is_some_and(|n| in_use(n).contains(unique.as_str()))
    })
}

/// The kubelets' part: `volumesInUse` lists what is mounted; only other volumes are detached. And the driver's: what is
/// to be attached is.
pub(super) async fn report(cluster: Arc<Cluster>) {
    let mut changes = cluster.placements();
    loop {
        changes.borrow_and_update();
        let wanted = wanted(&cluster);
        for node in cluster.all(Kind::Node) {
            let said = in_use(&node);
            let mut now: BTreeSet<&str> =
                wanted.get(&node.name_any()).into_iter().flatten().map(|(_, unique)| unique.as_str()).collect();
            if node.annotations().contains_key(STUCK) {
                now.extend(&said);
            }
            if said != now {
                cluster.pace.wait(Duration::from_secs(1)).await;
                cluster.status(Kind::Node, "", &node.name_any(), &json!({"volumesInUse": now})).await;
            }
        }
        for attachment in cluster.all(Kind::Attachment).iter().filter(|a| a.data["status"]["attached"] != true) {
            cluster.status(Kind::Attachment, "", &attachment.name_any(), &json!({"attached": true})).await;
        }
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The controller's part.
pub(super) async fn attach(cluster: &Cluster) {
    let wanted = wanted(cluster);
    let name = |node: &str, volume: &str| format!("csi-{node}-{volume}");
    for (node, volumes) in &wanted {
        for (volume, _) in volumes {
            let name = name(node, volume);
            if cluster.get(Kind::Attachment, "", &name).is_none() {
                let object = json!({"metadata": {"name": name}, "spec": {"attacher": "csi.example.com", "nodeName": node, "source": {"persistentVolumeName": volume}}});
                cluster.create(Kind::Attachment, "", object).await;
            }
        }
    }
    for attachment in cluster.all(Kind::Attachment) {
        let spec = &attachment.data["spec"];
        let node = spec["nodeName"].as_str().unwrap_or_default();
        let volume = spec["source"]["persistentVolumeName"].as_str().unwrap_or_default();
        let unique = cluster.get(Kind::Volume, "", volume).map(|v| v.data["spec"]["csi"]["volumeHandle"].clone());
        let is_in_use = cluster.get(Kind::Node, "", node).is_some_and(|n| {
            let handle = unique.as_ref().and_then(Value::as_str).unwrap_or_default();
            in_use(&n).iter().any(|v| v.ends_with(&format!("^{handle}")))
        });
        let has_pod = wanted.get(node).is_some_and(|all| all.iter().any(|(v, _)| v == volume));
        if !has_pod && !is_in_use {
            cluster.delete(Kind::Attachment, &attachment, None).await;
        }
    }
}
