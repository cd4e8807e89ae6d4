//! Where facts come from, and how fresh each source is.

use std::{
    fmt,
    ops::{Index, IndexMut},
};

use jiff::Timestamp;

use crate::domain::problem::ProblemKind;

macro_rules! sources {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// A source of facts. Nothing is decided before every one of them has been heard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Source {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Source {
            /// All of them.
            pub const ALL: [Self; [$(Self::$name),+].len()] = [$(Self::$name),+];

            /// The word for the screen.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

sources! {
    /// Whether the API server answers at all.
    ApiServer = "API server",
    /// Nodes.
    Nodes = "nodes",
    /// Pods.
    Pods = "pods",
    /// PodDisruptionBudgets.
    Budgets = "PDBs",
    /// Deployments.
    Deployments = "Deployments",
    /// StatefulSets.
    StatefulSets = "StatefulSets",
    /// ReplicaSets without a Deployment.
    ReplicaSets = "ReplicaSets",
    /// PersistentVolumes.
    Volumes = "PVs",
    /// PersistentVolumeClaims.
    Claims = "PVCs",
    /// VolumeAttachments.
    Attachments = "VolumeAttachments",
    /// Namespaces.
    Namespaces = "namespaces",
    /// DaemonSets.
    DaemonSets = "DaemonSets",
    /// NetworkPolicies.
    Policies = "NetworkPolicies",
    /// CustomResourceDefinitions.
    Definitions = "CRDs",
    /// The ConfigMap `cilium-config`.
    CiliumConfig = "cilium-config",
    /// The ConfigMap `kube-flannel-cfg`.
    FlannelConfig = "kube-flannel-cfg",
    /// The ConfigMap with the copy of Flannel's objects.
    FlannelBackup = "Flannel's backup",
    /// The Migration.
    Migration = "Migration",
    /// NodeMigrations.
    Records = "NodeMigrations",
    /// CiliumNodes.
    CiliumNodes = "CiliumNodes",
    /// CiliumNodeConfigs.
    NodeConfigs = "CiliumNodeConfigs",
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
