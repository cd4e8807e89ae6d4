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
    let with = |is: fn(&crate::domain::facts::Facts, &NodeFact) -> bool| facts.nodes.values().filter(move |n| is(facts, n)).count();
    let (planes, labelled) = (with(|f, n| f.is_control_plane(n)), with(|_, n| n.etcd));
    if planes == 0 {
        return;
    }
    let members = facts.etcd_members().count();
    // where roles name the members, those are the ones that there are
    let wanted = if labelled > 0 { labelled } else { planes };
    let ill: Vec<String> = facts.etcd_members().filter(|p| !p.ready).map(|p| format!("pod/{}", p.key)).collect();
    if !ill.is_empty() {
        out.about(Severity::Warn, ill, "etcd member not ready: no node of the control plane and none with a member begins", "Repair it first.");
    }
    if members < wanted {
        let message = format!("{members} of {wanted} nodes of the control plane or of etcd run a member as a pod");
        let remedy = "For members that run as services, or elsewhere, only the API server's own health check is seen: check them yourself before each control-plane node (etcdctl endpoint health --cluster).";
        return out.warn("control plane", message, remedy);
    }
    if members == 2 {
        let message = "two members of etcd: while one reboots there is no quorum, and the API server cannot write";
        out.warn("control plane", message, "Add a third member first, or accept that writes wait for the reboot.");
    }
    if facts.etcd_members().all(|p| p.ready) {
        out.fine("control plane", text::count(members, "member") + " ready");
    }
}
