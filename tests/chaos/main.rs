//! Whole migrations with the real engine, while everything goes wrong.
//!
//! ```text
//!  seed ─▶ Plan (plan.rs): a goal, and faults with their times
//!            │
//!            ▼
//!  run.rs: every 100 ms faults begin and end (faults/), the operator changes `spec` or grants a retry
//!            │
//!   ┌────────┴──────────┬─────────────────────┐
//!   ▼                   ▼                     ▼
//!  Workstation a       Workstation b         faults in the cluster
//!  engine, watches     a second operator's   (records, nodes, pods):
//!  (workstation.rs)                          an ordinary client
//!   │ requests          │                     │
//!   ▼                   ▼                     │
//!  Wire (wire.rs): requests and watches       │
//!  are lost, late, twice, refused, …          │
//!   │                   │                     │
//!   ▼                   ▼                     │
//!  Observer (observer.rs): judges every       │
//!  change by the rules that never break       │
//!   │                   │                     │
//!   ▼                   ▼                     ▼
//!  the embedded cluster in this process (sim::local): API server, kubelets, Flannel, Cilium
//!            │
//!            ▼
//!  once the faults are over the goal is reached, and nothing is left behind (aftermath.rs)
//! ```
//!
//! Three of four runs have a thread and a virtual time of their own: what takes an hour there takes a second here, and
//! a seed fixes the schedule down to the request that is hit. Which of two tasks that wake in the same millisecond goes
//! first is tokio's to say, so `CUTOVER_CHAOS_SEED` plays a seed five times. Virtual time exists on one thread alone,
//! where nothing can happen between two lines of code without an `await`; so every fourth seed shares two threads with
//! others, in real time, with shorter faults (`--ignored schedules_on_two_threads`).
//! [`overtaken`] makes the one race of that kind that is known happen on purpose, in either.
//!
//! `CUTOVER_CHAOS_RUNS=20000` makes a longer run, `CUTOVER_CHAOS_FIRST=2000` begins elsewhere, `CUTOVER_CHAOS_SEED=17`
//! plays one seed, `CUTOVER_CHAOS_LOUD=1` prints everything that its engines say.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub, dead_code, reason = "tests")]

mod aftermath;
mod faults;
mod observer;
mod overtaken;
mod plan;
mod run;
mod wire;
mod workstation;

use std::{
    collections::BTreeMap,
    str::FromStr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use faults::{CLASSES, Fault};
use plan::{Goal, Plan};
use tokio::runtime::{Builder, Runtime};

/// How many runs are part of the tests.
const RUNS: u64 = 1_200;
/// How many of them share two threads: they last as long as they last.
const REAL_RUNS: usize = 40;
/// Runs in real time do not share the machine with those in virtual time, which take all of it.
static MACHINE: Mutex<()> = Mutex::new(());
/// How many runs share the threads of a runtime at once: most of real time is spent waiting.
const AT_ONCE: usize = 64;

fn setting<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seeds of a suite, and what became of them.
struct Suite {
    /// How often each is played.
    times: usize,
    seeds: Vec<u64>,
    changes: AtomicU64,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    failed: Mutex<Vec<(u64, String)>>,
}

impl Suite {
    fn play(&self, plan: &Plan, run: impl Fn(&Plan) -> Result<u64, String>) {
        if self.failed.lock().unwrap().len() >= 10 {
            return;
        }
        for fault in &plan.faults {
            *self.counts.lock().unwrap().entry(fault.class).or_default() += 1;
        }
        for _ in 0..self.times {
            match run(plan) {
                Ok(n) => drop(self.changes.fetch_add(n, Ordering::Relaxed)),
                Err(why) => {
                    // a long run says at once what it has found
                    println!("seed {}: {}", plan.seed, why.lines().next().unwrap_or_default());
                    return self.failed.lock().unwrap().push((plan.seed, format!("{why}\n{plan:#?}")));
                }
            }
        }
    }

    /// All plans, `at_once` at a time.
    fn play_all(&self, at_once: usize, run: impl Fn(&Plan) -> Result<u64, String> + Sync) {
        let plans = Mutex::new(self.seeds.iter().map(|seed| Plan::of(*seed)));
        std::thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some(plan) = { plans.lock().unwrap().next() } {
                        self.play(&plan, &run);
                    }
                });
            }
        });
    }

    fn verdict(self) -> Vec<(u64, String)> {
        let counts = self.counts.into_inner().unwrap();
        println!(
            "{} runs, {} changes seen by the observer, {} faults:",
            self.seeds.len(),
            self.changes.into_inner(),
            counts.values().sum::<u64>()
        );
        for (class, n) in &counts {
            println!("  {n:>6}  {class}");
        }
        // too few of them go on two threads
        if self.seeds.len() >= 500 {
            assert_eq!(counts.len(), CLASSES.len(), "every class was injected");
        }
        self.failed.into_inner().unwrap()
    }
}

/// A thread and a virtual time for this run alone.
fn alone(plan: &Plan) -> Result<u64, String> {
    fastrand::seed(plan.seed);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().map_err(|e| e.to_string())?;
    runtime.block_on(run::play(plan))
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

fn check(failed: &[(u64, String)]) {
    let told: Vec<String> = failed.iter().map(|(seed, why)| format!("CUTOVER_CHAOS_SEED={seed}\n{why}")).collect();
    assert!(failed.is_empty(), "{} runs went wrong:\n{}", failed.len(), told.join("\n\n"));
}

fn suite(virtual_time: bool) -> Suite {
    let all = virtual_time || setting::<u64>("CUTOVER_CHAOS_RUNS").is_some();
    let most = if all { usize::MAX } else { REAL_RUNS };
    let one = setting::<u64>("CUTOVER_CHAOS_SEED");
    let first = one.or_else(|| setting("CUTOVER_CHAOS_FIRST")).unwrap_or(0);
    let last = one.map_or_else(|| setting("CUTOVER_CHAOS_RUNS").unwrap_or(RUNS), |seed| seed + 1);
    Suite {
        times: if one.is_some() { 5 } else { 1 },
        seeds: (first..last).filter(|seed| Plan::of(*seed).threaded != virtual_time).take(most).collect(),
        changes: AtomicU64::default(),
        counts: Mutex::default(),
        failed: Mutex::default(),
    }
}

#[test]
fn schedules() {
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let suite = suite(true);
    suite.play_all(std::thread::available_parallelism().map_or(2, usize::from), alone);
    check(&suite.verdict());
}

#[test]
#[ignore = "of 200 runs one did not end: an embedded agent has not taken over on a labelled node; not yet understood"]
fn schedules_on_two_threads() {
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let (suite, threads) = (suite(false), two_threads());
    suite.play_all(AT_ONCE, |plan| threads.block_on(run::play(plan)));
    check(&suite.verdict());
}

/// A watch that brings a newer object between a decision and the write of its statuses, again and again: the old
/// decision is not written over the newer object.
#[test]
fn a_status_is_written_over_the_version_that_was_decided_on() {
    for seed in 0..6 {
        let goal = if seed % 2 == 0 { Goal::Forward } else { Goal::BackAfter(5_000) };
        let plan = Plan { goal, faults: vec![Fault::overtaken()], threaded: false, ..Plan::of(seed) };
        let went = alone(&plan);
        assert!(went.is_ok(), "seed {seed}: {}", went.unwrap_err());
    }
}
