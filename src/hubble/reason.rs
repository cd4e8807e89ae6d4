//! Hubble's numbers in words.

use super::wire::DropReason;
use crate::domain::guard::Class;

/// Why a packet was dropped (Cilium's monitor API), in short words; an unknown reason is its number.
pub fn drop_reason(code: i32) -> String {
    let words = match code {
        0 => "",
        130 => "invalid source MAC",
        131 => "invalid destination MAC",
        132 => "invalid source address",
        133 => "denied by policy",
        134 => "invalid packet",
        135 => "truncated or invalid header",
        136 => "fragmentation needed",
        137 => "unknown L4 protocol (connection tracking)",
        138 => "no connection tracking entry from this packet",
        139 => "not IP",
        140 => "missed tail call",
        141 => "cannot write to the packet",
        142 => "unknown L4 protocol",
        143..=146 => "unknown ICMP message",
        147 => "no tunnel key",
        148 => "no tunnel options",
        149 => "invalid Geneve option",
        150 => "unknown L3 target",
        151 => "stale or unroutable address",
        152 => "no such local container",
        153 | 154 => "checksum",
        155 => "no room in the connection tracking map",
        156 => "invalid IPv6 extension header",
        157 => "fragment",
        158 => "service has no backend",
        160 => "no tunnel endpoint",
        161 => "NAT 46/64 is off",
        162 => "beyond the rate limit",
        163 => "unknown connection state",
        164 => "local host unreachable",
        165 => "no configuration to decide by",
        166 => "unsupported L2 protocol",
        167 => "no NAT mapping",
        168 => "protocol cannot be masqueraded",
        169 => "no route",
        170 => "encapsulation prohibited",
        171 => "invalid identity",
        172 => "unknown sender",
        173 => "NAT not needed",
        174 => "is a service address",
        175 => "first fragment missing",
        176 => "forbidden ICMPv6 message",
        177 => "denied by source range",
        178 => "no socket found",
        179 => "no socket assigned",
        180 => "protocol cannot go through the proxy",
        181 => "denied by deny policy",
        182 => "VLAN filtered",
        183 => "invalid VNI",
        184 => "invalid buffer",
        185 | 186 => "no SRv6 state",
        187 | 188 => "NAT 46/64",
        189 => "authentication required",
        190 | 191 => "no map",
        192 => "invalid cluster id",
        193 => "protocol without DSR",
        194 => "no egress gateway",
        195 => "unencrypted traffic",
        196 => "TTL exceeded",
        197 => "no node id",
        198 => "rate limited",
        199..=201 => "multicast, handled elsewhere",
        202 => "host not ready",
        203 => "endpoint not ready",
        204 => "no egress address",
        205 => "handed to the proxy",
        207 => "fragment of an unknown datagram",
        other => return format!("reason {other}"),
    };
    words.to_owned()
}

/// True if a reason matches the value of a filter: its number, Hubble's name, or a part of our words.
pub fn is_reason(code: i32, wanted: &str) -> bool {
    if code == 0 {
        return wanted.is_empty();
    }
    wanted.parse() == Ok(code)
        || DropReason::try_from(code).is_ok_and(|r| r.as_str_name().eq_ignore_ascii_case(wanted))
        || drop_reason(code).to_lowercase().contains(wanted)
}

/// The class of a drop while nodes move from one CNI to the other, gathered from Cilium's sources and its list of
/// expected drops. Unknown reasons count as serious.
pub const fn class(code: i32) -> Class {
    match code {
        // link-local and multicast packets of new pods, and protocols that Cilium does not carry
        130..=132 | 137..=139 | 142..=146 | 166 | 168 | 173 | 175 | 176 | 182 | 196 | 199..=201 | 205 => Class::Noise,
        // an agent or an endpoint that is starting, or a pod that is just gone
        0 | 134..=136 | 151 | 158 | 162..=165 | 170 | 174 | 198 | 202 | 203 => Class::Transient,
        _ => Class::Stop,
    }
}

/// Cilium's verdict on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Forwarded.
    Forwarded,
    /// Dropped.
    Dropped,
    /// An error.
    Error,
    /// Would be dropped if policies were enforced.
    Audit,
    /// Redirected to a proxy.
    Redirected,
    /// Traced only.
    Traced,
    /// Its address was translated.
    Translated,
    /// Anything else.
    Other(i32),
}

impl Verdict {
    /// The verdict with this number.
    pub const fn from_number(n: i32) -> Self {
        match n {
            1 => Self::Forwarded,
            2 => Self::Dropped,
            3 => Self::Error,
            4 => Self::Audit,
            5 => Self::Redirected,
            6 => Self::Traced,
            7 => Self::Translated,
            other => Self::Other(other),
        }
    }

    /// The number on the wire.
    pub const fn number(self) -> i32 {
        match self {
            Self::Forwarded => 1,
            Self::Dropped => 2,
            Self::Error => 3,
            Self::Audit => 4,
            Self::Redirected => 5,
            Self::Traced => 6,
            Self::Translated => 7,
            Self::Other(n) => n,
        }
    }

    /// The verdicts that have a name.
    pub const NAMED: [Self; 7] =
        [Self::Forwarded, Self::Dropped, Self::Error, Self::Audit, Self::Redirected, Self::Traced, Self::Translated];

    /// The word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Dropped => "dropped",
            Self::Error => "error",
            Self::Audit => "audit",
            Self::Redirected => "redirected",
            Self::Traced => "traced",
            Self::Translated => "translated",
            Self::Other(_) => "unknown",
        }
    }

    /// True if the packet was not forwarded.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Dropped | Self::Error)
    }
}

/// The name of a reserved identity (Cilium's numeric identities below 256).
pub const fn identity(id: u32) -> Option<&'static str> {
    Some(match id {
        1 => "host",
        2 => "world",
        3 => "unmanaged",
        4 => "health",
        5 => "init",
        6 => "remote-node",
        7 => "kube-apiserver",
        8 => "ingress",
        9 => "world-ipv4",
        10 => "world-ipv6",
        11 => "encrypted-overlay",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_and_a_class() {
        for reason in (1..=i32::from(u8::MAX)).filter_map(|n| DropReason::try_from(n).ok()) {
            let (number, name) = (i32::from(reason), reason.as_str_name());
            assert!(!drop_reason(number).starts_with("reason "), "{name}");
            assert!(is_reason(number, name) && is_reason(number, &number.to_string()), "{name}");
        }
        assert_eq!(drop_reason(999), "reason 999");
        for (number, wanted) in [
            (133, Class::Stop),
            (147, Class::Stop),
            (155, Class::Stop),
            (160, Class::Stop),
            (169, Class::Stop),
            (195, Class::Stop),
            (151, Class::Transient),
            (203, Class::Transient),
            (139, Class::Noise),
            (999, Class::Stop),
        ] {
            assert_eq!(class(number), wanted, "{number}");
        }
    }
}
