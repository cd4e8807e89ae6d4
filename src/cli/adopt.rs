//! `cutover adopt`: a cluster half way whose Migration is gone.

use clap::Args;
use futures::FutureExt;
use jiff::Timestamp;

use super::{
    Exit, Global, Wanted,
    confirm::Confirm,
    output,
    session::{Failed, Session},
};
use crate::{
    cluster::records,
    domain::{
        adopt::{adopt, ambiguous, mismatch},
        api::{Migration, MigrationSpec, PhaseState},
        problem::Problem,
        strategy::Approval,
        view::View,
    },
};

/// Take over a cluster half way whose Migration was deleted.
#[derive(Args, Debug)]
pub(super) struct Adopt {
    #[command(flatten)]
    confirm: Confirm,
    #[command(flatten)]
    pub(super) wanted: Wanted,
}

impl Adopt {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let wanted = self.wanted.spec()?;
        let session = Session::open(global).await?;
        session.may_change()?;
        let facts = session.facts();
        let forgetful = |m: &Migration| View::read_only(&facts, m, Timestamp::now()).unknown_trace().is_some();
        let there = facts.migration.as_deref();
        if there.is_some_and(|m| !forgetful(m)) {
            let message = "there is a Migration on this cluster: `cutover run` or `cutover rollback` continues it. Nothing was changed";
            return Err(Failed::new(Exit::Usage, message));
        }
        // one whose status was lost still says what it was to do
        let spec = there.map_or(wanted, |m| m.spec.clone());
        let Some(found) = adopt(&facts, spec.clone(), Timestamp::now()) else {
            let message = "nothing of a migration is on this cluster: there is nothing to take over";
            return Err(Failed::new(Exit::Blocked, message));
        };
        if let Some(problem) = ambiguous(&facts) {
            return Err(Failed::new(Exit::Blocked, problem.to_string()));
        }
        its_release(&session, &spec).await?;
        let (spec, status) = (found.spec, found.status.unwrap_or_default());
        for trace in facts.traces() {
            output::note(&format!("found: {trace}"));
        }
        let begun = status.phases.iter().filter(|p| p.state != PhaseState::Pending);
        let begun: Vec<String> = begun.map(|p| p.name.to_string()).collect();
        let connection = &session.connection;
        let question = format!(
            "Take over the migration of {} ({}), which has begun {}?",
            connection.context,
            connection.server,
            begun.join(", ")
        );
        self.confirm.ask(&session, &question, Approval::ContextName)?;
        let create = async {
            records::install_definitions(&connection.write).await?;
            let created = match there {
                Some(seen) => records::replace_spec(&connection.write, seen, spec.clone()).await?,
                None => records::create_migration(&connection.write, spec.clone()).await?,
            };
            if created.spec != spec {
                let remedy = "Nothing was changed: another operator has created it meanwhile.";
                return Err(Problem::new("migration/cutover", "it exists", remedy));
            }
            records::set_status(&connection.write, &status).await
        };
        session.audit()?.request("migration/cutover", "take over a migration half way", create.boxed()).await?;
        output::line(&format!(
            "Taken over at {}, and paused. Go on with `cutover run --until PHASE` or `cutover rollback`. Nodes that have \
             no record are moved again, or back.",
            spec.approved
        ));
        Ok(Exit::Done)
    }
}

/// The release on the cluster is the one that these options install.
async fn its_release(session: &Session, spec: &MigrationSpec) -> Result<(), Failed> {
    let facts = session.facts();
    let namespace = &spec.cilium.namespace;
    let is_there = facts.cilium_config().is_some() || facts.cilium_agents().is_some();
    let refused = |why: String| Failed::new(Exit::Usage, format!("{why}. Nothing was changed"));
    let installed = session.helm.installed(namespace).await.map_err(|e| refused(e.to_string()))?;
    match installed {
        None if is_there => Err(refused(format!("Cilium in {namespace} is no helm release called cilium"))),
        None => Ok(()),
        Some(installed) => match mismatch(spec, &installed) {
            Some(why) => Err(refused(format!("{why}; give the options that the migration began with"))),
            None => Ok(()),
        },
    }
}
