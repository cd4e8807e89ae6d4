use std::collections::BTreeMap;

use super::{Check, Context, Report, Source};
use crate::domain::{
    api::Severity,
    text::safe,
    versions::{self, Kernel, kernel_words},
};

pub(super) static CHECK: Check = Check {
    id: "kernel",
    looks_at: "each node's kernel against what the wanted Cilium needs, distributions' backports counted",
    why: "An agent on a kernel that is too old ends at once, on that node alone, once it is installed.",
    next: "Upgrade these nodes, or choose an older Cilium.",
    reports: &["cilium/cilium#23951"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let Some(row) = versions::of(&ctx.cilium().version) else { return };
    let (mut old, mut odd): (BTreeMap<&str, Vec<String>>, Vec<String>) = (BTreeMap::new(), vec![]);
    for node in ctx.facts().nodes.values().filter(|n| n.os != "windows") {
        match Kernel::parse(&node.kernel) {
            Some(kernel) if kernel.runs(row) => {}
            Some(_) => old.entry(&node.kernel).or_default().push(format!("node/{}", node.name)),
            None => odd.push(format!("node/{}", node.name)),
        }
    }
    if old.is_empty() && odd.is_empty() {
        out.fine("nodes", format!("new enough for Cilium 1.{} ({})", row.number, kernel_words(row)));
    }
    for (kernel, nodes) in old {
        let message =
            format!("kernel {} is too old for Cilium 1.{}: {} is needed", safe(kernel), row.number, kernel_words(row));
        out.about(Severity::Block, nodes, message, CHECK.next);
    }
    if let Some(node) = odd.first() {
        out.unknown(node.clone(), "its kernel's version cannot be read");
    }
}
