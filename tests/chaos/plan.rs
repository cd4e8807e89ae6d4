//! What a seed stands for.

use cutover::{domain::api::MigrationSpec, sim::world};
use serde_json::{Value, json};

use crate::faults::Fault;

/// Every so many seeds a run shares two threads with others, in real time.
const THREADED: u64 = 4;
/// Every so many seeds pods get both networks by Multus; never one of those in real time, because it takes three times as long.
const BY_MULTUS: u64 = 12;
/// Milliseconds after which a fault is over there.
const REAL_LIMIT: u64 = 20_000;

/// Where a run is to end, and by which way. Times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    Forward,
    /// Rolled back from wherever it was.
    BackAfter(u64),
    /// Forward, back, and forward again.
    ThereAndBack(u64),
}

#[derive(Debug)]
pub struct Plan {
    pub seed: u64,
    pub goal: Goal,
    pub strategy: &'static str,
    pub restart_by: &'static str,
    /// How many nodes the cluster has.
    pub nodes: usize,
    pub faults: Vec<Fault>,
    /// On several threads, in real time.
    pub threaded: bool,
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let goal = match rng.u32(..4) {
            0 => Goal::BackAfter(rng.u64(500..9_000)),
            1 => Goal::ThereAndBack(rng.u64(500..9_000)),
            _ => Goal::Forward,
        };
        let restart_by = if rng.bool() { "reboot" } else { "pods" };
        let mut faults: Vec<Fault> = (0..rng.usize(1..7)).map(|_| Fault::random(&mut rng)).collect();
        faults.sort_by_key(|f| f.at);
        // a backup is one of the migration that was under way: a second one would be of what came after it
        let mut ended = false;
        faults.retain(|f| !f.is_ending() || !std::mem::replace(&mut ended, true));
        // a step of a small cluster is a step all the same, and it takes fewer of them
        let nodes = if rng.u32(..3) == 0 { 3 } else { 2 };
        let threaded = seed % THREADED == THREADED - 1;
        if threaded {
            faults.iter_mut().for_each(|f| f.lasts = f.lasts.min(REAL_LIMIT));
        }
        let strategy = if seed % BY_MULTUS == 1 { "multus" } else { "rolling" };
        // an agent that started while another actor's values made it take over keeps its file: a roll that wants Multus'
        // before both waits for an operator then
        faults.retain(|f| strategy == "rolling" || !f.is_of_the_release());
        Self { seed, goal, strategy, restart_by, nodes, faults, threaded }
    }

    pub fn spec(&self) -> MigrationSpec {
        let consents: Vec<Value> = world::FEW_CONSENTS
            .iter()
            .map(|c| c.split_once(':').unwrap())
            .map(|(kind, object)| json!({"kind": kind, "object": object, "by": "test", "at": "2026-01-01T00:00:00Z"}))
            .collect();
        let cilium = json!({"version": "1.15.19", "chart": "cilium/cilium", "namespace": "kube-system",
            "podCidr": "10.245.0.0/16", "maskSize": 24, "tunnelPort": 8473, "values": {}});
        let mut spec: MigrationSpec = serde_json::from_value(json!({
            "strategy": self.strategy, "cilium": cilium, "restartBy": self.restart_by, "observeSeconds": 0, "consents": consents,
        }))
        .unwrap();
        if self.threaded {
            (spec.nodes.drain_timeout_seconds, spec.nodes.reboot_timeout_seconds) = (20, 20);
        }
        spec
    }
}
