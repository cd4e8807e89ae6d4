use super::{Check, Context, Report, Source, few};
use crate::domain::{api::Severity, text};

pub(super) static CHECK: Check = Check {
    id: "flannel",
    looks_at: "every DaemonSet of Flannel's together: is there one, is it healthy, has every node its pod",
    why: "Pods that are not moved yet, and the way back, need Flannel on every node. A DaemonSet for an architecture without nodes is healthy with no pod at all.",
    next: "Repair Flannel first.",
    reports: &["flannel-io/flannel#1390"],
    source: Source::Watched,
    judge,
};

/// What Canal's second container is called.
const CALICO: &str = "calico";

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let facts = ctx.facts();
    let sets: Vec<_> = facts.any_flannel_daemon_sets().collect();
    let Some(set) = sets.first() else {
        if facts.any_cilium_agents().next().is_some() {
            // the check `cilium` describes this cluster
            return;
        }
        let marked = facts.nodes.values().any(|n| n.flannel_backend.is_some());
        let (message, remedy) = if marked {
            (
                "no DaemonSet runs Flannel, although nodes carry its annotations: it was removed, or the distribution embeds it",
                "k3s and others need --flannel-backend=none on their servers; Cutover cannot do that.",
            )
        } else {
            ("no DaemonSet runs Flannel", "Cutover moves clusters from Flannel. Is this the right context?")
        };
        return out.block("cluster", message, remedy);
    };
    if let Some(other) = sets.iter().find(|s| s.key.namespace != set.key.namespace) {
        return out.block(
            format!("daemonset/{}", other.key),
            format!("it looks like Flannel's, as daemonset/{} does, in another namespace", set.key),
            "Delete the one that is not Flannel, or rename its container.",
        );
    }
    if let Some(canal) = sets.iter().find(|s| s.containers.iter().any(|c| c.contains(CALICO))) {
        return out.block(
            format!("daemonset/{}", canal.key),
            "this is Canal: Flannel with Calico's policies",
            "Cutover moves plain Flannel; Canal enforces policies that would be lost.",
        );
    }
    for set in sets.iter().filter(|s| s.ready < s.desired) {
        out.block(
            format!("daemonset/{}", set.key),
            format!("{} of {} Flannel pods are ready", set.ready, set.desired),
            "Repair Flannel first: a rollback needs it.",
        );
    }
    let without = facts.nodes.values().filter(|n| facts.flannel_on(&n.name).is_none());
    let without: Vec<String> = without.map(|n| format!("node/{}", n.name)).collect();
    if !without.is_empty() {
        let names: Vec<&str> = without.iter().filter_map(|n| n.split('/').nth(1)).collect();
        let message = format!("{} of {} nodes have no Flannel pod: {}", without.len(), facts.nodes.len(), few(&names));
        let remedy = "See the DaemonSets' node selectors, affinity and tolerations. A node without Flannel has no pod network to be moved from.";
        out.about(Severity::Block, without, message, remedy);
    }
    if facts.flannel().next().is_none() {
        out.block(
            "configmap/kube-flannel-cfg",
            "Flannel's configuration was not found or cannot be read",
            "Cutover reads the network and the port from net-conf.json in the ConfigMap kube-flannel-cfg.",
        );
    }
    for set in &sets {
        if let Some(manager) = &set.managed_by {
            out.warn(
                format!("daemonset/{}", set.key),
                format!("{} manages Flannel and would recreate it after its removal", text::safe(manager)),
                "Remove Flannel from it before the phase Remove.",
            );
        }
    }
    let (ready, desired) = sets.iter().fold((0, 0), |(r, d), s| (r + s.ready, d + s.desired));
    if ready >= desired {
        out.fine(format!("daemonset/{}", set.key), format!("{ready} of {desired} Flannel pods ready"));
    }
}
