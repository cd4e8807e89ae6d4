//! `cutover status`.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Exit, Global, heading,
    interrupt::interrupted,
    output,
    session::{Failed, Session},
};
use crate::domain::{
    api::{Migration, Stage, Target},
    eta,
    facts::Facts,
    host::commands::quoted,
    lease::Holder,
    lock::DURATION,
    text,
    turn::{Remedy, Turn, TurnOf, turns},
    view::View,
};

/// As long as it takes to call a holder silent, and a little more.
const LOOKS: Duration = Duration::from_secs(DURATION.as_secs() + 4);
/// The shortest time between two pictures of what is watched.
const PAUSE: Duration = Duration::from_millis(500);
/// How often clocks on the screen move.
const TICK: Duration = Duration::from_secs(1);

/// Print the state of the migration.
#[derive(Args, Debug)]
pub(super) struct Status {
    /// Print it again whenever it changes, until interrupted
    #[arg(long, short)]
    watch: bool,
}

impl Status {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let session = Session::open(global).await?;
        let watching = session.watch_engine();
        // whether a holder is alive shows only while one looks
        let known = timeout(LOOKS, session.store.until(|f| f.engine != Holder::Unknown));
        if self.watch {
            tokio::select! {
                _ = known => {}
                () = interrupted() => return Ok(Exit::Done),
            }
            watch(&session, global).await;
        } else {
            let _ = known.await;
            print(&session, global, &session.facts());
        }
        drop(watching);
        Ok(Exit::Done)
    }
}

/// What programs read.
fn object(facts: &Facts) -> Value {
    let mut all = output::objects_of(facts);
    all["engine"] = json!(facts.engine);
    all["waitsForOperator"] = json!(turns_of(facts));
    all
}

fn print(session: &Session, global: &Global, facts: &Facts) {
    if global.output.is_json() {
        global.output.print(&object(facts));
        return;
    }
    heading::print(session);
    let Some(migration) = &facts.migration else {
        output::line("\nThere is no Migration on this cluster.");
        heading::next(global, "preflight", "looks, and changes nothing");
        return;
    };
    output::paragraph(&summary(migration, facts), 10);
    if output::is_picture() {
        // what the rows are too few for is at the end: never what waits for an operator
        waits(global, facts);
        output::line("");
        output::standing(facts);
    } else {
        output::standing(facts);
        output::line("");
        waits(global, facts);
    }
}

/// Prints it whenever it has changed: on a terminal in place, with clocks that tick; elsewhere one after the other, for
/// programs a line each.
async fn watch(session: &Session, global: &Global) {
    let mut interrupt = std::pin::pin!(interrupted());
    let mut changes = session.store.changes();
    let mut before = Value::Null;
    let on_screen = output::terminal().is_some() && !global.output.is_json();
    if on_screen {
        output::clear();
    }
    loop {
        changes.borrow_and_update();
        let facts = session.facts();
        let at = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
        if on_screen {
            output::picture(|| {
                output::line(&format!("as of {at}, ctrl-c ends"));
                print(session, global, &facts);
            });
        } else {
            let now = object(&facts);
            if now != before && global.output.is_json() {
                output::json_line(&now);
            } else if now != before {
                output::line(&format!("── {at}"));
                print(session, global, &facts);
                output::line("");
            }
            before = now;
        }
        let (pause, tick) = (Instant::now() + PAUSE, Instant::now() + TICK);
        tokio::select! {
            () = &mut interrupt => return,
            () = sleep_until(tick), if on_screen => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
        tokio::select! {
            () = &mut interrupt => return,
            () = sleep_until(pause) => {}
        }
    }
}

/// Who runs the engine, what waits for an operator, and the next command.
fn waits(global: &Global, facts: &Facts) {
    output::paragraph(&format!("engine: {}", facts.engine.words()), 8);
    let turns = turns_of(facts);
    for turn in &turns {
        let command = next(turn, facts).map(|c| format!(": {} {c}", global.again)).unwrap_or_default();
        output::paragraph(&format!("your turn: {}: {}{command}", turn.object, turn.message), 11);
    }
    if let Some((command, why)) = next_command(facts) {
        heading::next(global, &command, why);
    }
}

/// The command that is typed next, and what for; nothing where only something outside helps.
pub(super) fn next_command(facts: &Facts) -> Option<(String, &'static str)> {
    let migration = facts.migration.as_ref()?;
    match migration.status.as_ref().map(|s| s.phase).unwrap_or_default() {
        Stage::Complete => return Some(("verify".into(), "proves that the cluster is on Cilium")),
        Stage::RolledBack => return Some(("verify".into(), "proves that the cluster is on Flannel")),
        Stage::At(_) | Stage::RollingBack => {}
    }
    let turns = turns_of(facts);
    if !turns.is_empty() {
        return turns.iter().find_map(|t| next(t, facts)).map(|command| (command, ""));
    }
    match facts.engine {
        Holder::Renewing(_) => Some(("wait --for=phase=Done --timeout 1h".into(), "")),
        Holder::None | Holder::Silent(_) => Some((resume(migration), "runs the engine: nothing moves without one")),
        Holder::Unknown | Holder::Unreadable(_) => None,
    }
}

/// The command that carries on what is wanted.
fn resume(migration: &Migration) -> String {
    match migration.spec.target {
        Target::Cilium => format!("run --until {}", migration.spec.approved),
        Target::Flannel => "rollback".into(),
    }
}

/// In one line: where it is, what is left, and whether it waits for somebody.
fn summary(migration: &Migration, facts: &Facts) -> String {
    let status = migration.status.clone().unwrap_or_default();
    let nodes = format!("{} nodes on Cilium", status.progress);
    match status.phase {
        Stage::Complete => return format!("summary   Complete: the cluster is on Cilium ({nodes})"),
        Stage::RolledBack => return format!("summary   Rolled back: the cluster is on Flannel ({nodes})"),
        Stage::At(_) | Stage::RollingBack => {}
    }
    let many = turns_of(facts).len();
    let waits = match many {
        0 => String::new(),
        _ => format!("; {} for you", if many == 1 { "1 thing waits".into() } else { format!("{many} things wait") }),
    };
    let estimate = || {
        let nodes = facts.node_migrations.values().filter_map(|r| r.status.as_ref());
        eta::of(&View::read_only(facts, migration, Timestamp::now()), nodes)
    };
    // what waits for a person, or for an engine, has no end in sight
    let moves = many == 0 && matches!(facts.engine, Holder::Renewing(_)) && status.started_at.is_some();
    let left = estimate().filter(|_| moves).map(|e| format!("; {e}")).unwrap_or_default();
    let began = status.started_at.filter(|_| status.finished_at.is_none());
    let since = began.map(|at| format!(", {} since the start", text::duration(text::between(at, Timestamp::now()))));
    format!("summary   {}, {nodes}{}{left}{waits}", status.phase, since.unwrap_or_default())
}

/// What waits for an operator, as the engine wrote it down.
fn turns_of(facts: &Facts) -> Vec<Turn> {
    let Some(migration) = &facts.migration else { return vec![] };
    let phases = migration.status.as_ref().map(|s| s.phases.as_slice()).unwrap_or_default();
    turns(&View::read_only(facts, migration, Timestamp::now()), phases)
}

/// The command that lets it go on; nothing where no single one does.
fn next(turn: &Turn, facts: &Facts) -> Option<String> {
    let approved = facts.migration.as_ref().map(|m| m.spec.approved).unwrap_or_default();
    Some(match (turn.action, &turn.object) {
        (Remedy::Approve, TurnOf::Phase(phase)) => format!("run --until {phase}"),
        (Remedy::Retry, TurnOf::Node(node)) => format!("run --until {approved} --retry {node}"),
        (Remedy::Release, TurnOf::Node(node)) => format!("run --until {approved} --release {node}"),
        (Remedy::Consent, TurnOf::Connection(edge)) => {
            format!("run --until {approved} --consent {}", quoted(&format!("BrokenFlow:{edge}")))
        }
        (Remedy::Consent, _) => "preflight --consents".into(),
        (Remedy::Resume, _) => format!("run --until {approved}"),
        _ => return None,
    })
}
