use super::{Check, Context, Report, Source, few};
use crate::domain::{api::Severity, facts::NodeFact};

pub(super) static CHECK: Check = Check {
    id: "flannel-addresses",
    looks_at: "the address that Flannel's tunnel uses on each node against the node's InternalIP",
    why: "Cilium's tunnel goes to the InternalIP. Where Flannel was given another one (--iface, public-ip-overwrite), nodes may not reach each other by the InternalIP at all.",
    next: "See that nodes reach each other's InternalIP by UDP at the tunnel port; otherwise correct --node-ip of the kubelets first.",
    reports: &["flannel-io/flannel#712", "rancher/rancher#16295", "siderolabs/talos#7167"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let differs = |n: &&NodeFact| n.flannel_addresses.iter().any(|a| !n.addresses.contains(a));
    let nodes: Vec<&NodeFact> = ctx.facts().nodes.values().filter(differs).collect();
    if nodes.is_empty() {
        return out.fine("nodes", "Flannel's tunnel ends at each node's InternalIP");
    }
    let pair = |n: &&NodeFact| {
        let list = |all: &[std::net::IpAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        format!("{} Flannel {} InternalIP {}", n.name, list(&n.flannel_addresses), list(&n.addresses))
    };
    let pairs: Vec<String> = nodes.iter().map(pair).collect();
    let message = format!("Flannel's tunnel ends elsewhere than Cilium's would: {}", few(&pairs));
    out.about(Severity::Warn, nodes.iter().map(|n| format!("node/{}", n.name)).collect(), message, CHECK.next);
}
