//! Whether traffic between each pair of nodes is encrypted: by what agents say, and by what kernels have sent.

use std::net::IpAddr;

use super::{finding, pass};
use crate::domain::{
    api::{Finding, Severity},
    encryption::{Encryption, keys_in_use},
    evidence::HostEvidence,
    facts::{Facts, NodeFact},
    text,
    view::View,
};

const CHECK: &str = "encryption";
/// From so many nodes on pairs are counted instead of listed.
const LISTED: usize = 64;

/// What is known of a pair of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    /// Both encrypt, and the kernel has sent so many bytes that way.
    Encrypted(u64),
    /// Both are set up to, and nothing was sent yet.
    Untried,
    /// This one does not.
    Plain(Side),
    /// This one was not looked at, or its agent does not say.
    Unknown(Side),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    First,
    Second,
}

/// A finding for each pair of nodes, and one for each node that counts errors or lacks keys.
pub(super) fn pairs(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let wanted = ctx.migration.spec.cilium.encryption;
    if wanted == Encryption::None {
        return;
    }
    let nodes = ctx.nodes_in_order();
    let seen = |n: &NodeFact| ctx.status(&n.name).evidence.host.as_ref();
    for node in &nodes {
        out.extend(seen(node).and_then(|host| wrong(ctx, node, host, nodes.len())));
    }
    let mut counted = (0, 0, 0);
    for (i, first) in nodes.iter().enumerate() {
        for second in &nodes[i + 1..] {
            let pair = judge(ctx.facts, wanted, (first, seen(first)), (second, seen(second)));
            match pair {
                Pair::Encrypted(_) => counted.0 += 1,
                Pair::Plain(_) => counted.1 += 1,
                Pair::Untried | Pair::Unknown(_) => counted.2 += 1,
            }
            if nodes.len() < LISTED {
                out.push(say(wanted, first, second, pair));
            }
        }
    }
    if nodes.len() >= LISTED {
        let (encrypted, plain, unknown) = counted;
        let message = format!("pairs of nodes: {encrypted} encrypted, {plain} plain, {unknown} not known");
        let severity = if plain > 0 { Severity::Block } else { Severity::Info };
        out.push(finding(CHECK, severity, "nodes", message, "Nodes with errors or without keys are listed."));
    }
}

fn judge(
    facts: &Facts,
    wanted: Encryption,
    first: (&NodeFact, Option<&HostEvidence>),
    second: (&NodeFact, Option<&HostEvidence>),
) -> Pair {
    for ((_, host), side) in [(first, Side::First), (second, Side::Second)] {
        match host.map(|h| h.encryption.as_str()) {
            None | Some("") => return Pair::Unknown(side),
            Some(mode) if mode.eq_ignore_ascii_case(wanted.mode()) => {}
            Some(_) => return Pair::Plain(side),
        }
    }
    let bytes = |from: Option<&HostEvidence>, to: &NodeFact| -> u64 {
        let sent = from.and_then(|h| h.encrypts.as_ref()).map(|e| e.sent.as_slice()).unwrap_or_default();
        sent.iter().filter(|s| is_of(facts, to, &s.to)).map(|s| s.bytes).sum()
    };
    match bytes(first.1, second.0) + bytes(second.1, first.0) {
        0 => Pair::Untried,
        sent => Pair::Encrypted(sent),
    }
}

/// An address of the node itself, or in the range that Cilium gave it: IPsec runs between the agents' own addresses there.
fn is_of(facts: &Facts, node: &NodeFact, address: &str) -> bool {
    let Ok(ip) = address.parse::<IpAddr>() else { return false };
    let ranges = facts.cilium_ranges.get(&node.name);
    node.addresses.contains(&ip) || ranges.is_some_and(|ranges| ranges.iter().any(|r| r.contains(&ip)))
}

fn say(wanted: Encryption, first: &NodeFact, second: &NodeFact, pair: Pair) -> Finding {
    let object = format!("node/{}, node/{}", first.name, second.name);
    let which = |side| if side == Side::First { &first.name } else { &second.name };
    match pair {
        Pair::Encrypted(bytes) => pass(CHECK, object, format!("encrypted by {wanted}: {bytes} bytes sent")),
        Pair::Untried => finding(
            CHECK,
            Severity::Info,
            object,
            format!("not known: both are set up for {wanted}, and no pod of one has sent to a pod of the other yet"),
            "Look again when they have.",
        ),
        Pair::Plain(side) => finding(
            CHECK,
            Severity::Block,
            object,
            format!("plain: the agent on {} does not encrypt by {wanted}", which(side)),
            "Restart that agent, so that it reads its configuration; then look at its log.",
        ),
        Pair::Unknown(side) => finding(
            CHECK,
            Severity::Warn,
            object,
            format!("not known: the agent on {} did not say how it encrypts", which(side)),
            "Look at that agent: cilium-dbg encrypt status.",
        ),
    }
}

/// Errors, or fewer keys or peers than there are nodes.
fn wrong(ctx: &View<'_>, node: &NodeFact, host: &HostEvidence, nodes: usize) -> Option<Finding> {
    let encrypts = host.encrypts.as_ref()?;
    let cilium = &ctx.migration.spec.cilium;
    let (what, expected) = match cilium.encryption {
        Encryption::Wireguard => ("peer", nodes.saturating_sub(1)),
        _ => ("key", keys_in_use(cilium.minor(), nodes)),
    };
    let object = format!("node/{}", node.name);
    let there = usize::try_from(encrypts.count).unwrap_or(usize::MAX);
    if there < expected {
        let message = format!("{} in use, {expected} expected", text::count(there, what));
        let remedy =
            "Pairs with the missing nodes are plain or cut off. Look at the agent's log; a restart of it often helps.";
        return Some(finding(CHECK, Severity::Warn, object, message, remedy));
    }
    (encrypts.errors > 0).then(|| {
        let message = format!("the kernel counts {} of IPsec", text::count(usize::try_from(encrypts.errors).unwrap_or(usize::MAX), "error"));
        let remedy = "Reboots change keys, so some are expected while nodes reboot; a number that rises is not: cat /proc/net/xfrm_stat.";
        finding(CHECK, Severity::Warn, object, message, remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::evidence::{EncryptionEvidence, Sent};

    fn node(name: &str, address: &str) -> NodeFact {
        NodeFact { name: name.into(), addresses: vec![address.parse().unwrap()], ..NodeFact::default() }
    }

    fn host(mode: &str, sent: &[(&str, u64)]) -> HostEvidence {
        let sent = sent.iter().map(|(to, bytes)| Sent { to: (*to).to_owned(), bytes: *bytes }).collect();
        let encrypts = EncryptionEvidence { count: 2, errors: 0, sent };
        HostEvidence { encryption: mode.into(), encrypts: Some(encrypts), ..HostEvidence::default() }
    }

    #[test]
    fn a_pair_is_called_encrypted_only_when_something_was_sent_so() {
        let mut facts = Facts::default();
        facts.cilium_ranges.insert("b".into(), vec!["10.245.1.0/24".parse().unwrap()]);
        let (a, b) = (node("a", "192.168.0.1"), node("b", "192.168.0.2"));
        let of = |first: Option<HostEvidence>, second: Option<HostEvidence>| {
            judge(&facts, Encryption::Ipsec, (&a, first.as_ref()), (&b, second.as_ref()))
        };
        let quiet = || Some(host("IPsec", &[]));
        assert_eq!(of(quiet(), quiet()), Pair::Untried);
        assert_eq!(of(Some(host("IPsec", &[("192.168.0.2", 7)])), quiet()), Pair::Encrypted(7));
        assert_eq!(of(Some(host("IPsec", &[("10.245.1.9", 7)])), quiet()), Pair::Encrypted(7), "its own range");
        assert_eq!(of(quiet(), Some(host("IPsec", &[("192.168.0.1", 5)]))), Pair::Encrypted(5), "the way back");
        assert_eq!(of(Some(host("IPsec", &[("192.168.0.3", 7)])), quiet()), Pair::Untried, "to another node");
        assert_eq!(of(Some(host("Disabled", &[])), quiet()), Pair::Plain(Side::First));
        assert_eq!(of(quiet(), Some(host("Wireguard", &[]))), Pair::Plain(Side::Second));
        assert_eq!(of(quiet(), Some(host("", &[]))), Pair::Unknown(Side::Second));
        assert_eq!(of(None, quiet()), Pair::Unknown(Side::First));
    }
}
