//! Rights: what the API server has to allow, and the role of the manifests that grants it.

use std::fmt;

use super::Resource;

/// A role of the manifests. Each has a binding of its own, so that it can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Watch the cluster.
    Observe,
    /// Write the records' statuses and events.
    Record,
    /// Hold the Lease.
    Lock,
    /// Reach Hubble's relay.
    Flows,
    /// Move nodes and pods.
    Migrate,
    /// Create and delete the CiliumNodeConfig.
    NodeConfig,
    /// Change replicas and budgets that a consent names.
    Consents,
    /// Run host tasks in pods.
    Host,
    /// Remove Flannel, bring it back, restart the agents.
    Finish,
    /// Create the copy of Flannel's objects.
    Copy,
    /// Run helm.
    Install,
    /// Keep helm's record of the release.
    Release,
    /// Change what is wanted: a person's right, not the engine's.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Observe,
        Self::Record,
        Self::Lock,
        Self::Flows,
        Self::Migrate,
        Self::NodeConfig,
        Self::Consents,
        Self::Host,
        Self::Finish,
        Self::Copy,
        Self::Install,
        Self::Release,
        Self::Operator,
    ];

    /// What it is for.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Observe => "watch the cluster",
            Self::Record => "Cutover's own records and events",
            Self::Lock => "the Lease that decides which engine acts",
            Self::Flows => "the certificates for Hubble's relay, where it speaks TLS",
            Self::Migrate => "nodes: cordon, taint, label; pods: evict, delete",
            Self::NodeConfig => "the CiliumNodeConfig that makes labelled nodes switch",
            Self::Consents => {
                "only after a consent for the very object: one replica more, a budget lowered and restored"
            }
            Self::Host => "the pods of host tasks",
            Self::Finish => "the agents' restart, Flannel's removal and its way back",
            Self::Copy => "the copy of Flannel's objects",
            Self::Install => "helm: what Cilium's chart consists of",
            Self::Release => "helm's own record of the release, and the chart's certificates",
            Self::Operator => {
                "what is wanted: definitions, the Migration, approvals; the port-forward to Hubble's relay"
            }
        }
    }

    /// Its name in the manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "cutover-observe",
            Self::Record => "cutover-record",
            Self::Lock => "cutover-lock",
            Self::Flows => "cutover-flows",
            Self::Migrate => "cutover-migrate",
            Self::NodeConfig => "cutover-node-config",
            Self::Consents => "cutover-consents",
            Self::Host => "cutover-host",
            Self::Finish => "cutover-finish",
            Self::Copy => "cutover-copy",
            Self::Install => "cutover-install",
            Self::Release => "cutover-release",
            Self::Operator => "cutover-operator",
        }
    }
}

/// Every kind of a group, as rights name it.
pub const EVERY: &str = "*";

/// One right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The role that grants it.
    pub role: Role,
    /// The kind of object.
    pub resource: Resource,
    /// The subresource; empty for the object itself.
    pub sub: &'static str,
    /// The only object for which it is needed; empty for all of them.
    pub name: &'static str,
    /// The only namespace in which it is needed; empty for everywhere.
    pub namespace: String,
    /// The verb.
    pub verb: &'static str,
}

impl Right {
    /// A right on every object of a kind.
    pub const fn new(role: Role, verb: &'static str, resource: Resource) -> Self {
        Self { role, resource, sub: "", name: "", namespace: String::new(), verb }
    }

    /// The same for one object alone.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The same in one namespace alone.
    #[must_use]
    pub fn within(self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self }
    }

    /// The resource as rights name it: `pods`, `pods/eviction`.
    pub fn path(&self) -> String {
        let plural = self.resource.plural;
        if self.sub.is_empty() { plural.to_owned() } else { format!("{plural}/{}", self.sub) }
    }

    /// Whoever has this right has the other one, too.
    pub fn covers(&self, other: &Self) -> bool {
        let about = |r: &Self| (r.resource.group, r.sub, r.verb);
        about(self) == about(other)
            && (self.resource.plural == other.resource.plural || self.resource.plural == EVERY)
            && (self.name.is_empty() || self.name == other.name)
            && (self.namespace.is_empty() || self.namespace == other.namespace)
    }
}

/// `create pods/eviction`, `update leases cutover in kube-system`.
impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.path())?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        if self.namespace.is_empty() { Ok(()) } else { write!(f, " in {}", self.namespace) }
    }
}
