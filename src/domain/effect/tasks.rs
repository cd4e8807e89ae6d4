//! The pods of host tasks.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Change, RELEASE, Request, Risk, records, resource::PODS};
use crate::domain::{
    facts::Key,
    host::{AGENTS_IMAGE, HostTask, SCRIPT, TASK_LABEL, Way, commands::command},
};

/// How long a task may take through `ssh`; beyond that it goes on on its host, and its report is lost.
pub(super) const SSH_LIMIT: Duration = Duration::from_secs(300);

/// Where a DaemonSet has its image.
const IMAGE: &str = "{.spec.template.spec.containers[0].image}";

/// What a look reads of a host, and the type of the mount. `/run` as a whole: a mount of a folder that is not there would
/// make it. The last two are made by Cilium's agent, and looked at for what it has left there.
const LOOKS_AT: [(&str, &str); 5] = [
    ("/etc/cni/net.d", "Directory"),
    ("/run", "Directory"),
    ("/var/lib", "Directory"),
    ("/opt/cni/bin", "DirectoryOrCreate"),
    ("/sys/fs/bpf", "DirectoryOrCreate"),
];

/// Where and of what the pod of a task is made.
#[derive(Clone, Copy, Debug)]
pub struct TaskPod<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Image that is on the node already.
    pub image: &'a str,
    /// UID of the Migration that it belongs to.
    pub owner: Option<&'a str>,
}

/// Creates the pod of a task. It is bound to its node by name, so no scheduler and no cordon is in its way; it
/// uses the host's network, because that works while the node has no CNI; its image is there already and
/// never pulled; it has no token. The probe is the exception: it wants a pod address. What only looks is not
/// privileged: it sees the folders that it reads, and may read the firewall. Each belongs to the Migration: what is
/// only called like one is not believed.
pub fn create(node: &str, task: &HostTask, nth: u32, pod: &TaskPod<'_>) -> Request {
    let TaskPod { namespace, image, owner } = *pod;
    let name = task.pod_name(node, nth);
    let mut command = vec![json!("sh"), json!("-c"), json!(SCRIPT), json!("cutover"), json!(task.name())];
    command.extend(task.args().into_iter().map(Value::from));
    let mut container = json!({
        "name": "task", "image": image, "imagePullPolicy": "Never", "command": command,
        "env": [
            {"name": "HOST_ROOT", "value": "/host"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    });
    let mut spec = json!({
        "nodeName": node, "restartPolicy": "Never", "activeDeadlineSeconds": 120,
        "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
        "tolerations": [{"operator": "Exists"}],
    });
    match task {
        HostTask::Probe => {}
        HostTask::Look => {
            container["securityContext"] = json!({
                "privileged": false, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]},
            });
            let (mut mounts, mut volumes) = (vec![], vec![]);
            for (i, (path, kind)) in LOOKS_AT.iter().enumerate() {
                let name = format!("look-{i}");
                mounts.push(json!({"name": name, "mountPath": format!("/host{path}"), "readOnly": true}));
                volumes.push(json!({"name": name, "hostPath": {"path": path, "type": kind}}));
            }
            container["volumeMounts"] = Value::Array(mounts);
            spec["volumes"] = Value::Array(volumes);
            spec["hostNetwork"] = json!(true);
        }
        HostTask::Hold
        | HostTask::Restore
        | HostTask::Reboot { .. }
        | HostTask::Clean { .. }
        | HostTask::PutBack
        | HostTask::CleanCilium
        | HostTask::CleanMultus
        | HostTask::Release { .. } => {
            container["securityContext"] = json!({"privileged": true});
            container["volumeMounts"] = json!([{"name": "host", "mountPath": "/host"}]);
            spec["volumes"] = json!([{"name": "host", "hostPath": {"path": "/"}}]);
            spec["hostNetwork"] = json!(true);
            spec["hostPID"] = json!(true);
        }
    }
    spec["containers"] = json!([container]);
    let mut body = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace,
            "labels": {TASK_LABEL: task.name(), "app.kubernetes.io/managed-by": "cutover"},
        },
        "spec": spec,
    });
    if let Some(uid) = owner {
        body["metadata"]["ownerReferences"] = json!([records::belongs_to(uid)]);
    }
    Request { object: PODS.at(Key::new(namespace, &name)), change: Change::Create(body) }
}

/// What an operator types to run a task the same way. The pod holds the whole script, so that the pod is printed by
/// a command instead of being quoted.
pub(super) fn kubectl(node: &str, task: &HostTask, nth: u32, way: &Way) -> Vec<String> {
    match way {
        Way::Pod { namespace, image, owner } => {
            let number = nth.to_string();
            let options = ["--host-task", task.name(), "--node", node, "--number", &number];
            let place = ["--namespace", namespace];
            let owner = owner.iter().flat_map(|uid| ["--owner", uid]);
            let args = task.args();
            let args = args.iter().map(String::as_str);
            let end = (args.len() > 0).then_some("--");
            let image = if **image == *AGENTS_IMAGE {
                format!("\"$(kubectl -n {namespace} get daemonset {RELEASE} -o jsonpath='{IMAGE}')\"")
            } else {
                command([&**image])
            };
            let first = command(["cutover", "manifests"].into_iter().chain(options).chain(place).chain(owner));
            let rest = command(end.into_iter().chain(args));
            let words = [first, "--image".into(), image, rest].join(" ");
            vec![format!("{} | kubectl create -f -", words.trim_end())]
        }
        Way::Ssh { target } => {
            let ssh = task.ssh(target);
            vec![format!("cutover manifests --host-script | {}", command(ssh.iter().map(String::as_str)))]
        }
        Way::Hand => task.by_hand(node),
    }
}

/// What a task risks.
pub(super) const fn risk(task: &HostTask, way: &Way) -> Risk {
    match (task, way) {
        (HostTask::Look | HostTask::Probe, Way::Ssh { .. } | Way::Hand) => Risk::Read,
        // the pod itself is an object in the cluster
        (HostTask::Look | HostTask::Probe, Way::Pod { .. }) => Risk::Own,
        (
            HostTask::Hold | HostTask::Restore | HostTask::PutBack | HostTask::CleanMultus | HostTask::Release { .. },
            _,
        ) => Risk::Reversible,
        (HostTask::Reboot { .. }, _) => Risk::Reboot,
        (HostTask::Clean { .. } | HostTask::CleanCilium, _) => Risk::Destructive,
    }
}

/// When a task is run.
pub(super) const fn gate(task: &HostTask) -> &'static [&'static str] {
    match task {
        HostTask::Look => &["the step of the node asks for it"],
        HostTask::Probe => &["the node is Ready", "its host has the wanted CNI configuration and no other"],
        HostTask::Hold => &[
            "the node is cordoned and tainted",
            "DaemonSet pods that tolerate every taint are the only ones with a pod address",
        ],
        HostTask::Restore => &[
            "the node is cordoned and tainted, or Cilium is uninstalled",
            "no Cilium agent manages the CNI configuration any more",
            "the host has a 10-flannel.conflist to put back",
        ],
        HostTask::Reboot { .. } => &[
            "the node is cordoned and tainted",
            "no pod with a pod address is left on it, or an outage was agreed to",
            "the CNI that is wanted owns the CNI configuration",
            "etcd is healthy, where the node is part of the control plane",
            "the boot ID is still the one that the record names",
            "it was not asked for in this boot before",
        ],
        HostTask::CleanMultus => &[
            "the node is cordoned and tainted",
            "no pod of Multus runs on it, and it has no label for one",
            "another CNI configuration is on the host",
        ],
        HostTask::Clean { .. } => &[
            "Flannel's DaemonSets are deleted and their pods are gone",
            "everything is copied to a backup with checksums before it is removed",
        ],
        HostTask::CleanCilium => &[
            "Install is rolled back: Cilium is uninstalled, and none of its pods is left",
            "10-flannel.conflist is the host's CNI configuration, and no agent runs on it",
        ],
        HostTask::PutBack => {
            &["the phase that cleaned it is rolled back", "the backup has the checksums with which it was made"]
        }
        HostTask::Release { .. } => &[
            "no pod of the node has the address, seen twice",
            "no sandbox on the host has it, and it was given more than a minute ago",
        ],
    }
}
