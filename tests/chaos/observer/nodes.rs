//! What may be done to nodes: within the limit, to none that others have taken out, and never so that pods land on a
//! node with two CNI configurations or none.

use serde_json::Value;

use super::{Observer, Place};

const MARK: &str = "cutover.dev/cordoned";
const LABEL: &str = "io.cilium.migration/cilium-default";
const TAINT: &str = "cutover.dev/switching";

pub fn is_out(step: &str) -> bool {
    matches!(step, "Cordon" | "Drain" | "Restart" | "Verify" | "Uncordon") || changes_the_cni(step)
}

fn changes_the_cni(step: &str) -> bool {
    matches!(step, "Switch" | "Revert" | "Restore" | "FlannelFirst" | "CiliumFirst" | "LeaveMultus")
}

pub(super) fn name_of(node: &Value) -> &str {
    node["metadata"]["name"].as_str().unwrap_or_default()
}

fn is_ready(node: &Value) -> bool {
    node["status"]["conditions"].as_array().into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

fn others_taints(node: &Value) -> Vec<&Value> {
    node["spec"]["taints"].as_array().into_iter().flatten().filter(|t| t["key"] != TAINT).collect()
}

impl Observer {
    pub(super) fn node(&self, process: &str, at: &Place, sent: &Value) {
        if sent["metadata"]["resourceVersion"].is_null() {
            self.breaks(format!("node {} was changed without the version that was read", at.name));
        }
        let Some(node) = self.server.look("nodes", "", &at.name) else { return };
        let same = node["metadata"]["resourceVersion"] == sent["metadata"]["resourceVersion"];
        if same && sent["spec"]["taints"].is_array() && others_taints(&node) != others_taints(sent) {
            self.breaks(format!("taints of others were changed on node {}", at.name));
        }
        let step = self.step(&at.name);
        if sent["metadata"]["labels"][LABEL] == "true" {
            self.not_claimed(process, &at.name, "switched");
        }
        match sent["spec"].get("unschedulable") {
            Some(Value::Bool(true)) => self.cordoned(process, at, &node, &step),
            Some(_) => self.uncordoned(process, at, &node, &step),
            None => {}
        }
    }

    /// Nothing is done to a node that others have taken out for themselves.
    pub(super) fn not_claimed(&self, process: &str, node: &str, done: &str) {
        if self.is_claimed(process, node) {
            self.breaks(format!("node {node}, which others have taken out, was {done}"));
        }
    }

    fn uncordoned(&self, process: &str, at: &Place, node: &Value, step: &str) {
        if !node["metadata"]["annotations"][MARK].is_string() {
            self.breaks(format!("node {} was uncordoned, and not cordoned by Cutover", at.name));
        }
        if matches!(step, "Drain" | "Restart") || changes_the_cni(step) {
            self.breaks(format!("node {} was uncordoned in step {step}", at.name));
        }
        let configs = self.disks.cni_configs(&at.name);
        let configs: Vec<&String> = configs.iter().filter(|c| !c.ends_with(".cilium_bak")).collect();
        // Multus' goes before Flannel's, which stays; nothing else is beside it
        let by_multus = configs == ["00-multus.conf", "10-flannel.conflist"];
        if configs.len() != 1 && !by_multus && !self.is_unaware(process) && !self.flannel_starts(&at.name) {
            self.breaks(format!("node {} was uncordoned with the CNI configs {configs:?}", at.name));
        }
    }

    /// Flannel's pod writes its file at its start, and an agent that has the folder renames it seconds later.
    fn flannel_starts(&self, node: &str) -> bool {
        let pods = self.server.look_at_all("pods");
        let mut its =
            pods.iter().filter(|p| p["spec"]["nodeName"] == *node && p["metadata"]["labels"]["app"] == "flannel");
        let now = cutover::sim::clock::now();
        its.any(|p| {
            let created = p["metadata"]["creationTimestamp"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
            created.is_none_or(|at| now.duration_since(at).as_secs() < 5)
        })
    }

    fn cordoned(&self, process: &str, at: &Place, node: &Value, step: &str) {
        let unaware = self.is_unaware(process);
        if step.is_empty() && unaware {
            return;
        }
        if matches!(step, "" | "Pending" | "Check" | "Done" | "RolledBack" | "Observe") {
            self.breaks(format!("node {} was cordoned and its record says {step:?}", at.name));
        }
        let again = node["spec"]["unschedulable"] == true || node["metadata"]["annotations"][MARK].is_string();
        if unaware || again || step != "Cordon" {
            return;
        }
        let others = self.server.look_at_all("nodes");
        let others = others.iter().filter(|n| name_of(n) != at.name);
        let out: Vec<&str> =
            others.filter(|n| n["spec"]["unschedulable"] == true || !is_ready(n)).map(|n| name_of(n)).collect();
        if !out.is_empty() {
            self.breaks(format!("node {} was cordoned while {} is out", at.name, out.join(", ")));
        }
    }

    /// A node is asked to reboot: no other one is under way then.
    pub(super) fn alone(&self, process: &str, node: &str) {
        let nodes = self.server.look_at_all("nodes");
        let others = nodes.iter().map(|n| name_of(n)).filter(|n| *n != node);
        let out: Vec<&str> = others.filter(|n| is_out(&self.step(n))).collect();
        if !out.is_empty() && !self.is_unaware(process) {
            self.breaks(format!("node {node} was asked to reboot while {} is under way", out.join(", ")));
        }
    }
}
