//! A flow as a row of the table.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use jiff::Timestamp;

use super::{
    directory::{Directory, Place},
    reason::{self, Verdict, identity},
    wire,
};
use crate::domain::{
    facts::Cni,
    guard::{API_SERVER, Edge},
};

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Namespace of the pod; empty where there is none.
    pub namespace: Arc<str>,
    /// Workload, node or reserved identity; empty where only the address is known.
    pub name: Arc<str>,
    /// The pod's own name.
    pub pod: Arc<str>,
    /// Address.
    pub ip: Option<IpAddr>,
    /// Cilium's numeric identity; 0 where it has none.
    pub identity: u32,
    /// The CNI of its address.
    pub cni: Cni,
}

impl End {
    /// As the table shows it.
    pub fn label(&self) -> String {
        let mut label = String::with_capacity(40);
        self.write(&mut label);
        label
    }

    fn write(&self, out: &mut String) {
        if !self.namespace.is_empty() {
            out.push_str(&self.namespace);
            out.push('/');
        }
        let own = self.namespace.is_empty() && self.ip.is_some_and(is_link_local);
        if !own {
            out.push_str(&self.name);
        }
        if self.namespace.is_empty()
            && let Some(ip) = self.ip
        {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&ip.to_string());
        }
    }

    /// The end of an edge: everything outside the cluster is one end.
    fn group(&self, names: &mut Interner) -> Arc<str> {
        match (self.namespace.is_empty(), self.ip) {
            (false, _) => names.pair(&self.namespace, &self.name),
            // NodeLocal DNS and the like: an address that every node has of its own
            (true, Some(ip)) if is_link_local(ip) => names.text(&ip.to_string()),
            (true, Some(ip)) if self.name.is_empty() => names.text(&ip.to_string()),
            (true, _) => self.name.clone(),
        }
    }
}

const fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_link_local())
}

/// What a row reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first packet of a connection.
    Opens,
    /// A packet of a connection, on its way to the server.
    Goes,
    /// An answer.
    Reply,
    /// Cilium does not know whether it is a request or a reply.
    Either,
    /// A packet was dropped.
    Drop,
    /// A policy verdict; the packet itself has a row of its own.
    Policy,
    /// A request or a response that a proxy read.
    L7,
    /// A socket was connected.
    Socket,
}

impl Kind {
    /// Its name in filters.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opens => "opens",
            Self::Goes => "goes",
            Self::Reply => "reply",
            Self::Either => "either",
            Self::Drop => "drop",
            Self::Policy => "policy",
            Self::L7 => "l7",
            Self::Socket => "socket",
        }
    }

    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Opens, Self::Goes, Self::Reply, Self::Either, Self::Drop, Self::Policy, Self::L7, Self::Socket];
}

/// A flow.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// When it was seen.
    pub time: Timestamp,
    /// On which node.
    pub node: Arc<str>,
    /// From where.
    pub source: End,
    /// To where.
    pub destination: End,
    /// Source port; 0 where there is none.
    pub source_port: u16,
    /// Destination port; 0 where there is none.
    pub port: u16,
    /// `TCP`, `UDP`, `ICMP`, …
    pub protocol: &'static str,
    /// Layer 7 in short; empty where no proxy read it.
    pub l7: Box<str>,
    /// Cilium's verdict.
    pub verdict: Verdict,
    /// Why it was dropped; 0 if it was not.
    pub reason: i32,
    /// What it reports.
    pub kind: Kind,
    /// It has TCP's SYN flag: the first packet of either side.
    pub syn: bool,
    /// Cilium's own health probing.
    pub probe: bool,
    /// The flow proves that it was encrypted. False proves nothing.
    pub encrypted: bool,
    /// The connection that this row opens got no answer.
    pub unanswered: bool,
    /// The message itself, for the details and the export.
    pub raw: Box<[u8]>,
}

impl Row {
    /// From one CNI to the other: `Flannel→Cilium`.
    pub fn way(&self) -> String {
        format!("{}→{}", self.source.cni.word(), self.destination.cni.word())
    }

    /// The words for its reason.
    pub fn why(&self) -> String {
        reason::drop_reason(self.reason)
    }

    /// The outcome, as the table shows it.
    pub fn outcome(&self) -> &'static str {
        match (self.kind, self.verdict) {
            _ if self.unanswered => "no answer",
            (Kind::Policy, Verdict::Dropped) => "denied",
            (Kind::Policy, Verdict::Forwarded) => "allowed",
            (Kind::Reply, Verdict::Forwarded) => "reply",
            (_, verdict) => verdict.word(),
        }
    }
}

/// Keeps one copy of each name. Bounded: at its limit it starts over.
#[derive(Default)]
pub struct Interner {
    names: HashMap<Box<str>, Arc<str>>,
    pairs: HashMap<(Arc<str>, Arc<str>), Arc<str>>,
}

/// Upper bound on names.
const NAMES: usize = 50_000;
/// Longer names are cut: Kubernetes has none, and memory stays bounded.
const LONGEST: usize = 256;

impl Interner {
    /// The one copy of a name.
    pub fn text(&mut self, text: &str) -> Arc<str> {
        let text = cut(text);
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        if self.names.len() >= NAMES {
            self.names.clear();
        }
        let name: Arc<str> = text.into();
        self.names.insert(text.into(), name.clone());
        name
    }

    fn pair(&mut self, namespace: &Arc<str>, name: &Arc<str>) -> Arc<str> {
        let key = (namespace.clone(), name.clone());
        if let Some(known) = self.pairs.get(&key) {
            return known.clone();
        }
        if self.pairs.len() >= NAMES {
            self.pairs.clear();
        }
        let pair: Arc<str> = format!("{namespace}/{name}").into();
        self.pairs.insert(key, pair.clone());
        pair
    }
}

/// A node's name without its cluster's.
pub(super) fn plain(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, n)| n)
}

pub(super) fn cut(text: &str) -> &str {
    if text.len() <= LONGEST {
        return text;
    }
    let end = (0..=LONGEST).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    &text[..end]
}

/// Turns flows into rows: resolves addresses and interns names.
#[derive(Default)]
pub struct Reader {
    names: Interner,
    empty: Arc<str>,
    directory: Arc<Directory>,
    /// Cache of recent look-ups: each goes through the ranges of every node.
    found: HashMap<IpAddr, Option<Place>>,
}

/// Upper bound on cached addresses.
const FOUND: usize = 16_384;
/// Longer messages are counted and shown, but not kept for the details.
const KEPT: usize = 8_192;

impl Reader {
    /// Uses these addresses from now on.
    pub fn know(&mut self, directory: Arc<Directory>) {
        if !Arc::ptr_eq(&self.directory, &directory) {
            self.directory = directory;
            self.found.clear();
        }
    }

    /// A row from the wire. `None` where the flow has no time.
    pub fn read(&mut self, flow: &wire::Flow, node: &str, raw: &[u8]) -> Option<Row> {
        let time = flow.time?.read()?;
        let none = wire::Ip::default();
        let ip = flow.ip.as_ref().unwrap_or(&none);
        let port = |p: u32| u16::try_from(p).unwrap_or(0);
        let mut syn = false;
        let (protocol, source_port, port, opens) = match flow.l4.as_ref().and_then(|l| l.protocol.as_ref()) {
            Some(wire::Protocol::Tcp(p)) => {
                syn = p.flags.as_ref().is_some_and(|f| f.syn);
                let opens = p.flags.as_ref().is_some_and(|f| f.syn && !f.ack);
                ("TCP", port(p.source_port), port(p.destination_port), opens)
            }
            Some(wire::Protocol::Udp(p)) => ("UDP", port(p.source_port), port(p.destination_port), true),
            Some(wire::Protocol::Sctp(p)) => ("SCTP", port(p.source_port), port(p.destination_port), false),
            Some(wire::Protocol::IcmPv4(_)) => ("ICMP", 0, 0, false),
            Some(wire::Protocol::IcmPv6(_)) => ("ICMPv6", 0, 0, false),
            None => ("", 0, 0, false),
        };
        let code = match (flow.drop_reason_desc, flow.drop_reason) {
            (0, old) => i32::try_from(old).unwrap_or(0),
            (new, _) => new,
        };
        let verdict = Verdict::from_number(flow.verdict);
        let event = flow.event_type.map_or(0, |e| e.r#type);
        let kind = match (event, flow.r#type) {
            (5, _) => Kind::Policy,
            (1, _) => Kind::Drop,
            (129, _) | (_, 2) => Kind::L7,
            (7, _) | (_, 3) => Kind::Socket,
            _ => match flow.is_reply {
                Some(true) => Kind::Reply,
                Some(false) if opens => Kind::Opens,
                Some(false) => Kind::Goes,
                None => Kind::Either,
            },
        };
        let names = [&flow.source_names, &flow.destination_names];
        let [source, destination] = [(&flow.source, &ip.source), (&flow.destination, &ip.destination)];
        let source = self.end(source.0.as_ref(), source.1, names[0]);
        let destination = self.end(destination.0.as_ref(), destination.1, names[1]);
        // agents probe each other on 4240 and with pings of their health endpoints
        let health = |e: &End| e.identity == 4;
        let probe =
            health(&source) || health(&destination) || (protocol == "TCP" && (port == 4240 || source_port == 4240));
        Some(Row {
            time,
            node: self.names.text(plain(if node.is_empty() { &flow.node_name } else { node })),
            source,
            destination,
            source_port,
            port,
            protocol,
            l7: flow.l7.as_ref().map(seventh).unwrap_or_default().into(),
            verdict,
            reason: if verdict == Verdict::Dropped { code } else { 0 },
            kind,
            syn,
            probe,
            encrypted: ip.encrypted,
            unanswered: false,
            raw: if raw.len() <= KEPT { raw.into() } else { Box::default() },
        })
    }

    fn end(&mut self, end: Option<&wire::Endpoint>, ip: &str, dns: &[String]) -> End {
        let none = wire::Endpoint::default();
        let end = end.unwrap_or(&none);
        let address: Option<IpAddr> = ip.parse().ok();
        let place = address.and_then(|ip| {
            if self.found.len() >= FOUND {
                self.found.clear();
            }
            self.found.entry(ip).or_insert_with(|| self.directory.find(ip)).clone()
        });
        let empty = self.empty.clone();
        let mut out = End {
            namespace: empty.clone(),
            name: empty.clone(),
            pod: empty,
            ip: address,
            identity: end.identity,
            cni: Cni::Unknown,
        };
        match place {
            // Cilium's name for a pod wins; only we know the CNI of its address
            Some(Place::Pod(pod)) if end.pod_name.is_empty() || *pod.pod == *end.pod_name => {
                let workload = end.workloads.first().map_or(pod.workload, |w| self.names.text(&w.name));
                (out.namespace, out.name, out.pod, out.cni) = (pod.namespace, workload, pod.pod, pod.cni);
                return out;
            }
            Some(Place::Node(node)) if end.identity != 7 => {
                (out.name, out.cni) = (node, Cni::Host);
                return out;
            }
            Some(Place::Behind(node)) if end.pod_name.is_empty() && matches!(end.identity, 0 | 1 | 2 | 6) => {
                (out.name, out.cni) = (node, Cni::Flannel);
                return out;
            }
            Some(Place::Within(node)) if end.pod_name.is_empty() && matches!(end.identity, 1 | 6) => {
                (out.name, out.cni) = (node, Cni::Host);
                return out;
            }
            Some(Place::Within(_)) => out.cni = Cni::Cilium,
            Some(Place::Nobody) => out.cni = Cni::Flannel,
            _ => {}
        }
        if !end.pod_name.is_empty() {
            let name = end.workloads.first().map_or(stem(&end.pod_name), |w| w.name.as_str());
            out.namespace = self.names.text(&end.namespace);
            out.name = self.names.text(name);
            out.pod = self.names.text(&end.pod_name);
            if out.cni == Cni::Unknown {
                // 3: an address of a pod that the agent does not manage
                out.cni = if end.identity == 3 { Cni::Flannel } else { Cni::Cilium };
            }
            return out;
        }
        let name = match end.identity {
            7 => API_SERVER,
            0 => dns.first().map_or("", String::as_str),
            id => identity(id).unwrap_or_default(),
        };
        out.name = self.names.text(name);
        if matches!(end.identity, 1 | 6 | 7) {
            out.cni = Cni::Host;
        }
        out
    }

    /// The edge that a row is about: client, server and the server's port.
    pub fn edge(&mut self, row: &Row) -> Edge {
        // Cilium does not say whether a dropped packet is a reply; the client has the ephemeral port
        let ephemeral = row.source_port < row.port && row.port >= 32_768;
        let answers = match row.kind {
            Kind::Reply => true,
            Kind::Either | Kind::Drop | Kind::Policy => ephemeral,
            _ => false,
        };
        let (from, to, port) = if answers {
            (&row.destination, &row.source, row.source_port)
        } else {
            (&row.source, &row.destination, row.port)
        };
        Edge { from: from.group(&mut self.names), to: to.group(&mut self.names), port, protocol: row.protocol }
    }
}

/// A pod's name without the suffix of its ReplicaSet: `web-7bbf79967d-nxlvj` is one of `web`. The fallback for pods of
/// other nodes, whose workload Hubble does not report.
fn stem(pod: &str) -> &str {
    // Kubernetes' alphabet for random names: no vowels, no look-alikes
    let safe = |s: &str| s.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b));
    let random = |s: &str| s.len() == 5 && safe(s);
    let hash = |s: &str| (5..=10).contains(&s.len()) && safe(s);
    match pod.rsplit_once('-') {
        Some((rest, last)) if random(last) => match rest.rsplit_once('-') {
            Some((name, middle)) if hash(middle) => name,
            _ => rest,
        },
        Some((rest, last)) if !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => pod,
    }
}

fn seventh(l7: &wire::Layer7) -> String {
    let said = match &l7.record {
        Some(wire::Record::Dns(d)) if l7.r#type == 2 => format!("DNS {} → {}", d.query, answer(d)),
        Some(wire::Record::Dns(d)) => format!("DNS {}?", d.query),
        Some(wire::Record::Http(h)) if h.code > 0 => format!("{} {} {}", h.method, h.url, h.code),
        Some(wire::Record::Http(h)) => format!("{} {}", h.method, h.url),
        None => String::new(),
    };
    cut(&said).to_owned()
}

fn answer(dns: &wire::Dns) -> String {
    match dns.rcode {
        0 if dns.ips.is_empty() => "nothing".into(),
        0 => dns.ips.join(" "),
        2 => "SERVFAIL".into(),
        3 => "NXDOMAIN".into(),
        5 => "REFUSED".into(),
        n => format!("code {n}"),
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn the_workload_is_derived_from_the_pods_name() {
        for (pod, wanted) in [
            ("moving-7bbf79967d-nxlvj", "moving"),
            ("client-t6g7r", "client"),
            ("argocd-application-controller-0", "argocd-application-controller"),
            ("argocd-redis-ha", "argocd-redis-ha"),
            ("once", "once"),
            ("web-hello", "web-hello"),
            ("-", "-"),
        ] {
            assert_eq!(stem(pod), wanted);
        }
    }
}
