//! Which pods may be made to leave, and which pods Cutover may create.

use serde_json::Value;

use super::{Observer, Place};

/// The image of the release's agents.
const IMAGE: &str = "quay.io/cilium/cilium:v1.15.19";
const NAMESPACE: &str = "kube-system";

/// A pod that has ended has no address any more.
pub fn has_ended(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

impl Observer {
    /// A pod is to leave.
    pub(super) fn leaves(&self, process: &str, at: &Place, deleted: bool) {
        let Some(pod) = self.server.look("pods", &at.namespace, &at.name) else { return };
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        let task = pod["metadata"]["labels"]["cutover.dev/task"].is_string();
        if task && at.namespace == NAMESPACE {
            return;
        }
        let owner = pod["metadata"]["ownerReferences"][0]["kind"].as_str().unwrap_or("").to_owned();
        let consent = format!("DeleteBarePod:{}/{}", at.namespace, at.name);
        let agreed = self.seen.lock().unwrap().consents.contains(&consent);
        if owner.is_empty() && !agreed {
            self.breaks(format!("the bare pod {} was made to leave without a consent", at.name));
        }
        if deleted && !matches!(owner.as_str(), "DaemonSet" | "") && !self.is_orphan(node) {
            self.breaks(format!("the pod {} of a {owner} was deleted past its budget", at.name));
        }
        if owner == "DaemonSet" && !deleted {
            self.breaks(format!("the pod {} of a DaemonSet was evicted", at.name));
        }
        if !deleted {
            self.not_claimed(process, node, "drained");
        }
    }

    /// A pod whose node is gone exists in the API alone.
    fn is_orphan(&self, node: &str) -> bool {
        self.server.look("nodes", "", node).is_none()
    }

    /// A host task: in the namespace of the release, out of its agents' image. One reboot request for each boot, and one
    /// more for each retry that an operator asks for.
    pub(super) fn task(&self, process: &str, at: &Place, sent: &Value) {
        let name = sent["metadata"]["name"].as_str().unwrap_or_default();
        let image = &sent["spec"]["containers"][0]["image"];
        if at.namespace != NAMESPACE || !name.starts_with("cutover-") || image != IMAGE {
            self.breaks(format!("the pod {}/{name} was created, of the image {image}", at.namespace));
        }
        let Some(node) = sent["spec"]["nodeName"].as_str() else { return };
        if sent["metadata"]["labels"]["cutover.dev/task"] == "clean" {
            self.cleaned(process, node);
        }
        if !name.starts_with("cutover-reboot-") {
            return;
        }
        self.not_claimed(process, node, "asked to reboot");
        self.alone(process, node);
        // the host compares it with its own: the request is for this boot, whenever it arrives
        let boot = sent["spec"]["containers"][0]["command"][5].as_str().unwrap_or_default().to_owned();
        let record = self.server.look("nodemigrations.cutover.dev", "", node).unwrap_or_default();
        let retries = usize::try_from(record["spec"]["retries"].as_u64().unwrap_or(0)).unwrap();
        let mut seen = self.seen.lock().unwrap();
        let requests = seen.reboots.entry((node.to_owned(), boot)).or_default();
        requests.insert(name.to_owned());
        if requests.len() > 1 + retries {
            let requests = requests.iter().cloned().collect::<Vec<_>>().join(", ");
            seen.broken.push(format!("node {node} was asked to reboot more than once in one boot: {requests}"));
        }
    }
}
