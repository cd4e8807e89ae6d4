//! `a` with the phases in focus: the next phase is approved.

use super::{Dialog, cluster, consents, preview, requests};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::{
        api::{PhaseState, Target},
        facts::Facts,
        intent::Intent,
        phase::Phase,
        plan,
        text::count,
    },
};

pub(in crate::cockpit) fn advance(name: &ClusterName, scene: &Scene<'_>) -> Dialog {
    if !scene.facts.is_known() {
        return Dialog::refuse("Not yet", "The cluster's state is still being loaded.");
    }
    let states = scene.phases();
    if let Some(p) = states.iter().find(|p| p.name == Phase::Preflight && p.state == PhaseState::Blocked) {
        return Dialog::refuse("Preflight blocks", format!("{} See the screen Checks (5).", p.message));
    }
    let migration = scene.facts.migration.as_ref().filter(|m| m.spec.target == Target::Cilium);
    let approved = migration.map_or(Phase::Preflight, |m| m.spec.approved);
    let Some(next) = approved.next() else {
        return Dialog::refuse("Nothing to approve", "Every phase is approved already.");
    };
    if let Some(p) =
        states.iter().find(|p| p.name <= approved && p.name > Phase::Preflight && p.state != PhaseState::Done)
    {
        return Dialog::refuse("Not yet", format!("{} is not done: {}", p.name, p.message));
    }
    let mut lines = vec![cluster(name), format!("phase     {next}: {}", next.purpose())];
    let mut asked = vec![];
    match next {
        Phase::Install => {
            lines.push(String::new());
            lines.push("Every node gets the taint node.cilium.io/agent-not-ready for some seconds while the agents start: new pods wait that long. Expected; set by cilium-operator.".into());
        }
        Phase::Migrate => {
            lines.extend(nodes(scene));
            asked = consents::missing(scene.facts, None);
            lines.extend(consents::lines(&asked));
        }
        Phase::Finalize => lines.extend(policies(scene.facts)),
        _ => {}
    }
    lines.extend(preview(&plan::phase(&scene.view(), next)));
    let intents = vec![Intent::Approve(next)];
    lines.extend(requests(&intents));
    let type_this = next.is_point_of_no_easy_return().then(|| name.context.clone());
    Dialog { consents: asked, type_this, ..Dialog::change(format!("Approve {next}?"), lines, intents) }
}

/// In which order nodes are moved, and which budgets would stop a drain now.
fn nodes(scene: &Scene<'_>) -> Vec<String> {
    let order = scene.view().nodes_in_order();
    let names: Vec<&str> = order.iter().map(|n| &*n.name).collect();
    let mut lines = vec![
        format!("nodes     {} in this order: {}", names.len(), names.join(", ")),
        "          each: check, cordon, drain, switch, restart, verify, uncordon, observe".into(),
    ];
    let blocking = scene.facts.budgets.values().filter(|b| b.allowed <= 0 && b.expected > 0);
    lines.extend(blocking.take(5).map(|b| {
        format!("budget    PDB {} allows 0 disruptions (needs {} healthy, has {})", b.key, b.desired, b.healthy)
    }));
    lines
}

/// The policies that Cilium enforces from now on.
fn policies(facts: &Facts) -> Vec<String> {
    if facts.policies.is_empty() {
        return vec![];
    }
    let names: Vec<String> = facts.policies.iter().take(8).map(ToString::to_string).collect();
    let what = count(facts.policies.len(), "network policy");
    vec![String::new(), format!("{what} that Flannel ignored will be enforced:"), format!("  {}", names.join(", "))]
}
