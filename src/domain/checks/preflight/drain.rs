use super::{Check, Context, Report, Source};
use crate::domain::{
    api::Severity,
    drain::verdict::{self, Verdict},
    problem::ProblemKind,
};

pub(super) static CHECK: Check = Check {
    id: "drain",
    looks_at: "whether each node could be drained now: budgets, room, volumes, pods that hang",
    why: "A drain that never ends leaves a node out for hours; two budgets on a pod never resolve.",
    next: "Mend the object that is named; `cutover preflight --drains` shows every pod.",
    reports: &["longhorn/longhorn#4103", "longhorn/longhorn#2673"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let view = ctx.view;
    if view.restarts_in_place() {
        return out.fine("nodes", "no node is drained: pods restart with their node");
    }
    let consents = &view.migration.spec.consents;
    let mut clean = 0;
    for (node, drain) in ctx.drains() {
        match verdict::judge_drain(view.facts, drain, consents, view.now) {
            Verdict::Clean => clean += 1,
            Verdict::Impossible { pod, problem } => {
                // two PDBs on a pod never resolve; what blocks now may be free when the node's turn comes
                let never = problem.kind == ProblemKind::TwoBudgets;
                let severity = if never { Severity::Block } else { Severity::Warn };
                let message = format!("node {} cannot be drained now: {pod}: {}", node.name, problem.message);
                out.about(severity, vec![problem.object], message, &problem.remedy);
            }
            Verdict::NeedsConsent(_) => {}
        }
    }
    out.fine("nodes", format!("{clean} of {} nodes drain without approval", ctx.drains().len()));
}
