//! What encryption between nodes needs, by kind and version of Cilium. Facts from the sources of Cilium's releases.

use super::{Check, Context, MIGRATION, Report, Source};
use crate::domain::{
    api::CiliumSpec,
    encryption::{Encryption, SECRET, WIREGUARD_PORT},
    text,
};

pub(super) static CHECK: Check = Check {
    id: "encryption",
    looks_at: "what --encryption needs: the version, values, kernels, and a key that is there already",
    why: "Agents end themselves with the wrong combination, after the install: pods on their node then lose their network.",
    next: "Change the value, the version or the kind of encryption that is named.",
    reports: &["cilium/cilium#39655", "cilium/cilium#44691", "kubernetes-sigs/kubespray#13054"],
    source: Source::Watched,
    judge,
};

/// The first minor version whose agents run with WireGuard and the L7 proxy at once.
const WIREGUARD_WITH_L7: u32 = 14;
/// The kernel that WireGuard came with.
const WIREGUARD_KERNEL: (u32, u32) = (5, 6);
/// The first minor version whose nodes exchange ESP itself instead of ESP in VXLAN.
const ESP_OUTSIDE: u32 = 18;
/// Pods' packets on a network of 1500 bytes.
const MTU: u32 = 1500;

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let cilium = ctx.cilium();
    if cilium.encryption == Encryption::None {
        return out.fine(MIGRATION, "not wanted");
    }
    let before = out.count();
    for (message, remedy) in conflicts(cilium) {
        out.block(MIGRATION, message, &remedy);
    }
    match cilium.encryption {
        Encryption::Ipsec => key(ctx, out),
        Encryption::Wireguard => kernels(ctx, out),
        Encryption::None => {}
    }
    if out.count() == before {
        let left = MTU - cilium.encryption.overhead();
        let kind = cilium.encryption;
        out.fine(
            MIGRATION,
            format!("{kind} between pods of two nodes; pods get an MTU of {left} where the network has {MTU}"),
        );
    }
    let remedy = "A firewall between nodes is not visible in the API; the verification of each pair of nodes finds it.";
    out.info("nodes", ports(cilium), remedy);
}

/// Values with which agents would end themselves, or pods be cut off.
fn conflicts(cilium: &CiliumSpec) -> Vec<(String, String)> {
    let (values, minor) = (&cilium.values, cilium.minor().unwrap_or(u32::MAX));
    let mut found = vec![];
    let mut says = |message: &str, remedy: &str| found.push((message.to_owned(), remedy.to_owned()));
    let chaining = values["cni"]["chainingMode"].as_str().is_some_and(|mode| mode != "none");
    let replaced = ["true", "strict", "partial", "probe"].iter().any(|v| values["kubeProxyReplacement"] == *v)
        || values["kubeProxyReplacement"] == true;
    match cilium.encryption {
        Encryption::Wireguard => {
            if minor < WIREGUARD_WITH_L7 && values["l7Proxy"] != false {
                says(
                    "Cilium before 1.14 ends itself with WireGuard and the L7 proxy, which is on by default",
                    "Set l7Proxy: false in your values, or use --encryption ipsec, or a newer Cilium.",
                );
            }
        }
        Encryption::Ipsec => {
            if values["hostFirewall"]["enabled"] == true {
                says("IPsec and the host firewall cannot both be on", "Turn hostFirewall off in your values.");
            }
            if replaced && minor < 16 {
                says(
                    "IPsec does not work with the replacement of kube-proxy before Cilium 1.16",
                    "Leave kubeProxyReplacement off in your values, or use a newer Cilium.",
                );
            }
        }
        Encryption::None => {}
    }
    if chaining {
        says("encryption does not work with CNI chaining", "Leave cni.chainingMode out of your values.");
    }
    for kind in ["ipsec", "wireguard"] {
        if values["encryption"]["type"] == kind && kind != cilium.encryption.name() {
            says(
                &format!("your values want {kind}, and --encryption says {}", cilium.encryption),
                "Agree on one: both at once are refused, and one is not replaced by the other in place (cilium#44691).",
            );
        }
    }
    if cilium.encryption == Encryption::Wireguard && values["encryption"]["strictMode"]["enabled"] == true {
        says(
            "strict mode drops what is not encrypted, and while nodes are moved some traffic is plain",
            "Turn it on after the migration.",
        );
    }
    found
}

fn key(ctx: &Context<'_>, out: &mut Report<'_>) {
    let cilium = ctx.cilium();
    let object = format!("secret/{}/{SECRET}", cilium.namespace);
    let objection = match &ctx.facts().surroundings.ipsec_key {
        // made by Cutover, or not readable: then agents that do not start tell
        None => return,
        Some(Ok(key)) => key.objection(cilium.minor()),
        Some(Err(why)) => Some(why.clone()),
    };
    if let Some(why) = objection {
        let version = text::safe(&cilium.version);
        let message = format!("a key is there already that Cilium {version} cannot use: {}", text::safe(&why));
        out.block(object, message, "Delete the Secret, so that Cutover makes one, or put a key into it that fits.");
    }
}

fn kernels(ctx: &Context<'_>, out: &mut Report<'_>) {
    if ctx.cilium().values["encryption"]["wireguard"]["userspaceFallback"] == true {
        return;
    }
    for node in ctx.facts().nodes.values() {
        let mut parts = node.kernel.split(['.', '-', '+']).map(str::parse::<u32>);
        let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else { continue };
        if (major, minor) < WIREGUARD_KERNEL {
            let message = format!("kernel {} has no WireGuard of its own; it came with 5.6", text::safe(&node.kernel));
            let remedy = "Use --encryption ipsec, a newer kernel, or one into which the module was put back (then say so with encryption.wireguard.userspaceFallback: true in your values, up to Cilium 1.16).";
            out.block(format!("node/{}", node.name), message, remedy);
        }
    }
}

/// What a firewall between nodes has to let pass.
fn ports(cilium: &CiliumSpec) -> String {
    match cilium.encryption {
        Encryption::Wireguard => format!("UDP {WIREGUARD_PORT} must be open between all nodes"),
        _ if cilium.minor().is_some_and(|m| m >= ESP_OUTSIDE) => {
            "ESP (IP protocol 50) must pass between all nodes".to_owned()
        }
        _ => format!("IPsec travels inside VXLAN: UDP {} between all nodes is enough", cilium.tunnel_port),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{
        api::{Migration, Severity},
        encryption::IpsecKey,
        facts::{Facts, NodeFact},
        inventory::Inventory,
        view::View,
    };

    fn worst(facts: &Facts, version: &str, encryption: &str, values: &Value) -> Severity {
        let spec = json!({"cilium": {"version": version, "chart": "cilium/cilium", "podCidr": "10.245.0.0/16",
            "encryption": encryption, "values": values}});
        let migration = Migration::new("cutover", serde_json::from_value(spec).unwrap());
        let view = View::read_only(facts, &migration, Timestamp::UNIX_EPOCH);
        let mut out = vec![];
        judge(&Context::new(&view, &Inventory::of(&view)), &mut Report { check: CHECK.id, as_of: None, out: &mut out });
        out.iter().map(|f| f.severity).max().unwrap_or(Severity::Pass)
    }

    #[test]
    fn what_a_version_cannot_do_is_refused() {
        let facts = Facts::default();
        for (version, encryption, values, severity) in [
            ("1.15.19", "none", json!({}), Severity::Pass),
            ("1.12.19", "wireguard", json!({}), Severity::Block),
            ("1.13.18", "wireguard", json!({"l7Proxy": false}), Severity::Info),
            ("1.14.19", "wireguard", json!({}), Severity::Info),
            ("1.12.19", "ipsec", json!({}), Severity::Info),
            ("1.15.19", "ipsec", json!({"kubeProxyReplacement": "partial"}), Severity::Block),
            ("1.16.5", "ipsec", json!({"kubeProxyReplacement": true}), Severity::Info),
            ("1.15.19", "ipsec", json!({"hostFirewall": {"enabled": true}}), Severity::Block),
            ("1.15.19", "ipsec", json!({"encryption": {"type": "wireguard"}}), Severity::Block),
            ("1.15.19", "wireguard", json!({"cni": {"chainingMode": "portmap"}}), Severity::Block),
            ("1.15.19", "wireguard", json!({"encryption": {"strictMode": {"enabled": true}}}), Severity::Block),
        ] {
            assert_eq!(worst(&facts, version, encryption, &values), severity, "{version} {encryption} {values}");
        }
    }

    #[test]
    fn a_key_or_a_kernel_that_does_not_fit_is_named() {
        let key = |number: &str| -> Result<IpsecKey, String> {
            format!("{number} rfc4106(gcm(aes)) {} 128", "01".repeat(20)).parse()
        };
        let mut facts = Facts::default();
        for (there, version, severity) in [
            (None, "1.12.19", Severity::Info),
            (Some(key("3")), "1.12.19", Severity::Info),
            (Some(key("3+")), "1.12.19", Severity::Block),
            (Some(key("3+")), "1.15.19", Severity::Info),
            (Some(key("99")), "1.15.19", Severity::Block),
        ] {
            facts.surroundings.ipsec_key = there;
            assert_eq!(worst(&facts, version, "ipsec", &json!({})), severity, "{version}");
        }
        let node = |kernel: &str| NodeFact { name: "n1".into(), kernel: kernel.into(), ..NodeFact::default() };
        for (kernel, severity) in
            [("5.4.0-150-generic", Severity::Block), ("5.6.0", Severity::Info), ("6.1.0-28", Severity::Info)]
        {
            facts.nodes.insert("n1".into(), node(kernel));
            assert_eq!(worst(&facts, "1.15.19", "wireguard", &json!({})), severity, "{kernel}");
        }
    }
}
