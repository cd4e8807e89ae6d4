use super::{Check, Context, Report, Source};
use crate::domain::text::safe;

pub(super) static CHECK: Check = Check {
    id: "backend",
    looks_at: "Flannel's backend",
    why: "Both overlays run side by side for as long as nodes move. IPsec's states, tunnels in user space and routes of a cloud get in each other's way.",
    next: "Change Flannel's backend to vxlan, host-gw or wireguard first, and roll its pods.",
    reports: &["cilium/cilium#8990"],
    source: Source::Watched,
    judge,
};

/// Backends that were seen to work beside Cilium.
const TESTED: [&str; 3] = ["vxlan", "host-gw", "wireguard"];

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    for (key, flannel) in ctx.facts().flannel() {
        let object = format!("configmap/{key}");
        let backend = safe(&flannel.backend);
        if TESTED.contains(&flannel.backend.as_str()) {
            out.fine(object.clone(), format!("Flannel uses {backend}"));
        } else {
            let message = format!("Flannel's backend {backend} is not tested beside Cilium");
            out.block(object.clone(), message, CHECK.next);
        }
        if flannel.direct_routing {
            out.warn(object, "Flannel uses DirectRouting", "Watch the first node's flows closely.");
        }
    }
}
