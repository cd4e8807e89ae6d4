//! Nothing of the Multus that Cutover has installed is left: part of the verification of both ends.

use super::{finding, pass};
use crate::domain::{
    api::{Finding, Severity, Target},
    effect::MULTUS_LABEL,
    facts::Order,
    host::MULTUS,
    view::View,
};

pub(super) fn without_multus(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let before = out.len();
    let namespace = &ctx.migration.spec.cilium.namespace;
    let sets = Order::BOTH.into_iter().map(|o| o.daemon_set(namespace));
    for key in sets.filter(|key| ctx.facts.daemon_sets.contains_key(key)) {
        let remedy = "The migration deletes it at its end; left of an earlier one: kubectl delete daemonset.";
        out.push(finding("multus", Severity::Block, format!("daemonset/{key}"), "Multus is still there", remedy));
    }
    for node in ctx.facts.nodes.values() {
        let object = format!("node/{}", node.name);
        if let Some(order) = node.multus {
            let message = format!("labelled for Multus: {MULTUS_LABEL}={}", order.name());
            let remedy = format!("kubectl label node {} {MULTUS_LABEL}-", node.name);
            out.push(finding("multus", Severity::Block, object, message, &remedy));
            continue;
        }
        let host = ctx.record(&node.name).and_then(|r| r.status.as_ref()?.evidence.host.as_ref());
        if host.is_some_and(|h| h.has_multus()) {
            let message = format!("{MULTUS} was on the host when it was last checked");
            let remedy = "No pod starts there with it and without Multus' account: move it away.";
            out.push(finding("multus", Severity::Block, object, message, remedy));
        }
    }
    let used = ctx.strategy.rolls().any(|roll| roll.network(Target::Cilium).multus.is_some());
    if out.len() == before && used {
        out.push(pass("multus", "cluster", "nothing of Multus is left"));
    }
}
