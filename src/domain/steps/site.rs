//! One node in one decision: what every step is given.

use std::ops::Deref;

use crate::domain::{
    api::{NodeMigrationStatus, Target},
    drain::{self, Drain},
    facts::{Cni, NodeFact},
    reason::{Reason, Waiting},
    text,
    view::View,
};

/// One node in one decision.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Everything that is known.
    pub view: View<'a>,
    /// The node.
    pub node: &'a NodeFact,
    /// Where it goes.
    pub way: Target,
}

impl<'a> Deref for Site<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &Self::Target {
        &self.view
    }
}

impl<'a> Site<'a> {
    /// A node on its way.
    pub const fn new(view: View<'a>, node: &'a NodeFact, way: Target) -> Self {
        Self { view, node, way }
    }

    /// The node, as messages name it.
    pub fn object(&self) -> String {
        format!("node/{}", self.node.name)
    }

    /// Its pods, sorted by what a drain does with them.
    pub fn sorted(&self) -> Drain<'a> {
        drain::sort(self.facts, &self.node.name, &self.migration.spec.consents)
    }

    /// The node is not Ready.
    pub(super) fn not_ready(&self) -> Option<Waiting> {
        let why = text::safe(&self.node.not_ready_reason);
        (!self.node.ready).then(|| {
            Waiting::new(Reason::NodeNotReady, format!("{} is not Ready: {why}", self.node.name)).on(self.object())
        })
    }

    /// The node is in the very boot in which its reboot would be requested.
    pub(super) fn is_same_boot(&self, status: &NodeMigrationStatus) -> bool {
        status.evidence.boot_id_before.as_deref() == Some(&*self.node.boot_id)
            && status.evidence.node_uid.as_deref() == Some(&*self.node.uid)
    }
}

/// The CNI whose addresses are wanted at the end of this way.
pub const fn cni_of(way: Target) -> Cni {
    match way {
        Target::Cilium => Cni::Cilium,
        Target::Flannel => Cni::Flannel,
    }
}

/// The CNI whose addresses go on this way.
pub const fn other_cni(way: Target) -> Cni {
    match way {
        Target::Cilium => Cni::Flannel,
        Target::Flannel => Cni::Cilium,
    }
}
