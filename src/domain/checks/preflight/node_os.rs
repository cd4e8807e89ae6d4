use std::collections::BTreeMap;

use super::{Check, Context, Report, Source};
use crate::domain::{
    api::{HostAccess, Severity},
    text::safe,
};

pub(super) static CHECK: Check = Check {
    id: "node-os",
    looks_at: "operating systems without a shell, or with folders that cannot be written, against the way to the hosts",
    why: "Host tasks are shell scripts with the host's own tools. Talos and Bottlerocket have none; they reboot and are configured by APIs of their own.",
    next: "Use --host-access manual there, with the system's own tools in the place of the commands shown.",
    reports: &["siderolabs/talos#13958"],
    source: Source::Watched,
    judge,
};

/// How the names of such systems begin, and what they need.
const SPECIAL: &[(&str, bool, &str)] = &[
    (
        "Talos",
        true,
        "no shell: talosctl reboots it, and its machine configuration holds the CNI (cluster.network.cni.name: none)",
    ),
    ("Bottlerocket", true, "no shell: apiclient reboots it"),
    ("Container-Optimized OS", false, "most folders are read-only or noexec: see that /opt/cni/bin can be written"),
];

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let mut found: BTreeMap<&str, (bool, &str, Vec<String>)> = BTreeMap::new();
    for node in ctx.facts().nodes.values() {
        if let Some((_, shellless, needs)) = SPECIAL.iter().find(|(name, _, _)| node.os_image.starts_with(name)) {
            let entry = found.entry(&node.os_image).or_insert((*shellless, needs, vec![]));
            entry.2.push(format!("node/{}", node.name));
        }
    }
    if found.is_empty() {
        return out.fine("nodes", "operating systems with a shell");
    }
    let by_hand = ctx.view.migration.spec.hosts.access == HostAccess::Manual;
    for (os, (shellless, needs, nodes)) in found {
        let severity = if shellless && !by_hand { Severity::Block } else { Severity::Warn };
        out.about(severity, nodes, format!("{}: {needs}", safe(os)), CHECK.next);
    }
}
