//! The downtime strategy: Cilium takes Flannel's place on all nodes at once, and every node is cleaned and rebooted.
//! Works with every Cilium from 1.12 on, which has no CiliumNodeConfig.

mod install;
mod reboot;
mod remove;
mod specs;
mod values;

use serde_json::Value;

use super::{Phase, PhaseId, Preflight, Strategy, Verify, flannel, release};
use crate::domain::{
    api::{CiliumSpec, Finding, Target},
    problem::Problem,
    progress::Progress,
    reason::{Reason, Waiting},
    view::View,
};

/// All nodes at once, with an outage of the pod network.
pub struct Downtime;

impl Strategy for Downtime {
    fn id(&self) -> &'static str {
        "downtime"
    }

    fn about(&self) -> &'static str {
        "all nodes at once, with an outage of the pod network from the first cleaned node to the last reboot"
    }

    fn phases(&self) -> &'static [&'static dyn Phase] {
        &[&Preflight, &install::Install, &remove::Remove, &reboot::Reboot, &Verify]
    }

    fn oldest_cilium(&self) -> (u32, u32) {
        (1, 12)
    }

    fn has_outage(&self) -> bool {
        true
    }

    fn measured(&self, view: &View<'_>) -> Vec<Finding> {
        reboot::outages(view)
    }

    fn changed_by_others(&self, view: &View<'_>) -> Option<Waiting> {
        let has_begun = view.has_begun(PhaseId::of(&specs::INSTALL));
        if has_begun && view.facts.cilium_config().is_some_and(|c| c.custom_conf) {
            let object = format!("configmap/{}/cilium-config", view.facts.cilium_namespace());
            let message = "custom-cni-conf is true, so agents leave the CNI configuration alone: another actor changed the release";
            return Some(release::changed(view, object, message));
        }
        release::agents_changed(view, has_begun).or_else(|| flannel::missing(view, PhaseId::of(&specs::REMOVE)))
    }

    fn overruled(&self, cilium: &CiliumSpec) -> Vec<String> {
        values::overruled(cilium)
    }

    fn values(&self, cilium: &CiliumSpec) -> Vec<Value> {
        vec![values::installed(cilium)]
    }
}

/// Everything is to go back. A part of the way back would leave nodes without either CNI: Cilium is on all of them.
fn goes_back(view: &View<'_>) -> Result<(), Progress> {
    if view.migration.spec.target == Target::Flannel {
        return Ok(());
    }
    let remedy = "Approve the phase again, or roll everything back: cutover rollback.";
    let problem = Problem::new("migration/cutover", super::ONLY_WHOLE, remedy);
    Err(Progress::Fail(Reason::LockedByPhase, problem))
}
