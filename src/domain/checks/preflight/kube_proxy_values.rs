use serde_json::Value;

use super::{Check, Context, MIGRATION, Report, Source};
use crate::domain::effect::Chaining;

pub(super) static CHECK: Check = Check {
    id: "kube-proxy-values",
    looks_at: "values that replace kube-proxy, whole or in part, or that need that it is replaced",
    why: "As soon as such agents start, they answer Services on every node, moved or not: load balancers were cut off in that moment. Options that need the replacement keep the agents from starting without it.",
    next: "Leave it out; switch it on in the release once the migration is complete.",
    reports: &["cilium/cilium#21579"],
    source: Source::Watched,
    judge,
};

const REPLACEMENT: &str = "kubeProxyReplacement";
/// Values of it that leave kube-proxy alone.
const OFF: [&str; 3] = ["false", "disabled", ""];

/// Switches that do a part of kube-proxy's work, or need the replacement.
const PARTS: &[(&str, &str)] = &[
    ("/nodePort/enabled", "serves NodePorts in kube-proxy's place"),
    ("/socketLB/enabled", "serves Services in kube-proxy's place"),
    ("/hostServices/enabled", "serves Services in kube-proxy's place"),
    ("/externalIPs/enabled", "serves external IPs in kube-proxy's place"),
    ("/hostPort/enabled", "serves host ports by the replacement of kube-proxy"),
    ("/l2announcements/enabled", "needs the replacement of kube-proxy"),
    ("/egressGateway/enabled", "needs the replacement of kube-proxy"),
    ("/gatewayAPI/enabled", "needs the replacement of kube-proxy"),
    ("/ingressController/enabled", "needs the replacement of kube-proxy"),
    ("/localRedirectPolicy", "needs the replacement of kube-proxy"),
    ("/localRedirectPolicies/enabled", "needs the replacement of kube-proxy"),
    ("/nat46x64Gateway/enabled", "needs the replacement of kube-proxy"),
    ("/envoyConfig/enabled", "needs the replacement of kube-proxy"),
];

const HOST_PORTS: &str = "/hostPort/enabled";

fn is_on(value: &Value) -> bool {
    match value {
        Value::Bool(on) => *on,
        Value::String(text) => text == "true",
        _ => false,
    }
}

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let values = &ctx.cilium().values;
    let before = out.count();
    let replaces = match &values[REPLACEMENT] {
        Value::Null | Value::Bool(false) => false,
        Value::String(mode) => !OFF.contains(&mode.as_str()),
        _ => true,
    };
    if replaces {
        out.block(
            format!("values/{REPLACEMENT}"),
            format!("{REPLACEMENT} is on"),
            "Replacing kube-proxy while two CNIs run cuts load balancers off (cilium#21579), in part as well. Do it after the migration.",
        );
    }
    let chained = Chaining::of(values).serves_host_ports();
    for (pointer, what) in PARTS.iter().filter(|(p, _)| values.pointer(p).is_some_and(is_on)) {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        // portmap serves them; the switch does nothing then
        if *pointer == HOST_PORTS && chained {
            continue;
        }
        out.block(
            format!("values/{path}"),
            format!("{path} {what}, and kube-proxy stays while both CNIs run"),
            CHECK.next,
        );
    }
    if out.count() == before {
        out.fine(MIGRATION, "kube-proxy stays");
    }
}
