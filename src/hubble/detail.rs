//! The details of one flow, line by line.

use prost::Message;
use serde_json::Value;

use super::{flow::Row, reason, wire::GetFlowsResponse};
use crate::domain::{guard::Class, text::safe};

/// Cutover's interpretation, then every field by Hubble's name.
///
/// `agent`: the encryption mode that the agent of its node reports, if known.
pub fn lines(row: &Row, agent: Option<&str>) -> Vec<String> {
    let mut lines = vec![
        line("time", &row.time.to_string()),
        line("seen on", &row.node),
        line("from", &format!("{}  ({})", row.source.label(), row.source.cni.word())),
        line("to", &format!("{}  ({})", row.destination.label(), row.destination.cni.word())),
        line("what it is", meaning(row)),
    ];
    if row.reason != 0 {
        let class = match reason::class(row.reason) {
            Class::Stop => "it does not recover by itself",
            Class::Transient => "it may recover: something is starting or stopping",
            Class::Noise => "harmless",
        };
        lines.push(line("reason", &format!("{} ({}): {class}", row.why(), row.reason)));
    }
    let encrypted = match (row.encrypted, agent) {
        (true, _) => "yes, this flow proves it".to_owned(),
        (false, Some(mode)) => format!("not proven by this flow; the agent reports: {mode}"),
        (false, None) => "not proven by this flow; the agent has not reported its mode yet".to_owned(),
    };
    lines.push(line("encrypted", &encrypted));
    lines.push(String::new());
    match GetFlowsResponse::decode(&*row.raw).ok().and_then(|m| serde_json::to_value(m).ok()) {
        Some(Value::Object(fields)) if !row.raw.is_empty() => {
            let flow = fields.get("flow").cloned().unwrap_or_default();
            flatten("", &flow, &mut lines);
        }
        _ => lines.push("the message was too long to keep".into()),
    }
    lines
}

fn line(name: &str, text: &str) -> String {
    format!("{name:<11} {}", safe(text))
}

/// The kind of event: one packet may have several.
const fn meaning(row: &Row) -> &'static str {
    use super::flow::Kind;
    match row.kind {
        _ if row.unanswered => "first packet of a connection; no answer within 5 s",
        Kind::Opens => "first packet of a connection, in transit: no proof that it arrived",
        Kind::Goes => "packet of a connection, in transit: no proof that it arrived",
        Kind::Reply => "reply: source and destination are swapped",
        Kind::Either => "request or reply: Cilium does not know which",
        Kind::Drop => "dropped packet",
        Kind::Policy => "policy verdict; a denied packet is reported as a drop as well",
        Kind::L7 => "request or response, read by a proxy",
        Kind::Socket => "socket connected; no packet yet",
    }
}

fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, lines);
            }
        }
        Value::Array(items) if items.iter().any(|i| i.is_object() || i.is_array()) => {
            for (i, item) in items.iter().enumerate() {
                flatten(&format!("{path}[{i}]"), item, lines);
            }
        }
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(plain).collect();
            lines.push(format!("{}  {}", safe(path), safe(&texts.join(", "))));
        }
        other => lines.push(format!("{}  {}", safe(path), safe(&plain(other)))),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
