use super::{Check, Context, Report, Source};

pub(super) static CHECK: Check = Check {
    id: "tunnel-port",
    looks_at: "the UDP port of Cilium's VXLAN against Flannel's",
    why: "Two VXLAN devices cannot have one port: agents say Address already in use and go on with their link down.",
    next: "Choose another --tunnel-port; 8473 is usual.",
    reports: &["cilium/cilium#8990", "tkestack/tke#1279"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let port = ctx.cilium().tunnel_port;
    let same = ctx.facts().flannel().find(|(_, f)| f.backend == "vxlan" && f.port == Some(port));
    if let Some((key, _)) = same {
        let message = format!("Flannel and Cilium would both use UDP {port} for VXLAN");
        return out.block(format!("configmap/{key}"), message, CHECK.next);
    }
    out.info(
        "nodes",
        format!("UDP {port} must be open between all nodes"),
        "A firewall between nodes is not visible in the API; the first node's verification finds it.",
    );
}
