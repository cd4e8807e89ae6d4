//! What an operator asks for; the program around the cockpit carries it out.

use crate::domain::{
    api::Target,
    intent::Intent,
    text::{count, safe},
};

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Allow changes from this cockpit and run the engine in it, or stop doing so.
    Write(bool),
    /// Change `spec`, in this order. The Migration is created if there is none.
    Change(Vec<Intent>),
    /// Take the lease from the engine that holds it.
    TakeOver,
    /// Ask the operator for credentials, on the bare terminal.
    LogIn,
    /// Keep Cilium's own probes like other flows, or drop them again.
    Probes(bool),
    /// Write these lines to a file with this ending.
    Export(&'static str, Vec<String>),
}

/// Changes of `spec` in a few words: `approve Install`.
pub fn words(intents: &[Intent]) -> String {
    let one = |intent: &Intent| match intent {
        Intent::Approve(phase) => format!("approve {phase}"),
        Intent::RollBackTo(phase) => format!("roll back to {phase}"),
        Intent::RollBackAll => "roll back everything".into(),
        Intent::Node { node, target: Target::Cilium } => format!("move {} to Cilium", safe(node)),
        Intent::Node { node, target: Target::Flannel } => format!("roll {} back to Flannel", safe(node)),
        Intent::Retry { node, .. } => format!("resume {}", safe(node)),
        Intent::Consent(consents) => count(consents.len(), "consent"),
        Intent::Pause(true) => "pause".into(),
        Intent::Pause(false) => "resume".into(),
    };
    intents.iter().map(one).collect::<Vec<_>>().join(", ")
}
