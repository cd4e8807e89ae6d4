//! The filter of the flow table: `verdict=dropped dport=6379 src=shop/ not dst=world redis`.

use super::flow::Row;

/// A filter; an empty one lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<(bool, Field, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Any,
    Source,
    Destination,
    Port,
    Verdict,
    Reason,
    Node,
    Protocol,
}

impl Filter {
    /// Reads a filter. Terms are joined by *and*; a word without `=` is looked for everywhere.
    ///
    /// # Errors
    /// Which key is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        let mut wanted = true;
        for word in text.split_whitespace() {
            if word.eq_ignore_ascii_case("not") {
                wanted = !wanted;
                continue;
            }
            let (field, value) = match word.split_once('=') {
                None => (Field::Any, word),
                Some((key, value)) => (Self::field(key)?, value),
            };
            terms.push((wanted, field, value.trim_end_matches('*').to_lowercase()));
            wanted = true;
        }
        Ok(Self { terms })
    }

    fn field(key: &str) -> Result<Field, String> {
        Ok(match key.to_ascii_lowercase().as_str() {
            "src" | "source" => Field::Source,
            "dst" | "destination" => Field::Destination,
            "dport" | "port" => Field::Port,
            "verdict" => Field::Verdict,
            "reason" => Field::Reason,
            "node" => Field::Node,
            "proto" | "protocol" => Field::Protocol,
            other => return Err(format!("no field {other:?}: src, dst, dport, verdict, reason, node, proto")),
        })
    }

    /// Does a flow get through?
    pub fn matches(&self, row: &Row) -> bool {
        self.terms.iter().all(|(wanted, field, value)| Self::has(row, *field, value) == *wanted)
    }

    fn has(row: &Row, field: Field, value: &str) -> bool {
        let within = |text: &str| text.to_lowercase().contains(value);
        match field {
            Field::Source => within(&row.source.label()),
            Field::Destination => within(&row.destination.label()),
            Field::Port => row.port.to_string() == value,
            Field::Verdict => row.verdict.word().starts_with(value),
            Field::Reason => within(&row.reason),
            Field::Node => within(&row.node),
            Field::Protocol => row.protocol.eq_ignore_ascii_case(value),
            Field::Any => {
                within(&row.source.label())
                    || within(&row.destination.label())
                    || within(&row.node)
                    || within(&row.reason)
                    || within(&row.l7)
                    || row.verdict.word().starts_with(value)
                    || row.port.to_string() == value
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::hubble::{flow::End, reason::Verdict};

    fn row() -> Row {
        let end = |namespace: &str, name: &str| End {
            namespace: namespace.into(),
            name: name.into(),
            ip: "10.245.0.7".into(),
            managed: true,
        };
        Row {
            time: Timestamp::UNIX_EPOCH,
            node: "worker-1".into(),
            source: end("infra-argocd", "argocd-server"),
            destination: end("infra-argocd", "argocd-redis"),
            port: 6379,
            protocol: "TCP",
            l7: String::new(),
            verdict: Verdict::Dropped,
            reason: "denied by policy".into(),
            reply: false,
            probe: false,
        }
    }

    #[test]
    fn terms_are_joined_by_and() {
        for (filter, wanted) in [
            ("", true),
            ("verdict=dropped src=infra-argocd/* dport=6379 not dst=world", true),
            ("dport=637", false),
            ("not verdict=dropped", false),
            ("redis", true),
            ("proto=tcp node=worker", true),
            ("dst=prometheus", false),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().matches(&row()), wanted, "{filter}");
        }
        assert!(Filter::parse("colour=red").unwrap_err().contains("colour"));
    }
}
