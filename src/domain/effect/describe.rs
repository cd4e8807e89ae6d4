//! Everything that is said of an effect anywhere. A new effect is a variant, an arm here, one in `proofs` where it can be
//! seen, and an arm in `cluster::apply` that makes it happen.

use std::time::Duration;

use serde_json::json;

use super::{
    CORDON_MARK, Description, Effect, FINALIZER, FLANNEL_BACKUP, MULTUS_LABEL, NODE_CONFIG, RELEASE, Request, Right,
    Risk, Role, SCALE_MARK, SWITCH_LABEL, SWITCHING_TAINT, cilium, definitions,
    description::patching,
    flannel, ipsec, multus, nodes, pods, proofs, records,
    resource::{
        BUDGETS, CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, CONFIG_MAPS, DAEMON_SETS, DEPLOYMENTS, MIGRATIONS, NODES, PODS,
        ROLE_BINDINGS, ROLES, SECRETS, SERVICE_ACCOUNTS, SERVICES,
    },
    tasks, workloads,
};
use crate::domain::{
    api::MIGRATION,
    facts::{Key, Order},
    host::{Way, commands::command},
};

impl Effect {
    /// Everything that is said of it.
    pub fn describe(&self) -> Description {
        let described = match self {
            Self::CreateRecord { node, owner } => {
                let request = records::create(node, owner.as_deref());
                let gate = &["the node has no record yet"];
                Description::new(&request.object, "create NodeMigration", Risk::Own, gate).sends(Role::Record, &request)
            }
            Self::DeleteRecord { node, uid } => {
                let request = records::delete(node, uid);
                let gate = &[
                    "no node has this name",
                    "no operator has asked for anything for it",
                    "the record still has this UID",
                ];
                let words = "delete the record of a node that is gone";
                let mut described =
                    Description::new(&request.object, words, Risk::Own, gate).sends(Role::Record, &request);
                described.rights.push(Right::new(Role::Record, "get", NODES));
                described
            }
            Self::HoldMigration => {
                let object = MIGRATIONS.named(MIGRATION);
                let gate = &["the migration has begun and has not ended", "the Migration is not being deleted"];
                let described = Description::new(&object, "add the finalizer", Risk::Own, gate);
                described.patches(Role::Record, object, records::hold(&json!({}))).only(MIGRATION, "")
            }
            Self::ReleaseMigration => {
                let object = MIGRATIONS.named(MIGRATION);
                let held = json!({"metadata": {"finalizers": [FINALIZER]}});
                let gate = &["the migration is complete, or everything is rolled back"];
                let described = Description::new(&object, "remove the finalizer", Risk::Own, gate);
                described.patches(Role::Record, object, records::release(&held)).only(MIGRATION, "")
            }
            Self::Helm(release) => {
                let gate = &[
                    "the phase is approved, and the phases before it are done",
                    "spec.cilium.values can be read, and what the migration needs overrules them",
                    "to make Cilium the default: no pod has a Flannel address",
                    "to make it optional again: the CiliumNodeConfig exists",
                ];
                let words = super::upgrade_name(release.purpose);
                Description::new(format!("helm release {RELEASE}"), words, Risk::Reversible, gate)
                    .typed(vec![typed("helm", &release.arguments(release.file))])
                    .needs(helm_rights(&release.namespace))
                    .outlives_term(Duration::MAX)
            }
            Self::CreateIpsecKey { namespace, version, .. } => {
                let gate = &[
                    "encryption by IPsec is wanted, and the phase that installs Cilium is approved",
                    "a Secret that is there already stays as it is, and holds a key that this version can use",
                ];
                let right = |verb| Right::new(Role::Release, verb, SECRETS).within(namespace);
                Description::new(ipsec::secret(namespace), "create the key of IPsec", Risk::Reversible, gate)
                    .typed(vec![ipsec::kubectl_create(namespace, version)])
                    .needs(vec![right("get"), right("create")])
            }
            Self::DeleteIpsecKey { namespace, .. } => {
                let gate = &["Cilium is uninstalled", "the Secret has Cutover's label: another one stays"];
                let right = |verb| Right::new(Role::Release, verb, SECRETS).within(namespace);
                Description::new(ipsec::secret(namespace), "delete the key of IPsec", Risk::Reversible, gate)
                    .typed(vec![ipsec::kubectl_delete(namespace)])
                    .needs(vec![right("get"), right("delete")])
            }
            Self::Uninstall { namespace } => {
                let gate = &[
                    "Install is rolled back, and this migration has installed it",
                    "every node is back on Flannel, or Flannel is Ready again and all nodes go back together",
                    "no CiliumNodeConfig is left",
                ];
                Description::new(format!("helm release {RELEASE}"), "helm uninstall", Risk::Disruptive, gate)
                    .typed(vec![typed("helm", &cilium::uninstall(namespace))])
                    .needs(helm_rights(namespace))
                    .outlives_term(Duration::MAX)
            }
            Self::DeleteDefinition { name } => {
                let request = definitions::delete(name, "");
                let gate = &[
                    "the consent DeleteDefinition names it, and Cilium is uninstalled",
                    "no agent of Cilium runs in any namespace",
                    "it has no object but those that agents write",
                    "it still has the UID that was read",
                ];
                let described = Description::new(&request.object, "delete the definition", Risk::Destructive, gate);
                let right = |verb| Right::new(Role::Consents, verb, request.object.resource).named(name);
                let list = [PODS, definitions::OBJECTS].map(|kind| Right::new(Role::Consents, "list", kind));
                described
                    .sends(Role::Consents, &request)
                    .needs([vec![right("get"), right("delete")], list.into()].concat())
            }
            Self::CreateNodeConfig { namespace, version, chaining } => {
                let request = cilium::create_node_config(namespace, version, chaining);
                let gate = &[
                    "the API server serves CiliumNodeConfigs",
                    "agents and node ranges are ready, or nodes are to decide for themselves again",
                ];
                Description::new(&request.object, "create CiliumNodeConfig", Risk::Reversible, gate)
                    .sends(Role::NodeConfig, &request)
                    .only(NODE_CONFIG, namespace)
            }
            Self::DeleteNodeConfig { namespace, version } => {
                let request = cilium::delete_node_config(namespace, version);
                let gate = &["Cilium is the default and its agents were restarted, or every node is back on Flannel"];
                Description::new(&request.object, "delete CiliumNodeConfig", Risk::Reversible, gate)
                    .sends(Role::NodeConfig, &request)
                    .only(NODE_CONFIG, namespace)
            }
            Self::RestartAgents { daemon_set, mark } => {
                let object = DAEMON_SETS.at(daemon_set.clone());
                let gate = &["helm has ended", "the agents do not carry the mark of this restart yet"];
                Description::new(&object, format!("restart agents ({mark})"), Risk::Disruptive, gate).patches(
                    Role::Finish,
                    object,
                    cilium::restart_agents(&json!({}), mark),
                )
            }
            Self::Cordon { node, owner } => {
                let gate = &[
                    "at most maxUnavailable nodes are out, those that others took out included",
                    "control-plane nodes: one at a time, etcd healthy",
                    "the node and its Cilium agent are Ready; before a drain its Flannel pod, too",
                    "no task pod that the node needs on its way is refused",
                    "every pod of the node can leave or restart, with a consent where one is needed",
                    "no failing connection holds the migration",
                    "the node is not cordoned already; the mark names this Migration",
                ];
                of_node(node, "cordon", gate).patches(
                    Role::Migrate,
                    NODES.named(node),
                    nodes::cordon(&json!({}), owner.as_deref()),
                )
            }
            Self::Uncordon { node } => {
                let cordoned = json!({"metadata": {"annotations": {CORDON_MARK: ""}}});
                let gate = &[
                    "the cordon carries the mark of this Migration",
                    "the node is verified, or nothing was switched on it",
                    "no reboot that was asked for is still to come",
                ];
                of_node(node, "uncordon", gate).patches(Role::Migrate, NODES.named(node), nodes::uncordon(&cordoned))
            }
            Self::Taint { node } => {
                let (value, effect) = nodes::TAINT;
                let gate = &["the node is cordoned, and Cutover is moving it"];
                of_node(node, "taint, so that DaemonSet pods stay away", gate)
                    .needs(patching(Role::Migrate, NODES))
                    .typed(vec![format!("kubectl taint node {node} {SWITCHING_TAINT}={value}:{effect}")])
            }
            Self::Untaint { node } => {
                let gate = &["the reboot is proven by a new boot ID, or pods are restarted one by one"];
                of_node(node, "remove the taint", gate)
                    .needs(patching(Role::Migrate, NODES))
                    .typed(vec![format!("kubectl taint node {node} {SWITCHING_TAINT}-")])
            }
            Self::Switch { node } => {
                let gate = &["the node is cordoned and tainted", "no pod with a pod address is left on it"];
                of_node(node, "label for Cilium", gate).patches(
                    Role::Migrate,
                    NODES.named(node),
                    nodes::switch(&json!({})),
                )
            }
            Self::Revert { node } => {
                let labelled = json!({"metadata": {"labels": {SWITCH_LABEL: "true"}}});
                let gate = &["the node is cordoned and tainted", "no pod with a pod address is left on it"];
                of_node(node, "remove the label", gate).patches(
                    Role::Migrate,
                    NODES.named(node),
                    nodes::revert(&labelled),
                )
            }
            Self::SetMultus { node, order } => {
                let gate = &[
                    "the node is cordoned and tainted",
                    "no pod with a pod address is left on it",
                    "Cilium's agent alone gives new pods their addresses before the label is removed, or Flannel does",
                ];
                let words = match order {
                    Some(order) => format!("label for Multus, {}", order.name()),
                    None => "remove Multus' label".into(),
                };
                // one that has the other value
                let there = json!({"metadata": {"labels": {MULTUS_LABEL: ""}}});
                of_node(node, &words, gate).patches(Role::Migrate, NODES.named(node), nodes::multus(&there, *order))
            }
            Self::CreateMultus(install) => {
                let requests = install.requests();
                let gate = &[
                    "the phase is approved, and the phases before it are done",
                    "Flannel's ConfigMap holds its CNI configuration",
                ];
                let object = DAEMON_SETS.at(Order::FlannelFirst.daemon_set(&install.namespace));
                Description::new(&object, "create Multus", Risk::Reversible, gate)
                    .typed(requests.iter().map(Request::kubectl).collect())
                    .needs(
                        multus::rights(&requests, &["create", "patch"])
                            .into_iter()
                            .chain(multus::role_rights())
                            .collect(),
                    )
            }
            Self::DeleteMultus { namespace } => {
                let requests = multus::deletions(namespace);
                let gate = &["no node has its label, and its file is gone from every host"];
                let object = DAEMON_SETS.at(Order::FlannelFirst.daemon_set(namespace));
                Description::new(&object, "delete Multus", Risk::Disruptive, gate)
                    .typed(requests.iter().map(Request::kubectl).collect())
                    .needs(multus::rights(&requests, &["delete"]))
            }
            Self::Evict { pod, uid } => {
                let request = pods::evict(pod, uid);
                let gate = &[
                    "the node is cordoned and tainted, and its drain has not timed out",
                    "every consent that the pod needs is given",
                    "the API server finds no disruption budget against it",
                    "the pod still has this UID",
                ];
                let described = Description::new(&request.object, "evict", Risk::Disruptive, gate);
                Description { asked_again: true, ..described.sends(Role::Migrate, &request) }
            }
            Self::DeletePod { pod, uid, why } => {
                let gate = &[
                    "its controller creates it again, or a consent names it",
                    "no disruption budget counts it, or a consent names it",
                    "the pod still has this UID",
                ];
                of_pod(pod, uid, format!("delete: {why}"), Risk::Disruptive, gate, &pods::delete(pod, uid))
            }
            Self::DeleteTaskPod { pod, uid, why } => {
                let gate = &["its report was read, or its task is not wanted any more", "the pod still has this UID"];
                of_pod(pod, uid, format!("delete task pod: {why}"), Risk::Own, gate, &pods::delete(pod, uid))
                    .needs(vec![Right::new(Role::Host, "delete", PODS)])
                    .within(&pod.namespace)
            }
            Self::ForceDelete { pod, uid } => {
                let gate = &[
                    "the consent ZeroGrace names the pod",
                    "it is 15 s past its grace period, and no finalizer holds it",
                    "the pod still has this UID",
                ];
                of_pod(
                    pod,
                    uid,
                    "delete without grace, as agreed".into(),
                    Risk::Destructive,
                    gate,
                    &pods::kill(pod, uid),
                )
            }
            Self::ScaleUp { kind, workload, from } => {
                let object = workloads::scalable(kind).unwrap_or(DEPLOYMENTS).at(workload.clone());
                let gate =
                    &["the consent ScaleUp names the workload", "it has as many replicas as before, and no mark"];
                let words = format!("one replica more, from {from} to {}", from + 1);
                let unmarked = json!({"spec": {"replicas": from}});
                Description::new(&object, words, Risk::Reversible, gate).patches(
                    Role::Consents,
                    object,
                    workloads::scale_up(&unmarked, *from),
                )
            }
            Self::ScaleBack { kind, workload, to } => {
                let object = workloads::scalable(kind).unwrap_or(DEPLOYMENTS).at(workload.clone());
                let gate = &[
                    "Cutover's mark is on the workload, and no drain needs the replica any more",
                    "every replica is ready",
                    "no other client has scaled it: otherwise only the mark is removed",
                ];
                let scaled =
                    json!({"metadata": {"annotations": {SCALE_MARK: to.to_string()}}, "spec": {"replicas": to + 1}});
                Description::new(&object, format!("back to {to} replicas"), Risk::Reversible, gate).patches(
                    Role::Consents,
                    object,
                    workloads::scale_back(&scaled, *to),
                )
            }
            Self::LowerBudget { budget, was } => {
                let object = BUDGETS.at(budget.clone());
                let gate = &[
                    "the consent LowerBudget names the budget",
                    "it allows no eviction, its controller has seen its spec, and it carries no mark",
                ];
                Description::new(&object, "one healthy pod less while a node drains", Risk::Reversible, gate).patches(
                    Role::Consents,
                    object,
                    workloads::lower_budget(&was.object()),
                )
            }
            Self::RestoreBudget { budget, mark } => {
                let object = BUDGETS.at(budget.clone());
                let gate = &[
                    "Cutover's mark is on the budget, and no drain needs it any more",
                    "no other client has changed it: otherwise only the mark is removed",
                ];
                Description::new(&object, "restore what it asked for", Risk::Reversible, gate).patches(
                    Role::Consents,
                    object,
                    workloads::restore_budget(&workloads::lowered_object(mark)),
                )
            }
            Self::Task { node, task, nth, way } => {
                let described =
                    Description::new(NODES.named(node), task.title(), tasks::risk(task, way), tasks::gate(task))
                        .typed(tasks::kubectl(node, task, *nth, way));
                match way {
                    Way::Pod { namespace, .. } => {
                        described.needs(vec![Right::new(Role::Host, "create", PODS)]).within(namespace)
                    }
                    Way::Ssh { .. } => described.outlives_term(tasks::SSH_LIMIT),
                    Way::Hand => described,
                }
            }
            Self::BackUpFlannel { daemon_sets, namespace } => {
                let mut rights = flannel::rights(&["get"]);
                rights.retain(|r| r.resource != CLUSTER_ROLE_BINDINGS);
                rights.push(Right::new(Role::Finish, "list", CLUSTER_ROLE_BINDINGS));
                // a copy is never overwritten, and what only creates cannot be limited to a name
                rights.push(Right::new(Role::Copy, "create", CONFIG_MAPS).within(namespace));
                let gate = &["the phase is approved, and the phases before it are done", "no copy exists yet"];
                Description::new(flannel::backup(namespace), "back up Flannel's objects", Risk::Own, gate)
                    .typed(flannel::kubectl_back_up(daemon_sets, namespace))
                    .needs(rights)
            }
            Self::DeleteFlannel { daemon_sets, namespace, .. } => {
                let first = daemon_sets.first().map(|d| DAEMON_SETS.at(d.clone()).to_string());
                let mut rights = flannel::rights(&["get", "delete"]);
                rights.push(Right::new(Role::Copy, "get", CONFIG_MAPS).named(FLANNEL_BACKUP).within(namespace));
                let gate = &[
                    "the phase is approved, and the phases before it are done",
                    "every node is on Cilium, and no pod on any node has a Flannel address; in an outage that was agreed to: Cilium has taken over every node",
                    "the copy holds what is deleted, as it is, and nothing but Flannel's objects",
                ];
                Description::new(
                    first.unwrap_or_else(|| "Flannel".into()),
                    "delete Flannel's objects",
                    Risk::Destructive,
                    gate,
                )
                .typed(vec![flannel::kubectl_delete(namespace)])
                .needs(rights)
            }
            Self::RestoreFlannel { namespace, .. } => {
                let mut rights = flannel::rights(&["get", "create", "patch"]);
                rights.push(Right::new(Role::Copy, "get", CONFIG_MAPS).named(FLANNEL_BACKUP).within(namespace));
                // a role is created again with more than its creator has
                rights.extend(flannel::role_rights(&["bind", "escalate"]));
                let gate = &[
                    "the phase that deleted them is rolled back, and the hosts have back what was cleaned",
                    "the copy has the hash that is on record, and holds nothing but Flannel's objects",
                    "only what is missing is created",
                ];
                Description::new("Flannel", "restore Flannel's objects", Risk::Reversible, gate)
                    .typed(vec![flannel::kubectl_restore(namespace)])
                    .needs(rights)
            }
            Self::DeleteFlannelBackup { namespace } => {
                let request = flannel::delete_backup(namespace);
                let gate = &["Flannel's objects are restored, and its pods are Ready on every node"];
                Description::new(&request.object, "delete the copy of Flannel's objects", Risk::Own, gate)
                    .sends(Role::Copy, &request)
                    .only(FLANNEL_BACKUP, namespace)
            }
        };
        Description {
            name: self.name(),
            unseen: matches!(
                self,
                Self::CreateIpsecKey { .. }
                    | Self::DeleteIpsecKey { .. }
                    | Self::RestoreFlannel { .. }
                    | Self::CreateMultus(_)
            ),
            before: proofs::before(self),
            done: proofs::done(self),
            after: proofs::after(self),
            report: proofs::report(self),
            ..described
        }
    }

    /// The object that it changes.
    pub fn object(&self) -> String {
        self.describe().object
    }
}

fn of_node(node: &str, words: &str, gate: &'static [&'static str]) -> Description {
    Description::new(NODES.named(node), words, Risk::Reversible, gate)
}

/// A plan knows of pods that do not exist yet: those have no UID.
fn of_pod(
    pod: &Key,
    uid: &str,
    words: String,
    risk: Risk,
    gate: &'static [&'static str],
    request: &Request,
) -> Description {
    let described = Description::new(&request.object, words, risk, gate).sends(Role::Migrate, request);
    if uid.is_empty() {
        described.typed(vec![format!("kubectl -n {} delete pod {}", pod.namespace, pod.name)])
    } else {
        described
    }
}

/// What Cilium's chart consists of with the values of a migration, and helm's own record of it, in its namespace.
fn helm_rights(namespace: &str) -> Vec<Right> {
    let kinds = [
        CONFIG_MAPS,
        SERVICE_ACCOUNTS,
        SERVICES,
        DAEMON_SETS,
        DEPLOYMENTS,
        ROLES,
        ROLE_BINDINGS,
        CLUSTER_ROLES,
        CLUSTER_ROLE_BINDINGS,
    ];
    let right = |verb, kind| Right::new(Role::Install, verb, kind);
    let all = kinds.iter().flat_map(|kind| ["get", "create", "patch", "delete"].map(|verb| right(verb, *kind)));
    let record = ["get", "list", "create", "update", "patch", "delete"];
    all.chain(record.map(|verb| Right::new(Role::Release, verb, SECRETS).within(namespace))).collect()
}

fn typed(program: &str, arguments: &[String]) -> String {
    command([program].into_iter().chain(arguments.iter().map(String::as_str)))
}
