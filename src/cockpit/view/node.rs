//! Everything about one node, as lines.

use super::super::{Scene, rows};
use crate::domain::{
    drain::{
        self,
        verdict::{self, Outcome, Verdict},
    },
    facts::Cni,
    step::Step,
    storage,
    text::{between, duration, safe},
};

pub(in super::super) fn lines(scene: &Scene<'_>, name: &str) -> Vec<String> {
    let Some(node) = scene.facts.nodes.get(name) else { return vec!["this node is gone".into()] };
    let status = rows::status_of(scene.facts, name);
    let mut out = Vec::new();
    out.push(format!(
        "{}{}{}  kubelet {}  kernel {}",
        if node.ready { "Ready" } else { "NotReady" },
        if node.unschedulable { ", cordoned" } else { "" },
        if node.control_plane { ", control plane" } else { "" },
        safe(&node.kubelet),
        safe(&node.kernel)
    ));
    if !node.taints.is_empty() {
        out.push(format!(
            "taints: {}",
            node.taints.iter().map(|t| safe(&t.to_string()).into_owned()).collect::<Vec<_>>().join(", ")
        ));
    }
    if let Some(e) = &status.last_error {
        out.push(format!("✗ {} (try {}): {}", safe(&e.object), e.count, safe(&e.message)));
        out.push(format!("  → {}", safe(&e.next)));
    } else if !status.waiting.is_empty() {
        out.push(format!("… {}", safe(&status.waiting)));
    }
    steps(scene, &status, &mut out);
    pods(scene, name, &mut out);
    evidence(&status, &mut out);
    out
}

fn steps(scene: &Scene<'_>, status: &crate::domain::api::NodeMigrationStatus, out: &mut Vec<String>) {
    out.push(String::new());
    out.push(format!("steps towards {} (attempt {})", status.direction.name(), status.attempt));
    for spec in Step::path(status.direction) {
        let timing = status.steps.iter().rev().find(|t| t.step == spec.step);
        out.push(match timing.map(|t| (t.started_at, t.finished_at)) {
            Some((from, Some(to))) => format!("  ✓ {:<9} {}", spec.step, duration(between(from, to))),
            Some((from, None)) => {
                let so_far = between(from, scene.now);
                let late = if so_far > spec.budget {
                    format!(", late: {} were planned", duration(spec.budget))
                } else {
                    String::new()
                };
                format!("  ▶ {:<9} {} so far{late}", spec.step, duration(so_far))
            }
            None => format!("  · {:<9} {}", spec.step, spec.effect),
        });
    }
}

fn pods(scene: &Scene<'_>, name: &str, out: &mut Vec<String>) {
    let consents = scene.facts.migration.as_ref().map(|m| m.spec.consents.clone()).unwrap_or_default();
    let drain = drain::sort(scene.facts, name, &consents);
    let on = |cni| scene.facts.pods_with(cni, Some(name)).count();
    out.push(String::new());
    out.push(format!(
        "pods: {} on Flannel, {} on Cilium, {} on the host's network",
        on(Cni::Flannel),
        on(Cni::Cilium),
        on(Cni::Host)
    ));
    let so_far = rows::status_of(scene.facts, name);
    let verdict = verdict::judge_drain(scene.facts, &drain, &consents, scene.now);
    if !so_far.step.is_final() && !so_far.step.is_underway() {
        out.push(format!("a drain now: {}", verdict.word()));
    }
    if let Verdict::Impossible { problem, .. } = &verdict {
        out.push(format!("  ! {}: {}", safe(&problem.object), safe(&problem.message)));
        out.push(format!("    → {}", problem.remedy));
    }
    for line in verdict::lines(scene.facts, &drain, &consents, scene.now).iter().filter(|l| l.fate != Outcome::Stays) {
        let mark = match line.fate {
            Outcome::NeedsConsent => '?',
            Outcome::Blocked => '!',
            _ => ' ',
        };
        let why = if line.why.is_empty() { String::new() } else { format!(": {}", safe(&line.why)) };
        out.push(format!("  {mark} {} {}{why}", line.pod, line.fate.word()));
    }
    for volume in storage::still_attached(scene.facts, name, &consents).iter().filter(|_| so_far.drain.is_some()) {
        out.push(format!("  ! {volume} is still attached"));
    }
    if !so_far.commands.is_empty() {
        out.push(String::new());
        out.push("yours to do on its host:".into());
        out.extend(so_far.commands.iter().map(|c| format!("  $ {}", safe(c))));
    }
}

fn evidence(status: &crate::domain::api::NodeMigrationStatus, out: &mut Vec<String>) {
    let e = &status.evidence;
    out.push(String::new());
    if let (Some(before), Some(after)) = (&e.boot_id_before, &e.boot_id_after) {
        out.push(format!("rebooted: {} → {}", safe(before), safe(after)));
    }
    if let Some(host) = &e.host {
        let state =
            if host.cni_state.is_empty() { String::new() } else { format!("; agent says {}", safe(&host.cni_state)) };
        let encryption =
            if host.encryption.is_empty() { String::new() } else { format!("; encryption {}", safe(&host.encryption)) };
        out.push(format!(
            "CNI directory: {}{state}{encryption}",
            host.cni_files.iter().map(|f| safe(f).into_owned()).collect::<Vec<_>>().join(", ")
        ));
    }
    if let Some(probe) = &e.probe {
        out.push(format!(
            "probe: {}, API server {}",
            safe(&probe.address),
            if probe.api_reached { "reached" } else { "not reached" }
        ));
    }
    if !e.leaked_leases.is_empty() {
        out.push(format!("leaked leases: {}", e.leaked_leases.join(", ")));
    }
    if !e.leaked_endpoints.is_empty() {
        out.push(format!("leaked endpoints: {}", e.leaked_endpoints.join(", ")));
    }
}
