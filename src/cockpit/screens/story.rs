//! What happened to a node: its steps with their times, what was consented to for it, and its connections before and since.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    cockpit::scene::Scene,
    domain::{
        api::NodeMigrationStatus,
        steps::NodeStep,
        text::{between, count, duration},
    },
};

/// The time of a day.
pub(super) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// Its steps: when each began, how long it took, and what is to come.
pub(super) fn steps(scene: &Scene<'_>, status: &NodeMigrationStatus, out: &mut Vec<String>) {
    out.push(String::new());
    let phase = status.phase.map(|p| format!(", {p}")).unwrap_or_default();
    out.push(format!("steps towards {} (attempt {}{phase})", status.direction.name(), status.attempt));
    for step in scene.view().strategy.path_of(status) {
        let spec = step.spec();
        let timing = status.steps.iter().rev().find(|t| t.step == NodeStep::At(spec));
        out.push(match timing.map(|t| (t.started_at, t.finished_at)) {
            Some((from, Some(to))) => format!("  ✓ {:<9} {}  {}", spec.id, clock(from), duration(between(from, to))),
            Some((from, None)) => {
                let so_far = between(from, scene.now);
                let late = if so_far > spec.budget {
                    format!(", late: {} expected", duration(spec.budget))
                } else {
                    String::new()
                };
                format!("  ▶ {:<9} {}  {} so far{late}", spec.id, clock(from), duration(so_far))
            }
            None => format!("  · {:<9} {}", spec.id, spec.does),
        });
    }
    if let Some(at) = status.evidence.reboot_asked {
        out.push(format!("reboot requested at {}", clock(at)));
    }
    if let Some(drain) = &status.drain {
        out.push(format!("drain: {} left, last progress at {}", drain.left, clock(drain.progressed_at)));
    }
    if !status.evidence.moved.is_empty() {
        out.push(format!("evicted pods of {}:", count(status.evidence.moved.len(), "workload")));
        out.extend(status.evidence.moved.iter().map(|m| format!("    {}, {} ready before", m.workload, m.ready)));
    }
}

/// What was consented to for this node and for what left it.
pub(super) fn consents(scene: &Scene<'_>, name: &str, status: &NodeMigrationStatus, out: &mut Vec<String>) {
    let of_node = format!("node/{name}");
    let concerns = |object: &str| object == of_node || status.evidence.moved.iter().any(|m| m.workload == object);
    let given = scene.migration.spec.consents.iter().filter(|c| concerns(&c.object));
    let lines: Vec<String> =
        given.map(|c| format!("    {}:{} by {} at {}", c.kind, c.object, c.by, c.at.strftime("%F %T UTC"))).collect();
    if !lines.is_empty() {
        out.push("consented to:".into());
        out.extend(lines);
    }
}

/// What its pods connected to before it was moved, and what became of each since; what fails comes first.
pub(super) fn connections(scene: &Scene<'_>, status: &NodeMigrationStatus, out: &mut Vec<String>) {
    let before = &status.evidence.baseline_connections;
    if before.is_empty() {
        return;
    }
    let flows = &scene.facts.flows;
    let recorded = scene.status().into_iter().flat_map(|s| &s.flows).map(|f| (f.edge.clone(), f.why.clone()));
    let seen = flows.troubles.iter().map(|t| (t.edge.to_string(), t.why.to_string()));
    let failing: BTreeMap<String, String> = recorded.chain(seen).collect();
    let clients: BTreeSet<&str> = before.iter().filter_map(|e| e.split("->").next()).collect();
    let of_client = clients.iter().filter_map(|c| Some((*c, flows.working.get(*c)?)));
    let working: BTreeSet<String> =
        of_client.flat_map(|(c, edges)| edges.iter().filter(move |e| *e.from == *c)).map(ToString::to_string).collect();
    let mut lines: Vec<(u8, String)> = before
        .iter()
        .map(|edge| match failing.get(edge) {
            Some(why) => (0, format!("  ✗ {edge}  fails: {why}")),
            None if working.contains(edge) => (3, format!("  ✓ {edge}  no failure seen")),
            None => (1, format!("  ? {edge}  no longer seen from here")),
        })
        .collect();
    let known: BTreeSet<&String> = before.iter().collect();
    lines.extend(working.iter().filter(|e| !known.contains(e)).map(|e| (2, format!("  + {e}  not seen before"))));
    lines.sort();
    out.push(String::new());
    out.push(format!("connections of its pods: {} before the move, and since then:", before.len()));
    out.extend(lines.into_iter().map(|(_, line)| line));
}
