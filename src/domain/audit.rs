//! The audit log's lines: a chain in which no line can be changed, taken out or cut off unseen.
//!
//! Every line holds the hash of the one before it and its own, which is SHA-256 over the line as it stands
//! without its hash. The number of lines and the last hash are anchored in the Migration's status.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The hash before the first line.
pub const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// How many logs are anchored: those that have grown last. A pod begins a new one each time that it starts.
const ANCHORS: usize = 64;
/// Values that are longer than this are cut: the log says what changed, it is no copy of objects.
const LONGEST: usize = 300;
/// How many changed fields of one request are listed.
const FIELDS: usize = 40;

/// How far a log had come, as the Migration's status keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Anchor {
    /// Which log: a random name that every line of it carries.
    pub log: String,
    /// On which machine it is, for people.
    #[serde(default)]
    pub host: String,
    /// How many lines it had.
    pub lines: u64,
    /// The hash of the last one.
    pub head: String,
}

/// Puts an anchor among the others. One that is lower than what was anchored before changes nothing: the log was cut.
pub fn anchor(anchors: &mut Vec<Anchor>, now: &Anchor) {
    if anchors.iter().any(|a| a.log == now.log && a.lines >= now.lines) {
        return;
    }
    anchors.retain(|a| a.log != now.log);
    anchors.push(now.clone());
    anchors.drain(..anchors.len().saturating_sub(ANCHORS));
}

/// Who did it, and where.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// Who the cluster takes the operator for, and who that is on this machine.
    pub operator: String,
    /// The run of the program.
    pub process: String,
    /// The API server's address.
    pub server: String,
    /// UID of the namespace `kube-system`: identifies the cluster under any address.
    pub cluster: String,
}

/// One request that changed something, or tried to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// The HTTP method.
    pub method: String,
    /// The address, without its query.
    pub path: String,
    /// The HTTP status; nothing where no answer came.
    pub status: Option<u16>,
    /// The API server's own number for it, which its audit log has, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_id: Option<String>,
    /// What was changed, as it was.
    pub before: Value,
    /// The same afterwards.
    pub after: Value,
}

/// A line before it is chained.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// `intent`: about to be done; `outcome`: what came of it; `request`: an operator changed `spec`.
    pub kind: &'static str,
    /// Who, and where.
    #[serde(flatten)]
    pub actor: Actor,
    /// The term of the lock.
    pub epoch: i64,
    /// The effect's name.
    pub effect: String,
    /// The object.
    pub object: String,
    /// What, in words.
    pub what: String,
    /// The requests that were made for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Exchange>,
    /// `done`, `refused: …` or `unknown: …`; nothing for an intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

/// A line as it is written, and its hash.
pub fn seal(entry: &Entry, log: &str, number: u64, before: &str) -> (String, String) {
    let mut line = json!({"log": log, "line": number});
    if let (Some(line), Ok(Value::Object(fields))) = (line.as_object_mut(), serde_json::to_value(entry)) {
        line.extend(fields);
        line.insert("previous".into(), json!(before));
    }
    let hash = hash(&line);
    line["hash"] = json!(hash);
    (line.to_string(), hash)
}

fn hash(line: &Value) -> String {
    format!("{:x}", Sha256::digest(line.to_string()))
}

/// What is in a log that is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// Where it ends.
    pub end: Anchor,
    /// Effects that were begun and of which no outcome is known, with the line of their intent.
    pub open: Vec<(u64, String)>,
}

/// Follows the chain.
///
/// # Errors
/// The first line that is wrong, and how.
pub fn follow(text: &str) -> Result<Whole, String> {
    let mut whole = Whole { end: Anchor { head: START.into(), ..Anchor::default() }, open: vec![] };
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line is cut off in the middle".into());
    }
    for raw in text.lines() {
        let number = whole.end.lines + 1;
        let wrong = |why: &str| format!("line {number}: {why}");
        let mut line: Value = serde_json::from_str(raw).map_err(|e| wrong(&format!("it is no JSON: {e}")))?;
        if line.to_string().as_str() != raw {
            return Err(wrong("it is not written as Cutover writes it"));
        }
        let said = line.as_object_mut().and_then(|l| l.shift_remove("hash")).unwrap_or_default();
        if said != hash(&line) {
            return Err(wrong("it was changed: its hash does not fit"));
        }
        if line["line"] != number {
            return Err(wrong(&format!("it says that it is line {}: lines were taken out or put in", line["line"])));
        }
        if line["previous"] != whole.end.head {
            return Err(wrong("it does not follow the one before it"));
        }
        let log = line["log"].as_str().unwrap_or_default();
        if number > 1 && log != whole.end.log {
            return Err(wrong("it is of another log"));
        }
        let effect = line["effect"].as_str().unwrap_or_default().to_owned();
        match line["kind"].as_str() {
            Some("intent") => whole.open.push((number, effect)),
            // the last one of its name: what was begun before and never ended stays unknown
            Some("outcome") => {
                if let Some(at) = whole.open.iter().rposition(|(_, e)| *e == effect) {
                    whole.open.remove(at);
                }
            }
            _ => {}
        }
        whole.end = Anchor {
            log: log.to_owned(),
            host: String::new(),
            lines: number,
            head: said.as_str().unwrap_or_default().into(),
        };
    }
    Ok(whole)
}

/// Follows the chain and compares it with what the Migration's status says of it.
///
/// # Errors
/// What is wrong.
pub fn verify(text: &str, anchors: &[Anchor]) -> Result<Verified, String> {
    let whole = follow(text)?;
    let Some(anchor) = anchors.iter().find(|a| a.log == whole.end.log) else {
        return Ok(Verified { whole, anchored: None });
    };
    if whole.end.lines < anchor.lines {
        return Err(format!(
            "{} lines are missing at its end: it has {}, and had {} when it was last anchored",
            anchor.lines - whole.end.lines,
            whole.end.lines,
            anchor.lines
        ));
    }
    let at = usize::try_from(anchor.lines).unwrap_or(usize::MAX).saturating_sub(1);
    let line: Value = text.lines().nth(at).and_then(|l| serde_json::from_str(l).ok()).unwrap_or_default();
    if line["hash"] != anchor.head {
        return Err(format!("line {} is another one than was anchored: the log was rewritten", anchor.lines));
    }
    Ok(Verified { whole, anchored: Some(anchor.lines) })
}

/// What a check of a log came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The log.
    pub whole: Whole,
    /// Up to which line it is the one that was anchored; nothing when the cluster knows nothing of this log.
    pub anchored: Option<u64>,
}

/// The fields that a change names, as they are in an object. An operator's own helm values may hold secrets: of them
/// only a hash is written.
pub fn fields(change: &Value, object: &Value) -> Value {
    let mut out = serde_json::Map::new();
    walk(change, object, &mut String::new(), &mut out);
    Value::Object(out)
}

fn walk(change: &Value, object: &Value, path: &mut String, out: &mut serde_json::Map<String, Value>) {
    match change {
        _ if path.ends_with("values") || path.ends_with("valuesContent") => {
            out.insert(path.clone(), json!(format!("sha256:{}", hash(object))));
        }
        Value::Object(inner) if !inner.is_empty() => {
            for (key, value) in inner {
                let known = path.is_empty() && matches!(key.as_str(), "apiVersion" | "kind");
                let ours = path == "metadata" && matches!(key.as_str(), "name" | "namespace" | "resourceVersion");
                if known || ours {
                    continue;
                }
                let length = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                walk(value, &object[key.as_str()], path, out);
                path.truncate(length);
            }
        }
        _ if out.len() < FIELDS => drop(out.insert(path.clone(), short(object))),
        _ => {}
    }
}

fn short(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= LONGEST {
        return value.clone();
    }
    let cut: String = text.chars().take(LONGEST).collect();
    json!(format!("{cut}…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: u64) -> String {
        let mut head = START.to_owned();
        let mut text = String::new();
        for n in 1..=lines {
            let entry = Entry {
                at: Timestamp::UNIX_EPOCH,
                kind: if n % 2 == 1 { "intent" } else { "outcome" },
                actor: Actor { operator: "ann".into(), ..Actor::default() },
                epoch: 3,
                effect: format!("cordon/n{}", n.div_ceil(2)),
                object: "node/n".into(),
                what: "cordon".into(),
                requests: vec![],
                result: (n % 2 == 0).then(|| "done".into()),
            };
            let (line, hash) = seal(&entry, "l", n, &head);
            text += &line;
            text.push('\n');
            head = hash;
        }
        text
    }

    #[test]
    fn the_logs_that_have_grown_last_stay_anchored() {
        let at = |log: usize, lines| Anchor { log: log.to_string(), lines, ..Anchor::default() };
        let mut anchors = vec![];
        (0..ANCHORS).for_each(|n| anchor(&mut anchors, &at(n, 1)));
        anchor(&mut anchors, &at(0, 2));
        anchor(&mut anchors, &at(ANCHORS, 1));
        assert_eq!(anchors.len(), ANCHORS);
        assert!(anchors.contains(&at(0, 2)) && !anchors.iter().any(|a| a.log == "1"));
        // a log that was cut changes nothing
        anchor(&mut anchors, &at(0, 1));
        assert!(anchors.contains(&at(0, 2)));
    }

    #[test]
    fn every_edit_is_found() {
        let text = log(6);
        let end = follow(&text).unwrap().end;
        assert_eq!(end.lines, 6);
        let anchors = [Anchor { lines: 5, head: follow(&log(5)).unwrap().end.head, ..end.clone() }];
        assert_eq!(verify(&text, &anchors).unwrap().anchored, Some(5));
        // every byte of it, one after the other
        for i in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[i] = if bytes[i] == b'7' { b'8' } else { b'7' };
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(follow(&changed).is_err(), "byte {i} was changed unseen");
        }
        let lines: Vec<&str> = text.lines().collect();
        for i in 0..lines.len() - 1 {
            let mut without = lines.clone();
            without.remove(i);
            assert!(follow(&(without.join("\n") + "\n")).is_err(), "line {i} was taken out unseen");
            let mut swapped = lines.clone();
            swapped.swap(i, i + 1);
            assert!(follow(&(swapped.join("\n") + "\n")).is_err(), "lines were swapped unseen");
        }
        // one that was sealed again
        let mut line: Value = serde_json::from_str(lines[2]).unwrap();
        line.as_object_mut().unwrap().shift_remove("hash");
        line["epoch"] = json!(4);
        line["hash"] = json!(hash(&line));
        let forged = text.replace(lines[2], &line.to_string());
        assert!(follow(&forged).unwrap_err().contains("does not follow"), "a line was rewritten unseen");
        let cut = lines[..4].join("\n") + "\n";
        assert!(follow(&cut).is_ok(), "the chain alone cannot tell");
        assert!(verify(&cut, &anchors).unwrap_err().contains("1 lines are missing"));
        assert!(follow(&text[..text.len() - 1]).is_err(), "torn");
        let rewritten = [Anchor { head: START.into(), ..anchors[0].clone() }];
        assert!(verify(&text, &rewritten).unwrap_err().contains("was rewritten"));
    }

    #[test]
    fn an_intent_without_an_outcome_is_named() {
        assert_eq!(follow(&log(5)).unwrap().open, [(5, "cordon/n3".to_owned())]);
        assert!(follow(&log(6)).unwrap().open.is_empty());
    }

    #[test]
    fn the_fields_of_a_change() {
        let change = json!({"metadata": {"resourceVersion": "1", "annotations": {"a/b": null}}, "spec": {"unschedulable": true}});
        let before = json!({"metadata": {"annotations": {"a/b": "x", "c": "y"}}, "spec": {"podCIDR": "1"}});
        assert_eq!(fields(&change, &before), json!({"metadata.annotations.a/b": "x", "spec.unschedulable": null}));
    }
}
