use super::{Check, Context, MIGRATION, Report, Source};
use crate::domain::facts::Source as Watch;

pub(super) static CHECK: Check = Check {
    id: "ip-families",
    looks_at: "address families of Flannel, of nodes and of the values against Cilium's pool",
    why: "Cutover gives Cilium an IPv4 pool. Pods of a dual-stack cluster would lose their IPv6 addresses, those of an IPv6-only one all of them.",
    next: "Cutover moves IPv4 clusters; change the families before or after, not during the migration.",
    reports: &["k3s-io/k3s#5238", "flannel-io/flannel#2225"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let before = out.count();
    for (key, flannel) in ctx.facts().flannel() {
        let object = format!("configmap/{key}");
        match (flannel.has_family(false), flannel.has_family(true)) {
            (true, true) => out.block(
                object,
                "the cluster is dual-stack; Cilium's pool is IPv4 alone: pods would lose their IPv6 addresses",
                CHECK.next,
            ),
            (false, _) => out.block(object, "the cluster is IPv6-only; Cilium's pool is IPv4", CHECK.next),
            (true, false) => {}
        }
    }
    let nodes = ctx.facts().nodes.values();
    let v6_only = nodes.clone().find(|n| !n.addresses.is_empty() && n.addresses.iter().all(|a| a.is_ipv6()));
    if let Some(node) = v6_only.filter(|_| out.count() == before) {
        out.block(format!("node/{}", node.name), "its InternalIP is IPv6; Cilium's pool is IPv4", CHECK.next);
    }
    let wants_v6 = ctx.cilium().values["ipv6"]["enabled"] == true;
    if wants_v6 && !nodes.clone().any(|n| n.addresses.iter().any(|a| a.is_ipv6())) {
        out.block(
            "values/ipv6.enabled",
            "IPv6 is on, and no node has an IPv6 address: the agents would not start",
            "Leave it out.",
        );
    }
    if out.count() == before && ctx.facts().sources[Watch::FlannelConfig].is_usable() {
        out.fine(MIGRATION, "IPv4, as Cilium's pool");
    }
}
