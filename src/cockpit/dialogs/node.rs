//! `a` and `r` with a node in focus.

use super::{Dialog, cluster, consents, preview, requests};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::{
        api::{NodeMigrationStatus, Target},
        drain::{self, budget},
        facts::NodeFact,
        intent::Intent,
        plan,
        reason::Reason,
        steps::NodeStep,
        strategy,
    },
};

/// `a`: the node is moved, or what has timed out on it is resumed.
pub(in crate::cockpit) fn advance(name: &ClusterName, scene: &Scene<'_>, node: &str) -> Dialog {
    let (fact, status) = match movable(scene, node) {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    if status.direction == Target::Cilium && status.waiting.reason.is_resumed_by_retry() {
        return resume(name, scene, node, status);
    }
    if status.step == NodeStep::Done {
        return Dialog::refuse("Nothing to do", format!("{node} is on Cilium already."));
    }
    ask(name, scene, fact, Target::Cilium, format!("Move {node} to Cilium?"))
}

/// `r`: the node is rolled back and held there, or what has timed out on its way back is resumed.
pub(in crate::cockpit) fn roll_back(name: &ClusterName, scene: &Scene<'_>, node: &str) -> Dialog {
    let (fact, status) = match movable(scene, node) {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    if status.direction == Target::Flannel && status.waiting.reason.is_resumed_by_retry() {
        return resume(name, scene, node, status);
    }
    if status.step.is_unmoved() && !fact.switched {
        return Dialog::refuse("Nothing to do", format!("{node} is on Flannel."));
    }
    ask(name, scene, fact, Target::Flannel, format!("Roll {node} back to Flannel and hold it there?"))
}

/// A node that can be moved, either way.
fn movable<'a>(scene: &Scene<'a>, node: &str) -> Result<(&'a NodeFact, &'a NodeMigrationStatus), Dialog> {
    let fact = scene.facts.nodes.get(node).ok_or_else(|| Dialog::refuse("No node", "Select a node first."))?;
    let view = scene.view();
    let before = view.strategy.rolls().next().and_then(|roll| view.strategy.before(roll.phase()));
    let approved = before.is_none_or(|phase| view.is_approved(phase));
    if scene.facts.migration.is_none() || !approved || scene.migration.spec.target == Target::Flannel {
        let phase = before.map_or("the first phase", |p| p.spec().id);
        return Err(Dialog::refuse(
            "Not yet",
            format!("Approve {phase} first (Overview, a): nodes are moved after it."),
        ));
    }
    if let Some(locked) = strategy::locked(&view) {
        return Err(Dialog::refuse("Too late", format!("{locked} (Overview, r).")));
    }
    Ok((fact, scene.node(node)))
}

fn ask(name: &ClusterName, scene: &Scene<'_>, node: &NodeFact, target: Target, title: String) -> Dialog {
    let mut lines = vec![cluster(name), format!("node      {}", node.name)];
    let given = scene.facts.migration.as_ref().map(|m| m.spec.consents.as_slice()).unwrap_or_default();
    let drain = drain::sort(scene.facts, &node.name, given);
    lines.push(format!("pods      {} to be evicted or restarted, {} stay", drain.left(), drain.stays.len()));
    let leaving = drain.evict.iter().chain(drain.consent.iter().map(|(p, _)| p));
    for (pod, block) in leaving.filter_map(|p| Some((p, budget::blocker(scene.facts, p)?))) {
        lines.push(format!("budget    {}: {}. {}", pod.key, block.problem.message, block.problem.remedy));
    }
    let asked = consents::missing(scene.facts, Some(&node.name));
    lines.extend(consents::lines(&asked));
    lines.extend(preview(&plan::node(&scene.view(), node, target)));
    let intents = vec![Intent::Node { node: node.name.to_string(), target }];
    lines.extend(requests(scene, &intents));
    Dialog { consents: asked, ..Dialog::change(title, lines, intents) }
}

fn resume(name: &ClusterName, scene: &Scene<'_>, node: &str, status: &NodeMigrationStatus) -> Dialog {
    let mut lines = vec![cluster(name), format!("node      {node}"), String::new(), status.waiting.to_string()];
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
    Dialog { consents: asked, ..Dialog::change(title, lines, intents) }
}
