//! Addresses and ports that must not overlap.

use ipnet::IpNet;

use super::{finding, pass};
use crate::domain::{
    api::{Finding, Severity},
    view::View,
};

fn pool(ctx: &View<'_>) -> Option<IpNet> {
    ctx.migration.spec.cilium.pod_cidr.parse().ok()
}

pub(super) fn overlap(ctx: &View<'_>, out: &mut Vec<Finding>) {
    const CHECK: &str = "pod CIDR";
    let spec = &ctx.migration.spec.cilium;
    let Some(pool) = pool(ctx) else {
        out.push(finding(
            CHECK,
            Severity::Block,
            "migration/cutover",
            format!("{} is not a CIDR", spec.pod_cidr),
            "Give --pod-cidr as in 10.245.0.0/16.",
        ));
        return;
    };
    let facts = ctx.facts;
    let overlaps = |net: &&IpNet| pool.contains(*net) || net.contains(&pool);
    let networks = facts.flannel().flat_map(|(key, f)| f.networks.iter().map(move |n| (key, n)));
    let networks = networks.filter(|(_, n)| overlaps(n));
    let ranges = facts.nodes.values().flat_map(|n| n.pod_ranges.iter().filter(overlaps).map(move |r| (n, r)));
    let addresses = facts.nodes.values().flat_map(|n| n.addresses.iter().map(move |a| (n, a)));
    let addresses = addresses.filter(|(_, a)| pool.contains(*a));
    let service = facts.surroundings.service_address.filter(|ip| pool.contains(ip));
    let clash = networks
        .map(|(key, net)| (format!("configmap/{key}"), format!("Flannel's network {net}")))
        .chain(ranges.map(|(n, net)| (format!("node/{}", n.name), format!("the pod CIDR {net} of node {}", n.name))))
        .chain(addresses.map(|(n, ip)| (format!("node/{}", n.name), format!("the address {ip} of node {}", n.name))))
        .chain(service.map(|ip| ("service/default/kubernetes".into(), format!("the service address {ip}"))))
        .next();
    match clash {
        Some((whose, what)) => out.push(finding(
            CHECK,
            Severity::Block,
            whose,
            format!("Cilium's pool {pool} overlaps {what}"),
            "Choose another pool with --pod-cidr.",
        )),
        None => out.push(pass(CHECK, "migration/cutover", format!("{pool} overlaps nothing"))),
    }
}

pub(super) fn pool_size(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let (Some(pool), mask) = (pool(ctx), ctx.migration.spec.cilium.mask_size) else { return };
    let ranges = mask.checked_sub(pool.prefix_len()).map_or(0, |bits| 1_usize << bits.min(24));
    let nodes = ctx.facts.nodes.len();
    if ranges < nodes {
        out.push(finding(
            "pool size",
            Severity::Block,
            "migration/cutover",
            format!("{pool} holds {ranges} ranges of /{mask}, and there are {nodes} nodes"),
            "Choose a larger --pod-cidr or a longer --mask-size.",
        ));
    } else {
        out.push(pass("pool size", "migration/cutover", format!("{ranges} ranges for {nodes} nodes")));
    }
}

pub(super) fn tunnel_port(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let port = ctx.migration.spec.cilium.tunnel_port;
    for (key, flannel) in ctx.facts.flannel() {
        if flannel.backend == "vxlan" && flannel.port == Some(port) {
            out.push(finding(
                "tunnel port",
                Severity::Block,
                format!("configmap/{key}"),
                format!("Flannel and Cilium would both use UDP {port} for VXLAN"),
                "Choose another --tunnel-port; 8473 is usual.",
            ));
            return;
        }
    }
    out.push(finding(
        "tunnel port",
        Severity::Info,
        "nodes",
        format!("UDP {port} must be open between all nodes"),
        "A firewall between nodes is not visible in the API; the first node's verification finds it.",
    ));
}

pub(super) fn backend(ctx: &View<'_>, out: &mut Vec<Finding>) {
    for (key, flannel) in ctx.facts.flannel() {
        let object = format!("configmap/{key}");
        match flannel.backend.as_str() {
            "vxlan" | "host-gw" | "wireguard" => {
                out.push(pass("backend", object, format!("Flannel uses {}", flannel.backend)));
            }
            other => out.push(finding(
                "backend",
                Severity::Block,
                object,
                format!("Flannel's backend {other} is not tested beside Cilium"),
                "Tested backends: vxlan, host-gw, wireguard.",
            )),
        }
        if flannel.direct_routing {
            out.push(finding(
                "backend",
                Severity::Warn,
                format!("configmap/{key}"),
                "Flannel uses DirectRouting",
                "Watch the first node's flows closely.",
            ));
        }
        if flannel.networks.len() > 1 {
            out.push(finding(
                "backend",
                Severity::Warn,
                format!("configmap/{key}"),
                "the cluster is dual-stack; only IPv4 is moved",
                "Changing the address family during a migration is untested upstream.",
            ));
        }
    }
}
