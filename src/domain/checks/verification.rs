//! The final verification: what must be true of a cluster that is on Cilium, or on Flannel again.

use std::collections::BTreeMap;

use super::{encrypted, finding, pass, rolled_back::rolled_back, without_multus::without_multus};
use crate::domain::{
    api::{Finding, Severity, Target},
    facts::Cni,
    text,
    view::View,
};

/// Everything that the verification screen shows.
pub fn verification(ctx: &View<'_>) -> Vec<Finding> {
    if ctx.migration.spec.target == Target::Flannel {
        return rolled_back(ctx);
    }
    let mut out = Vec::new();
    let checks: [fn(&View<'_>, &mut Vec<Finding>); 8] =
        [addresses, agents, default, flannel_gone, hosts, nodes, encrypted::pairs, without_multus];
    for check in checks {
        check(ctx, &mut out);
    }
    out.extend(ctx.strategy.measured(ctx));
    out.sort_by_key(|f| std::cmp::Reverse(f.severity));
    out
}

fn addresses(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let facts = ctx.facts;
    let on_cilium = facts.pods_with(Cni::Cilium, None).count();
    let strays = [(Cni::Flannel, "Flannel's"), (Cni::Unknown, "unknown")].into_iter().flat_map(|(cni, whose)| {
        let pods = facts.pods_with(cni, None).filter(|p| !p.node.is_empty() && p.deleting.is_none());
        pods.filter_map(move |p| Some((p, p.ip?, whose)))
    });
    let before = out.len();
    // of a node that was not moved every pod is on Flannel: that is one finding, and no pod's
    let (mut unmoved, mut seen) = (BTreeMap::<&str, usize>::new(), vec![]);
    for (pod, ip, whose) in strays {
        if facts.nodes.get(&pod.node).is_some_and(|n| !n.switched && facts.flannel_daemon_sets().next().is_some()) {
            *unmoved.entry(&*pod.node).or_default() += 1;
        } else {
            seen.push((pod, ip, whose));
        }
    }
    out.extend(unmoved.into_iter().map(|(node, pods)| {
        let message = format!("not moved yet: {} on Flannel", text::count(pods, "pod"));
        finding(
            "addresses",
            Severity::Block,
            format!("node/{node}"),
            message,
            "Carry the migration on, or release the node.",
        )
    }));
    out.extend(seen.into_iter().map(|(pod, ip, whose)| {
        let remedy = if pod.owner.is_some() {
            "Delete the pod: its controller recreates it on Cilium."
        } else {
            "A bare pod: deleted it is gone. Create it again yourself; it gets an address of Cilium's."
        };
        let message = format!("{whose} address {ip} on {}", pod.node);
        finding("addresses", Severity::Block, format!("pod/{}", pod.key), message, remedy)
    }));
    if out.len() == before {
        out.push(pass("addresses", "pods", format!("{on_cilium} pods with Cilium addresses, none with Flannel's")));
    }
}

fn agents(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let Some(agents) = ctx.facts.cilium_agents() else {
        out.push(finding(
            "agents",
            Severity::Block,
            "cluster",
            "no DaemonSet runs Cilium agents",
            "Is this the right context?",
        ));
        return;
    };
    let object = format!("daemonset/{}", agents.key);
    if agents.is_rolled_out() {
        out.push(pass("agents", object, format!("{} of {} agents ready", agents.ready, agents.desired)));
    } else {
        out.push(finding(
            "agents",
            Severity::Block,
            object,
            format!("{} of {} agents ready", agents.ready, agents.desired),
            "Check the agents that are not.",
        ));
    }
}

fn default(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let Some(config) = ctx.facts.cilium_config() else { return };
    let configmap = format!("configmap/{}/cilium-config", ctx.facts.cilium_namespace());
    let object = configmap.clone();
    if config.custom_conf {
        out.push(finding(
            "default",
            Severity::Block,
            object,
            "custom-cni-conf is true: a new node would start without Cilium",
            "The phase Finalize makes Cilium the default.",
        ));
    } else {
        out.push(pass(
            "default",
            object,
            format!("Cilium is the default of every node; policies: {}", config.enable_policy),
        ));
    }
    if config.audits_policies {
        out.push(finding(
            "policies",
            Severity::Warn,
            configmap,
            "policies are audited and not enforced: policy-audit-mode is true, as your values say",
            "Flows with the verdict audit are what they would deny. To enforce them: helm upgrade with \
             --reuse-values --set policyAuditMode=false, then restart the agents.",
        ));
    }
}

fn flannel_gone(ctx: &View<'_>, out: &mut Vec<Finding>) {
    match ctx.facts.flannel_daemon_sets().next() {
        Some(set) => out.push(finding(
            "flannel",
            Severity::Block,
            format!("daemonset/{}", set.key),
            "Flannel is still running",
            "The phase Remove deletes it.",
        )),
        None => out.push(pass("flannel", "cluster", "no DaemonSet runs Flannel")),
    }
}

fn hosts(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let mut clean = 0;
    let nodes = ctx.nodes_in_order();
    for node in &nodes {
        let Some(evidence) = ctx.record(&node.name).and_then(|r| r.status.as_ref()).map(|s| &s.evidence) else {
            continue;
        };
        let object = format!("node/{}", node.name);
        let Some(host) = &evidence.host else { continue };
        for (whose, leaked, remedy) in [
            (
                "Flannel",
                &evidence.leaked_leases,
                "They are not available to a rollback; the phase Remove deletes them.",
            ),
            ("Cilium", &evidence.leaked_endpoints, "A restart of the node's agent removes them."),
        ] {
            if !leaked.is_empty() {
                let many = if leaked.len() == 1 { "1 address".into() } else { format!("{} addresses", leaked.len()) };
                let what = format!("{many} of {whose} leaked: {}", leaked.join(", "));
                out.push(finding("leaks", Severity::Warn, object.clone(), what, remedy));
            }
        }
        if !host.only("05-cilium") {
            out.push(finding(
                "hosts",
                Severity::Block,
                object,
                format!("CNI directory holds {}", host.cni_files.join(", ")),
                "Only 05-cilium.conflist belongs there.",
            ));
        } else if evidence.cleaned && !host.links.iter().any(|l| l == "flannel.1" || l == "cni0") {
            clean += 1;
        } else if evidence.cleaned {
            out.push(finding(
                "hosts",
                Severity::Block,
                object,
                format!("links left: {}", host.links.join(", ")),
                "Delete them, or reboot the node.",
            ));
        }
    }
    out.push(pass("hosts", "nodes", format!("{clean} of {} clean of Flannel", nodes.len())));
}

pub(super) fn nodes(ctx: &View<'_>, out: &mut Vec<Finding>) {
    for node in ctx.facts.nodes.values() {
        let object = format!("node/{}", node.name);
        if !node.ready {
            out.push(finding(
                "nodes",
                Severity::Block,
                object,
                format!("not Ready: {}", text::safe(&node.not_ready_reason)),
                "Check the node.",
            ));
        } else if node.has_marks() {
            out.push(finding(
                "nodes",
                Severity::Block,
                object,
                "still cordoned or tainted by Cutover",
                "`cutover status` shows why.",
            ));
        }
    }
    let ready = ctx.facts.nodes.values().filter(|n| n.ready).count();
    out.push(pass("nodes", "nodes", format!("{ready} of {} Ready", ctx.facts.nodes.len())));
}
