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
    /// Change replicas and budgets that a consent names.
    Consents,
    /// Run host tasks in pods.
    Host,
    /// Remove Flannel, bring it back, restart the agents.
    Finish,
    /// Run helm.
    Install,
    /// Change what is wanted: a person's right, not the engine's.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Observe,
        Self::Record,
        Self::Lock,
        Self::Flows,
        Self::Migrate,
        Self::Consents,
        Self::Host,
        Self::Finish,
        Self::Install,
        Self::Operator,
    ];

    /// What it is for.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Observe => "watch the cluster",
            Self::Record => "Cutover's own records and events",
            Self::Lock => "the Lease that decides which engine acts",
            Self::Flows => "the certificates for Hubble's relay, where it speaks TLS",
            Self::Migrate => "nodes: cordon, taint, label; pods: evict, delete; the CiliumNodeConfig",
            Self::Consents => {
                "only after a consent for the very object: one replica more, a budget lowered and restored"
            }
            Self::Host => "the pods of host tasks",
            Self::Finish => "the agents' restart, Flannel's removal and its way back",
            Self::Install => "helm: what Cilium's chart consists of",
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
            Self::Consents => "cutover-consents",
            Self::Host => "cutover-host",
            Self::Finish => "cutover-finish",
            Self::Install => "cutover-install",
            Self::Operator => "cutover-operator",
        }
    }
}

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

    /// The resource as rights name it: `pods`, `pods/eviction`.
    pub fn path(&self) -> String {
        let plural = self.resource.plural;
        if self.sub.is_empty() { plural.to_owned() } else { format!("{plural}/{}", self.sub) }
    }

    /// Whoever has this right has the other one, too.
    pub fn covers(&self, other: &Self) -> bool {
        let about = |r: &Self| (r.resource.group, r.resource.plural, r.sub, r.verb);
        about(self) == about(other)
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
