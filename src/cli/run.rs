//! `cutover run`: the engine without a screen.

use std::{sync::Arc, time::Duration};

use clap::Args;
use clap_complete::ArgValueCompleter;
use futures::FutureExt;
use jiff::Timestamp;
use serde_json::json;
use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};

use super::{
    Exit, Global, Wanted, completions,
    confirm::Confirm,
    findings, heading,
    interrupt::{interrupted, until_ended},
    output,
    progress::{Event, Reporter},
    session::{Failed, Session},
    status,
};
use crate::{
    cluster::records,
    domain::{
        api::{MIGRATION, Migration, MigrationStatus, NodeMigrationStatus, PhaseState, Severity, Stage, Target},
        checks,
        facts::Facts,
        intent::Intent,
        lease::EngineState,
        reason::{Reason, Waiting},
        steps::NodeStep,
        strategy::{PhaseId, Standing},
        text,
        view::View,
    },
    engine::identity,
    sim::embedded::CONTEXT as EMBEDDED,
};

/// Carry the migration out.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// Up to and with this phase; `cutover plan` names them
    #[arg(long, value_name = "PHASE", add = ArgValueCompleter::new(completions::phases))]
    until: PhaseId,
    #[command(flatten)]
    confirm: Confirm,
    /// Move this node after all, which was rolled back alone and is held on Flannel
    #[arg(long, value_name = "NODE", add = ArgValueCompleter::new(completions::nodes))]
    release: Vec<String>,
    /// Let what has run out of time on this node go on: a paused drain, a reboot that did nothing
    #[arg(long, alias = "go-on", value_name = "NODE", add = ArgValueCompleter::new(completions::nodes))]
    retry: Vec<String>,
    /// Stop waiting after so many seconds; nothing is undone
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    #[command(flatten)]
    pub(super) wanted: Wanted,
}

impl Run {
    /// The run that the demo makes.
    pub(super) fn demo(wanted: Wanted) -> Self {
        let until = wanted.strategy.get().last();
        let confirm = Confirm { yes: true, confirm_context: Some(EMBEDDED.into()) };
        Self { until, confirm, release: vec![], retry: vec![], timeout: None, wanted }
    }

    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let mut spec = self.wanted.spec()?;
        let session = Session::open(global).await?;
        session.may_change()?;
        let by = session.store.read().surroundings.signed(&identity());
        spec.consents.iter_mut().for_each(|c| c.by.clone_from(&by));
        let consents = spec.consents.clone();
        let begun = session.store.read().migration.clone();
        let migration = begun.as_deref().cloned().unwrap_or_else(|| Migration::new(MIGRATION, spec.clone()));
        let changes = self.wanted.changes(&migration.spec, has_begun(&session.store.read(), &migration))?;
        if begun.as_ref().is_none_or(|m| m.status.as_ref().is_none_or(|s| s.started_at.is_none())) {
            // before anything of ours is on the cluster: what blocks leaves it as it was
            session.ask_task_pods(&migration).await;
            let found = findings::check(&session, &migration, checks::preflight);
            if let Some(first) = found.iter().find(|f| f.severity == Severity::Block) {
                if global.output.is_json() {
                    global.output.print(&json!({"findings": found}));
                } else {
                    output::findings(&found);
                }
                let message =
                    format!("preflight: {}: {}. {} Nothing was changed.", first.object, first.message, first.remedy);
                return Err(Failed::new(Exit::Blocked, message));
            }
        }
        let strategy = migration.spec.strategy.get();
        if strategy.phase(self.until).is_none() {
            let names: Vec<&str> = strategy.phases().iter().map(|p| p.spec().id).collect();
            let message = format!(
                "the strategy {} has no phase {}; its phases are {}",
                migration.spec.strategy,
                self.until,
                names.join(", ")
            );
            return Err(Failed::new(Exit::Usage, message));
        }
        let beyond = !strategy.is_within(migration.spec.approved, self.until);
        if beyond && migration.spec.target == Target::Cilium && begun.is_some() {
            let message = format!(
                "the migration is approved up to {} already; `cutover rollback --phase {}` takes back what lies beyond",
                migration.spec.approved, self.until
            );
            return Err(Failed::new(Exit::Usage, message));
        }
        let question = format!(
            "Carry the migration of {} ({}) out up to {}?",
            session.connection.context, session.connection.server, self.until
        );
        self.confirm.ask(&session, &question, strategy.approval_needed(&migration.spec, self.until))?;
        let client = &session.connection.write;
        let audit = session.audit()?;
        let begin = async {
            records::install_definitions(client).await?;
            records::create_migration(client, spec).await?;
            records::change_spec(client, &changes).await
        };
        audit.request("migration/cutover", "what is wanted", begin.boxed()).await?;
        if !consents.is_empty() {
            records::carry_out(client, audit, &Intent::Consent(consents)).await?;
        }
        for node in &self.release {
            let go = Intent::Node { node: node.clone(), target: Target::Cilium };
            records::carry_out(client, audit, &go).await?;
        }
        for node in &self.retry {
            let times = session
                .store
                .read()
                .node_migrations
                .get(node.as_str())
                .map_or(0, |r| r.spec.retries.max(r.status.as_ref().map_or(0, |s| s.observed_retries)));
            let go = Intent::Retry { node: node.clone(), times: times + 1 };
            records::carry_out(client, audit, &go).await?;
        }
        // phase by phase: a run that ends early leaves nothing approved that it has not come to
        let until = self.until;
        let from = match migration.spec.target {
            Target::Cilium => Intent::Pause(false),
            Target::Flannel => Intent::Approve(last_begun(&session.store.read(), &migration, until)),
        };
        records::carry_out(client, audit, &from).await?;
        follow(&session, global, self.timeout, move |facts| next_of(facts, until)).await
    }
}

/// The last phase up to `until` of which something is there; the first one, where nothing is.
fn last_begun(facts: &Facts, migration: &Migration, until: PhaseId) -> PhaseId {
    let view = View::read_only(facts, migration, Timestamp::now());
    let within = view.strategy.phases().iter().rev().filter(|p| view.strategy.is_within(p.id(), until));
    let begun = within.into_iter().find(|p| p.standing(&view) != Standing::NotBegun);
    begun.map_or_else(|| view.strategy.first(), |p| p.id())
}

/// What is frozen of its spec cannot change: its status says so, or what is in the cluster.
pub(super) fn has_begun(facts: &Facts, migration: &Migration) -> bool {
    let view = View::read_only(facts, migration, Timestamp::now());
    migration.status.as_ref().is_some_and(MigrationStatus::freezes) || view.strategy.is_begun(&view)
}

/// How long the pods of the last tasks may take to go, once all is done.
const TIDY: Duration = Duration::from_secs(10);

/// What a command that follows the migration does next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// It has what it waited for.
    End(Exit),
    /// The phase whose turn has come is approved.
    Approve(PhaseId),
}

/// The last approved phase is done, as a status that answers the present spec says: the end, or the next phase's turn.
fn next_of(facts: &Facts, until: PhaseId) -> Option<Next> {
    let migration = facts.migration.as_ref()?;
    let status = migration.status.as_ref().filter(|s| Some(s.observed_generation) == migration.metadata.generation)?;
    let (strategy, approved) = (migration.spec.strategy.get(), migration.spec.approved);
    let done = |phase| status.phases.iter().any(|p| p.name == phase && p.state == PhaseState::Done);
    if strategy.is_within(until, approved) {
        return done(until).then_some(Next::End(Exit::Done));
    }
    strategy.after(approved).next().filter(|_| done(approved)).map(|next| Next::Approve(next.id()))
}

/// Runs an engine and prints what it does, until `next` says that it is the end, an operator is needed, or the time is up.
pub(super) async fn follow(
    session: &Session,
    global: &Global,
    limit: Option<u64>,
    next: impl Fn(&Facts) -> Option<Next>,
) -> Result<Exit, Failed> {
    let (stop, stopped) = watch::channel(false);
    let mut lines = session.journal.listen();
    let _watching = session.watch_flows(global)?;
    let (engine, mut roles) = session.start_engine(session.audit()?.clone(), stopped);
    let mut changes = session.store.changes();
    let began = Instant::now();
    let deadline = limit.map(|s| began + Duration::from_secs(s));
    let mut reporter = Reporter::new(global.output);
    let mut needs = Needs::default();
    let mut tidying: Option<(Exit, Instant)> = None;
    let mut last: Option<Arc<Migration>> = None;
    let mut gone = None;
    let mut approved = None;
    let mut interrupt = std::pin::pin!(interrupted());
    let (context, server) = (&session.connection.context, &session.connection.server);
    let nodes = session.store.read().nodes.len();
    reporter.event(&Event::Started { context, server, nodes });
    let exit = loop {
        let wake = tokio::time::sleep_until(
            deadline
                .unwrap_or_else(|| Instant::now() + Duration::from_secs(1))
                .min(Instant::now() + Duration::from_secs(1)),
        );
        tokio::select! {
            () = &mut interrupt => break Ok(Exit::Interrupted),
            line = lines.recv() => match line {
                Ok(entry) => { reporter.entry(&entry, &session.store.read()); continue; }
                Err(broadcast::error::RecvError::Lagged(lines)) => {
                    reporter.note(&Event::Missed { lines }, &format!("({lines} lines not shown)"));
                }
                Err(broadcast::error::RecvError::Closed) => {}
            },
            Ok(()) = roles.changed() => match roles.borrow_and_update().clone() {
                EngineState::Off | EngineState::Acting => {}
                state => reporter.note(&Event::Engine { state: state.words() }, &state.words()),
            },
            Ok(()) = changes.changed() => { changes.borrow_and_update(); }
            () = wake => {}
        }
        let next = {
            let facts = session.store.read();
            reporter.progress(&facts);
            // of the same facts: released at its end it may be gone in the next moment
            last = facts.migration.clone().or(last.take());
            // a Migration that was deleted goes with its end
            if facts.migration.is_none() { tidying.map(|(exit, _)| Next::End(exit)) } else { next(&facts) }
        };
        if let Some(Next::Approve(phase)) = next {
            // its status may be some moments late: it is approved once
            if approved.replace(phase) != Some(phase) {
                let intent = Intent::Approve(phase);
                let sent = records::carry_out(&session.connection.write, session.audit()?, &intent).await;
                if let Err(problem) = sent {
                    break Err(problem.into());
                }
                reporter.event(&Event::Approved { phase });
            }
            continue;
        }
        let facts = session.store.read();
        if let Some(Next::End(exit)) = next {
            let (_, since) = *tidying.get_or_insert_with(|| (exit, Instant::now()));
            if since.elapsed() > TIDY || is_tidy(&facts) {
                break Ok(exit);
            }
            continue;
        }
        if facts.migration.is_none() && facts.stale().is_empty() {
            // what was just created may not be heard of yet
            if gone.get_or_insert_with(Instant::now).elapsed() > TIDY {
                let message = "the Migration is gone: it or its definition was deleted, and its finalizer removed. What was done so far stands; `cutover adopt` takes it over again";
                break Err(Failed::new(Exit::Failed, message));
            }
        } else {
            gone = None;
        }
        if let Some(why) = needs.operator(&facts) {
            break Err(Failed::new(
                Exit::Waiting,
                format!("{}. The migration stays as it is; run again to go on", why.trim_end_matches('.')),
            ));
        }
        if deadline.is_some_and(|d| Instant::now() >= d) {
            let status = facts.migration.as_ref().and_then(|m| m.status.as_ref());
            let waiting = status.map(|s| s.waiting.message.clone()).unwrap_or_default();
            break Err(Failed::new(
                Exit::Waiting,
                format!("the time is up; it waits: {waiting}. Nothing was undone; run again to go on"),
            ));
        }
    };
    let _ = stop.send(true);
    until_ended(engine, |text| reporter.note(&Event::Note { text }, text)).await;
    while let Ok(entry) = lines.try_recv() {
        reporter.entry(&entry, &session.store.read());
    }
    let mut facts = session.facts();
    facts.migration = facts.migration.or(last);
    let stage = facts.migration.as_ref().and_then(|m| m.status.as_ref()).map(|s| s.phase).unwrap_or_default();
    let code = exit.as_ref().map_or_else(|failed| failed.exit, |exit| *exit).code();
    let seconds = began.elapsed().as_secs();
    reporter.event(&Event::Ended { exit: code, phase: stage.to_string(), seconds });
    if global.output.is_json() {
        global.output.print(&output::objects_of(&facts));
        return exit;
    }
    output::line("");
    output::standing(&facts);
    output::line(&format!("\n{} (this command ran for {})", headline(&facts), text::duration(began.elapsed())));
    if exit.is_ok()
        && let Some((command, why)) = status::next_command(&facts)
    {
        heading::next(global, &command, why);
    }
    exit
}

/// No task pod is left, and a Migration at its end can be deleted.
fn is_tidy(facts: &Facts) -> bool {
    let held = |m: &Arc<Migration>| {
        let view = View::read_only(facts, m, Timestamp::now());
        view.has_ended() && view.is_held()
    };
    facts.task_pods().next().is_none() && !facts.migration.as_ref().is_some_and(held)
}

fn headline(facts: &Facts) -> String {
    let Some(migration) = &facts.migration else { return "No Migration".into() };
    let (status, approved) = (migration.status.clone().unwrap_or_default(), migration.spec.approved);
    match status.phase {
        Stage::Complete => "Complete: the cluster is on Cilium".into(),
        Stage::RolledBack => "Rolled back: the cluster is on Flannel".into(),
        Stage::At(_) if status.phases.iter().any(|p| p.name == approved && p.state == PhaseState::Done) => {
            format!("{approved} done")
        }
        other => format!("At {other}"),
    }
}

/// What only an operator can give: seen for a while, so that a passing state does not end the run.
#[derive(Default)]
struct Needs {
    since: Option<((Reason, String), Instant)>,
}

/// How long a need has to stand: what blocks a drain may be fixed by others, a consent never comes by itself.
const fn patience(reason: Reason) -> Duration {
    Duration::from_secs(match reason {
        // a budget's controller is wrong for two minutes at most
        Reason::CannotDrainYet => 180,
        // the other maintenance may end soon
        Reason::CannotDrain | Reason::CordonedByOthers | Reason::TaskPodsRefused => 60,
        // it is tried again meanwhile
        Reason::Failed => 60,
        _ => 5,
    })
}

impl Needs {
    fn operator(&mut self, facts: &Facts) -> Option<String> {
        let Some((node, waiting)) = Self::seen(facts) else {
            self.since = None;
            return None;
        };
        // the sentence may change from one moment to the next; the need does not
        let need = (waiting.reason, node.clone());
        match &self.since {
            Some((before, since)) if *before == need => {
                let words = if node.is_empty() { waiting.message } else { format!("node {node} {}", waiting.message) };
                (since.elapsed() > patience(need.0)).then_some(words)
            }
            _ => {
                self.since = Some((need, Instant::now()));
                None
            }
        }
    }

    /// What an operator has to give, and the node that it is for; nothing while anything moves by itself.
    fn seen(facts: &Facts) -> Option<(String, Waiting)> {
        let migration = facts.migration.as_ref()?;
        let status =
            migration.status.as_ref().filter(|s| Some(s.observed_generation) == migration.metadata.generation)?;
        if migration.spec.paused {
            let message = "the migration is paused (spec.paused); resume it first";
            return Some((String::new(), Waiting::new(Reason::Paused, message)));
        }
        let waiting = || (String::new(), status.waiting.clone());
        let records = || facts.node_migrations.iter().filter_map(|(n, r)| Some((n, r.status.as_ref()?)));
        match status.waiting.reason {
            Reason::CheckFailed if status.phase == Stage::default() => return Some(waiting()),
            Reason::IdentityChanged
            | Reason::MigrationDeleted
            | Reason::MigrationUnknown
            | Reason::RecordsDeleted
            | Reason::Failed => {
                return Some(waiting());
            }
            Reason::NodesHeld if records().all(|(_, s)| s.step.is_final() || s.step == NodeStep::Pending) => {
                let message = format!("{}. Give --release NODE to move it after all", status.waiting.message);
                return Some((String::new(), Waiting { message, ..status.waiting.clone() }));
            }
            _ => {}
        }
        let stuck = |s: &NodeMigrationStatus| s.waiting.reason.is_resumed_by_retry();
        if records().any(|(_, s)| (s.step.is_out() || s.step.is_observed()) && !stuck(s)) {
            return None;
        }
        if let Some((node, status)) = records().find(|(_, s)| stuck(s)) {
            return Some((node.to_string(), described(status)));
        }
        let asks = |s: &NodeMigrationStatus, of: &[Reason]| of.contains(&s.waiting.reason);
        let named = [Reason::NeedsConsent, Reason::CordonedByOthers, Reason::TaskPodsRefused, Reason::OtherCni];
        let node = records()
            .find(|(_, s)| asks(s, &named))
            .or_else(|| records().find(|(_, s)| asks(s, &[Reason::CannotDrain, Reason::CannotDrainYet])));
        if let Some((node, status)) = node {
            return Some((node.to_string(), status.waiting.clone()));
        }
        (status.waiting.reason == Reason::FlowsFailing).then(waiting)
    }
}

/// What a node waits for, with what to do about it.
fn described(status: &NodeMigrationStatus) -> Waiting {
    let error = status.last_error.as_ref().filter(|_| status.waiting.reason == Reason::RebootOverdue);
    let message = error.map_or_else(|| status.waiting.message.clone(), |e| e.problem.to_string());
    Waiting { message, ..status.waiting.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A migration approved up to a phase, of which these are done; its status answers this generation of two.
    fn facts(approved: &str, done: &[&str], answers: i64) -> Facts {
        let phases: Vec<_> = ["Preflight", "Install", "Migrate", "Finalize"]
            .map(|p| json!({"name": p, "state": if done.contains(&p) { "Done" } else { "Running" }}))
            .into();
        let migration = json!({
            "apiVersion": "cutover.dev/v1alpha1", "kind": "Migration", "metadata": {"name": "cutover", "generation": 2},
            "spec": {"approved": approved, "cilium": {"version": "", "chart": "", "podCidr": ""}},
            "status": {"observedGeneration": answers, "phases": phases},
        });
        let migration: Migration = serde_json::from_value(migration).unwrap();
        Facts { migration: Some(migration.into()), ..Facts::default() }
    }

    #[test]
    fn a_phase_is_approved_when_the_one_before_it_is_done() {
        let phase = |name: &str| name.parse::<PhaseId>().unwrap();
        for (approved, done, answers, wanted) in [
            ("Preflight", &["Preflight"][..], 2, Some(Next::Approve(phase("Install")))),
            ("Install", &["Preflight"], 2, None),
            ("Install", &["Preflight", "Install"], 2, Some(Next::Approve(phase("Migrate")))),
            // one node is held: the phase after it is left alone, however long that takes
            ("Migrate", &["Preflight", "Install"], 2, None),
            ("Migrate", &["Preflight", "Install", "Migrate"], 1, None),
            ("Finalize", &["Preflight", "Install", "Migrate", "Finalize"], 2, Some(Next::End(Exit::Done))),
        ] {
            assert_eq!(next_of(&facts(approved, done, answers), phase("Finalize")), wanted, "{approved} {done:?}");
        }
    }
}
