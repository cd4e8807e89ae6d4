use std::collections::BTreeSet;

use super::{Check, Context, Report, Source};
use crate::domain::text;

pub(super) static CHECK: Check = Check {
    id: "dns",
    looks_at: "CoreDNS: replicas, and on how many nodes",
    why: "A node's drain takes its replicas away. With a single one, or all on one node, nothing is resolved meanwhile, and the node's own verification may fail for it.",
    next: "Scale it to two or more on different nodes: kubectl -n kube-system scale deployment coredns --replicas 2.",
    reports: &["cilium/cilium#16906", "kubernetes/kops#16597"],
    source: Source::Watched,
    judge,
};

/// What the cluster's DNS is called, by the label that its Service selects.
const DNS: [&str; 3] = ["kube-dns", "coredns", "rke2-coredns"];
const LABEL: &str = "k8s-app";
const PROGRAM: &str = "coredns";

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let namespace = "kube-system".into();
    let facts = ctx.facts();
    let is = |p: &&crate::domain::facts::PodFact| {
        let labelled = p.labels.get(LABEL).is_some_and(|l| DNS.contains(&l.as_str()));
        !p.host_network && p.is_living() && (labelled || text::image_name(&p.image) == PROGRAM)
    };
    let pods: Vec<_> = facts.pods.in_namespace(&namespace).filter(is).collect();
    let nodes: BTreeSet<&str> = pods.iter().map(|p| &*p.node).collect();
    match (pods.len(), nodes.len()) {
        (0, _) => out.info(
            "kube-system",
            "no CoreDNS is seen in kube-system",
            "See what resolves names here, and that a drained node does not take all of it away.",
        ),
        (1, _) if facts.nodes.len() > 1 => out.warn(
            format!("pod/{}", pods[0].key),
            "a single replica of CoreDNS: nothing is resolved while its node drains",
            CHECK.next,
        ),
        (n, 1) if facts.nodes.len() > 1 => {
            out.warn(
                format!("node/{}", pods[0].node),
                format!("all {n} replicas of CoreDNS are on one node"),
                CHECK.next,
            );
        }
        (n, on) => out.fine("kube-system", format!("{n} replicas of CoreDNS on {}", text::count(on, "node"))),
    }
}
