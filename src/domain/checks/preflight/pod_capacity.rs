use super::{Check, Context, MIGRATION, Report, Source, few};
use crate::domain::{api::Severity, facts::NodeFact};

pub(super) static CHECK: Check = Check {
    id: "pod-capacity",
    looks_at: "usable addresses of a node's range against the pods that are on it, and that it takes",
    why: "Pods beyond the range's addresses stay in ContainerCreating on a node that counts as moved, while the next one is drained.",
    next: "Choose a shorter --mask-size (a /24 has 252 addresses for pods), with a pool that is large enough.",
    reports: &["cilium/cilium#15881"],
    source: Source::Watched,
    judge,
};

/// Addresses of a range that no pod gets: the network's, the broadcast, the router's and the health endpoint's.
const TAKEN: u64 = 4;

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let (facts, spec) = (ctx.facts(), &ctx.view.migration.spec);
    let mask = spec.cilium.mask_size;
    let usable = 32_u8.checked_sub(mask).map_or(0, |bits| 1_u64 << bits.min(31)).saturating_sub(TAKEN);
    let needs = |n: &NodeFact| facts.pods_on(&n.name).filter(|p| !p.host_network && p.is_living()).count() as u64;
    let (mut short, mut tight): (Vec<&NodeFact>, Vec<&NodeFact>) = (vec![], vec![]);
    let (mut pods, mut open) = (0, 0);
    for node in facts.nodes.values() {
        let here = needs(node);
        pods += here;
        open += u64::from(!node.unschedulable);
        if here > usable {
            short.push(node);
        } else if u64::try_from(node.allocatable.pods).unwrap_or(0) > usable {
            tight.push(node);
        }
    }
    let named = |nodes: &[&NodeFact]| nodes.iter().map(|n| format!("node/{}", n.name)).collect::<Vec<_>>();
    let names = |nodes: &[&NodeFact]| few(&nodes.iter().map(|n| n.name.to_string()).collect::<Vec<_>>());
    let addresses = format!("a /{mask} has {usable} addresses for pods");
    // what a drained node leaves has to fit on the others
    let left = open.saturating_sub(u64::from(spec.nodes.max_unavailable)).max(1);
    if !short.is_empty() {
        let message = format!("{addresses}, and more pods need one on {}", names(&short));
        out.about(Severity::Block, named(&short), message, CHECK.next);
    } else if pods > usable * left {
        let message = format!("{addresses}: {pods} pods do not fit on {left} nodes while others are out");
        out.block(MIGRATION, message, CHECK.next);
    } else if !tight.is_empty() {
        let message = format!("{addresses}, and the scheduler may place more on {}", names(&tight));
        let remedy = format!("{} Or lower the kubelets' maxPods.", CHECK.next);
        out.about(Severity::Warn, named(&tight), message, &remedy);
    } else {
        out.fine(MIGRATION, format!("{addresses}, and no node takes more"));
    }
}
