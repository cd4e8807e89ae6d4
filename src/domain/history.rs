//! What was done, out of the audit log's lines: each change once, with what came of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was made.
    Done,
    /// It was not made.
    Refused,
    /// No answer came: it may have been made.
    Unknown,
    /// It was begun, and nothing after that is on record: it is under way, or the program died.
    Open,
}

impl Outcome {
    /// The word an operator reads.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "REFUSED",
            Self::Unknown => "UNKNOWN",
            Self::Open => "begun",
        }
    }
}

/// A change that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The line that says that it begins.
    pub line: u64,
    /// The line that says what came of it.
    pub ended: Option<u64>,
    /// When it was begun.
    pub at: Timestamp,
    /// When that was known.
    pub ended_at: Option<Timestamp>,
    /// Who did it.
    pub operator: String,
    /// On which API server.
    pub server: String,
    /// The term of the lock; 0 for a request of an operator.
    pub epoch: i64,
    /// The effect's name.
    pub effect: String,
    /// The object.
    pub object: String,
    /// What, in words.
    pub what: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was not done.
    pub why: String,
}

/// A line of the log, as far as it is needed.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Line {
    line: u64,
    at: Timestamp,
    kind: String,
    operator: String,
    server: String,
    epoch: i64,
    effect: String,
    object: String,
    what: String,
    result: Option<String>,
}

impl Default for Line {
    fn default() -> Self {
        let text = String::new;
        Self {
            line: 0,
            at: Timestamp::UNIX_EPOCH,
            kind: text(),
            operator: text(),
            server: text(),
            epoch: 0,
            effect: text(),
            object: text(),
            what: text(),
            result: None,
        }
    }
}

/// Every change of a log, in the order in which they were begun. What is no line of a log is passed over: whether the log
/// is whole is another question.
pub fn changes(text: &str) -> Vec<Change> {
    let mut found: Vec<Change> = Vec::new();
    for line in text.lines().filter_map(|l| serde_json::from_str::<Line>(l).ok()) {
        if line.kind == "intent" {
            found.push(Change {
                line: line.line,
                ended: None,
                at: line.at,
                ended_at: None,
                operator: line.operator,
                server: line.server,
                epoch: line.epoch,
                effect: line.effect,
                object: line.object,
                what: line.what,
                outcome: Outcome::Open,
                why: String::new(),
            });
            continue;
        }
        // of several of one name the last one: what was begun before and never ended stays open
        let of = |c: &&mut Change| c.effect == line.effect && c.ended.is_none();
        let Some(change) = found.iter_mut().rev().find(of) else { continue };
        let said = line.result.unwrap_or_default();
        let (word, why) = said.split_once(": ").unwrap_or((&said, ""));
        change.outcome = match word {
            "done" => Outcome::Done,
            "refused" => Outcome::Refused,
            _ => Outcome::Unknown,
        };
        why.clone_into(&mut change.why);
        (change.ended, change.ended_at) = (Some(line.line), Some(line.at));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(number: u64, kind: &str, effect: &str, result: Option<&str>) -> String {
        json!({"line": number, "at": "2026-11-27T01:00:00Z", "kind": kind, "effect": effect, "object": "node/n",
            "what": "cordon", "result": result})
        .to_string()
    }

    #[test]
    fn every_change_is_there_once_with_what_came_of_it() {
        let log = [
            line(1, "intent", "cordon a", None),
            line(2, "intent", "cordon b", None),
            line(3, "outcome", "cordon b", Some("refused: 403: not yours")),
            "torn".into(),
            line(4, "intent", "cordon b", None),
            line(5, "outcome", "cordon b", Some("done")),
            line(6, "intent", "evict c", None),
            line(7, "outcome", "evict c", Some("unknown: no answer")),
            line(8, "outcome", "of nothing", Some("done")),
        ]
        .join("\n");
        let found: Vec<_> = changes(&log).into_iter().map(|c| (c.line, c.ended, c.outcome, c.why)).collect();
        assert_eq!(
            found,
            [
                (1, None, Outcome::Open, String::new()),
                (2, Some(3), Outcome::Refused, "403: not yours".into()),
                (4, Some(5), Outcome::Done, String::new()),
                (6, Some(7), Outcome::Unknown, "no answer".into()),
            ]
        );
    }
}
