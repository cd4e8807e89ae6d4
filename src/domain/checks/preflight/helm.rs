use super::{Check, Context, Report, Source};
use crate::domain::text;

pub(super) static CHECK: Check = Check {
    id: "helm",
    looks_at: "the helm program on this machine",
    why: "Cilium is installed, finalized and uninstalled by helm.",
    next: "Install helm 3 or 4, or name it with --helm.",
    reports: &[],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    match &ctx.facts().surroundings.helm {
        Some(Ok(version)) => out.fine("helm", format!("version {}", text::safe(version))),
        Some(Err(why)) => out.block("helm", text::safe(why), CHECK.next),
        None => out.unknown("helm", "not asked yet"),
    }
}
