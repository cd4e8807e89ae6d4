use super::{Check, Context, Report, Source};
use crate::domain::{
    effect::{CORDON_MARK, SWITCHING_TAINT},
    facts::NodeFact,
};

pub(super) static CHECK: Check = Check {
    id: "marks",
    looks_at: "marks of Cutover's on nodes that this migration has not set",
    why: "They are of an old attempt, of a copied manifest, or planted: a node that looks taken out by Cutover and is not.",
    next: "See who works on the node, then remove them.",
    reports: &[],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let (facts, started) = (ctx.facts(), ctx.view.is_started());
    let strays = |n: &&NodeFact| n.stray_mark || (n.has_marks() && !(started && facts.owns_marks(n)));
    for node in facts.nodes.values().filter(strays) {
        let name = &node.name;
        out.block(
            format!("node/{name}"),
            "carries marks of Cutover's that this migration has not set",
            &format!(
                "See who works on it, then remove them: kubectl annotate node {name} {CORDON_MARK}-; kubectl taint node {name} {SWITCHING_TAINT}-; kubectl uncordon {name}"
            ),
        );
    }
}
