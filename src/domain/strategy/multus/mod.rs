//! The multus strategy: node by node, and pods of both networks at every moment. Every pod restarts three times: with
//! Cilium as its second network, with Cilium as its first one, with Cilium alone (the order was seen to work on real
//! nodes).

mod objects;
mod rolls;
mod specs;

use serde_json::Value;

use super::{Phase, Preflight, Strategy, Verify, rolling};
use crate::domain::{api::CiliumSpec, reason::Waiting, view::View};

/// Node by node, three times, with Multus.
pub struct Multus;

static PHASES: [&dyn Phase; 10] = [
    &Preflight,
    &rolling::Install,
    &objects::Create,
    &rolls::BOTH,
    &rolls::SWAP,
    &rolls::ALONE,
    &rolling::Finalize,
    &objects::Delete,
    &rolling::Remove,
    &Verify,
];

impl Strategy for Multus {
    fn id(&self) -> &'static str {
        "multus"
    }

    fn about(&self) -> &'static str {
        "node by node and three times: pods get an address of both networks through Multus, so that each reaches all others; for clusters whose two overlays cannot share the routing of a node"
    }

    fn phases(&self) -> &'static [&'static dyn Phase] {
        &PHASES
    }

    fn oldest_cilium(&self) -> (u32, u32) {
        (1, 14)
    }

    fn changed_by_others(&self, view: &View<'_>) -> Option<Waiting> {
        rolling::changed_by_others(view)
    }

    fn overruled(&self, cilium: &CiliumSpec) -> Vec<String> {
        rolling::Rolling.overruled(cilium)
    }

    fn values(&self, cilium: &CiliumSpec) -> Vec<Value> {
        rolling::Rolling.values(cilium)
    }
}
