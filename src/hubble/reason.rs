//! Words for Hubble's numbers.

/// Why a packet was dropped (Cilium's monitor API); the number itself where it is not known here.
pub fn drop_reason(code: i32) -> String {
    let words = match code {
        0 => "",
        130 => "invalid source MAC",
        131 => "invalid destination MAC",
        132 => "invalid source address",
        133 => "denied by policy",
        134 => "invalid packet",
        135 => "truncated or invalid header",
        137 => "unknown L4 protocol (connection tracking)",
        139 => "not IP",
        140 => "missed tail call",
        142 => "unknown L4 protocol",
        150 => "unknown L3 target",
        151 => "stale or unroutable address",
        153 | 154 => "checksum",
        155 => "connection tracking map is full",
        157 => "fragment",
        158 => "service has no backend",
        160 => "no tunnel endpoint",
        163 => "unknown connection state",
        164 => "local host unreachable",
        165 => "no configuration to decide by",
        166 => "unsupported L2 protocol",
        167 => "no NAT mapping",
        169 => "no route",
        170 => "encapsulation prohibited",
        171 => "invalid identity",
        172 => "unknown sender",
        174 => "is a service address",
        175 => "first fragment missing",
        177 => "denied by source range",
        181 => "denied by deny policy",
        182 => "VLAN filtered",
        183 => "invalid VNI",
        189 => "authentication required",
        190 | 191 => "no map",
        194 => "no egress gateway",
        195 => "unencrypted traffic",
        196 => "TTL exceeded",
        197 => "no node id",
        198 => "rate limited",
        202 => "host not ready",
        203 => "endpoint not ready",
        204 => "no egress address",
        other => return format!("reason {other}"),
    };
    words.to_owned()
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It went on.
    Forwarded,
    /// It did not.
    Dropped,
    /// Something failed.
    Error,
    /// It would have been dropped, had policies been enforced.
    Audit,
    /// It went to a proxy.
    Redirected,
    /// Seen, no more.
    Traced,
    /// Its address was changed.
    Translated,
    /// Anything else.
    Other(i32),
}

impl Verdict {
    /// From its number.
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
}

/// The name of a reserved identity.
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
        _ => return None,
    })
}
