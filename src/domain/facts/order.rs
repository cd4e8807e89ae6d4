//! The order of two CNIs on a node on which Multus calls both.

use super::Key;

/// Which of the two CNIs gives a pod its first interface, with its address in the API and its default route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Flannel's, with Cilium's second.
    FlannelFirst,
    /// Cilium's, with Flannel's second.
    CiliumFirst,
}

impl Order {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::FlannelFirst, Self::CiliumFirst];

    /// As the label has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlannelFirst => "flannel-first",
            Self::CiliumFirst => "cilium-first",
        }
    }

    /// The order of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|o| o.name() == name)
    }

    /// The types of the plugins, as a look at the host reports them.
    pub const fn delegates(self) -> &'static str {
        match self {
            Self::FlannelFirst => "flannel cilium-cni",
            Self::CiliumFirst => "cilium-cni flannel",
        }
    }

    /// The name of its DaemonSet and its ConfigMap.
    pub const fn object(self) -> &'static str {
        match self {
            Self::FlannelFirst => "cutover-multus-flannel-first",
            Self::CiliumFirst => "cutover-multus-cilium-first",
        }
    }

    /// Its DaemonSet.
    pub fn daemon_set(self, namespace: &str) -> Key {
        Key::new(namespace, self.object())
    }
}
