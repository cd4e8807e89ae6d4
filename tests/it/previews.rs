//! The plan and the dialogs are made of previews: whatever a fault-free run changes was in the preview made before it.

use std::collections::BTreeSet;

use cutover::domain::{
    api::{Consent, ConsentKind, HostAccess, MIGRATION, Migration, RestartBy, Stage, Target},
    effect::Effect,
    encryption::Encryption,
    facts::PodFact,
    plan::{self, Planned},
    strategy::{PhaseId, StrategyId},
};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::{
    fixture,
    obedient::{Obedient, stage},
};

/// A change without what can only be known while it is made: the number of a task's try, its arguments, uids.
fn key(effect: &Effect) -> String {
    match effect {
        Effect::Task { node, task, way, .. } => {
            let way = format!("{way:?}");
            let way = way.split([' ', '{']).next().unwrap();
            format!("task {} {node} {way}", task.name())
        }
        Effect::DeleteTaskPod { pod, .. } => {
            let name = pod.name.trim_end_matches(|c: char| c.is_ascii_digit());
            format!("delete task pod {}/{name}", pod.namespace)
        }
        Effect::Evict { pod, .. } => format!("evict {pod}"),
        Effect::DeletePod { pod, .. } => format!("delete {pod}"),
        // the time is not known before
        Effect::CreateIpsecKey { .. } | Effect::DeleteIpsecKey { .. } => effect.describe().words,
        other => other.name(),
    }
}

fn keys(plan: Vec<Planned>) -> BTreeSet<String> {
    plan.into_iter().filter_map(|p| p.change).map(|e| key(&e)).collect()
}

/// Runs to rest; every change must be in what was foreseen at the beginning, or in the preview of the node's way that
/// is made when the node's turn comes, as the dialog for it shows.
fn all_foreseen(cluster: &mut Obedient, foreseen: &BTreeSet<String>) {
    let mut known = foreseen.clone();
    cluster.run(|before, decision| {
        for (name, changed) in &decision.nodes {
            if changed.status.step.is_out() && !before.view().status(name).step.is_out() {
                let node = &before.facts.nodes[name];
                known.extend(keys(plan::node(&before.view(), node, changed.status.direction)));
            }
        }
        for effect in &decision.effects {
            assert!(known.contains(&key(effect)), "{} was not foreseen among {known:#?}", key(effect));
        }
    });
}

#[derive(Clone, Debug)]
struct Case {
    access: HostAccess,
    restart_by: RestartBy,
    max_unavailable: u32,
    daemons: bool,
    persistent: bool,
    definitions: bool,
    back_to: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let access = prop_oneof![Just(HostAccess::Pod), Just(HostAccess::Ssh), Just(HostAccess::Manual)];
    let restart = prop_oneof![Just(RestartBy::Reboot), Just(RestartBy::Pods)];
    (access, restart, 1..4_u32, any::<bool>(), any::<bool>(), any::<bool>(), 0..45_usize).prop_map(
        |(access, restart_by, max_unavailable, daemons, persistent, definitions, back_to)| Case {
            access,
            restart_by,
            max_unavailable,
            daemons,
            persistent,
            definitions,
            back_to,
        },
    )
}

fn cluster(case: &Case) -> Obedient {
    let mut facts = fixture::before();
    for (i, name) in facts.nodes.keys().cloned().collect::<Vec<_>>().into_iter().enumerate() {
        for (set, there, tolerates_all) in [("log", case.daemons, false), ("meter", case.persistent, true)] {
            if there {
                let ip = format!("10.233.{}.{}", 64 + i, if tolerates_all { 5 } else { 6 });
                let pod = fixture::pod("infra", &format!("{set}-{name}"), &name, &ip, Some(("DaemonSet", set)));
                let pod = PodFact { tolerates_all, ..pod };
                facts.pods.insert(pod.key.clone(), pod);
            }
        }
    }
    let mut spec = fixture::spec();
    if case.definitions {
        facts.crds.insert("ciliumnodes.cilium.io".into(), vec!["v2".into()]);
        spec.consents.push(Consent {
            kind: ConsentKind::DeleteDefinition,
            object: "CustomResourceDefinition/*".into(),
            by: "test".into(),
            at: Timestamp::UNIX_EPOCH,
        });
    }
    spec.approved = PhaseId::default();
    spec.hosts.access = case.access;
    spec.restart_by = case.restart_by;
    spec.nodes.max_unavailable = case.max_unavailable;
    Obedient::new(facts, Migration::new(MIGRATION, spec))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_change_was_in_the_preview_made_before_it(case in cases(), multus in any::<bool>()) {
        let mut cluster = cluster(&case);
        if multus {
            cluster.want(|m| m.spec.strategy = StrategyId::named("multus").unwrap());
        } else if case.definitions {
            // hosts are looked at first where pods ask for further networks
            cluster.facts.pods.update_all(|p| p.networks = p.key.name.starts_with("log-").then(|| "storage".into()));
        }
        let strategy = cluster.migration().spec.strategy.get();
        // forward
        let foreseen = keys(plan::forward(&cluster.view(), strategy.last()));
        cluster.want(|m| m.spec.approved = strategy.last());
        all_foreseen(&mut cluster, &foreseen);
        prop_assert_eq!(stage(&cluster.facts), Stage::Complete, "{:?}", cluster.migration().status);
        // back to a phase, as the dialog and the command line have it
        let through = strategy.phases()[case.back_to % (strategy.phases().len() - 1)].id();
        let foreseen = keys(plan::back(&cluster.view(), Some(through)));
        cluster.want(|m| m.spec.approved = through);
        all_foreseen(&mut cluster, &foreseen);
        // forward to where nodes are rolled, one node back
        let roll = strategy.rolls().next().unwrap().phase();
        let foreseen = keys(plan::forward(&cluster.view(), roll));
        cluster.want(|m| m.spec.approved = roll);
        let back = keys(plan::back(&cluster.view(), Some(roll)));
        all_foreseen(&mut cluster, &foreseen.union(&back).cloned().collect());
        let node = cluster.facts.nodes["worker-2"].clone();
        let foreseen = keys(plan::node(&cluster.view(), &node, Target::Flannel));
        cluster.want_node("worker-2", |s| s.target = Target::Flannel);
        all_foreseen(&mut cluster, &foreseen);
        // everything back
        let foreseen = keys(plan::back(&cluster.view(), None));
        cluster.want(|m| m.spec.target = Target::Flannel);
        all_foreseen(&mut cluster, &foreseen);
        prop_assert_eq!(stage(&cluster.facts), Stage::RolledBack);
    }

    #[test]
    fn so_it_is_in_an_outage(case in cases(), until in 1..5_usize, encryption in encryptions()) {
        let mut cluster = cluster(&case);
        cluster.want(|m| {
            m.spec.strategy = StrategyId::named("downtime").unwrap();
            m.spec.cilium.encryption = encryption;
            m.spec.nodes.canaries = 0;
        });
        let strategy = cluster.migration().spec.strategy.get();
        let until = strategy.phases()[until].id();
        let foreseen = keys(plan::forward(&cluster.view(), until));
        cluster.want(|m| m.spec.approved = until);
        all_foreseen(&mut cluster, &foreseen);
        let there = if until == strategy.last() { Stage::Complete } else { Stage::At(strategy.after(until).next().unwrap().id()) };
        prop_assert_eq!(stage(&cluster.facts), there, "{:?}", cluster.migration().status);
        let foreseen = keys(plan::back(&cluster.view(), None));
        cluster.want(|m| m.spec.target = Target::Flannel);
        all_foreseen(&mut cluster, &foreseen);
        prop_assert_eq!(stage(&cluster.facts), Stage::RolledBack, "{:?}", cluster.migration().status);
    }
}

fn encryptions() -> impl Strategy<Value = Encryption> {
    prop_oneof![Just(Encryption::None), Just(Encryption::Ipsec), Just(Encryption::Wireguard)]
}
