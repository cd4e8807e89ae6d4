//! Where facts come from, and how fresh each source is.

use std::{
    fmt,
    ops::{Index, IndexMut},
};

use jiff::Timestamp;

use crate::domain::{
    effect::{FLANNEL_BACKUP, Resource, flannel::FLANNEL_CONFIG, resource},
    problem::ProblemKind,
};

macro_rules! sources {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $resource:expr;)+) => {
        /// A source of facts. Nothing is decided before every one of them has been heard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Source {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Source {
            /// The only object that is watched, whatever its namespace; nothing where it is every one.
            pub const fn object(self) -> Option<&'static str> {
                match self {
                    Self::CiliumConfig => Some("cilium-config"),
                    Self::FlannelConfig => Some(FLANNEL_CONFIG),
                    Self::FlannelBackup => Some(FLANNEL_BACKUP),
                    _ => None,
                }
            }

            /// All of them.
            pub const ALL: [Self; [$(Self::$name),+].len()] = [$(Self::$name),+];

            /// The word for the screen.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// What is watched; nothing is, to know whether the API server answers.
            pub const fn resource(self) -> Option<Resource> {
                match self {
                    $(Self::$name => $resource,)+
                }
            }
        }
    };
}

sources! {
    /// Whether the API server answers at all.
    ApiServer = "API server", None;
    /// Nodes.
    Nodes = "nodes", Some(resource::NODES);
    /// Pods.
    Pods = "pods", Some(resource::PODS);
    /// PodDisruptionBudgets.
    Budgets = "PDBs", Some(resource::BUDGETS);
    /// Deployments.
    Deployments = "Deployments", Some(resource::DEPLOYMENTS);
    /// StatefulSets.
    StatefulSets = "StatefulSets", Some(resource::STATEFUL_SETS);
    /// ReplicaSets without a Deployment.
    ReplicaSets = "ReplicaSets", Some(resource::REPLICA_SETS);
    /// PersistentVolumes.
    Volumes = "PVs", Some(resource::VOLUMES);
    /// PersistentVolumeClaims.
    Claims = "PVCs", Some(resource::CLAIMS);
    /// VolumeAttachments.
    Attachments = "VolumeAttachments", Some(resource::ATTACHMENTS);
    /// Namespaces.
    Namespaces = "namespaces", Some(resource::NAMESPACES);
    /// DaemonSets.
    DaemonSets = "DaemonSets", Some(resource::DAEMON_SETS);
    /// NetworkPolicies.
    Policies = "NetworkPolicies", Some(resource::NETWORK_POLICIES);
    /// CustomResourceDefinitions.
    Definitions = "CRDs", Some(resource::DEFINITIONS);
    /// The ConfigMap `cilium-config`.
    CiliumConfig = "cilium-config", Some(resource::CONFIG_MAPS);
    /// The ConfigMap `kube-flannel-cfg`.
    FlannelConfig = "kube-flannel-cfg", Some(resource::CONFIG_MAPS);
    /// The ConfigMap with the copy of Flannel's objects.
    FlannelBackup = "Flannel's backup", Some(resource::CONFIG_MAPS);
    /// The Migration.
    Migration = "Migration", Some(resource::MIGRATIONS);
    /// NodeMigrations.
    Records = "NodeMigrations", Some(resource::NODE_MIGRATIONS);
    /// CiliumNodes.
    CiliumNodes = "CiliumNodes", Some(resource::CILIUM_NODES);
    /// CiliumNodeConfigs.
    NodeConfigs = "CiliumNodeConfigs", Some(resource::NODE_CONFIGS);
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How fresh a source is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// The first list has not come yet.
    #[default]
    Starting,
    /// Listed and watching.
    Live,
    /// The cluster does not serve the kind (yet).
    Absent,
    /// The watch broke.
    Retrying {
        /// Since when.
        since: Timestamp,
        /// The last error.
        error: String,
        /// What kind of problem it is: one that passes by itself, or not.
        kind: ProblemKind,
    },
}

impl Freshness {
    /// Decisions may be built on it.
    pub const fn is_usable(&self) -> bool {
        matches!(self, Self::Live | Self::Absent)
    }
}

/// The freshness of every source: [`Freshness::Starting`] until it is heard, so that none can be forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources([Freshness; Source::ALL.len()]);

impl Sources {
    /// All live: a cluster that is known.
    pub fn live() -> Self {
        Self(Source::ALL.map(|_| Freshness::Live))
    }

    /// Every source with its freshness.
    pub fn iter(&self) -> impl Iterator<Item = (Source, &Freshness)> {
        Source::ALL.into_iter().zip(&self.0)
    }
}

impl Index<Source> for Sources {
    type Output = Freshness;

    fn index(&self, source: Source) -> &Freshness {
        &self.0[source as usize]
    }
}

impl IndexMut<Source> for Sources {
    fn index_mut(&mut self, source: Source) -> &mut Freshness {
        &mut self.0[source as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_a_place_of_its_own_and_a_word() {
        let mut sources = Sources::default();
        for (i, source) in Source::ALL.into_iter().enumerate() {
            assert!(!sources[source].is_usable(), "{source:?} was not heard yet");
            sources[source] = Freshness::Live;
            assert_eq!(sources.iter().filter(|(_, f)| f.is_usable()).count(), i + 1);
        }
        assert_eq!(sources, Sources::live());
        let words: std::collections::BTreeSet<&str> = Source::ALL.iter().map(|s| s.word()).collect();
        assert_eq!(words.len(), Source::ALL.len());
    }
}
