use std::net::IpAddr;

use ipnet::IpNet;

use super::{Check, Context, MIGRATION, Report, Source};

pub(super) static CHECK: Check = Check {
    id: "pod-cidr",
    looks_at: "Cilium's pool against every range and address that the cluster uses: pods, Services, load balancers, nodes",
    why: "Addresses in two networks at once are unreachable from one of them: the API server, DNS, or ssh to the nodes. Cilium's usual pool 10.0.0.0/8 overlaps almost everything.",
    next: "Choose another pool with --pod-cidr.",
    reports: &["cilium/cilium#31504", "cilium/cilium#36518", "cilium/cilium#42383", "cilium/cilium#13766"],
    source: Source::Asked,
    judge,
};

/// What the pool overlaps, and which object says so.
fn clashes(ctx: &Context<'_>, pool: IpNet) -> impl Iterator<Item = (String, String)> {
    let (facts, survey) = (ctx.facts(), ctx.survey());
    let overlaps = move |net: &IpNet| pool.contains(net) || net.contains(&pool);
    let holds = move |ip: &IpAddr| pool.contains(ip);
    let flannel = facts.flannel().flat_map(|(key, f)| f.networks.iter().map(move |n| (format!("configmap/{key}"), *n)));
    let kubeadm = survey.kubeadm.known().into_iter().flat_map(|k| {
        let of = |n: &IpNet| ("configmap/kube-system/kubeadm-config".to_owned(), *n);
        k.pod_ranges.iter().chain(&k.service_ranges).map(of)
    });
    let services = survey.service_ranges.known().into_iter().flatten().map(|(n, r)| (format!("servicecidr/{n}"), *r));
    let proxy = survey.kube_proxy.known().into_iter().flat_map(|k| &k.cluster_cidr);
    // one that holds the pool was widened for it
    let proxy = proxy.filter(move |n| !n.contains(&pool)).map(|n| ("configmap/kube-system/kube-proxy".to_owned(), *n));
    let networks = flannel.map(|(o, n)| (o, "Flannel's network", n));
    let networks = networks
        .chain(kubeadm.map(|(o, n)| (o, "the range", n)))
        .chain(services.map(|(o, n)| (o, "the service range", n)))
        .chain(proxy.map(|(o, n)| (o, "kube-proxy's clusterCIDR", n)))
        .filter(move |(_, _, n)| overlaps(n))
        .map(|(object, what, n)| (object, format!("{what} {n}")));
    let ranges = facts.nodes.values().flat_map(move |n| {
        let of = move |r: &IpNet| (format!("node/{}", n.name), format!("the pod CIDR {r} of node {}", n.name));
        n.pod_ranges.iter().filter(move |r| overlaps(r)).map(of)
    });
    let addresses = facts.nodes.values().flat_map(move |n| {
        let of = move |ip: &IpAddr| (format!("node/{}", n.name), format!("the address {ip} of node {}", n.name));
        let all = n.addresses.iter().chain(&n.other_addresses).chain(&n.flannel_addresses);
        all.filter(move |ip| holds(ip)).map(of)
    });
    let own = facts.surroundings.service_address.filter(holds);
    let own = own.map(|ip| ("service/default/kubernetes".to_owned(), format!("the service address {ip}")));
    let of_services = survey.service_addresses.known().into_iter().flatten().filter(move |(_, ip)| holds(ip));
    let of_services =
        of_services.map(|(key, ip)| (format!("service/{key}"), format!("the address {ip} of service {key}")));
    networks.chain(ranges).chain(addresses).chain(own).chain(of_services)
}

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let pod_cidr = &ctx.cilium().pod_cidr;
    let Ok(pool) = pod_cidr.parse::<IpNet>() else {
        let message = format!("{} is not a CIDR", crate::domain::text::safe(pod_cidr));
        return out.block(MIGRATION, message, "Give --pod-cidr as in 10.245.0.0/16.");
    };
    if let Some((whose, what)) = clashes(ctx, pool).next() {
        return out.block(whose, format!("Cilium's pool {pool} overlaps {what}"), CHECK.next);
    }
    let survey = ctx.survey();
    let unknown = [("services", survey.service_addresses.unknown()), ("servicecidrs", survey.service_ranges.unknown())];
    match unknown.into_iter().find_map(|(what, why)| Some((what, why?))) {
        Some((what, why)) => out.unknown(what, &format!("whether {pool} overlaps their addresses: {why}")),
        None => out.fine(MIGRATION, format!("{pool} overlaps nothing")),
    }
}
