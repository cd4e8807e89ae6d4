//! How each effect is seen: what has to be so before it, what shows that it is made already, and what it is followed by
//! before anything else is changed. What only a step or a phase can say is said there.

use super::{
    CORDON_MARK, Effect, FLANNEL_BACKUP, MULTUS_LABEL, ObjectRef, RELEASE, SWITCH_LABEL, SWITCHING_TAINT, cilium,
    flannel, multus,
    proof::{Proof, path_key},
    resource::{CONFIG_MAPS, NODE_MIGRATIONS},
};
use crate::domain::{
    facts::{Key, Order},
    host::{HostTask, Way},
};

/// What has to be seen before it is made.
pub(super) fn before(effect: &Effect) -> Vec<Proof> {
    match effect {
        Effect::CreateNodeConfig { .. } => {
            let established = "get crd ciliumnodeconfigs.cilium.io --ignore-not-found -o jsonpath='{.status.conditions[?(@.type==\"Established\")].status}'";
            vec![Proof::prints("the API server serves CiliumNodeConfigs", established, "True")]
        }
        _ => vec![],
    }
}

/// What shows that it is made already; `None` where making it once more changes nothing.
pub(super) fn done(effect: &Effect) -> Option<Proof> {
    Some(match effect {
        Effect::CreateRecord { node, .. } => {
            let kind = NODE_MIGRATIONS.singular();
            Proof::some("the record exists", &format!("get {kind} {node} --ignore-not-found -o name"))
        }
        Effect::Uninstall { namespace } => Proof::none(
            format!("no release {RELEASE} and no pod of it is left"),
            &format!(
                "-n {namespace} get secrets -l owner=helm,name={RELEASE} -o name && kubectl -n {namespace} get daemonsets,deployments,pods -l app.kubernetes.io/part-of={RELEASE} -o name"
            ),
        ),
        Effect::DeleteNodeConfig { namespace, version } => {
            is_deleted(&cilium::delete_node_config(namespace, version).object)
        }
        Effect::DeleteDefinition { name } => {
            Proof::none(format!("the definition {name} is gone"), &format!("get crd {name} --ignore-not-found -o name"))
        }
        Effect::DeleteFlannelBackup { namespace } => is_deleted(&flannel::delete_backup(namespace).object),
        Effect::BackUpFlannel { namespace, .. } => Proof::some(
            "the copy exists",
            &format!("-n {namespace} get {} {FLANNEL_BACKUP} --ignore-not-found -o name", CONFIG_MAPS.singular()),
        ),
        Effect::Cordon { node, .. } => of_node(node, "is cordoned", "{.spec.unschedulable}", "[ \"$seen\" = true ]"),
        // somebody else's cordon has no mark, and stays
        Effect::Uncordon { node } => {
            let mark = format!("{{.metadata.annotations.{}}}", path_key(CORDON_MARK));
            of_node(node, "has no cordon of Cutover's", &mark, "[ -z \"$seen\" ]")
        }
        Effect::Taint { node } => of_node(
            node,
            "is tainted",
            TAINTS,
            &format!("case \" $seen \" in *' {SWITCHING_TAINT} '*) ;; *) exit 1 ;; esac"),
        ),
        Effect::Untaint { node } => of_node(
            node,
            "is not tainted",
            TAINTS,
            &format!("case \" $seen \" in *' {SWITCHING_TAINT} '*) exit 1 ;; esac"),
        ),
        Effect::Switch { node } => of_node(node, "is labelled", &label(), "[ \"$seen\" = true ]"),
        Effect::Revert { node } => of_node(node, "is not labelled", &label(), "[ -z \"$seen\" ]"),
        Effect::SetMultus { node, order } => {
            let path = format!("{{.metadata.labels.{}}}", path_key(MULTUS_LABEL));
            let wanted = order.map_or("", Order::name);
            let words = if order.is_some() { "is labelled for Multus" } else { "has no label for Multus" };
            of_node(node, words, &path, &format!("[ \"$seen\" = '{wanted}' ]"))
        }
        Effect::DeleteMultus { namespace } => Proof::none(
            "Multus and its pods are gone",
            &format!("-n {namespace} get daemonsets,pods -l app.kubernetes.io/name={} -o name", multus::NAME),
        ),
        Effect::Evict { pod, uid } | Effect::DeletePod { pod, uid, .. } if !uid.is_empty() => is_gone(pod, uid),
        Effect::DeleteTaskPod { pod, .. } => Proof::none(
            format!("pod {pod} is gone"),
            &format!("-n {} get pod {} --ignore-not-found -o name", pod.namespace, pod.name),
        ),
        Effect::Task { node, task: HostTask::Reboot { boot_id }, .. } => {
            let other = format!("[ -n \"$seen\" ] && [ \"$seen\" != '{boot_id}' ]");
            of_node(node, "has another boot ID", "{.status.nodeInfo.bootID}", &other)
        }
        _ => return None,
    })
}

/// What is waited for after it.
pub(super) fn after(effect: &Effect) -> Vec<Proof> {
    match effect {
        Effect::Helm(release) => vec![rolled_out(&Key::new(&release.namespace, RELEASE))],
        Effect::RestartAgents { daemon_set, .. } => vec![rolled_out(daemon_set)],
        Effect::Uninstall { .. } | Effect::DeletePod { .. } => done(effect).into_iter().collect(),
        Effect::DeleteFlannel { daemon_sets, .. } => daemon_sets.iter().map(is_away).collect(),
        _ => vec![],
    }
}

/// A command line that prints the report of a task in a pod, once it has ended.
pub(super) fn report(effect: &Effect) -> Option<(Proof, String)> {
    let Effect::Task { node, task, nth, way: Way::Pod { namespace, .. } } = effect else { return None };
    let pod = task.pod_name(node, *nth);
    let get = |path: &str| format!("-n {namespace} get pod {pod} -o jsonpath='{path}'");
    let ended = "case \"$seen\" in Succeeded | Failed) ;; *) exit 1 ;; esac";
    let ended = Proof::kubectl(format!("pod {pod} has ended"), &get("{.status.phase}"), ended);
    Some((ended, format!("kubectl {}", get("{.status.containerStatuses[0].state.terminated.message}"))))
}

const TAINTS: &str = "{.spec.taints[*].key}";

fn label() -> String {
    format!("{{.metadata.labels.{}}}", path_key(SWITCH_LABEL))
}

fn of_node(node: &str, words: &str, path: &str, test: &str) -> Proof {
    Proof::kubectl(format!("{node} {words}"), &format!("get node {node} -o jsonpath='{path}'"), test)
}

fn is_deleted(object: &ObjectRef) -> Proof {
    let (kind, key) = (object.resource.singular(), &object.key);
    let arguments = format!("-n {} get {kind} {} --ignore-not-found -o name", key.namespace, key.name);
    Proof::none(format!("{object} is gone"), &arguments)
}

/// Another pod of the same name may be there by then.
fn is_gone(pod: &Key, uid: &str) -> Proof {
    let arguments =
        format!("-n {} get pod {} --ignore-not-found -o jsonpath='{{.metadata.uid}}'", pod.namespace, pod.name);
    Proof::kubectl(format!("pod {pod} is gone"), &arguments, &format!("[ \"$seen\" != '{uid}' ]"))
}

/// A DaemonSet has its newest pods on every node, ready.
pub fn rolled_out(daemon_set: &Key) -> Proof {
    let Key { namespace, name } = daemon_set;
    let command = format!("kubectl -n {namespace} rollout status daemonset/{name} --timeout=5s");
    Proof::command(format!("daemonset/{daemon_set} is rolled out"), command)
}

/// A DaemonSet and its pods are gone.
fn is_away(daemon_set: &Key) -> Proof {
    let Key { namespace, name } = daemon_set;
    let owners =
        "{range .items[*]}{.metadata.ownerReferences[*].kind}/{.metadata.ownerReferences[*].name}{\"\\n\"}{end}";
    let all = format!(
        "-n {namespace} get pods -o jsonpath='{owners}' && kubectl -n {namespace} get daemonset {name} --ignore-not-found -o jsonpath='{{.kind}}/{{.metadata.name}}'"
    );
    let test = format!("! printf '%s\\n' \"$seen\" | grep -qx 'DaemonSet/{name}'");
    Proof::kubectl(format!("daemonset/{daemon_set} and its pods are gone"), &all, &test)
}
