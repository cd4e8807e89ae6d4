//! The log's changes, printed: each once, with what came of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{List, Log};
use crate::{
    cli::{Exit, Output, interrupt::interrupted, output, session::Failed},
    domain::{
        audit::follow,
        history::{Change, Outcome, changes},
        text::count,
    },
};

/// How often a log is looked at that is followed.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn list(log: &Log, wanted: &List, format: Output) -> Result<Exit, Failed> {
    let text = log.read()?;
    let mut found = changes(&text);
    let all = found.len();
    found.retain(|c| {
        wanted.object.as_ref().is_none_or(|o| c.object.contains(o.as_str()))
            && wanted.since.is_none_or(|t| c.at >= t)
            && !(wanted.failed && c.outcome == Outcome::Done)
    });
    let whole = follow(&text).err();
    if format == Output::Json {
        output::json(&json!({"file": log.path, "broken": whole, "changes": found}));
        return Ok(Exit::Done);
    }
    if format == Output::Jsonl {
        found.iter().for_each(|c| output::json_line(&json!(c)));
        return Ok(Exit::Done);
    }
    output::line(&format!("log       {}", log.path.display()));
    if !log.is_there() {
        output::line("          not there: nothing was changed from this machine, or another one keeps it");
        return Ok(Exit::Done);
    }
    let failed = found.iter().filter(|c| c.outcome != Outcome::Done).count();
    let of = if found.len() == all { String::new() } else { format!(" of {all}") };
    let ended = if failed == 0 { "every one done".into() } else { format!("{failed} not done, or not known to be") };
    output::line(&format!("          {}{of}, {ended}", count(found.len(), "change")));
    if let Some(why) = whole {
        output::line(&format!("          BROKEN: {why}; what follows proves nothing. See: cutover audit verify"));
    }
    if !found.is_empty() {
        output::line("");
        table(&found);
    }
    Ok(Exit::Done)
}

fn table(changes: &[Change]) {
    let rows: Vec<Vec<String>> = changes.iter().map(|c| cells(c).to_vec()).collect();
    output::table(&["LINE", "TIME (UTC)", "OUTCOME", "OBJECT", "CHANGE"], &rows);
}

fn cells(change: &Change) -> [String; 5] {
    let why = if change.why.is_empty() { String::new() } else { format!(": {}", change.why) };
    [
        change.line.to_string(),
        change.at.strftime("%m-%d %H:%M:%S").to_string(),
        change.outcome.word().into(),
        change.object.clone(),
        format!("{}{why}", change.what),
    ]
}

/// Everything about one change.
pub(super) fn one(log: &Log, number: u64, format: Output) -> Result<Exit, Failed> {
    let text = log.read()?;
    let found = changes(&text).into_iter().find(|c| c.line == number || c.ended == Some(number));
    let Some(change) = found else {
        let last = text.lines().count();
        let why = format!("{} has no change at line {number}: it has {}", log.path.display(), count(last, "line"));
        return Err(Failed::new(Exit::Usage, why));
    };
    let lines: Vec<Value> = [Some(change.line), change.ended]
        .into_iter()
        .flatten()
        .filter_map(|n| text.lines().nth(usize::try_from(n).ok()?.checked_sub(1)?))
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    if format.is_json() {
        format.print(&json!({"change": change, "lines": lines}));
        return Ok(Exit::Done);
    }
    output::line(&format!("change    {}: {}", change.object, change.what));
    output::line(&format!("outcome   {}{}", change.outcome.word(), prefixed(": ", &change.why)));
    let ended = change.ended.map(|n| format!(" and {n}")).unwrap_or_default();
    output::line(&format!("log       {}, line {}{ended}", log.path.display(), change.line));
    output::line(&format!("begun     {}", change.at));
    if let Some(at) = change.ended_at {
        output::line(&format!("ended     {at}"));
    }
    output::line(&format!("operator  {}", change.operator));
    output::line(&format!("server    {}", change.server));
    output::line(&format!("effect    {} (term {})", change.effect, change.epoch));
    for request in lines.iter().flat_map(|l| l["requests"].as_array().into_iter().flatten()) {
        let status = request["status"].as_u64().map_or_else(|| "no answer".into(), |s| s.to_string());
        let id = request["auditId"].as_str().map(|id| format!("   Audit-ID {id}")).unwrap_or_default();
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        output::line(&format!("\n{} {} -> {status}{id}", text("method"), text("path")));
        let keys = request["before"].as_object().into_iter().chain(request["after"].as_object());
        let mut keys: Vec<&String> = keys.flat_map(|o| o.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let (was, is) = (&request["before"][key.as_str()], &request["after"][key.as_str()]);
            if was != is {
                output::paragraph(&format!("  {key}: {was} -> {is}"), 6);
            }
        }
    }
    Ok(Exit::Done)
}

fn prefixed(with: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{with}{text}") }
}

/// The last changes; then those that come, each when its outcome is known.
pub(super) async fn tail(log: &Log, lines: usize, follows: bool, format: Output) -> Result<Exit, Failed> {
    let mut text = log.read()?;
    let known = changes(&text);
    known.iter().skip(known.len().saturating_sub(lines)).for_each(|c| print(c, format));
    if !follows {
        return Ok(Exit::Done);
    }
    let mut interrupt = std::pin::pin!(interrupted());
    let mut open: Vec<u64> = known.iter().filter(|c| c.ended.is_none()).map(|c| c.line).collect();
    let mut seen = known.last().map_or(0, |c| c.line);
    loop {
        tokio::select! {
            () = &mut interrupt => return Ok(Exit::Done),
            () = tokio::time::sleep(LOOK) => {}
        }
        let length = log.length()?;
        if length == text.len() as u64 {
            continue;
        }
        if length < text.len() as u64 {
            output::note(
                "the log became shorter: it was cut, or another one is in its place. See: cutover audit verify",
            );
            (open, seen) = (vec![], 0);
        }
        text = log.read()?;
        for change in changes(&text) {
            let ended = change.ended.is_some();
            if change.line > seen {
                seen = change.line;
                if !ended {
                    open.push(change.line);
                }
                print(&change, format);
            } else if ended && open.contains(&change.line) {
                open.retain(|line| *line != change.line);
                print(&change, format);
            }
        }
    }
}

fn print(change: &Change, format: Output) {
    if format.is_json() {
        output::json_line(&json!(change));
        return;
    }
    let [line, at, outcome, object, what] = cells(change);
    output::paragraph(&format!("{line:>5}  {at}  {outcome:<8}  {object}: {what}"), 33);
}
