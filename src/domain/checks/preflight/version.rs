use super::{Check, Context, MIGRATION, Report, Source};
use crate::domain::{text, versions};

pub(super) static CHECK: Check = Check {
    id: "version",
    looks_at: "the Cilium that is wanted against what the strategy needs",
    why: "A strategy needs what its oldest Cilium has: nodes can be moved one by one since CiliumNodeConfigs exist.",
    next: "Name a newer version with --cilium-version.",
    reports: &[],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let wanted = &ctx.cilium().version;
    // what is no version is refused by the definition
    let Some(version) = versions::parse(wanted) else { return };
    let (oldest, strategy) = (ctx.view.strategy.oldest_cilium(), ctx.view.strategy.id());
    if version < oldest {
        let message = format!("the strategy {strategy} needs Cilium {}.{}, and {wanted} is wanted", oldest.0, oldest.1);
        let remedy = format!("Name a version from {}.{} on with --cilium-version.", oldest.0, oldest.1);
        out.block(MIGRATION, text::safe(&message), &remedy);
    } else {
        out.fine(MIGRATION, format!("Cilium {} with the strategy {strategy}", text::safe(wanted)));
    }
}
