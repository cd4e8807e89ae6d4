//! One node in one decision: what every step is given.

use std::ops::Deref;

use crate::domain::{
    api::{NodeMigrationStatus, Target},
    drain::{self, Drain},
    evidence::HostEvidence,
    facts::{Cni, NodeFact, Order, PodFact},
    host::MULTUS,
    reason::{Reason, Waiting},
    strategy::Roll,
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
    /// How its pods are to be networked at the end of this way.
    pub network: Network,
}

/// How the pods of a node are networked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The CNI of a pod's address in the API.
    pub cni: Cni,
    /// Multus, where it is before the CNIs.
    pub multus: Option<Order>,
    /// How many interfaces pods have changes: those of before start again, whatever their address.
    pub by_interfaces: bool,
    /// What still has other addresses is restarted by a reboot of the node, where the spec says so.
    pub reboots: bool,
}

impl Network {
    /// One CNI alone, at the end of this way.
    pub const fn of(way: Target) -> Self {
        Self { cni: cni_of(way), multus: None, by_interfaces: false, reboots: true }
    }

    /// The beginning of the name of the first CNI configuration on the host.
    pub const fn file(&self) -> &'static str {
        match (self.multus, self.cni) {
            (Some(_), _) => "00-multus",
            (None, Cni::Cilium) => "05-cilium",
            (None, _) => "10-flannel",
        }
    }

    /// What of its CNI configuration a host shows as wanted.
    ///
    /// # Errors
    /// What is not.
    pub fn is_on(&self, host: &HostEvidence) -> Result<(), String> {
        match self.multus {
            Some(order) => is_before(host, order),
            None if host.only(self.file()) => Ok(()),
            None => Err(host.wants_only(self.file())),
        }
    }
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
        Self { view, node, way, network: Network::of(way) }
    }

    /// A node on its way through a roll.
    pub fn in_roll(view: View<'a>, node: &'a NodeFact, way: Target, roll: &dyn Roll) -> Self {
        Self { view, node, way, network: roll.network(way) }
    }

    /// Its living pods that are networked otherwise than they should be at the end of this way. How many interfaces one
    /// has is told by nothing but when it came to the node: what it says of itself is its owner's. Without a status every
    /// one that is there now is of before.
    pub fn old_pods(&self, status: Option<&NodeMigrationStatus>) -> impl Iterator<Item = &'a PodFact> + use<'a> {
        let (ranges, Network { cni, by_interfaces, .. }) = (self.facts.ranges_of(&self.node.name), self.network);
        let of_before = status.map(|s| match s.evidence.boot_id_after {
            // every pod has started again with it
            Some(_) => vec![],
            None => s.evidence.pods_before.clone(),
        });
        let of_before =
            move |p: &PodFact| by_interfaces && of_before.as_ref().is_none_or(|b| b.iter().any(|uid| **uid == *p.uid));
        let is_old = move |pod: &PodFact| match ranges.cni(pod) {
            Cni::Host => false,
            Cni::Unknown => of_before(pod),
            first => first != cni || of_before(pod),
        };
        self.facts.pods_on(&self.node.name).filter(move |p| p.is_living() && is_old(p))
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

/// Multus is before the host's CNIs, in this order.
///
/// # Errors
/// What is there instead.
pub(super) fn is_before(host: &HostEvidence, order: Order) -> Result<(), String> {
    if host.begins_with_multus() && host.multus == order.delegates() {
        return Ok(());
    }
    let confs = host.active_confs().collect::<Vec<_>>().join(", ");
    let calls = if host.multus.is_empty() { String::new() } else { format!(", and Multus calls {}", host.multus) };
    Err(format!("CNI configurations are {confs}{calls}; {MULTUS} is wanted first, with {}", order.delegates()))
}

/// The CNI whose addresses are wanted at the end of a way.
const fn cni_of(way: Target) -> Cni {
    match way {
        Target::Cilium => Cni::Cilium,
        Target::Flannel => Cni::Flannel,
    }
}
