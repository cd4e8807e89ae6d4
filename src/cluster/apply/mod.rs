//! Makes changes happen. Every change is idempotent: made twice it is made once.

mod definitions;
mod flannel;
mod pods;
mod task;

use std::{sync::Arc, time::Duration};

use kube::{Client, ResourceExt};
use tokio::{sync::mpsc, time::timeout};

use super::{
    audit::{Audit, AuditError},
    auditing::record_requests,
    error, events,
    helm::Helm,
    ipsec, lease,
    port::{Cluster, Permit, RequestError},
    process,
    records::{write_migration, write_node},
    send::{create, delete, patch, read, send},
    store::FactStore,
    surroundings::own_name,
};
use crate::domain::{
    api::{MIGRATION, Migration, MigrationStatus, NodeMigration, NodeMigrationStatus},
    audit::{Anchor, Entry},
    effect::{
        Description, Effect, ObjectRef, cilium, flannel as flannel_requests, multus, nodes, pods as pod_requests,
        records,
        resource::{BUDGETS, DAEMON_SETS, MIGRATIONS, NODES},
        tasks::{self, TaskPod},
        workloads,
    },
    facts::Key,
    host::Way,
    lock::Claim,
    problem::{Problem, ProblemKind},
};
/// What changes a cluster.
#[derive(Clone)]
pub struct KubeCluster {
    /// The client that repeats nothing by itself.
    pub client: Client,
    /// helm.
    pub helm: Helm,
    /// The facts: reports of tasks through `ssh`, which leave no pod behind, go there.
    pub store: FactStore,
    /// Namespace of the Lease.
    pub namespace: String,
    /// Every change is written here before it is made.
    pub audit: Audit,
}

impl Cluster for KubeCluster {
    async fn lease(&self) -> Result<Option<Claim>, RequestError> {
        lease::read(&self.client, &self.namespace).await
    }

    async fn write_lease(&self, claim: &Claim) -> Result<Claim, RequestError> {
        lease::write(&self.client, &self.namespace, claim).await
    }

    async fn write_migration(&self, seen: &Migration, status: &MigrationStatus) -> Result<Migration, RequestError> {
        write_migration(&self.client, seen, status).await.map_err(|e| (&e).into())
    }

    async fn write_node(
        &self,
        seen: &NodeMigration,
        status: &NodeMigrationStatus,
    ) -> Result<NodeMigration, RequestError> {
        write_node(&self.client, seen, status).await.map_err(|e| (&e).into())
    }

    async fn apply(
        &self,
        effect: &Effect,
        permit: Permit,
        limit: Duration,
        lines: mpsc::Sender<String>,
    ) -> Result<(), Problem> {
        let Description { name, object, words, outlives_term, .. } = effect.describe();
        let entry = |kind| self.audit.entry(kind, permit.epoch, &name, &object, &words);
        let unwritten = |why: AuditError| {
            let remedy = "Nothing was changed: what is not in the audit log is not done. Make room for it.";
            Problem::new(&object, why.to_string(), remedy)
        };
        self.audit.add(entry("intent")).await.map_err(unwritten)?;
        let change = async {
            if !permit.holds() {
                return Err(unchanged("the lock was lost meanwhile"));
            }
            tokio::select! {
                biased;
                // what runs in a program or on a host goes on there; it is only not begun any more
                () = permit.ended(), if !outlives_term => Err(unknown("the lock was lost meanwhile")),
                result = timeout(limit, self.change(effect, lines.clone())) => {
                    result.unwrap_or_else(|_| Err(unknown(format!("no answer within {} s", limit.as_secs()))))
                }
            }
        };
        let (result, requests) = record_requests(Some(permit.clone()), change).await;
        let result = result.map_err(|p| if p.object.is_empty() { Problem { object: object.clone(), ..p } } else { p });
        let said = match &result {
            Ok(()) => "done".to_owned(),
            Err(p) if p.kind == ProblemKind::Unknown => format!("unknown: {}", p.message),
            Err(p) => format!("refused: {}", p.message),
        };
        if let Err(e) = self.audit.add(Entry { requests, result: Some(said), ..entry("outcome") }).await {
            tracing::error!("{e}: the outcome of {name} is not in it");
            let _ = lines.try_send(format!("the outcome is not in the audit log: {e}"));
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

/// Nobody knows whether it was made.
fn unknown(message: impl Into<String>) -> Problem {
    Problem::new("", message, error::UNKNOWN).of_kind(ProblemKind::Unknown)
}

fn unchanged(message: impl Into<String>) -> Problem {
    Problem::new("", message, "Nothing was changed.")
}

impl KubeCluster {
    /// Makes an effect happen: one arm each.
    async fn change(&self, effect: &Effect, lines: mpsc::Sender<String>) -> Result<(), Problem> {
        let c = &self.client;
        let node = |name: &Arc<str>| NODES.named(name);
        match effect {
            Effect::CreateRecord { node, owner } => match owner {
                Some(uid) => create(c, &records::create(node, Some(uid))).await,
                None => Err(unchanged("the Migration that owns it is not known")),
            },
            Effect::DeleteRecord { node: name, uid } => match read(c, &node(name)).await? {
                Some(_) => Err(unchanged("the node is there again")),
                None => delete(c, &records::delete(name, uid)).await,
            },
            Effect::HoldMigration => patch(c, MIGRATIONS.named(MIGRATION), records::hold).await,
            Effect::ReleaseMigration => patch(c, MIGRATIONS.named(MIGRATION), records::release).await,
            Effect::CreateIpsecKey { namespace, version, .. } => ipsec::create(c, namespace, version).await,
            Effect::DeleteIpsecKey { namespace, .. } => ipsec::remove(c, namespace).await,
            Effect::Helm(release) => Ok(self.helm.upgrade(release, lines).await?),
            Effect::Uninstall { namespace } => Ok(self.helm.uninstall(namespace, lines).await?),
            Effect::DeleteDefinition { name } => definitions::remove(c, name).await,
            Effect::CreateNodeConfig { namespace, version, chaining } => {
                Ok(send(c, &cilium::create_node_config(namespace, version, chaining)).await.map(drop)?)
            }
            Effect::DeleteNodeConfig { namespace, version } => {
                delete(c, &cilium::delete_node_config(namespace, version)).await
            }
            Effect::RestartAgents { daemon_set, mark } => {
                patch(c, DAEMON_SETS.at(daemon_set.clone()), |set| cilium::restart_agents(set, mark)).await
            }
            Effect::Cordon { node: name, owner } => match owner {
                Some(uid) => patch(c, node(name), |n| nodes::cordon(n, Some(uid))).await,
                None => Err(unchanged("the Migration that the mark names is not known")),
            },
            Effect::Uncordon { node: name } => patch(c, node(name), nodes::uncordon).await,
            Effect::Taint { node: name } => patch(c, node(name), nodes::taint).await,
            Effect::Untaint { node: name } => patch(c, node(name), nodes::untaint).await,
            Effect::Switch { node: name } => patch(c, node(name), nodes::switch).await,
            Effect::Revert { node: name } => patch(c, node(name), nodes::revert).await,
            Effect::SetMultus { node: name, order } => patch(c, node(name), |n| nodes::multus(n, *order)).await,
            Effect::CreateMultus(install) => {
                for request in install.requests() {
                    send(c, &request).await?;
                }
                Ok(())
            }
            Effect::DeleteMultus { namespace } => {
                for request in multus::deletions(namespace) {
                    delete(c, &request).await?;
                }
                Ok(())
            }
            Effect::Evict { pod, uid } => pods::evict(c, &pod_requests::evict(pod, uid)).await,
            Effect::DeletePod { pod, uid, .. } | Effect::DeleteTaskPod { pod, uid, .. } => {
                pods::delete(c, &pod_requests::delete(pod, uid)).await
            }
            Effect::ForceDelete { pod, uid } => pods::delete(c, &pod_requests::kill(pod, uid)).await,
            Effect::ScaleUp { kind, workload, from } => {
                patch(c, scalable(kind, workload)?, |w| workloads::scale_up(w, *from)).await
            }
            Effect::ScaleBack { kind, workload, to } => {
                patch(c, scalable(kind, workload)?, |w| workloads::scale_back(w, *to)).await
            }
            Effect::LowerBudget { budget, .. } => patch(c, BUDGETS.at(budget.clone()), workloads::lower_budget).await,
            Effect::RestoreBudget { budget, .. } => {
                patch(c, BUDGETS.at(budget.clone()), workloads::restore_budget).await
            }
            Effect::Task { node, task, nth, way } => match way {
                Way::Pod { namespace, image, owner } => {
                    let pod = TaskPod { namespace, image, owner: owner.as_deref() };
                    create(c, &tasks::create(node, task, *nth, &pod)).await
                }
                Way::Ssh { target } => task::by_ssh(&self.store, node, task, *nth, target).await,
                Way::Hand => Err(unchanged("an operator does this by hand")),
            },
            Effect::BackUpFlannel { daemon_sets, namespace } => flannel::back_up(c, daemon_sets, namespace).await,
            Effect::DeleteFlannel { daemon_sets, namespace, copy } => {
                flannel::remove(c, daemon_sets, namespace, copy).await
            }
            Effect::RestoreFlannel { namespace, copy } => flannel::restore(c, namespace, copy).await,
            Effect::DeleteFlannelBackup { namespace } => delete(c, &flannel_requests::delete_backup(namespace)).await,
        }
    }
}

fn scalable(kind: &str, workload: &Key) -> Result<ObjectRef, Problem> {
    let resource = workloads::scalable(kind).ok_or_else(|| unchanged(format!("a {kind} has no replicas")))?;
    Ok(resource.at(workload.clone()))
}
