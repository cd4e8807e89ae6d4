//! A cluster half way whose Migration is gone: it or its definition was deleted, or etcd was restored. The facts say how
//! far it had come; a Migration that says the same takes it over.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    api::{MIGRATION, Migration, MigrationSpec, MigrationStatus, PhaseState, PhaseStatus, Pin, Pins, Stage},
    effect::release::Installed,
    facts::{Facts, Key, NodeFact},
    problem::Problem,
    reason::Waiting,
    strategy::{Phase, Standing},
    values,
    view::View,
};

/// Flannel's DaemonSets: once a copy was made it says which they are, and what looks like them is not asked.
fn flannel(facts: &Facts) -> impl Iterator<Item = &Key> {
    let copied = facts.copied_flannel().map(|copy| copy.daemon_sets.as_slice()).unwrap_or_default();
    let found = facts.any_flannel_daemon_sets().map(|d| &d.key).filter(|_| copied.is_empty());
    copied.iter().chain(found)
}

/// Why it cannot be told which DaemonSet is Flannel's.
pub fn ambiguous(facts: &Facts) -> Option<Problem> {
    let found: Vec<&Key> = flannel(facts).collect();
    let other = found.iter().find(|key| key.namespace != found[0].namespace)?;
    Some(Problem::new(
        format!("daemonset/{other}"),
        format!("it looks like Flannel's, as daemonset/{} does, in another namespace", found[0]),
        "Nothing was changed. Delete the one that is not Flannel, or rename its container.",
    ))
}

/// The Migration that takes the cluster over: paused, approved as far as it has come, with every phase that has begun
/// on record. `None` where nothing has begun.
pub fn adopt(facts: &Facts, spec: MigrationSpec, now: Timestamp) -> Option<Migration> {
    let strategy = spec.strategy.get();
    let phases = strategy.phases();
    let mut migration = Migration::new(MIGRATION, MigrationSpec { paused: true, ..spec });
    let facts = Facts { migration: Some(Arc::new(migration.clone())), ..facts.clone() };
    // as if every phase were on record: the facts alone say then how far each has come
    let (status, state) = (MigrationStatus::default(), |p: &&dyn Phase, state| PhaseStatus {
        name: p.id(),
        state,
        waiting: Waiting::default(),
        started_at: (state != PhaseState::Pending).then_some(now),
        finished_at: None,
    });
    let pins = Pins {
        flannel: flannel(&facts).map(Pin::from).collect(),
        agent_image: facts.cilium_agents().map(|agents| agents.image.to_string()),
        release: None,
        marks: facts.nodes.values().filter_map(|n| n.mark.as_deref().map(str::to_owned)).collect(),
        ipsec_key: None,
        flannel_copy: facts.flannel_copy().map(ToString::to_string),
    };
    let claimed = phases.iter().map(|p| state(p, PhaseState::Done)).collect();
    migration.status = Some(MigrationStatus { phases: claimed, pins: Some(pins), started_at: Some(now), ..status });
    let facts = Facts { migration: Some(Arc::new(migration.clone())), ..facts };
    let view = View::read_only(&facts, &migration, now);
    let out = facts.nodes.values().any(NodeFact::has_marks);
    let has_begun = |p: &&dyn Phase| p.standing(&view) != Standing::NotBegun || (out && p.roll().is_some());
    let last = phases.iter().skip(1).rev().find(|p| has_begun(p))?.id();
    let found = |p| if strategy.is_within(p, last) { PhaseState::Running } else { PhaseState::Pending };
    let found = phases.iter().map(|p| state(p, found(p.id()))).collect();
    migration.spec.approved = last;
    let status = migration.status.as_mut()?;
    (status.phases, status.phase) = (found, Stage::At(last));
    Some(migration)
}

/// Why the release on the cluster is not what this spec installs: an upgrade with other values would change the network
/// under every node. Names the values, never what they are.
pub fn mismatch(spec: &MigrationSpec, installed: &Installed) -> Option<String> {
    if !installed.ours {
        return Some("the release was changed by another actor since Cutover installed it".into());
    }
    let version = spec.cilium.version.trim_start_matches('v');
    if installed.chart.rsplit_once('-').is_none_or(|(_, v)| v.trim_start_matches('v') != version) {
        return Some(format!("the release is of the chart {}, the version given is {version}", installed.chart));
    }
    let sets = spec.strategy.get().values(&spec.cilium);
    if sets.contains(&installed.values) {
        return None;
    }
    let differing = sets.iter().map(|set| values::differing(set, &installed.values)).min_by_key(Vec::len);
    Some(format!("the release was installed with other values: {}", differing.unwrap_or_default().join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_release_is_taken_over_only_with_its_own_version_and_values() {
        let spec: MigrationSpec = serde_json::from_value(json!({"cilium": {
            "version": "1.15.19", "chart": "cilium/cilium", "podCidr": "10.245.0.0/16", "values": {"debug": {"enabled": true}}}}))
        .unwrap();
        let sets = spec.strategy.get().values(&spec.cilium);
        assert_eq!(sets.len(), 2);
        for values in sets {
            let mut installed = Installed { chart: "cilium-1.15.19".into(), values, ours: true };
            assert_eq!(mismatch(&spec, &installed), None);
            installed.values["tunnelPort"] = json!(8474);
            let why = mismatch(&spec, &installed).unwrap();
            assert!(why.ends_with("values: tunnelPort"), "{why}");
            installed.chart = "cilium-1.15.20".into();
            assert!(mismatch(&spec, &installed).unwrap().contains("1.15.20"));
            installed.ours = false;
            assert!(mismatch(&spec, &installed).unwrap().contains("another actor"));
        }
    }
}
