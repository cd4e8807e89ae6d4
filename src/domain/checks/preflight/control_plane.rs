use super::{Check, Context, Report, Source};

pub(super) static CHECK: Check = Check {
    id: "control-plane",
    looks_at: "how many nodes have the control plane, and whether they are in the node list at all",
    why: "A single one is away while it reboots. One that is not in the list stays on its own network: its API server may not reach pods on Cilium, and webhooks and metrics in pods time out.",
    next: "Move it when that is bearable; for a hidden one see that it has routes to Cilium's pool.",
    reports: &[],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let facts = ctx.facts();
    match facts.nodes.values().filter(|n| facts.is_control_plane(n)).count() {
        0 if facts.nodes.is_empty() => {}
        0 => out.warn(
            "control plane",
            "no node is part of the control plane: it runs elsewhere, or is labelled otherwise",
            "See that its API server reaches pods at Cilium's addresses, or that no webhook and no API is served from pods.",
        ),
        1 => out.warn(
            "control plane",
            "one control-plane node: the API server is away for some minutes while it reboots",
            "Pods go on running; nothing is scheduled, scaled or admitted meanwhile. Move it when that is bearable.",
        ),
        n => out.fine("control plane", format!("{n} nodes, moved last and one at a time")),
    }
}
