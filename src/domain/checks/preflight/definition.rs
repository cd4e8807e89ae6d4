use super::{Check, Context, MIGRATION, Report, Source};
use crate::domain::api::spec_problems;

pub(super) static CHECK: Check = Check {
    id: "definition",
    looks_at: "whether the API server would accept the Migration: versions, CIDR, mask, ports, limits",
    why: "The definition of the Migration has limits; what is beyond them is refused when it is created, after preflight has passed.",
    next: "Correct the argument that is named.",
    reports: &[],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let problems = spec_problems(&ctx.view.migration.spec);
    if problems.is_empty() {
        out.fine(MIGRATION, "within the limits of its definition");
    }
    for problem in problems {
        out.block(MIGRATION, problem, CHECK.next);
    }
}
