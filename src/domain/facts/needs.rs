//! What a pod asks of a node, and what a node has.

use std::collections::BTreeMap;

use kube::core::Selector;

/// What a pod asks of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// What it requests.
    pub room: Room,
    /// `spec.nodeSelector`.
    pub selector: BTreeMap<String, String>,
    /// Required node affinity: any of these terms, each with all of its requirements. Empty: anywhere.
    pub terms: Vec<Term>,
    /// Taints that it tolerates.
    pub tolerations: Vec<Toleration>,
    /// Host ports with their protocol.
    pub host_ports: Vec<(u16, String)>,
    /// Required pod anti-affinity.
    pub anti_affinity: Vec<AffinityTerm>,
    /// Required pod affinity.
    pub affinity: Vec<AffinityTerm>,
}

/// Requests, or what is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Thousandths of a core.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// How many pods.
    pub pods: i64,
}

impl std::ops::Add for Room {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, memory: self.memory + other.memory, pods: self.pods + other.pods }
    }
}

impl std::ops::Sub for Room {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { cpu: self.cpu - other.cpu, memory: self.memory - other.memory, pods: self.pods - other.pods }
    }
}

/// Requirements that all have to hold: on labels, and on the node's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Term {
    /// Key, operator, values: `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`.
    pub labels: Vec<(String, String, Vec<String>)>,
    /// `metadata.name` must be one of these, where any are named.
    pub names: Vec<String>,
}

/// A taint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

impl std::fmt::Display for Taint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}:{}", self.key, self.value, self.effect)
    }
}

/// A toleration; an empty key with `exists` tolerates everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Toleration {
    /// The taint's key.
    pub key: String,
    /// The operator is `Exists`.
    pub exists: bool,
    /// The taint's value, where the operator is `Equal`.
    pub value: String,
    /// The taint's effect; empty for all.
    pub effect: String,
}

/// A required pod affinity or anti-affinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffinityTerm {
    /// Which pods.
    pub selector: Selector,
    /// Pods are together when their nodes have the same value of this label.
    pub topology: String,
    /// In which namespaces; empty for the pod's own.
    pub namespaces: Vec<String>,
}
