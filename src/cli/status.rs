//! `cutover status`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::timeout;

use super::{
    Exit, Global, Output, output,
    session::{Failed, Session},
};
use crate::domain::{
    facts::Facts,
    lease::Holder,
    lock::DURATION,
    turn::{Remedy, Turn, TurnOf, turns},
    view::View,
};

/// As long as it takes to call a holder silent, and a little more.
const LOOKS: Duration = Duration::from_secs(DURATION.as_secs() + 4);

pub(super) async fn run(global: &Global) -> Result<Exit, Failed> {
    let session = Session::open(global).await?;
    let watching = session.watch_engine();
    // whether a holder is alive shows only while one looks
    let _ = timeout(LOOKS, session.store.until(|f| f.engine != Holder::Unknown)).await;
    drop(watching);
    let facts = session.facts();
    let turns = turns_of(&facts);
    match global.output {
        Output::Json => {
            let mut all = output::objects_of(&facts);
            all["engine"] = json!(facts.engine);
            all["waitsForOperator"] = json!(turns);
            output::json(&all);
        }
        Output::Table => {
            output::standing(&facts);
            output::line(&format!("\nengine: {}", facts.engine.words()));
            turns
                .iter()
                .for_each(|t| output::line(&format!("your turn: {}: {}{}", t.object, t.message, next(t, &facts))));
        }
    }
    Ok(Exit::Done)
}

/// What waits for an operator, as the engine wrote it down.
fn turns_of(facts: &Facts) -> Vec<Turn> {
    let Some(migration) = &facts.migration else { return vec![] };
    let phases = migration.status.as_ref().map(|s| s.phases.as_slice()).unwrap_or_default();
    turns(&View::read_only(facts, migration, Timestamp::now()), phases)
}

/// The command that lets it go on; nothing where no single one does.
fn next(turn: &Turn, facts: &Facts) -> String {
    let approved = facts.migration.as_ref().map(|m| m.spec.approved).unwrap_or_default();
    let command = match (turn.action, &turn.object) {
        (Remedy::Approve, TurnOf::Phase(phase)) => format!("run --until {phase}"),
        (Remedy::Retry, TurnOf::Node(node)) => format!("run --until {approved} --retry {node}"),
        (Remedy::Release, TurnOf::Node(node)) => format!("run --until {approved} --release {node}"),
        (Remedy::Consent, TurnOf::Connection(edge)) => format!("run --until {approved} --consent 'BrokenFlow:{edge}'"),
        (Remedy::Consent, _) => "preflight --consents".into(),
        (Remedy::Resume, _) => format!("run --until {approved}"),
        _ => return String::new(),
    };
    format!(". Next: cutover {command}")
}
