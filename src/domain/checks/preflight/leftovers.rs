use super::{Check, Context, Report, Source, few};
use crate::domain::{
    api::Severity,
    effect::{MULTUS_LABEL, SWITCH_LABEL},
    facts::{Key, Order},
};

pub(super) static CHECK: Check = Check {
    id: "leftovers",
    looks_at: "what earlier attempts left: Cilium's ConfigMap, CiliumNodes, definitions, labels and taints of nodes",
    why: "Cilium's operator keeps the ranges of CiliumNodes that it finds, whatever the pool is: pods get addresses of an old pool, or of the nodes' own network. A ConfigMap that is left is taken over by nobody.",
    next: "Delete what is named; helm and the agents make it again.",
    reports: &[
        "cilium/cilium-cli#2694",
        "kubernetes-sigs/kubespray#12252",
        "cilium/cilium#33861",
        "cilium/cilium#13766",
    ],
    source: Source::Watched,
    judge,
};

/// How labels of nodes begin that jetstack's cni-migration sets and leaves, and the names that it gives them.
const ROLE: &str = "node-role.kubernetes.io/";
const ROLES: [&str; 6] = ["canal-cilium", "priority-canal", "priority-cilium", "rolled", "cilium", "migrated"];
/// The taint that it sets beside the one that is configured, and so never removes.
const TAINT: &str = "node-role.kubernetes.io/cilium";

/// What an attempt with cni-migration leaves on nodes: its DaemonSets would choose them by these labels.
fn of_cni_migration(ctx: &Context<'_>, out: &mut Report<'_>) {
    for node in ctx.facts().nodes.values() {
        let (name, object) = (&node.name, vec![format!("node/{}", node.name)]);
        if node.taints.iter().any(|t| t.key == TAINT) {
            let message = "has the taint of an earlier attempt with cni-migration: no pod of others lands there";
            let remedy = format!("kubectl taint node {name} {TAINT}-");
            out.about(Severity::Warn, object.clone(), message, &remedy);
        }
        let is_its = |key: &&String| key.strip_prefix(ROLE).is_some_and(|role| ROLES.contains(&role));
        let labels: Vec<&String> = node.labels.keys().filter(is_its).collect();
        if !labels.is_empty() {
            let message = format!("has labels of an earlier attempt with cni-migration: {}", few(&labels));
            let removed: Vec<String> = labels.iter().map(|l| format!("{l}-")).collect();
            let remedy = format!(
                "Where nothing chooses nodes by them any more: kubectl label node {name} {}",
                removed.join(" ")
            );
            out.about(Severity::Warn, object, message, &remedy);
        }
    }
}

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let facts = ctx.facts();
    if ctx.view.is_started() || facts.any_cilium_agents().next().is_some() {
        return;
    }
    let before = out.count();
    // one of the same name in another namespace is somebody else's, and no agent reads it
    let own = |key: &&Key| *key.namespace == *ctx.cilium().namespace;
    for key in facts.cilium_configs.keys().filter(own) {
        let remedy = format!("Nothing runs with it: kubectl -n {} delete configmap {}", key.namespace, key.name);
        out.block(format!("configmap/{key}"), "left of a Cilium that does not run", &remedy);
    }
    for key in facts.node_configs.iter().filter(|(_, c)| !c.selects_all).map(|(key, _)| key).filter(own) {
        let remedy = format!("kubectl -n {} delete ciliumnodeconfig {}", key.namespace, key.name);
        out.block(
            format!("ciliumnodeconfig/{key}"),
            "left of an earlier attempt: it would act on the new agents",
            &remedy,
        );
    }
    let pool = ctx.cilium().pod_cidr.parse::<ipnet::IpNet>().ok();
    let mask = ctx.cilium().mask_size;
    let fits = |range: &ipnet::IpNet| pool.is_some_and(|p| p.contains(range)) && range.prefix_len() == mask;
    let names = |fitting: bool| {
        let of = facts.cilium_ranges.iter().filter(|(_, ranges)| ranges.iter().all(fits) == fitting);
        of.map(|(name, _)| format!("ciliumnode/{name}")).collect::<Vec<_>>()
    };
    for (fitting, severity) in [(false, Severity::Block), (true, Severity::Warn)] {
        let nodes = names(fitting);
        let bare: Vec<&str> = nodes.iter().filter_map(|n| n.split('/').nth(1)).collect();
        let ranges: Vec<String> =
            bare.iter().filter_map(|n| facts.cilium_ranges.get(*n)).flatten().map(ToString::to_string).collect();
        let message = if fitting {
            format!("ranges of an earlier Cilium in the pool: {} would be kept", few(&ranges))
        } else {
            format!(
                "ranges of an earlier Cilium that are not of the pool {}/{mask}: {} would be kept",
                ctx.cilium().pod_cidr,
                few(&ranges)
            )
        };
        let remedy = format!("kubectl delete ciliumnodes {}", few(&bare));
        out.about(severity, nodes, message, &remedy);
    }
    let labelled: Vec<&str> = facts.nodes.values().filter(|n| n.switched).map(|n| &*n.name).collect();
    if !labelled.is_empty() {
        let message = format!("labelled for Cilium before anything was begun: {}", few(&labelled));
        let remedy =
            format!("Their agents would take over at once: kubectl label nodes {} {SWITCH_LABEL}-", labelled.join(" "));
        out.about(Severity::Block, labelled.iter().map(|n| format!("node/{n}")).collect(), message, &remedy);
    }
    for node in facts.nodes.values().filter(|n| n.multus.is_some()) {
        let message = "labelled for Multus before anything was begun";
        let remedy = format!("Multus would start there at once: kubectl label node {} {MULTUS_LABEL}-", node.name);
        out.block(format!("node/{}", node.name), message, &remedy);
    }
    let sets = Order::BOTH.map(|order| order.daemon_set(&ctx.cilium().namespace));
    for key in sets.iter().filter(|key| facts.daemon_sets.contains_key(*key)) {
        let remedy = format!("kubectl -n {} delete daemonset {}", key.namespace, key.name);
        out.block(format!("daemonset/{key}"), "left of an earlier migration with Multus", &remedy);
    }
    of_cni_migration(ctx, out);
    if out.count() == before {
        let definitions = ctx.inventory.leftovers.len();
        let message = if definitions == 0 {
            "nothing of an earlier Cilium"
        } else {
            "definitions of an earlier Cilium alone: they do no harm"
        };
        out.fine("cluster", message);
    }
}
