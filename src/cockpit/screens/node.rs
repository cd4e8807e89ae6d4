//! Everything about one node, as lines. What they say is escaped where it is drawn.

use super::story;
use crate::{
    cockpit::scene::Scene,
    domain::{
        api::NodeMigrationStatus,
        drain::{
            self,
            verdict::{self, Outcome, Verdict},
        },
        facts::{CniCounts, NodeFact},
        storage,
    },
};

/// `announced`: what it waits for is said above the screen.
pub(super) fn lines(scene: &Scene<'_>, name: &str, announced: bool) -> Vec<String> {
    let Some(node) = scene.facts.nodes.get(name) else { return vec!["this node is gone".into()] };
    let status = scene.node(name);
    let mut out = vec![conditions(node)];
    if !node.taints.is_empty() {
        out.push(format!("taints: {}", list(&node.taints)));
    }
    if let Some(e) = &status.last_error {
        out.push(format!("✗ {} (try {}): {}", e.problem.object, e.count, e.problem.message));
        out.push(format!("  → {}", e.problem.remedy));
    } else if !status.waiting.is_empty() && !announced {
        out.push(format!("… {}", status.waiting));
    }
    story::steps(scene, status, &mut out);
    story::consents(scene, name, status, &mut out);
    story::connections(scene, status, &mut out);
    pods(scene, name, status, &mut out);
    evidence(status, &mut out);
    out
}

fn conditions(node: &NodeFact) -> String {
    let mut states = vec![if node.ready { "Ready" } else { "NotReady" }];
    states.extend(node.unschedulable.then_some("cordoned"));
    states.extend(node.control_plane.then_some("control plane"));
    format!("{}  kubelet {}  kernel {}", states.join(", "), node.kubelet, node.kernel)
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

fn pods(scene: &Scene<'_>, name: &str, status: &NodeMigrationStatus, out: &mut Vec<String>) {
    let facts = scene.facts;
    let consents = facts.migration.as_ref().map(|m| m.spec.consents.as_slice()).unwrap_or_default();
    let drain = drain::sort(facts, name, consents);
    let CniCounts { flannel, cilium, host, .. } = facts.cni_counts(name);
    out.push(String::new());
    out.push(format!("pods: {flannel} on Flannel, {cilium} on Cilium, {host} on the host's network"));
    let verdict = verdict::judge_drain(facts, &drain, consents, scene.now);
    if !status.step.is_final() && !status.step.is_out() {
        out.push(format!("a drain now: {}", verdict.word()));
    }
    if let Verdict::Impossible { problem, .. } = &verdict {
        out.push(format!("  ! {}: {}", problem.object, problem.message));
        out.push(format!("    → {}", problem.remedy));
    }
    for line in verdict::lines(facts, &drain, consents, scene.now).iter().filter(|l| l.fate != Outcome::Stays) {
        let mark = match line.fate {
            Outcome::NeedsConsent => '?',
            Outcome::Blocked => '!',
            _ => ' ',
        };
        let why = if line.why.is_empty() { String::new() } else { format!(": {}", line.why) };
        out.push(format!("  {mark} {} {}{why}", line.pod, line.fate.word()));
    }
    if status.drain.is_some() {
        let volumes = storage::still_attached(facts, name, consents);
        out.extend(volumes.iter().map(|v| format!("  ! {v} is still attached")));
    }
    if !status.commands.is_empty() {
        out.push(String::new());
        out.push("run these on its host:".into());
        out.extend(status.commands.iter().map(|c| format!("  $ {c}")));
    }
}

fn evidence(status: &NodeMigrationStatus, out: &mut Vec<String>) {
    let e = &status.evidence;
    out.push(String::new());
    if let (Some(before), Some(after)) = (&e.boot_id_before, &e.boot_id_after) {
        out.push(format!("rebooted: {before} → {after}"));
    }
    if let Some(host) = &e.host {
        let said = |what: &str, text: &str| if text.is_empty() { String::new() } else { format!("; {what} {text}") };
        let (agent, encryption) = (said("agent reports", &host.cni_state), said("encryption", &host.encryption));
        out.push(format!("CNI directory: {}{agent}{encryption}", host.cni_files.join(", ")));
    }
    if let Some(probe) = &e.probe {
        let reached = if probe.api_reached { "reached" } else { "not reached" };
        out.push(format!("probe: {}, API server {reached}", probe.address));
    }
    for (what, leaked) in [("leases", &e.leaked_leases), ("endpoints", &e.leaked_endpoints)] {
        if !leaked.is_empty() {
            out.push(format!("leaked {what}: {}", leaked.join(", ")));
        }
    }
}
