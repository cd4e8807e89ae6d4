//! A connected cluster: clients, facts, and an engine when one is wanted.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use futures::{FutureExt, future::join};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

pub(super) use super::exit::Failed;
use super::{Exit, Global, config::Guard};
use crate::{
    cluster::{
        admission,
        apply::KubeCluster,
        audit::{self, Audit},
        connect::{Connection, connect},
        flows,
        helm::Helm,
        onlooker, process, relay,
        store::FactStore,
        surroundings, survey, watch as watches,
    },
    domain::{
        api::{MIGRATION, Migration, MigrationSpec},
        audit::{Actor, verify},
        facts::{Facts, Freshness},
        lease::EngineState,
        problem::ProblemKind,
    },
    engine::{Engine, Journal, SystemClock, identity},
    hubble::{
        channel::{Dial, dial_address},
        shared::Flows,
    },
};

/// How long the first lists may take.
const FIRST_LISTS: Duration = Duration::from_secs(30);

pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) store: FactStore,
    pub(super) journal: Journal,
    pub(super) helm: Helm,
    /// What the config file keeps from harm here.
    pub(super) guard: Guard,
    audit_log: Option<PathBuf>,
    audit: OnceLock<Audit>,
    pub(super) clock: Arc<SystemClock>,
    /// Counts the requests to take the lease from its holder.
    take_over: watch::Sender<u32>,
    /// Counts the rounds of the engine's loop.
    pub(super) turns: Arc<AtomicU64>,
    /// The flows, once they are watched.
    pub(super) flows: Flows,
    _watches: JoinSet<()>,
}

impl Session {
    /// Connects and waits until every source has its first list.
    pub(super) async fn open(global: &Global) -> Result<Self, Failed> {
        let session = Self::begin(global).await?;
        session.ask_around().await;
        session.all_known().await?;
        Ok(session)
    }

    /// Connects and begins to watch.
    pub(super) async fn begin(global: &Global) -> Result<Self, Failed> {
        Self::connected(global, false).await
    }

    /// As [`Self::begin`]; in a pod, with its service account unless a kubeconfig is named.
    pub(super) async fn connected(global: &Global, in_pod: bool) -> Result<Self, Failed> {
        let mut connection =
            connect(&global.named(in_pod)).await.map_err(|e| Failed::new(Exit::Unreachable, e.to_string()))?;
        let settings = &global.settings;
        settings.mark(&connection.context, &mut connection.marks);
        let audit_log = settings.audit_log(&connection.context).map(Path::to_path_buf);
        let store = FactStore::default();
        let helm = Helm::new(global.helm.as_deref(), &connection);
        let clock = Arc::new(SystemClock::default());
        let heard = Arc::clone(&clock);
        let mut watches = watches::start(&connection.read, &store, move |theirs| heard.hear(theirs));
        watches.spawn(admission::keep(connection.read.clone(), store.clone()));
        watches.spawn(survey::keep(connection.read.clone(), store.clone()));
        Ok(Self {
            guard: settings.guard(&connection.context),
            connection,
            store,
            journal: global.journal.clone(),
            helm,
            audit_log: global.audit_log.clone().or(audit_log),
            audit: OnceLock::new(),
            clock,
            take_over: watch::Sender::new(0),
            turns: Arc::default(),
            flows: Flows::default(),
            _watches: watches,
        })
    }

    /// Versions, rights and helm.
    pub(super) async fn ask_around(&self) {
        // none of these is needed to go on
        let asked = timeout(FIRST_LISTS, surroundings::ask(&self.connection, &self.helm));
        let survey = Box::pin(survey::ask(&self.connection.read, &self.store));
        let (Ok(surroundings), ()) = join(asked, survey).await else { return };
        self.store.change(|f| f.surroundings = surroundings);
    }

    /// Whether the task pods of a migration would be admitted: the one that there is, or the one that is proposed.
    pub(super) async fn ask_task_pods(&self, migration: &Migration) {
        // without an answer it is not known, and a finding says so
        let _ = timeout(FIRST_LISTS, admission::ask(&self.connection.read, &self.store, migration)).await;
    }

    /// The same before there is a Migration: the checks on the screen are of what is proposed.
    pub(super) async fn ask_proposed(&self, proposed: &Migration) {
        self.store.until(|f| f.stale().is_empty()).await;
        if self.store.read().migration.is_none() {
            self.ask_task_pods(proposed).await;
        }
    }

    async fn all_known(&self) -> Result<(), Failed> {
        let known = self.store.until(|f| f.stale().is_empty() || refused(f).is_some());
        let known = timeout(FIRST_LISTS, known).await;
        let facts = self.store.read();
        if let Some(why) = refused(&facts) {
            return Err(Failed::new(Exit::Unreachable, why));
        }
        if known.is_err() {
            let late = facts.stale().join(", ");
            return Err(Failed::new(
                Exit::Unreachable,
                format!("{} did not list {late} in time", self.connection.server),
            ));
        }
        Ok(())
    }

    /// The existing Migration, or the one that would be created.
    pub(super) fn migration_or(&self, spec: MigrationSpec) -> Migration {
        self.store.read().migration.as_deref().cloned().unwrap_or_else(|| Migration::new(MIGRATION, spec))
    }

    /// The audit log that is named for this cluster.
    pub(super) fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    /// Nothing is changed where the config file forbids it.
    pub(super) fn may_change(&self) -> Result<(), Failed> {
        self.guard.permits(&self.connection.context)
    }

    /// The audit log, opened before the first change.
    pub(super) fn audit(&self) -> Result<&Audit, Failed> {
        self.may_change()?;
        if let Some(open) = self.audit.get() {
            return Ok(open);
        }
        let surroundings = self.store.read().surroundings.clone();
        let actor = Actor {
            operator: surroundings.signed(&identity()),
            process: process::own(),
            server: self.connection.server.clone(),
            cluster: surroundings.cluster.clone(),
        };
        let path = audit_path(self.audit_log.as_deref(), &actor.cluster)?;
        let open =
            Audit::open(&path, actor).map_err(|e| Failed::new(Exit::Failed, format!("{e}. Nothing was changed")))?;
        // a log that was truncated or replaced is not appended to
        let anchors = self
            .store
            .read()
            .migration
            .iter()
            .filter_map(|m| m.status.as_ref())
            .flat_map(|s| s.audit.clone())
            .collect::<Vec<_>>();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        verify(&text, &anchors).map_err(|why| {
            let next = "Put it aside (do not delete it) and start again: a new one is begun. Nothing was changed";
            Failed::new(Exit::Failed, format!("the audit log {}: {why}. {next}", path.display()))
        })?;
        Ok(self.audit.get_or_init(|| open))
    }

    /// Takes the lease from its holder for the engine that runs here, at an operator's request.
    pub(super) async fn take_over(&self) -> Result<(), Failed> {
        let said = async {
            self.take_over.send_modify(|n| *n += 1);
            Ok(())
        };
        Ok(self.audit()?.request("lease/cutover", "take over the lease", said.boxed()).await?)
    }

    /// How Hubble's relay is reached.
    pub(super) fn dial(&self, global: &Global) -> Result<Dial, Failed> {
        let security = global.security()?;
        let address = global.hubble.clone().or_else(|| self.connection.marks.hubble.clone());
        if let Some(address) = address {
            return Ok(dial_address(address, security.unwrap_or_default()));
        }
        let given = relay::Given { security, name: global.hubble_name.clone(), in_pod: self.connection.in_pod };
        Ok(relay::dial(&self.connection.read, given))
    }

    /// Watches the flows until the result is dropped; what fails becomes a fact.
    pub(super) fn watch_flows(&self, global: &Global) -> Result<JoinSet<()>, Failed> {
        Ok(flows::watch(self.dial(global)?, &self.store, &self.flows))
    }

    /// Keeps who holds the Lease among the facts, until the result is dropped.
    pub(super) fn watch_engine(&self) -> JoinSet<()> {
        let mut watch = JoinSet::new();
        watch.spawn(onlooker::keep(self.connection.read.clone(), self.store.clone()));
        watch
    }

    /// Starts an engine; dropping the handle does not stop it, `stop` does.
    pub(super) fn start_engine(
        &self,
        audit: Audit,
        stop: watch::Receiver<bool>,
    ) -> (JoinHandle<()>, watch::Receiver<EngineState>) {
        let state = watch::Sender::new(EngineState::Off);
        let states = state.subscribe();
        let cluster = KubeCluster {
            client: self.connection.write.clone(),
            helm: self.helm.clone(),
            store: self.store.clone(),
            namespace: "kube-system".into(),
            audit,
        };
        let engine = Engine {
            cluster,
            store: self.store.clone(),
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            identity: identity(),
            process: process::own(),
            state,
            take_over: self.take_over.subscribe(),
            turns: Arc::clone(&self.turns),
        };
        (tokio::spawn(engine.run(stop)), states)
    }

    /// A copy of the facts.
    pub(super) fn facts(&self) -> Facts {
        self.store.read().clone()
    }
}

/// The path of a cluster's audit log, unless one is named.
pub(super) fn audit_path(named: Option<&Path>, cluster: &str) -> Result<PathBuf, Failed> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let name = if cluster.is_empty() { "unknown-cluster" } else { cluster };
    let folder = audit::folder().map_err(|e| Failed::new(Exit::Failed, e.to_string()))?;
    Ok(folder.join(format!("{name}.jsonl")))
}

/// A source that is forbidden: waiting does not help.
fn refused(facts: &Facts) -> Option<String> {
    facts.sources.iter().find_map(|(name, freshness)| match freshness {
        Freshness::Retrying { error, kind: ProblemKind::Forbidden | ProblemKind::Unauthorized, .. } => Some(format!(
            "{name} cannot be watched: {error}. Ask for the ClusterRole that `cutover manifests --rbac` prints"
        )),
        _ => None,
    })
}
