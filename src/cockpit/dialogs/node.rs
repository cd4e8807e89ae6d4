//! `a` and `r` with a node selected.

use super::{Dialog, cluster, consents, give, hurts, preview, requests};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::{
        api::{NodeMigrationStatus, PhaseState, PhaseStatus, Target},
        drain::{self, budget},
        facts::NodeFact,
        intent::Intent,
        plan,
        reason::Reason,
        steps::NodeStep,
        strategy::{self, Level, PhaseId},
        view::View,
    },
};

/// What a key does with a node, once it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// What has timed out goes on.
    Resume,
    /// It was held on Flannel.
    Release,
    Move,
    RollBack,
    /// It is on its way or in the queue: only consents are asked for.
    Consent,
}

impl Act {
    const fn words(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Release => "release",
            Self::Move => "move",
            Self::RollBack => "roll back",
            Self::Consent => "consents for",
        }
    }
}

/// Why a key does nothing with a node now: a title and a sentence.
type Refusal = (&'static str, String);

/// What `a` and `r` would do, in a few words.
pub(super) fn offers(scene: &Scene<'_>, node: &str) -> (Option<String>, Option<String>) {
    let words = |act: Act| format!("{} {node}", act.words());
    let useful = |act: &Act| *act != Act::Consent || scene.wants_consents(Some(node));
    (forward(scene, node).ok().filter(useful).map(words), back(scene, node).ok().map(words))
}

/// `a`: the node is moved, or goes on with what it waits for.
pub(in crate::cockpit) fn advance(name: &ClusterName, scene: &Scene<'_>, node: &str) -> Dialog {
    match unlocked(scene).and_then(|()| forward(scene, node)) {
        Ok(Act::Resume) => resume(name, scene, node),
        Ok(Act::Consent) => {
            let waiting = scene.node(node).waiting.to_string();
            let (word, waiting) =
                if waiting.is_empty() { ("step", scene.node(node).step.to_string()) } else { ("waits", waiting) };
            let none = || Dialog::refuse("Nothing to do", format!("{node} needs nothing from you: {word}: {waiting}."));
            give::give(name, consents::missing(scene.facts, Some(node)), node, format!("{word:<9} {waiting}"))
                .unwrap_or_else(none)
        }
        Ok(Act::Release) => ask(name, scene, node, Target::Cilium, format!("Release {node} and move it to Cilium?")),
        Ok(Act::Move | Act::RollBack) => {
            let view = scene.view();
            let roll = next_roll(&view, scene.node(node)).filter(|_| view.strategy.rolls().count() > 1);
            let what = roll.map_or_else(|| format!("Move {node} to Cilium?"), |r| format!("Take {node} through {r}?"));
            ask(name, scene, node, Target::Cilium, what)
        }
        Err((title, why)) => Dialog::refuse(title, why),
    }
}

/// `r`: the node is rolled back and held there, or what has timed out on its way back is resumed.
pub(in crate::cockpit) fn roll_back(name: &ClusterName, scene: &Scene<'_>, node: &str) -> Dialog {
    match unlocked(scene).and_then(|()| back(scene, node)) {
        Ok(Act::Resume) => resume(name, scene, node),
        Ok(_) => ask(name, scene, node, Target::Flannel, format!("Roll {node} back to Flannel and hold it there?")),
        Err((title, why)) => Dialog::refuse(title, why),
    }
}

fn forward(scene: &Scene<'_>, node: &str) -> Result<Act, Refusal> {
    let (fact, status) = movable(scene, node)?;
    let asked_back = scene.asked_back(node);
    match status.step {
        _ if status.direction == Target::Cilium && status.waiting.reason.is_resumed_by_retry() => Ok(Act::Resume),
        step if asked_back && step.is_unmoved() && !fact.switched => Ok(Act::Release),
        _ if asked_back => Ok(Act::Move),
        NodeStep::Done if Level::ahead(&scene.view(), status, Target::Cilium) == 0 => {
            Err(("Nothing to do", format!("{node} is on Cilium already.")))
        }
        NodeStep::Done if is_approved(scene, status) => Ok(Act::Consent),
        NodeStep::Done => Ok(Act::Move),
        step if step.is_observed() => {
            Err(("Nothing to do", format!("{node} is on Cilium and is observed: {}.", status.waiting)))
        }
        NodeStep::At(_) if status.direction == Target::Cilium => Ok(Act::Consent),
        _ if is_approved(scene, status) => Ok(Act::Consent),
        _ => Ok(Act::Move),
    }
}

fn back(scene: &Scene<'_>, node: &str) -> Result<Act, Refusal> {
    let (fact, status) = movable(scene, node)?;
    match status.step {
        _ if status.direction == Target::Flannel && status.waiting.reason.is_resumed_by_retry() => Ok(Act::Resume),
        step if step.is_unmoved() && !fact.switched => Err(("Nothing to do", format!("{node} is on Flannel."))),
        _ if scene.asked_back(node) => {
            Err(("Nothing to do", format!("The rollback of {node} is requested already. {}", status.waiting)))
        }
        _ => Ok(Act::RollBack),
    }
}

/// The roll that a node goes through next; the last one, where it has been through all of them.
fn next_roll(view: &View<'_>, status: &NodeMigrationStatus) -> Option<PhaseId> {
    let passed = Level::of(view, status).passed();
    view.strategy.rolls().nth(passed).or_else(|| view.strategy.rolls().last()).map(|roll| roll.phase())
}

/// The phase that rolls it next is approved: it goes without another word.
fn is_approved(scene: &Scene<'_>, status: &NodeMigrationStatus) -> bool {
    let view = scene.view();
    next_roll(&view, status).is_some_and(|roll| view.strategy.is_within(roll, view.migration.spec.approved))
}

/// A node that can be moved, either way.
fn movable<'a>(scene: &Scene<'a>, node: &str) -> Result<(&'a NodeFact, &'a NodeMigrationStatus), Refusal> {
    let fact = scene.facts.nodes.get(node).ok_or_else(|| ("No node", format!("{node} is gone.")))?;
    let view = scene.view();
    let roll = next_roll(&view, scene.node(node));
    let before = roll.and_then(|roll| view.strategy.before(roll));
    let approved = before.is_none_or(|phase| view.is_approved(phase));
    if scene.facts.migration.is_none() || !approved || scene.migration.spec.target == Target::Flannel {
        let phase = before.map_or("the first phase", |p| p.spec().id);
        return Err(("Not yet", format!("Approve {phase} first (Overview, a): nodes are moved after it.")));
    }
    let for_all = |p: PhaseId| view.strategy.phase(p).is_some_and(|p| p.roll().is_none());
    let is_later = |p: &&PhaseStatus| for_all(p.name) && roll.is_some_and(|r| !view.strategy.is_within(p.name, r));
    let begun = scene
        .phases()
        .iter()
        .filter(is_later)
        .rfind(|p| !matches!(p.state, PhaseState::Pending | PhaseState::NeedsApproval));
    match begun {
        Some(later) => {
            Err(("Too late", format!("{} is for every node: roll it back first (Overview, r).", later.name)))
        }
        None => Ok((fact, scene.node(node))),
    }
}

/// By the facts, whatever was written down.
fn unlocked(scene: &Scene<'_>) -> Result<(), Refusal> {
    let locked = scene.facts.migration.as_ref().and_then(|_| strategy::locked(&scene.view()));
    locked.map_or(Ok(()), |locked| Err(("Too late", format!("{locked} (Overview, r)."))))
}

fn ask(name: &ClusterName, scene: &Scene<'_>, node: &str, target: Target, title: String) -> Dialog {
    let Some(fact) = scene.facts.nodes.get(node) else { return Dialog::refuse("No node", format!("{node} is gone.")) };
    let plan = plan::node(&scene.view(), fact, target);
    let mut lines = vec![cluster(name), format!("node      {node}")];
    lines.extend(hurts(scene, &plan));
    let given = scene.facts.migration.as_ref().map(|m| m.spec.consents.as_slice()).unwrap_or_default();
    let drain = drain::sort(scene.facts, node, given);
    lines.push(format!("pods      {} to be evicted or restarted, {} stay", drain.left(), drain.stays.len()));
    let leaving = drain.evict.iter().chain(drain.consent.iter().map(|(p, _)| p));
    for (pod, block) in leaving.filter_map(|p| Some((p, budget::blocker(scene.facts, p)?))) {
        lines.push(format!("budget    {}: {}. {}", pod.key, block.problem.message, block.problem.remedy));
    }
    let asked = consents::missing(scene.facts, Some(node));
    lines.extend(consents::lines(&asked));
    lines.extend(preview(&plan));
    let intents = vec![Intent::Node { node: node.to_owned(), target }];
    lines.extend(requests(scene, &intents));
    Dialog::change(title, lines, intents).asking(asked).confirmed_for(name, &plan)
}

fn resume(name: &ClusterName, scene: &Scene<'_>, node: &str) -> Dialog {
    let status = scene.node(node);
    let plan = scene.facts.nodes.get(node).map(|n| plan::node(&scene.view(), n, status.direction)).unwrap_or_default();
    let mut lines = vec![cluster(name), format!("node      {node}")];
    lines.extend(hurts(scene, &plan));
    lines.extend([String::new(), status.waiting.to_string()]);
    let blockers = status.drain.iter().flat_map(|d| &d.blockers);
    lines.extend(blockers.map(|b| format!("  {}: {}", b.object, b.message)));
    lines.push(String::new());
    lines.push("The timeout starts again. Nothing is forced: consents that are missing are still needed.".into());
    let seen = scene.facts.node_migrations.get(node).map_or(0, |r| r.spec.retries);
    let intents = vec![Intent::Retry { node: node.to_owned(), times: seen.max(status.observed_retries) + 1 }];
    let title = if status.waiting.reason == Reason::RebootOverdue {
        format!("Request the reboot of {node} again?")
    } else {
        format!("Resume drain of {node}?")
    };
    let asked = consents::missing(scene.facts, Some(node));
    lines.extend(consents::lines(&asked));
    lines.extend(requests(scene, &intents));
    Dialog::change(title, lines, intents).asking(asked).confirmed_for(name, &plan)
}
