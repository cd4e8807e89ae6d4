//! Makes a change happen. Every change is idempotent: made twice it is made once.

mod flannel;
mod node_config;
mod nodes;
mod pods;
mod task;
mod workloads;

use std::time::Duration;

use kube::{Client, ResourceExt};
use tokio::{sync::mpsc, time::timeout};

use super::{
    audit::Audit,
    auditing::record_requests,
    error, events,
    helm::Helm,
    lease,
    port::{Cluster, Permit, Trouble},
    process, records,
    store::FactStore,
    surroundings::own_name,
};
use crate::domain::{
    api::{Migration, MigrationStatus, NodeMigration, NodeMigrationStatus},
    audit::{Anchor, Entry},
    effect::Effect,
    host::Way,
    lock::Claim,
    rolling::Refused,
};
use workloads::Scale;

/// What changes a cluster.
#[derive(Clone)]
pub struct KubeCluster {
    /// The client that repeats nothing by itself.
    pub client: Client,
    /// helm.
    pub helm: Helm,
    /// The facts: to name the owner of new records, and for the reports of tasks that leave no pod behind.
    pub store: FactStore,
    /// Namespace of the Lease.
    pub namespace: String,
    /// What is about to be done goes in here first.
    pub audit: Audit,
}

impl Cluster for KubeCluster {
    async fn lease(&self) -> Result<Option<Claim>, Trouble> {
        lease::read(&self.client, &self.namespace).await
    }

    async fn write_lease(&self, claim: &Claim) -> Result<Claim, Trouble> {
        lease::write(&self.client, &self.namespace, claim).await
    }

    async fn write_migration(&self, seen: &Migration, status: &MigrationStatus) -> Result<Migration, Trouble> {
        records::write_migration(&self.client, seen, status).await.map_err(|e| error::trouble(&e))
    }

    async fn write_node(&self, seen: &NodeMigration, status: &NodeMigrationStatus) -> Result<NodeMigration, Trouble> {
        records::write_node(&self.client, seen, status).await.map_err(|e| error::trouble(&e))
    }

    async fn apply(
        &self,
        effect: &Effect,
        permit: Permit,
        limit: Duration,
        lines: mpsc::Sender<String>,
    ) -> Result<(), Refusal> {
        let (name, object, words) = (effect.name(), effect.object(), effect.words());
        let entry = |kind| self.audit.entry(kind, permit.epoch, &name, &object, &words);
        let unwritten = |why: String| {
            Refusal::new(why, "Nothing was changed: what is not in the audit log is not done. Make room for it.")
        };
        self.audit.add(entry("intent")).await.map_err(unwritten)?;
        // what runs in a program or on a host goes on there, whoever waits for it; it is only not begun any more
        let outlives =
            matches!(effect, Effect::Helm(_) | Effect::Uninstall { .. } | Effect::Task { way: Way::Ssh { .. }, .. });
        let unknown = |message: String| {
            Refusal::new(message, "Unknown whether it was changed: it is looked at before it is tried again.")
        };
        let change = async {
            if !permit.holds() {
                return Err(Refusal::new("the lock was lost meanwhile", "Nothing was changed."));
            }
            tokio::select! {
                biased;
                () = permit.ended(), if !outlives => Err(unknown("the lock was lost meanwhile".into())),
                result = timeout(limit, self.change(effect, lines)) => {
                    result.unwrap_or_else(|_| Err(unknown(format!("no answer within {} s", limit.as_secs()))))
                }
            }
        };
        let (result, requests) = record_requests(Some(permit.clone()), change).await;
        let said = match &result {
            Ok(()) => "done".to_owned(),
            Err(r) if r.is_unknown() => format!("unknown: {}", r.message),
            Err(r) => format!("refused: {}", r.message),
        };
        if let Err(e) = self.audit.add(Entry { requests, result: Some(said), ..entry("outcome") }).await {
            tracing::error!("{e}: the outcome of {name} is not in it");
        }
        result
    }

    fn audited(&self) -> Option<Anchor> {
        let end = self.audit.end();
        (end.lines > 0).then(|| Anchor { host: own_name(), ..end })
    }

    fn tell(&self, node: &NodeMigration, reason: &'static str, note: String, wrong: bool) {
        tokio::spawn(events::publish(self.client.clone(), node.name_any(), reason, note, wrong));
    }

    fn has_ended(&self, claim: &Claim) -> bool {
        process::has_ended(&claim.process)
    }
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What the server or the program said.
    pub message: String,
    /// What was left behind, and what to do next.
    pub next: String,
    /// What kind of a refusal it is.
    pub kind: Refused,
}

impl Refusal {
    /// Nobody knows whether it was made.
    pub fn is_unknown(&self) -> bool {
        self.next.starts_with("Unknown")
    }

    fn new(message: impl Into<String>, next: &str) -> Self {
        Self { message: message.into(), next: next.into(), kind: Refused::Fault }
    }
}

/// From an answer of the API server, with what an operator can do about it.
impl From<kube::Error> for Refusal {
    fn from(e: kube::Error) -> Self {
        let message = error::sentence(&e);
        let next = match error::code(&e) {
            Some(401) => "Nothing was changed. Log in again and start Cutover again; it goes on where it was.",
            Some(403) => {
                "Nothing was changed. Ask for the right, or for the ClusterRole that `cutover manifests --rbac` prints."
            }
            Some(409) => "Nothing was changed: somebody else changed the object. It is looked at again.",
            Some(429) => "Nothing was changed: the API server is busy. It is asked again.",
            Some(500..=599) | None => "Unknown whether it was changed: it is looked at before it is tried again.",
            Some(_) => "Nothing was changed. It is tried again.",
        };
        let kind = if error::code(&e) == Some(429) { Refused::Busy } else { Refused::Fault };
        Self { kind, ..Self::new(message, next) }
    }
}

impl KubeCluster {
    async fn change(&self, effect: &Effect, lines: mpsc::Sender<String>) -> Result<(), Refusal> {
        let c = &self.client;
        match effect {
            Effect::CreateRecord { node } => {
                let owner = self.store.read().migration.clone();
                let owner = owner.ok_or_else(|| Refusal::new("there is no Migration", "Nothing was changed."))?;
                Ok(records::create_record(c, node, &owner).await?)
            }
            Effect::Helm(release) => self.helm.upgrade(release, lines).await.map_err(|m| {
                Refusal::new(
                    m,
                    "What helm had created is still there; it is run again. `helm history cilium` tells more.",
                )
            }),
            Effect::Uninstall { namespace } => self
                .helm
                .uninstall(namespace, lines)
                .await
                .map_err(|m| Refusal::new(m, "Part of Cilium may still be there; it is tried again.")),
            Effect::CreateNodeConfig { namespace, version } => node_config::create(c, namespace, version).await,
            Effect::DeleteNodeConfig { namespace, version } => node_config::delete(c, namespace, version).await,
            Effect::RestartAgents { daemon_set, mark } => nodes::restart_agents(c, daemon_set, mark).await,
            Effect::Cordon { node } => nodes::cordon(c, node).await,
            Effect::Uncordon { node } => nodes::uncordon(c, node).await,
            Effect::Taint { node } => nodes::keep_away(c, node, true).await,
            Effect::Untaint { node } => nodes::keep_away(c, node, false).await,
            Effect::Switch { node } => nodes::label(c, node, true).await,
            Effect::Revert { node } => nodes::label(c, node, false).await,
            Effect::Evict { pod, uid } => pods::evict(c, pod, uid).await,
            Effect::DeletePod { pod, uid, .. } => pods::delete(c, pod, uid).await,
            Effect::ForceDelete { pod, uid } => pods::kill(c, pod, uid).await,
            Effect::ScaleUp { kind, workload, from } => {
                workloads::scale(c, kind, workload, Scale::Up { from: *from }).await
            }
            Effect::ScaleBack { kind, workload, to } => {
                workloads::scale(c, kind, workload, Scale::Back { to: *to }).await
            }
            Effect::LowerBudget { budget } => workloads::lower_budget(c, budget).await,
            Effect::RestoreBudget { budget } => workloads::put_budget_back(c, budget).await,
            Effect::Task { node, task, nth, way: Way::Pod { namespace, image } } => {
                task::in_pod(c, node, task, *nth, namespace, image).await
            }
            Effect::Task { node, task, nth, way: Way::Ssh { target } } => {
                task::by_ssh(&self.store, node, task, *nth, target).await
            }
            Effect::BackUpFlannel { daemon_sets, namespace } => flannel::back_up(c, daemon_sets, namespace).await,
            Effect::DeleteFlannel { daemon_sets, namespace } => flannel::delete(c, daemon_sets, namespace).await,
            Effect::RestoreFlannel { namespace } => flannel::restore(c, namespace).await,
            Effect::DeleteFlannelBackup { namespace } => flannel::forget(c, namespace).await,
        }
    }
}
