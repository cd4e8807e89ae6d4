//! `cutover wait`: until the migration has come so far, or the time is up.

use std::{fmt, str::FromStr, time::Duration};

use clap::Args;
use serde_json::json;

use super::{
    Exit, Global,
    interrupt::interrupted,
    output,
    session::{Failed, Session},
};
use crate::domain::{
    api::{MigrationStatus, PhaseState, Stage},
    facts::Facts,
    steps::NodeStep,
    strategy::PhaseId,
    text,
};

/// Wait until the migration has come so far.
#[derive(Args, Debug)]
pub(super) struct Wait {
    /// Complete, RolledBack, phase=Done (all that is approved is done), phase=NAME, PHASE=STATE, node/NAME=STEP or
    /// condition=NAME[=STATUS], as migrate=done, node/worker-1=Done or condition=NeedsOperator
    #[arg(long = "for", value_name = "WHAT", default_value = "Complete")]
    until: Until,
    /// How long, as 60s, 5m or 2h; 0 looks once
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

/// `90`, `90s`, `5m` or `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let unit = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        _ => None,
    };
    let seconds = number.parse::<u64>().ok().zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
    // longer than this a clock cannot wait
    seconds.filter(|s| *s < 1 << 32).map(Duration::from_secs).ok_or_else(|| "expected 60s, 5m or 2h".into())
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
enum Until {
    /// The migration as a whole is there.
    Stage(Stage),
    /// The last approved phase is done.
    ApprovedDone,
    Phase(PhaseId, PhaseState),
    Node(String, NodeStep),
    Condition(String, String),
}

const ENDS: [Stage; 3] = [Stage::Complete, Stage::RollingBack, Stage::RolledBack];
/// Conditions of the Migration's status; `Complete` is also an end, and means the same.
const CONDITIONS: [&str; 3] = ["NeedsOperator", "Progressing", "Degraded"];
const STATES: [PhaseState; 6] = [
    PhaseState::Pending,
    PhaseState::NeedsApproval,
    PhaseState::Running,
    PhaseState::Blocked,
    PhaseState::Done,
    PhaseState::RollingBack,
];

fn state(name: &str) -> Result<PhaseState, String> {
    let named = |s: &PhaseState| format!("{s:?}");
    let known = || STATES.iter().map(named).collect::<Vec<_>>().join(", ");
    let found = STATES.into_iter().find(|s| named(s).eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("no state of a phase is called {name:?}; there are {}", known()))
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = |name: &str| ENDS.into_iter().find(|s| s.name().eq_ignore_ascii_case(name));
        let condition = |name: &str| CONDITIONS.into_iter().find(|c| c.eq_ignore_ascii_case(name));
        let Some((of, is)) = text.split_once('=') else {
            if let Some(end) = end(text) {
                return Ok(Self::Stage(end));
            }
            let known = [&ENDS.map(Stage::name)[..], &CONDITIONS[..]].concat().join(", ");
            let name = condition(text).ok_or_else(|| {
                format!("expected {known}, phase=NAME, PHASE=STATE, node/NAME=STEP or condition=NAME")
            })?;
            return Ok(Self::Condition(name.into(), "True".into()));
        };
        if let Some(node) = of.strip_prefix("node/") {
            let known = NodeStep::named(is).or_else(|| {
                let first = is.chars().next()?.to_ascii_uppercase();
                NodeStep::named(&format!("{first}{}", is.get(1..)?.to_ascii_lowercase()))
            });
            return known.map(|step| Self::Node(node.into(), step)).ok_or_else(|| format!("no step is called {is:?}"));
        }
        match of {
            "condition" => {
                let (name, status) = is.split_once('=').unwrap_or((is, "True"));
                let name = condition(name).or_else(|| end(name).map(Stage::name)).unwrap_or(name);
                Ok(Self::Condition(name.into(), status.into()))
            }
            "phase" if state(is) == Ok(PhaseState::Done) => Ok(Self::ApprovedDone),
            "phase" => end(is).map_or_else(|| is.parse().map(Stage::At), Ok).map(Self::Stage),
            phase => Ok(Self::Phase(phase.parse()?, state(is)?)),
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(stage @ Stage::At(_)) => write!(f, "at {stage}"),
            Self::Stage(stage) => write!(f, "{stage}"),
            Self::ApprovedDone => f.write_str("done as far as it is approved"),
            Self::Phase(phase, state) => write!(f, "{state:?} in {phase}"),
            Self::Node(node, step) => write!(f, "{step} on {node}"),
            Self::Condition(name, status) => write!(f, "{name}={status}"),
        }
    }
}

impl Until {
    /// As a status says it that answers the present spec.
    fn is_met(&self, facts: &Facts) -> bool {
        let Some(migration) = &facts.migration else { return false };
        let answers = |s: &&MigrationStatus| Some(s.observed_generation) == migration.metadata.generation;
        let Some(status) = migration.status.as_ref().filter(answers) else { return false };
        let is = |phase: PhaseId, state| status.phases.iter().any(|p| p.name == phase && p.state == state);
        match self {
            Self::Stage(stage) => status.phase == *stage,
            Self::ApprovedDone => is(migration.spec.approved, PhaseState::Done),
            Self::Phase(phase, state) => is(*phase, *state),
            Self::Node(node, step) => {
                let record = facts.node_migrations.get(node.as_str()).and_then(|r| r.status.as_ref());
                record.is_some_and(|s| s.step == *step)
            }
            Self::Condition(name, value) => {
                status.conditions.iter().any(|c| c.type_ == *name && c.status.eq_ignore_ascii_case(value))
            }
        }
    }
}

impl Wait {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let deadline = tokio::time::Instant::now() + self.timeout;
        let session = Session::open(global).await?;
        if let Until::Node(node, _) = &self.until
            && !session.store.read().nodes.contains_key(node.as_str())
        {
            let known: Vec<String> = session.store.read().nodes.keys().map(ToString::to_string).collect();
            let why = format!("no node is called {node:?}; there are {}", known.join(", "));
            return Err(Failed::new(Exit::Usage, why));
        }
        tokio::select! {
            // what holds already is seen even where there is no time
            biased;
            () = session.store.until(|f| self.until.is_met(f)) => {}
            () = tokio::time::sleep_until(deadline) => return Err(self.too_long(global, &session.facts())),
            () = interrupted() => return Ok(Exit::Interrupted),
        }
        if global.output.is_json() {
            let mut all = output::objects_of(&session.facts());
            all["met"] = json!(self.until.to_string());
            global.output.print(&all);
        } else {
            output::line(&format!("migration/cutover: {}", self.until));
        }
        Ok(Exit::Done)
    }

    fn too_long(&self, global: &Global, facts: &Facts) -> Failed {
        let is = match &facts.migration {
            None => "there is no Migration on this cluster".into(),
            Some(migration) => {
                let status = migration.status.clone().unwrap_or_default();
                let waits = if status.waiting.is_empty() {
                    String::new()
                } else {
                    format!(", waits: {}", status.waiting.message)
                };
                format!("it is at {}, {} nodes on Cilium{waits}", status.phase, status.progress)
            }
        };
        let limit = text::duration(self.timeout);
        let next = format!("Nothing was changed. Next: {} status", global.again);
        Failed::new(Exit::Waiting, format!("migration/cutover: not {} within {limit}: {is}. {next}", self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::api::Migration;

    fn facts(answers: i64) -> Facts {
        let migration = json!({
            "apiVersion": "cutover.dev/v1alpha1", "kind": "Migration", "metadata": {"name": "cutover", "generation": 2},
            "spec": {"approved": "Install", "cilium": {"version": "", "chart": "", "podCidr": ""}},
            "status": {"observedGeneration": answers, "phase": "Migrate",
                "phases": [{"name": "Install", "state": "Done"}, {"name": "Migrate", "state": "NeedsApproval"}],
                "conditions": [{"type": "NeedsOperator", "status": "True", "reason": "NeedsApproval", "message": "",
                    "lastTransitionTime": "2026-11-27T00:00:00Z"}]},
        });
        let migration: Migration = serde_json::from_value(migration).unwrap();
        Facts { migration: Some(migration.into()), ..Facts::default() }
    }

    #[test]
    fn what_is_met_is_said_by_a_status_that_answers_the_spec() {
        for (text, met) in [
            ("Complete", false),
            ("RolledBack", false),
            ("phase=Done", true),
            ("phase=migrate", true),
            ("phase=Install", false),
            ("install=done", true),
            ("migrate=needsapproval", true),
            ("migrate=Done", false),
            ("NeedsOperator", true),
            ("condition=NeedsOperator", true),
            ("condition=needsoperator=false", false),
            ("Degraded", false),
            ("node/worker-1=done", false),
        ] {
            let until: Until = text.parse().unwrap();
            assert_eq!(until.is_met(&facts(2)), met, "{text}");
            assert!(!until.is_met(&facts(1)), "{text}: the status answers an older spec");
        }
        assert!(!Until::ApprovedDone.is_met(&Facts::default()));
    }

    #[test]
    fn what_cannot_be_waited_for_is_refused_with_what_can() {
        for (text, words) in [
            ("Finished", "expected Complete, RollingBack, RolledBack, NeedsOperator"),
            ("phase=Later", "the phases are Preflight"),
            ("migrate=ready", "there are Pending, NeedsApproval"),
            ("node/worker-1=gone", "no step is called"),
        ] {
            let why = text.parse::<Until>().unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
    }

    #[test]
    fn times_have_a_unit_or_are_seconds() {
        for (text, seconds) in [("60s", 60), ("5m", 300), ("2h", 7_200), ("7", 7), ("0", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "s", "5d", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
