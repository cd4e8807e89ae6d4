use serde_json::Value;

use super::{Check, Context, MIGRATION, Report, Source};
use crate::domain::encryption::Encryption;

pub(super) static CHECK: Check = Check {
    id: "encryption-values",
    looks_at: "values that switch encryption between nodes on",
    why: "With WireGuard every packet to the tunnel port goes through cilium_wg0, whether the peer has it or not; IPsec needs a Secret that the chart does not create. Switched on by values while nodes move, connections break that nothing watches.",
    next: "Leave it out, and choose it with --encryption: then it is turned on when no pod is Cilium's yet, and verified.",
    reports: &["cilium/cilium#39655", "kubernetes-sigs/kubespray#13054", "cilium/cilium#44691"],
    source: Source::Watched,
    judge,
};

const SWITCHES: [&str; 3] = ["/encryption/enabled", "/encryption/nodeEncryption", "/encryption/strictMode/enabled"];

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    // with --encryption they are checked with it
    if ctx.cilium().encryption != Encryption::None {
        return;
    }
    let values = &ctx.cilium().values;
    let on = |pointer: &&&str| values.pointer(pointer).is_some_and(|v| *v == Value::Bool(true) || *v == "true");
    let switched: Vec<String> =
        SWITCHES.iter().filter(on).map(|p| p.trim_start_matches('/').replace('/', ".")).collect();
    let Some(first) = switched.first() else {
        return out.fine(MIGRATION, "no encryption in the values");
    };
    let kind = values["encryption"]["type"].as_str().unwrap_or("ipsec");
    let message = format!("{} switches {} on by values", switched.join(", "), crate::domain::text::safe(kind));
    out.block(format!("values/{first}"), message, CHECK.next);
}
