//! Everything that is known of one flow, line by line.

use prost::Message;
use serde_json::Value;

use super::{flow::Row, reason, wire::GetFlowsResponse};
use crate::domain::{guard::Class, text::safe};

/// What Cutover makes of it, then every field as Hubble names it.
///
/// `agent`: how the agent that saw it says that it encrypts, where that is known.
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
            Class::Stop => "it does not pass by itself",
            Class::Transient => "it may pass: something is being set up or taken down",
            Class::Noise => "it means nothing",
        };
        lines.push(line("reason", &format!("{} ({}): {class}", row.why(), row.reason)));
    }
    let encrypted = match (row.encrypted, agent) {
        (true, _) => "yes, this flow proves it".to_owned(),
        (false, Some(mode)) => format!("not proven by this flow; its agent says: {mode}"),
        (false, None) => "not proven by this flow; its agent has not been asked yet".to_owned(),
    };
    lines.push(line("encrypted", &encrypted));
    lines.push(String::new());
    match GetFlowsResponse::decode(&*row.raw).ok().and_then(|m| serde_json::to_value(m).ok()) {
        Some(Value::Object(fields)) if !row.raw.is_empty() => {
            let flow = fields.get("flow").cloned().unwrap_or_default();
            flatten("", &flow, &mut lines);
        }
        _ => lines.push("the message was too long to be kept".into()),
    }
    lines
}

fn line(name: &str, text: &str) -> String {
    format!("{name:<11} {}", safe(text))
}

/// What kind of event it is: the same packet may have several.
const fn meaning(row: &Row) -> &'static str {
    use super::flow::Kind;
    match row.kind {
        _ if row.unanswered => "the first packet of a connection that nobody answered within 5 s",
        Kind::Opens => "the first packet of a connection, seen on its way: no proof that it arrived",
        Kind::Goes => "a packet of a connection, seen on its way: no proof that it arrived",
        Kind::Reply => "an answer: source and destination are turned round",
        Kind::Either => "a packet of which Cilium does not know whether it asks or answers",
        Kind::Drop => "a packet that was dropped",
        Kind::Policy => "a policy was asked about a packet; if it was denied, its drop is reported as well",
        Kind::L7 => "a request or a response that a proxy read",
        Kind::Socket => "a socket was connected; no packet yet",
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
