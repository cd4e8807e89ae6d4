//! `cutover rollback`.

use clap::Args;
use clap_complete::ArgValueCompleter;
use futures::FutureExt;
use jiff::Timestamp;

use super::{
    Exit, Global, completions,
    confirm::Confirm,
    consents::Consents,
    output,
    run::{Next, follow},
    session::{Failed, Session},
};
use crate::{
    cluster::records,
    domain::{
        api::{PhaseState, Stage, Target},
        facts::Facts,
        intent::Intent,
        steps::NodeStep,
        strategy::{self, Approval, PhaseId},
        view::View,
    },
    engine::identity,
};

/// Roll back a node, to a phase, or everything.
#[derive(Args, Debug)]
pub(super) struct Rollback {
    /// Only this node; it is then held on Flannel
    #[arg(long, value_name = "NODE", conflicts_with = "phase", add = ArgValueCompleter::new(completions::nodes))]
    node: Option<String>,
    /// Roll back what lies beyond this phase
    #[arg(long, value_name = "PHASE", add = ArgValueCompleter::new(completions::phases))]
    phase: Option<PhaseId>,
    #[command(flatten)]
    confirm: Confirm,
    /// Stop waiting after so many seconds; nothing is undone
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    #[command(flatten)]
    consents: Consents,
}

impl Rollback {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let mut consents = self.consents.read()?;
        let session = Session::open(global).await?;
        session.may_change()?;
        let facts = session.facts();
        if facts.migration.is_none() {
            return without_migration(global, &facts);
        }
        let (intent, what) = self.intent(&facts)?;
        let question = format!("On {} ({}): {what}?", session.connection.context, session.connection.server);
        let everything = matches!(&intent, Intent::RollBackAll)
            || matches!(&intent, Intent::RollBackTo(phase) if *phase == PhaseId::default());
        let needs = if everything { Approval::ContextName } else { Approval::Key };
        self.confirm.ask(&session, &question, needs)?;
        // they may have been deleted with everything of their kind
        let definitions = records::install_definitions(&session.connection.write).boxed();
        session.audit()?.request("customresourcedefinitions", "what is wanted", definitions).await?;
        if !consents.is_empty() {
            let by = facts.surroundings.signed(&identity());
            consents.iter_mut().for_each(|c| c.by.clone_from(&by));
            let given = Intent::Consent(consents);
            records::carry_out(&session.connection.write, session.audit()?, &given).await?;
        }
        records::carry_out(&session.connection.write, session.audit()?, &intent).await?;
        let (node, phase) = (self.node.clone(), self.phase);
        follow(&session, global, self.timeout, move |facts| ended(facts, node.as_deref(), phase).map(Next::End)).await
    }

    fn intent(&self, facts: &Facts) -> Result<(Intent, String), Failed> {
        let migration = facts.migration.as_ref();
        let strategy = migration.map(|m| m.spec.strategy.get());
        let covers = |phase: PhaseId| migration.zip(strategy).is_some_and(|(m, s)| s.is_within(m.spec.approved, phase));
        let view = migration.map(|m| View::read_only(facts, m, Timestamp::now()));
        let only_whole = |phase: PhaseId| view.and_then(|v| v.strategy.only_whole(&v, phase));
        match (&self.node, self.phase) {
            (Some(node), _) => {
                if !facts.nodes.contains_key(node.as_str()) {
                    let known: Vec<&str> = facts.nodes.keys().map(|n| &**n).collect();
                    return Err(Failed::new(
                        Exit::Usage,
                        format!("no node is called {node:?}; there are {}", known.join(", ")),
                    ));
                }
                if let Some(locked) = view.and_then(|v| strategy::locked(&v)) {
                    let rolled = strategy.and_then(|s| s.rolls().last()).map(|roll| roll.phase());
                    let with_phase = rolled.is_some_and(|phase| only_whole(phase).is_none());
                    let with_phase = if with_phase { ", or with --phase," } else { "" };
                    let message =
                        format!("{node} cannot go back alone: {locked}. `cutover rollback`{with_phase} does that");
                    return Err(Failed::new(Exit::Usage, message));
                }
                Ok((
                    Intent::Node { node: node.clone(), target: Target::Flannel },
                    format!("roll node {node} back to Flannel and hold it there"),
                ))
            }
            (None, Some(_)) if migration.is_some_and(|m| m.spec.target == Target::Flannel) => Err(Failed::new(
                Exit::Usage,
                "everything is being rolled back already; run `cutover rollback` to follow it",
            )),
            (None, Some(phase)) if only_whole(phase).is_some() => Err(Failed::new(
                Exit::Usage,
                format!(
                    "{}. Nothing was changed. `cutover rollback` without --phase does that",
                    only_whole(phase).unwrap_or_default()
                ),
            )),
            (None, Some(phase)) if covers(phase) => Err(Failed::new(
                Exit::Usage,
                format!("nothing lies beyond {phase}: the migration is not approved further than that"),
            )),
            (None, Some(phase)) => Ok((Intent::RollBackTo(phase), format!("roll back everything beyond {phase}"))),
            (None, None) => Ok((Intent::RollBackAll, "roll everything back to Flannel and uninstall Cilium".into())),
        }
    }
}

/// Nothing was begun; or the Migration is gone, and what it has done is not.
fn without_migration(global: &Global, facts: &Facts) -> Result<Exit, Failed> {
    let traces = facts.traces();
    if !traces.is_empty() {
        return Err(Failed::new(
            Exit::Blocked,
            format!(
                "there is no Migration on this cluster, but traces of one: {}. It was deleted, or its definition was. Nothing was changed. `cutover adopt` takes it over; then roll it back",
                traces.join("; ")
            ),
        ));
    }
    if global.output.is_json() {
        global.output.print(&output::objects_of(facts));
    } else {
        output::line("No migration has been begun on this cluster: there is nothing to roll back.");
    }
    Ok(Exit::Done)
}

fn ended(facts: &Facts, node: Option<&str>, phase: Option<PhaseId>) -> Option<Exit> {
    let migration = facts.migration.as_ref()?;
    if let Some(node) = node {
        let record = facts.node_migrations.get(node)?;
        let back = record.spec.target == Target::Flannel
            && record.status.as_ref().is_some_and(|s| s.step == NodeStep::RolledBack);
        return back.then_some(Exit::Done);
    }
    let status = migration.status.as_ref().filter(|s| Some(s.observed_generation) == migration.metadata.generation)?;
    match phase {
        None => (status.phase == Stage::RolledBack).then_some(Exit::Done),
        Some(phase) => {
            let strategy = migration.spec.strategy.get();
            let beyond = status.phases.iter().filter(|p| !strategy.is_within(p.name, phase));
            let still = beyond.filter(|p| !matches!(p.state, PhaseState::Pending | PhaseState::NeedsApproval)).count();
            (still == 0 && status.phase != Stage::RollingBack).then_some(Exit::Done)
        }
    }
}
