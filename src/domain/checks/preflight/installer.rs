use super::{Check, Context, MIGRATION, Report, Source};
use crate::domain::{api::Installer, kubespray::Kubespray, text};

pub(super) static CHECK: Check = Check {
    id: "installer",
    looks_at: "who installs Cilium, and what the release of Kubespray does wrong with it",
    why: "Kubespray installs Cilium as the CNI of every node at once, and each of its releases has traps of its own.",
    next: "Take the variables that `cutover kubespray` prints.",
    reports: &["kubernetes-sigs/kubespray#13054", "kubernetes-sigs/kubespray#2493"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let (cilium, strategy) = (ctx.cilium(), ctx.view.strategy);
    if cilium.installer == Installer::Helm {
        return out.fine(MIGRATION, "Cutover, by helm");
    }
    if !strategy.has_outage() {
        let message =
            format!("Kubespray cannot install Cilium idle beside Flannel, as the strategy {} needs it", strategy.id());
        out.block(MIGRATION, message, "Use --installer helm, or --strategy downtime.");
    }
    match cilium.kubespray_version.as_deref().map(str::parse::<Kubespray>) {
        Some(Ok(kubespray)) => {
            for trap in kubespray.traps(cilium) {
                out.warn(MIGRATION, trap, CHECK.next);
            }
        }
        Some(Err(why)) => {
            out.block(MIGRATION, text::safe(&why), "Name a known one with --kubespray-version.");
        }
        None => {
            out.block(MIGRATION, "the release of Kubespray is not named", "Name it with --kubespray-version, as 2.31.");
        }
    }
}
