use super::{Check, Context, MIGRATION, Report, Source};

pub(super) static CHECK: Check = Check {
    id: "pool-size",
    looks_at: "how many ranges the pool has, against nodes",
    why: "A node that gets no range has no Cilium, and the pool of a running cluster cannot be changed.",
    next: "Choose a larger --pod-cidr or a longer --mask-size.",
    reports: &["cozystack/cozystack#3740"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let Ok(pool) = ctx.cilium().pod_cidr.parse::<ipnet::IpNet>() else { return };
    let mask = ctx.cilium().mask_size;
    let ranges = mask.checked_sub(pool.prefix_len()).map_or(0, |bits| 1_usize << bits.min(24));
    let nodes = ctx.facts().nodes.len();
    if ranges < nodes {
        let message = format!("{pool} holds {ranges} ranges of /{mask}, and there are {nodes} nodes");
        out.block(MIGRATION, message, CHECK.next);
    } else {
        out.fine(MIGRATION, format!("{ranges} ranges for {nodes} nodes"));
    }
}
