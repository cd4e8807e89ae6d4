use super::{Check, Context, Report, Source};
use crate::domain::{api::Severity, facts::NodeFact, text};

pub(super) static CHECK: Check = Check {
    id: "etcd",
    looks_at: "members of etcd: on which nodes, whether they are ready, and whether one may be missed",
    why: "A node with a member counts as control plane, whatever its labels: two of three members away at once are the end of the cluster's writes.",
    next: "Repair the member first; check members that are no pods yourself (etcdctl endpoint health --cluster).",
    reports: &["rancher/rancher#36411", "rancher/rancher#11093"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let facts = ctx.facts();
    let labelled = facts.nodes.values().any(|n| n.etcd);
    // where roles name the members, those are the ones that there are
    let should = |n: &&NodeFact| if labelled { facts.has_etcd(n) } else { facts.is_control_plane(n) };
    let nodes: Vec<&NodeFact> = facts.nodes.values().filter(should).collect();
    if nodes.is_empty() {
        return;
    }
    let ill: Vec<String> = facts.etcd_members().filter(|p| !p.ready).map(|p| format!("pod/{}", p.key)).collect();
    if !ill.is_empty() {
        let message = "etcd member not ready: no node of the control plane and none with a member begins";
        out.about(Severity::Warn, ill, message, "Repair it first.");
    }
    let unseen = nodes.iter().filter(|n| !facts.etcd_members().any(|p| p.node == n.name));
    let unseen: Vec<String> = unseen.map(|n| format!("node/{}", n.name)).collect();
    if !unseen.is_empty() {
        let message = format!(
            "no member of etcd is seen as a pod on {} of {} nodes of the control plane or of etcd",
            unseen.len(),
            nodes.len()
        );
        let remedy = "For members that run as services, or elsewhere, only the API server's own health check is seen: check them yourself before each control-plane node (etcdctl endpoint health --cluster).";
        return out.about(Severity::Warn, unseen, message, remedy);
    }
    let members = facts.etcd_members().count();
    if members == 2 {
        let message = "two members of etcd: while one reboots there is no quorum, and the API server cannot write";
        out.warn("control plane", message, "Add a third member first, or accept that writes wait for the reboot.");
    }
    if facts.etcd_members().all(|p| p.ready) {
        out.fine("control plane", text::count(members, "member") + " ready");
    }
}
