//! Are the nodes fit?

use super::{finding, pass};
use crate::domain::{
    api::{Finding, Severity},
    consent::ConsentKind,
    effect::{CORDON_MARK, SWITCHING_TAINT},
    facts::NodeFact,
    text,
    view::View,
};

/// The oldest kernel that Cilium 1.14 to 1.16 run on.
const OLDEST_KERNEL: (u32, u32) = (4, 19);

pub(super) fn ready(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let mut well = 0;
    for node in ctx.facts.nodes.values() {
        let object = format!("node/{}", node.name);
        if node.os == "windows" {
            out.push(finding("nodes", Severity::Block, object, "runs Windows", "Cilium has no agent for it."));
        } else if !node.ready {
            out.push(finding(
                "nodes",
                Severity::Block,
                object,
                format!("not Ready: {}", text::safe(&node.not_ready_reason)),
                "Repair it or remove it from the cluster: it counts as unavailable.",
            ));
        } else if node.unschedulable && !ctx.facts.is_cordoned_by_cutover(node) {
            out.push(finding(
                "nodes",
                Severity::Warn,
                object,
                "cordoned, not by Cutover: it counts as unavailable and is left alone",
                &format!(
                    "Uncordon it; or let it be moved all the same with --consent {}:node/{}.",
                    ConsentKind::TakeCordoned,
                    node.name
                ),
            ));
        } else {
            well += 1;
        }
    }
    if ctx.facts.nodes.is_empty() {
        out.push(finding("nodes", Severity::Block, "cluster", "no nodes", "Is this the right context?"));
    }
    out.push(pass("nodes", "nodes", format!("{well} of {} Ready and schedulable", ctx.facts.nodes.len())));
}

/// Marks of Cutover's that this migration has not set: of an old attempt, of a copied manifest, or planted.
pub(super) fn marks(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let strays = |n: &&NodeFact| n.stray_mark || (n.has_marks() && !(ctx.is_started() && ctx.facts.owns_marks(n)));
    for node in ctx.facts.nodes.values().filter(strays) {
        let name = &node.name;
        out.push(finding(
            "marks",
            Severity::Block,
            format!("node/{name}"),
            "carries marks of Cutover's that this migration has not set",
            &format!(
                "See who works on it, then remove them: kubectl annotate node {name} {CORDON_MARK}-; kubectl taint node {name} {SWITCHING_TAINT}-; kubectl uncordon {name}"
            ),
        ));
    }
}

pub(super) fn kernel(ctx: &View<'_>, out: &mut Vec<Finding>) {
    for node in ctx.facts.nodes.values() {
        let mut parts = node.kernel.split(['.', '-', '+']).map(str::parse::<u32>);
        let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else { continue };
        if (major, minor) < OLDEST_KERNEL {
            out.push(finding(
                "kernel",
                Severity::Block,
                format!("node/{}", node.name),
                format!("kernel {} is older than {}.{}", text::safe(&node.kernel), OLDEST_KERNEL.0, OLDEST_KERNEL.1),
                "Cilium does not run on it.",
            ));
        }
    }
}

/// etcd's health is checked before a control-plane node goes down; members that are no pods cannot be checked.
pub(super) fn etcd(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let control_planes = ctx.facts.nodes.values().filter(|n| ctx.facts.is_control_plane(n)).count();
    let members = ctx.facts.etcd_members().count();
    if control_planes == 0 {
        return;
    }
    if control_planes == 1 {
        out.push(finding(
            "control plane",
            Severity::Warn,
            "control plane",
            "one control-plane node: the API server is away for some minutes while it reboots",
            "Pods go on running; nothing is scheduled, scaled or admitted meanwhile. Move it when that is bearable.",
        ));
    }
    if members < control_planes {
        out.push(finding(
            "etcd",
            Severity::Warn,
            "control plane",
            format!("{members} of {control_planes} control-plane nodes run an etcd member as a pod"),
            "For members that run as services, or elsewhere, only the API server's own health check is seen: check them yourself before each control-plane node (etcdctl endpoint health --cluster).",
        ));
        return;
    }
    let ill = ctx.facts.etcd_members().find(|p| !p.ready);
    match ill {
        Some(pod) => out.push(finding(
            "etcd",
            Severity::Warn,
            format!("pod/{}", pod.key),
            "etcd member not ready: no control-plane node begins",
            "Repair it first.",
        )),
        None => out.push(pass("etcd", "control plane", text::count(members, "member") + " ready")),
    }
}
