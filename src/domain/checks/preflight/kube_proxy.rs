use super::{Check, Context, Report, Source, few};
use crate::domain::facts::Asked;

pub(super) static CHECK: Check = Check {
    id: "kube-proxy",
    looks_at: "what serves Services, and the ranges that it takes for the pods' own",
    why: "Both overlays need kube-proxy until the end. Where it names a clusterCIDR, requests of pods on Cilium count as from outside and get their node's address.",
    next: "Add Cilium's pool to clusterCIDR, or leave it out, and restart kube-proxy; after the migration the old range can go.",
    reports: &["projectcalico/calico#8812", "cilium/cilium#15234"],
    source: Source::Asked,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let survey = &ctx.survey().kube_proxy;
    let proxy = &ctx.inventory.kube_proxy;
    match &proxy.object {
        Some(object) => out.fine(object.clone(), "kube-proxy runs, and stays"),
        None => out.warn(
            "cluster",
            "no kube-proxy runs as a pod",
            "See what serves Services: a service of the hosts, the distribution itself (k3s), or a replacement. Cilium is installed without one.",
        ),
    }
    if let Some(why) = survey.unknown() {
        return out.unknown("configmap/kube-system/kube-proxy", why);
    }
    let (Asked::Known(config), Ok(pool)) = (survey, ctx.cilium().pod_cidr.parse::<ipnet::IpNet>()) else { return };
    let other = config.cluster_cidr.iter().filter(|c| c.addr().is_ipv4());
    let other: Vec<String> =
        other.clone().map(ToString::to_string).filter(|_| !other.clone().any(|c| c.contains(&pool))).collect();
    if !other.is_empty() {
        let message = format!("its clusterCIDR {} does not hold Cilium's pool {pool}", few(&other));
        out.info("configmap/kube-system/kube-proxy", message, CHECK.next);
    }
}
