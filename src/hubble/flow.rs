//! A flow as a row of the table.

use jiff::Timestamp;

use super::{
    reason::{Verdict, drop_reason, identity},
    wire,
};

/// One end of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Namespace of the pod; empty where Cilium does not know it.
    pub namespace: String,
    /// Workload, or pod, or reserved identity.
    pub name: String,
    /// Address.
    pub ip: String,
    /// Cilium manages it: it has a pod's identity.
    pub managed: bool,
}

impl End {
    /// As the table shows it.
    pub fn label(&self) -> String {
        if self.namespace.is_empty() {
            if self.name.is_empty() { self.ip.clone() } else { format!("{} {}", self.name, self.ip) }
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

/// A flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// When it was seen.
    pub time: Timestamp,
    /// On which node.
    pub node: String,
    /// From where.
    pub source: End,
    /// To where.
    pub destination: End,
    /// Destination port; 0 where there is none.
    pub port: u16,
    /// `TCP`, `UDP`, `ICMP`, …
    pub protocol: &'static str,
    /// What layer 7 says.
    pub l7: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why it was dropped.
    pub reason: String,
    /// It is an answer.
    pub reply: bool,
    /// Cilium's own health probing.
    pub probe: bool,
}

impl Row {
    /// From the wire. `None` where there is no time.
    pub fn read(flow: &wire::Flow, node: &str) -> Option<Self> {
        let time = flow.time.as_ref()?;
        let time = Timestamp::new(time.seconds, time.nanos).ok()?;
        let ip = flow.ip.clone().unwrap_or_default();
        let (protocol, port) = match flow.l4.as_ref().and_then(|l| l.protocol.as_ref()) {
            Some(wire::Protocol::Tcp(p)) => ("TCP", p.destination_port),
            Some(wire::Protocol::Udp(p)) => ("UDP", p.destination_port),
            Some(wire::Protocol::Sctp(p)) => ("SCTP", p.destination_port),
            Some(wire::Protocol::Icmp4(_)) => ("ICMP", 0),
            Some(wire::Protocol::Icmp6(_)) => ("ICMPv6", 0),
            None => ("", 0),
        };
        let source = end(flow.source.as_ref(), &ip.source);
        let destination = end(flow.destination.as_ref(), &ip.destination);
        // agents probe each other on 4240 and with pings of their health endpoints
        let health = |e: &Option<wire::Endpoint>| e.as_ref().is_some_and(|e| e.identity == 4);
        let probe = health(&flow.source) || health(&flow.destination) || port == 4240;
        let code = if flow.drop_reason_desc == 0 {
            i32::try_from(flow.drop_reason).unwrap_or(0)
        } else {
            flow.drop_reason_desc
        };
        let verdict = Verdict::from_number(flow.verdict);
        Some(Self {
            time,
            node: if flow.node_name.is_empty() { node.to_owned() } else { flow.node_name.clone() },
            source,
            destination,
            port: u16::try_from(port).unwrap_or(0),
            protocol,
            l7: flow.l7.as_ref().map(l7).unwrap_or_default(),
            verdict,
            reason: if verdict == Verdict::Dropped { drop_reason(code) } else { String::new() },
            reply: flow.is_reply.unwrap_or(false),
            probe,
        })
    }
}

fn end(endpoint: Option<&wire::Endpoint>, ip: &str) -> End {
    let Some(e) = endpoint else { return End { ip: ip.to_owned(), ..End::default() } };
    let reserved = identity(e.identity);
    let name = match (e.workloads.first(), e.pod_name.is_empty(), reserved) {
        (Some(w), ..) => w.name.clone(),
        (None, false, _) => e.pod_name.clone(),
        (None, true, Some(name)) => name.to_owned(),
        (None, true, None) => String::new(),
    };
    End { namespace: e.namespace.clone(), name, ip: ip.to_owned(), managed: !e.pod_name.is_empty() }
}

fn l7(l7: &wire::L7) -> String {
    match &l7.record {
        Some(wire::Record::Dns(d)) => format!("DNS {}", d.query),
        Some(wire::Record::Http(h)) if h.code > 0 => format!("{} {} {}", h.method, h.url, h.code),
        Some(wire::Record::Http(h)) => format!("{} {}", h.method, h.url),
        None => String::new(),
    }
}
