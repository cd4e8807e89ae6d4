//! Multus' objects: its thin plugin, by one DaemonSet for each order of the two CNIs. A node's label picks the one that
//! writes its `00-multus.conf`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Change, MULTUS_LABEL, Request, Resource, Right, Role,
    resource::{CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, CONFIG_MAPS, DAEMON_SETS, SERVICE_ACCOUNTS},
};
use crate::domain::{
    facts::{Key, Order},
    host::MULTUS,
};

/// The image of Multus that is installed where an operator names none.
pub const IMAGE: &str = "ghcr.io/k8snetworkplumbingwg/multus-cni:v4.2.2";
/// The name of its account, role and binding; those of its DaemonSets begin with it.
pub const NAME: &str = "cutover-multus";

/// What is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// The namespace of its objects.
    pub namespace: String,
    /// Its image.
    pub image: String,
    /// Flannel's CNI configuration, as its ConfigMap has it.
    pub flannel: Arc<str>,
    /// The API server's service has an IPv4 address.
    pub by_ipv4: bool,
}

impl Install {
    /// The requests that create its objects, in their order.
    pub fn requests(&self) -> Vec<Request> {
        let Self { namespace, .. } = self;
        let account = json!({"kind": "ServiceAccount", "name": NAME, "namespace": namespace});
        let role = json!({"apiGroup": CLUSTER_ROLES.group, "kind": CLUSTER_ROLES.kind, "name": NAME});
        // what its plugin does at each ADD: it reads the pod, and writes the pod's addresses into it (multus-cni's own manifest)
        let rules = json!([
            {"apiGroups": [""], "resources": ["pods", "pods/status"], "verbs": ["get", "update"]},
            {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
        ]);
        let of_cluster = [
            apply(SERVICE_ACCOUNTS, namespace, NAME, json!({})),
            apply(CLUSTER_ROLES, "", NAME, json!({"rules": rules})),
            apply(CLUSTER_ROLE_BINDINGS, "", NAME, json!({"roleRef": role, "subjects": [account]})),
        ];
        let of_order = |order: Order| {
            let conf = format!("{:#}", self.conf(order));
            let map = apply(CONFIG_MAPS, namespace, order.object(), json!({"data": {MULTUS: conf}}));
            [map, apply(DAEMON_SETS, namespace, order.object(), json!({"spec": self.daemon_set(order)}))]
        };
        of_cluster.into_iter().chain(Order::BOTH.into_iter().flat_map(of_order)).collect()
    }

    /// Multus' configuration on a host.
    fn conf(&self, order: Order) -> Value {
        let mut flannel: Value = serde_json::from_str(&self.flannel).unwrap_or_default();
        let version = flannel["cniVersion"].as_str().unwrap_or("0.3.1").to_owned();
        if order == Order::CiliumFirst {
            // with two default routes a pod's egress stays on Flannel (seen on real nodes)
            let plugins = flannel["plugins"].as_array_mut().into_iter().flatten();
            for plugin in plugins.filter(|p| p["type"] == "flannel") {
                plugin["delegate"]["isDefaultGateway"] = json!(false);
                plugin["delegate"]["isGateway"] = json!(true);
            }
        }
        let cilium = json!({
            "cniVersion": version, "name": "cilium", "type": "cilium-cni", "log-file": "/var/run/cilium/cilium-cni.log",
        });
        let delegates = match order {
            Order::FlannelFirst => [flannel, cilium],
            Order::CiliumFirst => [cilium, flannel],
        };
        json!({
            "cniVersion": version, "name": "multus", "type": "multus",
            "capabilities": {"portMappings": true, "bandwidth": true},
            "kubeconfig": "/etc/cni/net.d/multus.d/multus.kubeconfig",
            "delegates": delegates,
        })
    }

    fn daemon_set(&self, order: Order) -> Value {
        let labels = json!({"app.kubernetes.io/name": NAME, MULTUS_LABEL: order.name()});
        // its entry point puts the address into brackets, which only one of IPv6 may be in (seen with Go 1.26)
        let host = json!([{"name": "KUBERNETES_SERVICE_HOST", "value": "::ffff:$(KUBERNETES_SERVICE_HOST)"}]);
        let container = json!({
            "name": "kube-multus", "image": self.image, "imagePullPolicy": "IfNotPresent",
            "command": ["/thin_entrypoint"],
            "args": ["--multus-conf-file=/tmp/multus-conf/00-multus.conf"],
            "env": if self.by_ipv4 { host } else { json!([]) },
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            // as in its own manifest: it writes into folders of the host
            "securityContext": {"privileged": true},
            "volumeMounts": [
                {"name": "cni", "mountPath": "/host/etc/cni/net.d"},
                {"name": "cnibin", "mountPath": "/host/opt/cni/bin"},
                {"name": "conf", "mountPath": "/tmp/multus-conf"},
            ],
        });
        json!({
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "nodeSelector": {MULTUS_LABEL: order.name()},
                    "hostNetwork": true,
                    "priorityClassName": "system-node-critical",
                    "tolerations": [{"operator": "Exists"}],
                    "serviceAccountName": NAME,
                    "terminationGracePeriodSeconds": 1,
                    "containers": [container],
                    "volumes": [
                        {"name": "cni", "hostPath": {"path": "/etc/cni/net.d"}},
                        {"name": "cnibin", "hostPath": {"path": "/opt/cni/bin"}},
                        {"name": "conf", "configMap": {"name": order.object()}},
                    ],
                },
            },
        })
    }
}

/// The requests that delete its objects, DaemonSets last: while one is there, the work is seen to be unfinished.
pub fn deletions(namespace: &str) -> Vec<Request> {
    let account = SERVICE_ACCOUNTS.at(Key::new(namespace, NAME));
    let of_cluster = [CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES].map(|kind| kind.named(NAME));
    let of_order = |kind: Resource| Order::BOTH.map(|order| kind.at(Key::new(namespace, order.object())));
    let objects = of_cluster.into_iter().chain([account]).chain(of_order(CONFIG_MAPS)).chain(of_order(DAEMON_SETS));
    objects.map(|object| Request { object, change: Change::Delete(Value::Null) }).collect()
}

fn apply(kind: Resource, namespace: &str, name: &str, rest: Value) -> Request {
    let object = kind.at(Key::new(namespace, name));
    let mut body = json!({
        "apiVersion": kind.api_version(), "kind": kind.kind,
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "cutover", "app.kubernetes.io/name": NAME}},
    });
    if !namespace.is_empty() {
        body["metadata"]["namespace"] = namespace.into();
    }
    json_patch::merge(&mut body, &rest);
    Request { object, change: Change::Apply(body) }
}

/// The rights to send these. RBAC cannot limit what is created to a name, so that they are the same as helm's.
pub(super) fn rights(requests: &[Request], verbs: &[&'static str]) -> Vec<Right> {
    let of = |verb: &'static str| move |r: &Request| Right::new(Role::Install, verb, r.object.resource);
    verbs.iter().flat_map(|verb| requests.iter().map(of(verb))).collect()
}

/// Its role gives its account more than its creator has.
pub(super) fn role_rights() -> impl Iterator<Item = Right> {
    ["bind", "escalate"].into_iter().map(|verb| Right::new(Role::Install, verb, CLUSTER_ROLES).named(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLANNEL: &str = r#"{"name":"cbr0","cniVersion":"0.3.1","plugins":[{"type":"flannel","delegate":{"hairpinMode":true,"isDefaultGateway":true}},{"type":"portmap","capabilities":{"portMappings":true}}]}"#;

    fn install() -> Install {
        Install { namespace: "kube-system".into(), image: IMAGE.into(), flannel: FLANNEL.into(), by_ipv4: true }
    }

    #[test]
    fn the_first_delegate_alone_has_the_default_route() {
        let gateway = |order| {
            let conf = install().conf(order);
            let delegates = conf["delegates"].as_array().cloned().unwrap();
            let flannel = delegates.iter().find(|d| d["name"] == "cbr0").cloned().unwrap();
            let types = delegates.iter().map(|d| d["type"].as_str().or(d["plugins"][0]["type"].as_str()).unwrap());
            (types.collect::<Vec<_>>().join(" "), flannel["plugins"][0]["delegate"]["isDefaultGateway"].clone())
        };
        for order in Order::BOTH {
            let (delegates, default) = gateway(order);
            assert_eq!(delegates, order.delegates());
            assert_eq!(default, json!(order == Order::FlannelFirst));
        }
    }

    /// With `clusterNetwork` Multus leaves the second network out in `systemNamespaces`, where `CoreDNS` is; the brackets
    /// around an address of IPv4 are no URL.
    #[test]
    fn no_namespace_is_left_out_and_the_address_of_the_api_server_can_be_used() {
        for order in Order::BOTH {
            let conf = install().conf(order);
            for key in ["clusterNetwork", "defaultNetworks", "systemNamespaces"] {
                assert_eq!(conf[key], Value::Null, "{key}");
            }
        }
        let env = |by_ipv4| {
            let set = Install { by_ipv4, ..install() }.daemon_set(Order::FlannelFirst);
            set["template"]["spec"]["containers"][0]["env"].clone()
        };
        assert_eq!(env(true)[0]["value"], "::ffff:$(KUBERNETES_SERVICE_HOST)");
        assert_eq!(env(false), json!([]), "one of IPv6 is fit for brackets");
    }

    #[test]
    fn what_is_created_is_deleted_and_seen_to_be() {
        let created: Vec<_> = install().requests().into_iter().map(|r| r.object.to_string()).collect();
        let deleted: Vec<_> = deletions("kube-system").into_iter().map(|r| r.object.to_string()).collect();
        let sorted = |mut all: Vec<String>| {
            all.sort();
            all
        };
        assert_eq!(sorted(created), sorted(deleted.clone()));
        assert!(deleted[5..].iter().all(|object| object.starts_with("daemonset/")), "{deleted:?}");
    }
}
