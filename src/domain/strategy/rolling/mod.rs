//! The rolling strategy: node by node, both overlays side by side. Needs Cilium 1.14 for CiliumNodeConfig.

mod facts;
mod finalize;
mod helm;
mod install;
mod migrate;
mod remove;
mod specs;
mod values;

pub(super) use facts::changed_by_others;
pub(super) use finalize::Finalize;
pub(super) use install::Install;
pub(super) use remove::Remove;
use serde_json::Value;

use super::{Phase, Preflight, Strategy, Verify};
use crate::domain::{api::CiliumSpec, reason::Waiting, view::View};

/// Node by node, both overlays side by side.
pub struct Rolling;

impl Strategy for Rolling {
    fn id(&self) -> &'static str {
        "rolling"
    }

    fn about(&self) -> &'static str {
        "node by node, with Flannel and Cilium side by side and no downtime of the cluster"
    }

    fn phases(&self) -> &'static [&'static dyn Phase] {
        &[&Preflight, &Install, &migrate::Migrate, &Finalize, &Remove, &Verify]
    }

    fn oldest_cilium(&self) -> (u32, u32) {
        (1, 14)
    }

    fn changed_by_others(&self, view: &View<'_>) -> Option<Waiting> {
        changed_by_others(view)
    }

    fn overruled(&self, cilium: &CiliumSpec) -> Vec<String> {
        values::overruled(cilium)
    }

    fn values(&self, cilium: &CiliumSpec) -> Vec<Value> {
        vec![values::migration(cilium), values::finalized(cilium)]
    }
}
