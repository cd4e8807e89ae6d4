//! What would keep a pod from leaving its node, and which policies are enforced after the migration.

use std::collections::BTreeMap;

use super::{finding, pass};
use crate::domain::{
    api::{Finding, Severity},
    consent::Wanted,
    drain::{
        Sorter,
        verdict::{self, Verdict},
    },
    problem::ProblemKind,
    view::View,
};

/// A verdict for each node, before anything is cordoned.
pub(super) fn drains(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let consents = &ctx.migration.spec.consents;
    let mut clean = 0;
    let mut asked: BTreeMap<Wanted, Vec<String>> = BTreeMap::new();
    let sorter = Sorter::new(ctx.facts, consents);
    let nodes = ctx.nodes_in_order();
    for node in &nodes {
        let drain = sorter.sort(&node.name);
        verdict::wanted(&drain)
            .into_iter()
            .filter(|w| ctx.needs(w))
            .for_each(|w| asked.entry(w).or_default().push(node.name.to_string()));
        match verdict::judge_drain(ctx.facts, &drain, consents, ctx.now) {
            _ if ctx.restarts_in_place() => clean += 1,
            Verdict::Clean => clean += 1,
            Verdict::Impossible { pod, problem } => out.push(finding(
                "drain",
                // two PDBs on a pod never resolve; what blocks now may be free when the node's turn comes
                if problem.kind == ProblemKind::TwoBudgets { Severity::Block } else { Severity::Warn },
                problem.object,
                format!("node {} cannot be drained now: {pod}: {}", node.name, problem.message),
                &problem.remedy,
            )),
            Verdict::NeedsConsent(_) => {}
        }
    }
    for (wanted, nodes) in asked {
        out.push(finding(
            "consent",
            Severity::Warn,
            wanted.object.clone(),
            format!("{}; {} for consent", wanted.kind.cost(), waits(&nodes)),
            &format!("Press `a` on its node, or give --consent {wanted}."),
        ));
    }
    let message = if ctx.restarts_in_place() {
        "no node is drained: pods restart with their node".to_owned()
    } else {
        format!("{clean} of {} nodes drain without approval", nodes.len())
    };
    out.push(pass("drain", "nodes", message));
}

fn waits(nodes: &[String]) -> String {
    let named = nodes.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    match nodes.len() {
        0 | 1 => format!("node {named} waits"),
        2 | 3 => format!("nodes {named} wait"),
        n => format!("nodes {named} and {} more wait", n - 3),
    }
}

pub(super) fn policies(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let policies = &ctx.facts.policies;
    if policies.is_empty() {
        out.push(pass("policies", "networkpolicies", "none"));
        return;
    }
    let names: Vec<String> = policies.iter().take(5).map(ToString::to_string).collect();
    let more = policies.len().saturating_sub(5);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    out.push(finding(
        "policies",
        Severity::Warn,
        "networkpolicies",
        format!(
            "Flannel ignores {} {}: {}{more}",
            policies.len(),
            if policies.len() == 1 { "NetworkPolicy" } else { "NetworkPolicies" },
            names.join(", ")
        ),
        if ctx.strategy.has_outage() {
            "They are enforced from the install on. Read them before you approve it."
        } else {
            "They are enforced all at once by the phase Finalize. Read them before you approve it."
        },
    ));
}
