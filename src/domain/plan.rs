//! What would be changed, before anything is: collected from the previews of phases and steps.

use serde::Serialize;

use super::{
    api::Target,
    effect::{Effect, Proof, Risk},
    facts::NodeFact,
    steps::StepSpec,
    strategy::{self, Phase, PhaseId},
    view::View,
};

/// A change that a phase or a step would make.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// The change.
    pub effect: Effect,
    /// The condition, where it is not made in any case.
    pub only_if: Option<&'static str>,
    /// What tells that the condition is met, where something can.
    pub met: Option<Proof>,
    /// What has to be seen before it is made, beyond what the change itself says.
    pub before: Vec<Proof>,
    /// What is waited for after it, beyond what the change itself says.
    pub after: Vec<Proof>,
    /// What an operator types, where the change itself cannot know it yet.
    pub typed: Option<String>,
}

impl From<Effect> for Preview {
    fn from(effect: Effect) -> Self {
        Self { effect, only_if: None, met: None, before: vec![], after: vec![], typed: None }
    }
}

impl Preview {
    /// A change that is made under a condition.
    pub fn when(condition: &'static str, effect: Effect) -> Self {
        Self::from(effect).only_if(condition)
    }

    /// The same change, made under a condition.
    #[must_use]
    pub fn only_if(self, condition: &'static str) -> Self {
        Self { only_if: Some(condition), ..self }
    }

    /// The same change, with what tells that its condition is met.
    #[must_use]
    pub fn met(self, proof: Proof) -> Self {
        Self { met: Some(proof), ..self }
    }

    /// The same change, made once this is seen.
    #[must_use]
    pub fn after(mut self, proofs: impl IntoIterator<Item = Proof>) -> Self {
        self.before.extend(proofs);
        self
    }

    /// The same change; this is waited for after it.
    #[must_use]
    pub fn then(mut self, proofs: impl IntoIterator<Item = Proof>) -> Self {
        self.after.extend(proofs);
        self
    }

    /// As a line of a plan.
    pub fn planned(self, phase: PhaseId, node: Option<&NodeFact>, step: Option<&'static StepSpec>) -> Planned {
        let described = self.effect.describe();
        let both = |first: Vec<Proof>, more: Vec<Proof>| first.into_iter().chain(more).collect();
        Planned {
            phase,
            node: node.map(|n| n.name.to_string()),
            step: step.map(|s| s.id),
            effect: described.words,
            object: described.object,
            risk: described.risk,
            kubectl: self.typed.map_or(described.kubectl, |typed| vec![typed]),
            gate: described.gate,
            only_if: self.only_if,
            met: self.met,
            before: both(described.before, self.before),
            done: described.done,
            after: both(described.after, self.after),
            change: Some(self.effect),
        }
    }
}

/// One line of a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The phase.
    pub phase: PhaseId,
    /// The node, where it is one node's.
    pub node: Option<String>,
    /// The step, where it is one node's.
    pub step: Option<&'static str>,
    /// The change, in a few words.
    pub effect: String,
    /// What it changes.
    pub object: String,
    /// How much it risks.
    pub risk: Risk,
    /// What an operator would type.
    pub kubectl: Vec<String>,
    /// What is checked before it is made.
    pub gate: &'static [&'static str],
    /// The condition, where it is not made in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_if: Option<&'static str>,
    /// What tells that the condition is met, where something can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<Proof>,
    /// What has to be seen before it is made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Proof>,
    /// What shows that it is made already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<Proof>,
    /// What is waited for after it, before anything else is changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Proof>,
    /// The change itself.
    #[serde(skip)]
    pub change: Option<Effect>,
}

/// The changes forward, up to and with `until`.
pub fn forward(view: &View<'_>, until: PhaseId) -> Vec<Planned> {
    let phases = view.strategy.phases().iter().filter(|p| view.strategy.is_within(p.id(), until));
    let ends = until == view.strategy.last();
    held(view, phases.flat_map(|p| p.preview(view, Target::Cilium)).collect(), ends)
}

/// The changes of one phase.
pub fn phase(view: &View<'_>, phase: &dyn Phase) -> Vec<Planned> {
    held(view, phase.preview(view, Target::Cilium), phase.id() == view.strategy.last())
}

/// The changes of rolling back what lies beyond `through`, the last phase first; everything without it.
pub fn back(view: &View<'_>, through: Option<PhaseId>) -> Vec<Planned> {
    let phases = view.strategy.phases().iter().rev();
    let beyond = phases.filter(|p| through.is_none_or(|t| !view.strategy.is_within(p.id(), t)));
    let mut plan = held(view, beyond.flat_map(|p| p.preview(view, Target::Flannel)).collect(), through.is_none());
    // one that was complete is not any more, although nothing of it is undone
    if plan.is_empty() && view.has_ended() && !view.is_held() {
        plan.push(Preview::from(Effect::HoldMigration).planned(view.strategy.last(), None, None));
    }
    plan
}

/// What one node's way will change, with the pods that are on it now.
pub fn node(view: &View<'_>, node: &NodeFact, way: Target) -> Vec<Planned> {
    held(view, strategy::preview_node(view, node, way), false)
}

/// Between its first change and its end the Migration has a finalizer.
fn held(view: &View<'_>, mut plan: Vec<Planned>, ends: bool) -> Vec<Planned> {
    let phase = plan.first().map_or_else(|| view.strategy.last(), |p| p.phase);
    if !view.is_held() && !plan.is_empty() {
        plan.insert(0, Preview::from(Effect::HoldMigration).planned(phase, None, None));
    }
    if ends {
        let last = plan.last().map_or(phase, |p| p.phase);
        plan.push(Preview::from(Effect::ReleaseMigration).planned(last, None, None));
    }
    plan
}
