//! `cutover audit verify`: whether a log is whole, and the one that the cluster has anchored.

use std::path::Path;

use serde_json::json;

use crate::cli::{
    Exit, Global, Output, output,
    session::{Failed, Session, audit_path},
};
use crate::domain::{
    audit::{self, Anchor},
    text::{count, safe},
};

pub(super) async fn verify(global: &Global, file: Option<&Path>, offline: bool) -> Result<Exit, Failed> {
    let named = file.or(global.audit_log.as_deref());
    let (path, anchors) = if offline {
        let Some(path) = named else {
            return Err(Failed::new(Exit::Usage, "without a cluster the log has to be named"));
        };
        (path.to_owned(), vec![])
    } else {
        let session = Session::open(global).await?;
        let facts = session.facts();
        let status = facts.migration.and_then(|m| m.status.clone());
        let named = named.or(session.audit_log());
        (audit_path(named, &facts.surroundings.cluster)?, status.map(|s| s.audit).unwrap_or_default())
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Failed::new(Exit::Usage, format!("{} cannot be read: {e}", path.display())))?;
    check(&path.display().to_string(), &text, &anchors, offline, global.output)
}

fn check(name: &str, text: &str, anchors: &[Anchor], offline: bool, format: Output) -> Result<Exit, Failed> {
    let found = audit::verify(text, anchors).map_err(|why| {
        Failed::new(Exit::Blocked, format!("{name}: {why}. It is no proof any more of what was done"))
    })?;
    let end = found.whole.end;
    if format.is_json() {
        let open = found.whole.open.iter().map(|(line, effect)| json!({"line": line, "effect": effect}));
        let others = anchors.iter().filter(|a| a.log != end.log);
        format.print(&json!({
            "file": name, "lines": end.lines, "head": end.head, "anchored": found.anchored,
            "unknown": open.collect::<Vec<_>>(), "others": others.collect::<Vec<_>>(),
        }));
        return judged(name, found.anchored, offline);
    }
    output::line(&format!("{name}: {} in an unbroken chain", count(usize::try_from(end.lines).unwrap_or(0), "line")));
    output::line(&format!("last hash  {}", end.head));
    match found.anchored {
        Some(lines) if lines == end.lines => output::line("anchored   in the Migration's status, to the last line"),
        Some(lines) => output::line(&format!(
            "anchored   in the Migration's status up to line {lines}; nothing after it is anchored yet"
        )),
        None if offline => output::line("anchored   not checked: an end that was cut off would not be noticed"),
        None => output::line("anchored   nowhere: the cluster's Migration knows nothing of this log"),
    }
    for other in anchors.iter().filter(|a| a.log != end.log) {
        output::line(&format!(
            "another    {} on {}: {} lines, not checked here",
            other.log,
            safe(&other.host),
            other.lines
        ));
    }
    for (line, effect) in &found.whole.open {
        output::line(&format!(
            "unknown    line {line}: {} was begun, and its outcome is not written down",
            safe(effect)
        ));
    }
    judged(name, found.anchored, offline)
}

fn judged(name: &str, anchored: Option<u64>, offline: bool) -> Result<Exit, Failed> {
    if anchored.is_none() && !offline {
        let why = "no anchor names it: it is a new file, or its program never held the Lease";
        return Err(Failed::new(Exit::Blocked, format!("{name}: {why}")));
    }
    Ok(Exit::Done)
}
