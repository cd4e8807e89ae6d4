//! Export of flows: JSON lines as Hubble writes them, and CSV.

use prost::Message;

use super::{flow::Row, wire::GetFlowsResponse};
use crate::domain::text::safe;

/// The line that Hubble's own program would write; `None` if the message was too long to keep.
pub fn json(row: &Row) -> Option<String> {
    let message = GetFlowsResponse::decode(&*row.raw).ok().filter(|m| m.item.is_some())?;
    line(&message).ok()
}

/// A message as the line that Hubble's own program would write. Characters that act on a terminal are escaped, which is
/// the same JSON.
///
/// # Errors
/// None: every message can be written.
pub fn line(message: &GetFlowsResponse) -> Result<String, serde_json::Error> {
    let line = serde_json::to_string(message)?;
    if line.is_ascii() && !line.contains('\u{7f}') {
        return Ok(line);
    }
    let mut out = String::with_capacity(line.len() + 32);
    for c in line.chars() {
        if safe(c.encode_utf8(&mut [0; 4])).starts_with(c) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|u| out.push_str(&format!("\\u{u:04x}")));
        }
    }
    Ok(out)
}

/// The columns of the CSV.
pub const COLUMNS: &[&str] = &[
    "time",
    "node",
    "source",
    "source_pod",
    "source_ip",
    "source_cni",
    "source_port",
    "destination",
    "destination_pod",
    "destination_ip",
    "destination_cni",
    "destination_port",
    "protocol",
    "l7",
    "kind",
    "verdict",
    "reason",
    "encrypted",
    "unanswered",
];

/// The header line of the CSV.
pub fn csv_head() -> String {
    COLUMNS.join(",")
}

/// A line of the CSV (RFC 4180). Fields that a spreadsheet would read as a formula are quoted as text.
pub fn csv(row: &Row) -> String {
    let ip = |ip: Option<std::net::IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
    let port = |p: u16| if p == 0 { String::new() } else { p.to_string() };
    let yes = |b: bool| if b { "yes".to_owned() } else { String::new() };
    let end = |e: &super::flow::End| if e.namespace.is_empty() { e.name.to_string() } else { e.label() };
    let fields = [
        row.time.to_string(),
        row.node.to_string(),
        end(&row.source),
        row.source.pod.to_string(),
        ip(row.source.ip),
        row.source.cni.word().to_owned(),
        port(row.source_port),
        end(&row.destination),
        row.destination.pod.to_string(),
        ip(row.destination.ip),
        row.destination.cni.word().to_owned(),
        port(row.port),
        row.protocol.to_owned(),
        row.l7.to_string(),
        row.kind.word().to_owned(),
        row.verdict.word().to_owned(),
        row.why(),
        yes(row.encrypted),
        yes(row.unanswered),
    ];
    fields.map(|f| field(&safe(&f))).join(",")
}

fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula || text.contains([',', '"', '\n', '\r']) {
        let guard = if formula { "'" } else { "" };
        return format!("\"{guard}{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_quoted_where_needed() {
        for (given, wanted) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
        ] {
            assert_eq!(field(given), wanted);
        }
    }
}
