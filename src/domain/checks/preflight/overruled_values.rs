use super::{Check, Context, MIGRATION, Report, Source, few};
use crate::domain::values::overruled_keys;

pub(super) static CHECK: Check = Check {
    id: "overruled-values",
    looks_at: "your helm values that the migration's own take the place of: pool, mask, port, CNI, routing, policy enforcement",
    why: "What is installed is not what the file says. Whoever upgrades the release later with that file changes the pool under running pods.",
    next: "Take them out of the file, or make them say what --pod-cidr, --mask-size and --tunnel-port say.",
    reports: &["cilium/cilium#33861"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let cilium = ctx.cilium();
    let installed = ctx.view.strategy.values(cilium).into_iter().next().unwrap_or_default();
    let mut overruled = overruled_keys(&installed, &cilium.values);
    overruled.extend(ctx.view.strategy.overruled(cilium));
    overruled.sort_unstable();
    overruled.dedup();
    if overruled.is_empty() {
        return out.fine(MIGRATION, "all of your values are installed as they are");
    }
    let object = format!("values/{}", overruled[0]);
    out.warn(object, format!("the migration overrides your values of {}", few(&overruled)), CHECK.next);
}
