//! `q` while this cockpit runs the engine and something is under way.

use super::{Dialog, OnYes};
use crate::{
    cockpit::scene::Scene,
    domain::{api::PhaseState, lease::EngineState},
};

pub(in crate::cockpit) fn quit(scene: &Scene<'_>) -> Option<Dialog> {
    let at_work = |state| matches!(state, PhaseState::Running | PhaseState::RollingBack | PhaseState::Blocked);
    if *scene.engine != EngineState::Acting || !scene.phases().iter().any(|p| at_work(p.state)) {
        return None;
    }
    let underway =
        scene.facts.node_migrations.iter().filter(|(_, r)| r.status.as_ref().is_some_and(|s| s.step.is_out()));
    let names: Vec<&str> = underway.map(|(n, _)| &**n).collect();
    let nodes = if names.is_empty() {
        "No node is out.".to_owned()
    } else {
        format!("Cordoned and half way: {}. They stay so until Cutover is started again.", names.join(", "))
    };
    let stops = "This cockpit runs the engine: without it the migration stops. Nothing is lost; start Cutover again and it continues.";
    Some(Dialog::new("Leave while the migration runs?", vec![stops.into(), nodes], OnYes::Leave))
}
