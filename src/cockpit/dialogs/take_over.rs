//! `t`: the lease is taken from an engine that still renews it.

use super::{Dialog, OnYes, cluster};
use crate::{
    cockpit::{
        request::Request,
        scene::{ClusterName, Scene},
    },
    domain::lease::EngineState,
};

pub(in crate::cockpit) fn take_over(name: &ClusterName, scene: &Scene<'_>) -> Dialog {
    let EngineState::Elsewhere(who) = scene.engine else {
        let why = "No other engine holds the lease, as far as this cockpit knows.";
        return Dialog::refuse("Nothing to take over", why);
    };
    let waiting = scene.waiting();
    let lines = vec![
        cluster(name),
        format!("engine    {who}"),
        format!("status    {}", if waiting.is_empty() { "nothing at the moment" } else { waiting }),
        "The lease is taken now. This engine starts some seconds later, when the other one must have noticed.".into(),
        "Host tasks and helm runs that the other engine has started continue to their end.".into(),
    ];
    Dialog::new("Take over from another engine?", lines, OnYes::Send(Request::TakeOver))
}
