//! The filter for flows, one grammar for the table, the command line and the relay:
//! `verdict=dropped src=infra-argocd/* dport=6379 not dst=world redis`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    flow::{End, Kind, Row},
    reason::{Verdict, is_reason},
    wire::FlowFilter,
};
use crate::domain::facts::Cni;

/// A filter; an empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    wanted: bool,
    field: Field,
    /// One of these matches.
    values: Vec<Value>,
}

impl Term {
    fn read(word: &str, mut wanted: bool) -> Result<Self, String> {
        let (field, values) = match word.split_once('=') {
            None => (Field::Any, word),
            Some((key, values)) => {
                let key = key.strip_suffix('!').map_or(key, |key| {
                    wanted = !wanted;
                    key
                });
                (Field::parse(key)?, values)
            }
        };
        let read = |v: &str| field.value(v).map_err(|why| format!("{word}: {why}"));
        let values = values.split(',').map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { wanted, field, values })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Any,
    Source,
    Destination,
    Either,
    SourcePort,
    Port,
    EitherPort,
    Verdict,
    Reason,
    Node,
    Protocol,
    Kind,
    L7,
    Cni,
    Encrypted,
    Answered,
}

/// The fields and their meaning.
pub const FIELDS: &[(&str, &str)] = &[
    ("src", "source: namespace/workload, pod, node, world, an address or a range"),
    ("dst", "destination"),
    ("end", "source or destination"),
    ("sport", "source port"),
    ("dport", "destination port"),
    ("port", "source or destination port"),
    ("verdict", "forwarded, dropped, error, audit, redirected, traced, translated"),
    ("reason", "drop reason: words, Hubble's name, or its number"),
    ("node", "the node that reported it"),
    ("proto", "tcp, udp, sctp, icmp, icmpv6"),
    ("kind", "opens, goes, reply, either, drop, policy, l7, socket"),
    ("l7", "request or response, as a proxy read it"),
    ("cni", "CNI of either end: cilium, flannel, host"),
    ("encrypted", "yes: the flow proves it"),
    ("answered", "no: no answer within 5 s"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    /// With a `*` it matches the whole text, without a part of it.
    Text {
        parts: Vec<String>,
        whole: bool,
    },
    Number(u16),
    Range(IpNet),
    Verdict(Verdict),
    Kind(Kind),
    Cni(Cni),
    Yes(bool),
}

impl Filter {
    /// Parses a filter. Terms are joined by AND, comma-separated values by OR; `not` or `!=` negates a term; a word
    /// without `=` is searched in every text.
    ///
    /// # Errors
    /// What cannot be parsed, and what is valid there.
    pub fn parse(text: &str) -> Result<Self, String> {
        match Self::read(text) {
            (filter, None) => Ok(filter),
            (_, Some(why)) => Err(why),
        }
    }

    /// Those words of a text that can be read, and why the first other one cannot.
    pub fn read(text: &str) -> (Self, Option<String>) {
        let (mut terms, mut unread, mut wanted) = (Vec::new(), None, true);
        for word in text.split_whitespace() {
            if word.eq_ignore_ascii_case("not") {
                wanted = !wanted;
                continue;
            }
            match Term::read(word, wanted) {
                Ok(term) => terms.push(term),
                Err(why) => unread = unread.or(Some(why)),
            }
            wanted = true;
        }
        if !wanted {
            unread = unread.or(Some("`not` at the end: what not?".into()));
        }
        (Self { terms }, unread)
    }

    /// True if it matches everything.
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True if it has `answered`, which is known only some seconds later.
    pub fn asks_for_answers(&self) -> bool {
        self.terms.iter().any(|t| t.field == Field::Answered)
    }

    /// True if it names Cilium's own probes, which are hidden otherwise.
    pub fn names_probes(&self) -> bool {
        let named = |v: &Value| match v {
            Value::Number(port) => *port == 4240,
            Value::Text { parts, .. } => parts.iter().any(|p| p == "health"),
            _ => false,
        };
        self.terms.iter().any(|t| t.wanted && t.values.iter().any(named))
    }

    /// True if it matches a flow.
    pub fn matches(&self, row: &Row) -> bool {
        self.terms.iter().all(|t| t.values.iter().any(|v| v.holds(t.field, row)) == t.wanted)
    }

    /// Filters by which the relay leaves out Cilium's own probes.
    pub fn probes() -> Vec<FlowFilter> {
        let (port, tcp) = (|| vec!["4240".to_owned()], || vec!["tcp".to_owned()]);
        let health = || vec![4];
        vec![
            FlowFilter { source_port: port(), protocol: tcp(), ..FlowFilter::default() },
            FlowFilter { destination_port: port(), protocol: tcp(), ..FlowFilter::default() },
            FlowFilter { source_identity: health(), ..FlowFilter::default() },
            FlowFilter { destination_identity: health(), ..FlowFilter::default() },
        ]
    }

    /// The part that the relay can decide: never narrower than the whole, which is applied again here. Without names:
    /// the relay does not know the owners of addresses that Cutover knows.
    pub fn for_relay(&self) -> Vec<FlowFilter> {
        let mut filter = FlowFilter::default();
        let mut says = false;
        for term in self.terms.iter().filter(|t| t.wanted) {
            let mut known = true;
            let mut one = FlowFilter::default();
            for value in &term.values {
                match (term.field, value) {
                    (Field::Verdict, Value::Verdict(v)) => one.verdict.push(v.number()),
                    (Field::Port, Value::Number(p)) => one.destination_port.push(p.to_string()),
                    (Field::SourcePort, Value::Number(p)) => one.source_port.push(p.to_string()),
                    (Field::Source, Value::Range(r)) => one.source_ip.push(address(r)),
                    (Field::Destination, Value::Range(r)) => one.destination_ip.push(address(r)),
                    _ => known = false,
                }
            }
            // the relay joins the values of a field by OR: a second term for a field is applied here
            let free = |mine: bool, theirs: bool| mine || theirs;
            let apart = free(one.verdict.is_empty(), filter.verdict.is_empty())
                && free(one.destination_port.is_empty(), filter.destination_port.is_empty())
                && free(one.source_port.is_empty(), filter.source_port.is_empty())
                && free(one.source_ip.is_empty(), filter.source_ip.is_empty())
                && free(one.destination_ip.is_empty(), filter.destination_ip.is_empty());
            if known && apart {
                says = true;
                filter.verdict.extend(one.verdict);
                filter.destination_port.extend(one.destination_port);
                filter.source_port.extend(one.source_port);
                filter.source_ip.extend(one.source_ip);
                filter.destination_ip.extend(one.destination_ip);
            }
        }
        if says { vec![filter] } else { vec![] }
    }
}

impl Field {
    fn parse(key: &str) -> Result<Self, String> {
        Ok(match key.to_ascii_lowercase().as_str() {
            "src" | "source" => Self::Source,
            "dst" | "destination" => Self::Destination,
            "end" => Self::Either,
            "sport" => Self::SourcePort,
            "dport" => Self::Port,
            "port" => Self::EitherPort,
            "verdict" => Self::Verdict,
            "reason" => Self::Reason,
            "node" => Self::Node,
            "proto" | "protocol" => Self::Protocol,
            "kind" => Self::Kind,
            "l7" => Self::L7,
            "cni" => Self::Cni,
            "encrypted" => Self::Encrypted,
            "answered" => Self::Answered,
            other => {
                let known: Vec<&str> = FIELDS.iter().map(|(f, _)| *f).collect();
                return Err(format!("unknown field {other:?}, one of {}", known.join(", ")));
            }
        })
    }

    fn value(self, text: &str) -> Result<Value, String> {
        let lower = text.to_lowercase();
        let one_of = |words: Vec<&str>| format!("one of {}", words.join(", "));
        match self {
            Self::SourcePort | Self::Port | Self::EitherPort => {
                text.parse().map(Value::Number).map_err(|_| "a port is a number up to 65535".into())
            }
            Self::Verdict => {
                let mut found = Verdict::NAMED.iter().filter(|v| !lower.is_empty() && v.word().starts_with(&lower));
                match (found.next(), found.next()) {
                    (Some(verdict), None) => Ok(Value::Verdict(*verdict)),
                    _ => Err(one_of(Verdict::NAMED.iter().map(|v| v.word()).collect())),
                }
            }
            Self::Kind => {
                let found = Kind::ALL.iter().find(|k| k.word() == lower);
                found.map(|k| Value::Kind(*k)).ok_or_else(|| one_of(Kind::ALL.iter().map(|k| k.word()).collect()))
            }
            Self::Cni => match lower.as_str() {
                "cilium" => Ok(Value::Cni(Cni::Cilium)),
                "flannel" => Ok(Value::Cni(Cni::Flannel)),
                "host" => Ok(Value::Cni(Cni::Host)),
                _ => Err("one of cilium, flannel, host".into()),
            },
            Self::Encrypted | Self::Answered => match lower.as_str() {
                "yes" | "true" => Ok(Value::Yes(true)),
                "no" | "false" => Ok(Value::Yes(false)),
                _ => Err("yes or no".into()),
            },
            Self::Source | Self::Destination | Self::Either | Self::Any => {
                let range = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
                Ok(range.map_or_else(|| words(&lower), Value::Range))
            }
            _ => Ok(words(&lower)),
        }
    }
}

/// In the form that every relay accepts: a range of one is an address.
fn address(range: &IpNet) -> String {
    if range.prefix_len() == range.max_prefix_len() { range.addr().to_string() } else { range.to_string() }
}

fn words(lower: &str) -> Value {
    let whole = lower.contains('*');
    Value::Text { parts: lower.split('*').map(str::to_owned).collect(), whole }
}

impl Value {
    fn holds(&self, field: Field, row: &Row) -> bool {
        match field {
            Field::Source => self.is_end(&row.source),
            Field::Destination => self.is_end(&row.destination),
            Field::Either => self.is_end(&row.source) || self.is_end(&row.destination),
            Field::SourcePort => *self == Self::Number(row.source_port),
            Field::Port => *self == Self::Number(row.port),
            Field::EitherPort => *self == Self::Number(row.port) || *self == Self::Number(row.source_port),
            Field::Verdict => *self == Self::Verdict(row.verdict),
            Field::Kind => *self == Self::Kind(row.kind),
            Field::Cni => *self == Self::Cni(row.source.cni) || *self == Self::Cni(row.destination.cni),
            Field::Encrypted => *self == Self::Yes(row.encrypted),
            Field::Answered => *self == Self::Yes(!row.unanswered),
            Field::Reason => match self {
                Self::Text { parts, whole: false } => is_reason(row.reason, &parts[0]),
                _ => self.is_text(&row.why()),
            },
            Field::Node => self.is_text(&row.node),
            Field::Protocol => self.is_text(row.protocol),
            Field::L7 => !row.l7.is_empty() && self.is_text(&row.l7),
            Field::Any => {
                self.is_end(&row.source)
                    || self.is_end(&row.destination)
                    || self.is_text(&row.node)
                    || self.is_text(&row.l7)
                    || self.is_text(row.verdict.word())
                    || self.is_text(row.protocol)
                    || (row.reason != 0 && self.is_text(&row.why()))
                    || self.is_port(row.port)
                    || self.is_port(row.source_port)
            }
        }
    }

    /// True if it looks like (a part of) an address.
    fn is_address(&self) -> bool {
        let Self::Text { parts, .. } = self else { return false };
        parts[0].starts_with(|c: char| c.is_ascii_digit()) && parts[0].contains(['.', ':'])
    }

    fn is_port(&self, port: u16) -> bool {
        matches!(self, Self::Text { parts, whole: false } if port > 0 && parts[0].parse() == Ok(port))
    }

    /// Matches by workload, pod, reserved identity or address.
    fn is_end(&self, end: &End) -> bool {
        match self {
            Self::Range(range) => end.ip.is_some_and(|ip| range.contains(&ip)),
            Self::Text { .. } => {
                if self.is_address() && end.ip.is_some_and(|ip| self.is_text(&ip.to_string())) {
                    return true;
                }
                if end.namespace.is_empty() {
                    return self.is_text(&end.name)
                        || self.is_text(super::reason::identity(end.identity).unwrap_or(""));
                }
                self.is_path(&end.namespace, &end.name) || self.is_path(&end.namespace, &end.pod)
            }
            _ => false,
        }
    }

    fn is_path(&self, namespace: &str, name: &str) -> bool {
        let Self::Text { parts, .. } = self else { return false };
        if parts.iter().any(|p| p.contains('/')) {
            return self.is_text(&format!("{namespace}/{name}"));
        }
        self.is_text(name) || self.is_text(namespace)
    }

    fn is_text(&self, text: &str) -> bool {
        let Self::Text { parts, whole } = self else { return false };
        // names in a cluster are lower case: a copy is rarely needed
        let lower;
        let text = if text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
            lower = text.to_lowercase();
            &lower
        } else {
            text
        };
        if !whole {
            return text.contains(&parts[0]);
        }
        glob(parts, text)
    }
}

/// Matches the parts between stars in order, the first at the start and the last at the end.
fn glob(parts: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = parts else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        let Some(at) = rest.find(part.as_str()) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn row() -> Row {
        let end = |namespace: &str, name: &str, ip: &str, cni| End {
            namespace: namespace.into(),
            name: name.into(),
            pod: format!("{name}-7bbf79967d-nxlvj").into(),
            ip: ip.parse().ok(),
            identity: 10_517,
            cni,
        };
        Row {
            time: Timestamp::UNIX_EPOCH,
            node: "worker-1".into(),
            source: end("infra-argocd", "argocd-server", "10.244.0.9", Cni::Flannel),
            destination: end("infra-argocd", "argocd-redis", "10.245.0.7", Cni::Cilium),
            source_port: 40_000,
            port: 6379,
            protocol: "TCP",
            l7: "".into(),
            verdict: Verdict::Dropped,
            reason: 133,
            kind: Kind::Drop,
            syn: false,
            probe: false,
            encrypted: false,
            unanswered: false,
            raw: Box::default(),
        }
    }

    #[test]
    fn terms_are_joined_by_and_values_by_or() {
        for (filter, wanted) in [
            ("", true),
            ("verdict=dropped src=infra-argocd/* dport=6379 not dst=world", true),
            ("verdict=drop", true),
            ("dport=637", false),
            ("dport=80,6379", true),
            ("sport=40000 port=6379 port=40000", true),
            ("not verdict=dropped", false),
            ("verdict!=dropped", false),
            ("not verdict!=dropped", true),
            ("redis", true),
            ("6379", true),
            ("637", false),
            ("proto=tcp node=worker", true),
            ("node=worker", true),
            ("node=wor*2", false),
            ("node=w*-1", true),
            ("dst=prometheus", false),
            ("src=infra-argocd/argocd-server", true),
            ("src=argocd-server-*", true),
            ("src=10.244.0.0/16 dst=10.245.0.7", true),
            ("dst=10.244.0.0/16", false),
            ("cni=flannel cni=cilium", true),
            ("cni=host", false),
            ("reason=policy", true),
            ("reason=POLICY_DENIED", true),
            ("reason=133", true),
            ("reason=route", false),
            ("kind=drop,policy", true),
            ("answered=no", false),
            ("encrypted=no", true),
            ("end=argocd-*", true),
            ("src=*", true),
            ("10.244.0.9", true),
            ("10.244.0.8", false),
            ("src=10.244.*", true),
            ("reason=Policy", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().matches(&row()), wanted, "{filter}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (filter, named) in [
            ("colour=red", "colour"),
            ("dport=http", "65535"),
            ("dport=70000", "65535"),
            ("verdict=", "forwarded"),
            ("verdict=maybe", "audit"),
            ("verdict=tra", "translated"),
            ("kind=x", "policy"),
            ("cni=calico", "flannel"),
            ("answered=perhaps", "yes or no"),
            ("src=a not", "what not"),
        ] {
            let said = Filter::parse(filter).unwrap_err();
            assert!(said.contains(named), "{filter}: {said}");
        }
    }

    #[test]
    fn the_relay_is_never_asked_for_less() {
        let asked = |f: &str| Filter::parse(f).unwrap().for_relay();
        let one = &asked("verdict=dropped dport=80,81 src=10.0.0.0/8 redis not dport=53")[0];
        assert_eq!((&one.verdict, &one.destination_port), (&vec![2], &vec!["80".to_owned(), "81".to_owned()]));
        assert_eq!(one.source_ip, ["10.0.0.0/8"]);
        assert!(asked("src=shop/*").is_empty() && asked("not verdict=dropped").is_empty());
        // a value that the relay cannot decide keeps the whole term here
        assert!(asked("src=10.0.0.1,shop/web").is_empty());
        // both must hold, which the relay's lists cannot express
        assert_eq!(asked("dport=80 dport=81")[0].destination_port, ["80"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(not |src=|dst!=|verdict=|dport=|cni=|[*,=/!]|[ -~]|\\PC){0,24}") {
            if let Ok(filter) = Filter::parse(&text) {
                let _ = filter.matches(&row());
                let _ = filter.for_relay();
            }
        }

        #[test]
        fn not_turns_round(word in "[a-z*/]{1,8}", key in prop::sample::select(vec!["src", "dst", "node", "end", "proto"])) {
            let (plain, turned) = (format!("{key}={word}"), format!("not {key}={word}"));
            let (plain, turned) = (Filter::parse(&plain).unwrap(), Filter::parse(&turned).unwrap());
            prop_assert_ne!(plain.matches(&row()), turned.matches(&row()));
        }
    }
}
