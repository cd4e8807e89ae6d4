use super::{Check, Context, Report, Source};

pub(super) static CHECK: Check = Check {
    id: "mtu",
    looks_at: "an MTU that is named for Flannel",
    why: "An MTU that somebody set by hand is there for a reason, as a cloud's smaller network. Cilium works its own out from the node's link and does not know of it.",
    next: "Set the same reserve in the values (MTU).",
    reports: &[],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let named = !ctx.cilium().values["MTU"].is_null();
    for (key, flannel) in ctx.facts().flannel() {
        let object = format!("configmap/{key}");
        match flannel.mtu {
            Some(mtu) if !named => {
                let message = format!("Flannel's MTU is set to {mtu}, and the values name none for Cilium");
                out.warn(object, message, &format!("{} Flannel's is {mtu} within VXLAN.", CHECK.next));
            }
            _ => out.fine(object, if named { "the values name an MTU" } else { "worked out from the nodes' links" }),
        }
    }
}
