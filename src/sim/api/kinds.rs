//! The served kinds: built-in ones, and those of custom resource definitions.

use std::sync::Arc;

use serde_json::Value;

/// A kind, in one version.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kind {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) plural: String,
    pub(super) singular: String,
    pub(super) kind: String,
    pub(super) short: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) namespaced: bool,
    /// It has a status subresource.
    pub(super) status: bool,
    /// Schema and printer columns of a custom resource.
    pub(super) custom: Option<Value>,
}

impl Kind {
    /// `plural.group`: the key under which objects of all versions are stored.
    pub(super) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// group, version, plural, singular, kind, short name, namespaced, status
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, bool, bool);

const BUILT_IN: &[Row] = &[
    ("", "v1", "nodes", "node", "Node", "no", false, true),
    ("", "v1", "namespaces", "namespace", "Namespace", "ns", false, true),
    ("", "v1", "pods", "pod", "Pod", "po", true, true),
    ("", "v1", "services", "service", "Service", "svc", true, true),
    ("", "v1", "configmaps", "configmap", "ConfigMap", "cm", true, false),
    ("", "v1", "secrets", "secret", "Secret", "", true, false),
    ("", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", "sa", true, false),
    ("", "v1", "persistentvolumes", "persistentvolume", "PersistentVolume", "pv", false, true),
    ("", "v1", "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", "pvc", true, true),
    ("", "v1", "events", "event", "Event", "ev", true, false),
    ("events.k8s.io", "v1", "events", "event", "Event", "ev", true, false),
    ("apps", "v1", "daemonsets", "daemonset", "DaemonSet", "ds", true, true),
    ("apps", "v1", "deployments", "deployment", "Deployment", "deploy", true, true),
    ("apps", "v1", "replicasets", "replicaset", "ReplicaSet", "rs", true, true),
    ("apps", "v1", "statefulsets", "statefulset", "StatefulSet", "sts", true, true),
    ("policy", "v1", "poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget", "pdb", true, true),
    ("coordination.k8s.io", "v1", "leases", "lease", "Lease", "", true, false),
    ("networking.k8s.io", "v1", "networkpolicies", "networkpolicy", "NetworkPolicy", "netpol", true, false),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "clusterrole", "ClusterRole", "", false, false),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "clusterrolebindings",
        "clusterrolebinding",
        "ClusterRoleBinding",
        "",
        false,
        false,
    ),
    ("rbac.authorization.k8s.io", "v1", "roles", "role", "Role", "", true, false),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "rolebinding", "RoleBinding", "", true, false),
    ("networking.k8s.io", "v1", "servicecidrs", "servicecidr", "ServiceCIDR", "", false, true),
    ("apiregistration.k8s.io", "v1", "apiservices", "apiservice", "APIService", "", false, true),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "validatingwebhookconfiguration",
        "ValidatingWebhookConfiguration",
        "",
        false,
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "mutatingwebhookconfiguration",
        "MutatingWebhookConfiguration",
        "",
        false,
        false,
    ),
    ("storage.k8s.io", "v1", "volumeattachments", "volumeattachment", "VolumeAttachment", "", false, true),
    (
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "customresourcedefinition",
        "CustomResourceDefinition",
        "crd",
        false,
        true,
    ),
];

pub(super) const CRDS: &str = "customresourcedefinitions.apiextensions.k8s.io";

pub(super) fn built_in() -> Vec<Arc<Kind>> {
    BUILT_IN
        .iter()
        .map(|(group, version, plural, singular, kind, short, namespaced, status)| Kind {
            group: (*group).into(),
            version: (*version).into(),
            plural: (*plural).into(),
            singular: (*singular).into(),
            kind: (*kind).into(),
            short: if short.is_empty() { vec![] } else { vec![(*short).into()] },
            categories: vec![],
            namespaced: *namespaced,
            status: *status,
            custom: None,
        })
        .map(Arc::new)
        .collect()
}

/// The kinds that a definition adds: one for each served version.
pub(super) fn of_definition(crd: &Value) -> Vec<Arc<Kind>> {
    let spec = &crd["spec"];
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let texts = |v: &Value| v.as_array().map(|a| a.iter().map(text).collect()).unwrap_or_default();
    let versions = spec["versions"].as_array().into_iter().flatten();
    versions
        .filter(|v| v["served"] == true)
        .map(|v| Kind {
            group: text(&spec["group"]),
            version: text(&v["name"]),
            plural: text(&spec["names"]["plural"]),
            singular: text(&spec["names"]["singular"]),
            kind: text(&spec["names"]["kind"]),
            short: texts(&spec["names"]["shortNames"]),
            categories: texts(&spec["names"]["categories"]),
            namespaced: spec["scope"] == "Namespaced",
            status: v["subresources"]["status"].is_object(),
            custom: Some(v.clone()),
        })
        .map(Arc::new)
        .collect()
}
