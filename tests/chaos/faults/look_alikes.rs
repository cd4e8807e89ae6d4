//! What a tenant creates in a namespace of its own, called and labelled like something that a migration relies on.

use serde_json::{Value, json};

use super::World;

const TENANT: &str = "aaa-tenant";
const EVIL: &str = "evil.example/rootkit:1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookAlike {
    CiliumConfig,
    FlannelConfig,
    FlannelCopy,
    Agents,
    Flannels,
    /// Finished, with a report of its own.
    TaskPods,
    /// It selects every node.
    NodeConfig,
    Release,
}

impl LookAlike {
    pub(super) async fn begin(self, world: &World<'_>, node: &str) {
        world.observer.disturbed();
        world.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TENANT}})).await;
        self.during(world, node, 0).await;
    }

    /// Cilium's kinds are not served before its operator runs.
    pub(super) async fn during(self, world: &World<'_>, node: &str, tick: u64) {
        if tick.is_multiple_of(20) {
            for object in self.objects(node) {
                world.put(object).await;
            }
        }
    }

    pub(super) async fn end(self, world: &World<'_>, node: &str) {
        world.observer.disturbed();
        for object in self.objects(node) {
            world.take_away(&object).await;
        }
    }

    fn objects(self, node: &str) -> Vec<Value> {
        let map = |name: &str, data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": TENANT}, "data": data});
        match self {
            Self::CiliumConfig => vec![map(
                "cilium-config",
                json!({"custom-cni-conf": "false", "write-cni-conf-when-ready": "/host/etc/cni/net.d/05-cilium.conflist",
                    "cluster-pool-ipv4-cidr": "10.99.0.0/16", "enable-policy": "always"}),
            )],
            Self::FlannelConfig => {
                let net = json!({"Network": "10.245.0.0/16", "Backend": {"Type": "vxlan", "Port": 8473}});
                vec![map("kube-flannel-cfg", json!({"net-conf.json": net.to_string()}))]
            }
            Self::FlannelCopy => {
                let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "mallory"},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                    "subjects": [{"kind": "User", "name": "mallory"}]});
                let list = json!({"apiVersion": "v1", "kind": "List", "items": [binding]});
                vec![map("cutover-flannel-backup", json!({"flannel.json": list.to_string()}))]
            }
            Self::Agents => vec![
                daemon_set(
                    "cilium",
                    "cilium-agent",
                    &json!({"k8s-app": "cilium", "app.kubernetes.io/part-of": "cilium"}),
                ),
                map("cilium-config", json!({"custom-cni-conf": "true"})),
            ],
            Self::Flannels => vec![daemon_set("kube-flannel", "kube-flannel", &json!({"app": "flannel"}))],
            Self::TaskPods => ["look", "reboot"].map(|task| task_pod(task, node)).to_vec(),
            Self::NodeConfig => vec![json!({"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumNodeConfig",
                "metadata": {"name": "cilium-default", "namespace": TENANT},
                "spec": {"nodeSelector": {}, "defaults": {"custom-cni-conf": "false"}}})],
            Self::Release => vec![json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
                "metadata": {"name": "sh.helm.release.v1.cilium.v9", "namespace": TENANT,
                    "labels": {"owner": "helm", "name": "cilium", "status": "pending-upgrade", "version": "9"}}})],
        }
    }
}

fn daemon_set(name: &str, container: &str, labels: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": TENANT, "labels": labels}, "spec": {
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "hostNetwork": true, "terminationGracePeriodSeconds": 1, "containers": [{"name": container, "image": EVIL}]}}}})
}

/// It has the name that Cutover's own has at some time.
fn task_pod(task: &str, node: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("cutover-{task}-{node}-0"), "namespace": TENANT,
        "labels": {"cutover.dev/task": task, "app.kubernetes.io/managed-by": "cutover"}},
        "spec": {"nodeName": node, "restartPolicy": "Never", "hostNetwork": true, "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "task", "image": EVIL}]}})
}
