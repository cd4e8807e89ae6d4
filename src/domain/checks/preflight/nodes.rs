use super::{Check, Context, Report, Source};
use crate::domain::{consent::ConsentKind, text};

pub(super) static CHECK: Check = Check {
    id: "nodes",
    looks_at: "whether nodes are Ready, schedulable, and run Linux",
    why: "A node that is out already counts as unavailable, and one that another actor cordoned is at work for somebody.",
    next: "Repair it, uncordon it, or remove it from the cluster.",
    reports: &[],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let mut well = 0;
    let facts = ctx.facts();
    for node in facts.nodes.values() {
        let object = format!("node/{}", node.name);
        if node.os == "windows" {
            out.block(object, "runs Windows", "Cilium has no agent for it.");
        } else if !node.ready {
            out.block(
                object,
                format!("not Ready: {}", text::safe(&node.not_ready_reason)),
                "Repair it or remove it from the cluster: it counts as unavailable.",
            );
        } else if node.unschedulable && !facts.is_cordoned_by_cutover(node) {
            out.warn(
                object,
                "cordoned, not by Cutover: it counts as unavailable and is left alone",
                &format!(
                    "Uncordon it; or let it be moved all the same with --consent {}:node/{}.",
                    ConsentKind::TakeCordoned,
                    node.name
                ),
            );
        } else {
            well += 1;
        }
    }
    if facts.nodes.is_empty() {
        out.block("cluster", "no nodes", "Is this the right context?");
    }
    out.fine("nodes", format!("{well} of {} Ready and schedulable", facts.nodes.len()));
}
