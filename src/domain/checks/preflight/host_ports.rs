use std::collections::BTreeMap;

use super::{Check, Context, Report, Source, few};
use crate::domain::{
    api::Severity,
    consent::{self, ConsentKind},
    effect::Chaining,
};

pub(super) static CHECK: Check = Check {
    id: "host-ports",
    looks_at: "pods with a host port that are not on the host's network",
    why: "Flannel's chain serves host ports by the plugin portmap. Cilium beside kube-proxy serves none unless portmap is chained to it: an ingress controller answers no more once its pod is moved.",
    next: "Chain portmap in the values: cni: {chainingMode: portmap, exclusive: false}. Or let the workload use hostNetwork or a NodePort.",
    reports: &["rancher/rke2#2325", "rancher/rke2#5355", "cilium/cilium#38083"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let mut found: BTreeMap<String, (Vec<u16>, Vec<String>)> = BTreeMap::new();
    for pod in ctx.facts().pods.values().filter(|p| !p.host_network && p.is_living()) {
        if pod.needs.host_ports.is_empty() {
            continue;
        }
        let (ports, nodes) = found.entry(pod.object()).or_default();
        ports.extend(pod.needs.host_ports.iter().map(|(port, _)| *port));
        nodes.push(pod.node.to_string());
    }
    if found.is_empty() {
        return out.fine("pods", "no pod has a host port");
    }
    let served = Chaining::of(&ctx.cilium().values).serves_host_ports();
    for (object, (mut ports, _)) in found {
        ports.sort_unstable();
        ports.dedup();
        let names: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let ports = few(&names);
        let agreed = consent::given(&ctx.view.migration.spec.consents, ConsentKind::LoseHostPort, &object);
        let named = vec![controller(&object)];
        if served {
            out.about(Severity::Pass, named, format!("host ports {ports}: served by portmap, chained to Cilium"), "");
        } else if agreed {
            out.about(
                Severity::Warn,
                named,
                format!("host ports {ports} end once its pods are on Cilium, as consented to"),
                "",
            );
        } else {
            let remedy =
                format!("{} Or agree to losing it: --consent {}:{object}.", CHECK.next, ConsentKind::LoseHostPort);
            let message = format!(
                "host ports {ports} are not served once its pods are on Cilium: kube-proxy stays, and portmap is not chained"
            );
            out.about(Severity::Block, named, message, &remedy);
        }
    }
}

/// `daemonset/namespace/name` out of `namespace/DaemonSet/name`.
pub(super) fn controller(object: &str) -> String {
    let mut parts = object.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(namespace), Some(kind), Some(name)) => format!("{}/{namespace}/{name}", kind.to_lowercase()),
        _ => format!("pod/{object}"),
    }
}
