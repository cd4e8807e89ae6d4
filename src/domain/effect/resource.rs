//! The kinds of objects that Cutover reads and writes, as the API server names them.

use std::fmt;

use crate::domain::facts::Key;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// Its API group; empty for the core group.
    pub group: &'static str,
    /// The version in which it is read and written.
    pub version: &'static str,
    /// Its name in addresses and rights.
    pub plural: &'static str,
    /// Its kind.
    pub kind: &'static str,
}

macro_rules! resources {
    ($($name:ident: $group:literal $version:literal $plural:literal $kind:literal;)*) => {
        $(
            #[doc = concat!("`", $kind, "`.")]
            pub const $name: Resource =
                Resource { group: $group, version: $version, plural: $plural, kind: $kind };
        )*
    };
}

resources! {
    NODES: "" "v1" "nodes" "Node";
    SERVICE_CIDRS: "networking.k8s.io" "v1" "servicecidrs" "ServiceCIDR";
    VALIDATING_WEBHOOKS: "admissionregistration.k8s.io" "v1" "validatingwebhookconfigurations" "ValidatingWebhookConfiguration";
    MUTATING_WEBHOOKS: "admissionregistration.k8s.io" "v1" "mutatingwebhookconfigurations" "MutatingWebhookConfiguration";
    API_SERVICES: "apiregistration.k8s.io" "v1" "apiservices" "APIService";
    CILIUM_POLICIES: "cilium.io" "v2" "ciliumnetworkpolicies" "CiliumNetworkPolicy";
    CILIUM_WIDE_POLICIES: "cilium.io" "v2" "ciliumclusterwidenetworkpolicies" "CiliumClusterwideNetworkPolicy";
    PODS: "" "v1" "pods" "Pod";
    NAMESPACES: "" "v1" "namespaces" "Namespace";
    SERVICES: "" "v1" "services" "Service";
    SECRETS: "" "v1" "secrets" "Secret";
    CONFIG_MAPS: "" "v1" "configmaps" "ConfigMap";
    SERVICE_ACCOUNTS: "" "v1" "serviceaccounts" "ServiceAccount";
    VOLUMES: "" "v1" "persistentvolumes" "PersistentVolume";
    CLAIMS: "" "v1" "persistentvolumeclaims" "PersistentVolumeClaim";
    DAEMON_SETS: "apps" "v1" "daemonsets" "DaemonSet";
    DEPLOYMENTS: "apps" "v1" "deployments" "Deployment";
    REPLICA_SETS: "apps" "v1" "replicasets" "ReplicaSet";
    STATEFUL_SETS: "apps" "v1" "statefulsets" "StatefulSet";
    BUDGETS: "policy" "v1" "poddisruptionbudgets" "PodDisruptionBudget";
    NETWORK_POLICIES: "networking.k8s.io" "v1" "networkpolicies" "NetworkPolicy";
    ATTACHMENTS: "storage.k8s.io" "v1" "volumeattachments" "VolumeAttachment";
    ROLES: "rbac.authorization.k8s.io" "v1" "roles" "Role";
    ROLE_BINDINGS: "rbac.authorization.k8s.io" "v1" "rolebindings" "RoleBinding";
    CLUSTER_ROLES: "rbac.authorization.k8s.io" "v1" "clusterroles" "ClusterRole";
    CLUSTER_ROLE_BINDINGS: "rbac.authorization.k8s.io" "v1" "clusterrolebindings" "ClusterRoleBinding";
    LEASES: "coordination.k8s.io" "v1" "leases" "Lease";
    EVENTS: "events.k8s.io" "v1" "events" "Event";
    DEFINITIONS: "apiextensions.k8s.io" "v1" "customresourcedefinitions" "CustomResourceDefinition";
    CILIUM_NODES: "cilium.io" "v2" "ciliumnodes" "CiliumNode";
    NODE_CONFIGS: "cilium.io" "v2" "ciliumnodeconfigs" "CiliumNodeConfig";
    NODE_CONFIGS_ALPHA: "cilium.io" "v2alpha1" "ciliumnodeconfigs" "CiliumNodeConfig";
    MIGRATIONS: "cutover.dev" "v1alpha1" "migrations" "Migration";
    NODE_MIGRATIONS: "cutover.dev" "v1alpha1" "nodemigrations" "NodeMigration";
}

impl Resource {
    /// `apiVersion`, as an object has it.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The name that `kubectl` takes for one of them.
    pub fn singular(&self) -> String {
        self.kind.to_lowercase()
    }

    /// The object of this name.
    pub fn named(self, name: &str) -> ObjectRef {
        self.at(Key::new("", name))
    }

    /// The object of this namespace and name.
    pub const fn at(self, key: Key) -> ObjectRef {
        ObjectRef { resource: self, key }
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// Its kind.
    pub resource: Resource,
    /// Its namespace and name.
    pub key: Key,
}

impl ObjectRef {
    /// The address of its kind, in its namespace.
    pub fn collection(&self) -> String {
        let Resource { group, version, plural, .. } = self.resource;
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        if self.key.namespace.is_empty() {
            format!("{root}/{plural}")
        } else {
            format!("{root}/namespaces/{}/{plural}", self.key.namespace)
        }
    }

    /// Its address.
    pub fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.key.name)
    }
}

/// `kind/namespace/name`.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource.singular(), self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_api_server() {
        assert_eq!(NODES.named("worker-1").path(), "/api/v1/nodes/worker-1");
        let set = DAEMON_SETS.at(Key::new("kube-system", "cilium"));
        assert_eq!(set.path(), "/apis/apps/v1/namespaces/kube-system/daemonsets/cilium");
        assert_eq!(set.collection(), "/apis/apps/v1/namespaces/kube-system/daemonsets");
        assert_eq!(set.to_string(), "daemonset/kube-system/cilium");
    }
}
