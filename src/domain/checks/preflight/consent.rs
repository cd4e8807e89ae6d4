use std::collections::BTreeMap;

use super::{Check, Context, Report, Source};
use crate::domain::{consent::Wanted, drain::verdict};

pub(super) static CHECK: Check = Check {
    id: "consent",
    looks_at: "pods that a drain would lose, interrupt or move: what you would be asked for",
    why: "Bare pods, single replicas, emptyDirs and Jobs do not come back as they were. Nothing of that is done without your word for that very object.",
    next: "Agree object by object: `cutover preflight --consents` prints the list.",
    reports: &[],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let mut asked: BTreeMap<Wanted, Vec<String>> = BTreeMap::new();
    for (node, drain) in ctx.drains() {
        for wanted in verdict::wanted(drain).into_iter().filter(|w| ctx.view.needs(w)) {
            asked.entry(wanted).or_default().push(node.name.to_string());
        }
    }
    for (wanted, nodes) in asked {
        out.warn(
            wanted.object.clone(),
            format!("{}; {} for consent", wanted.kind.cost(), waits(&nodes)),
            &format!("Press `a` on its node, or give --consent {wanted}."),
        );
    }
}

fn waits(nodes: &[String]) -> String {
    let named = nodes.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    match nodes.len() {
        0 | 1 => format!("node {named} waits"),
        2 | 3 => format!("nodes {named} wait"),
        n => format!("nodes {named} and {} more wait", n - 3),
    }
}
