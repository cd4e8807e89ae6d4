//! The lock, model-checked: every order of events of two engines, two operators, a Lease, sleep, a crash and an
//! unreliable network, for a cluster of one node. The rules are the product's own (`domain::lock`); what is around them
//! is modelled here.
//!
//! Time goes in steps. A request is on its way for any time up to its limit. The engines' clocks show different times,
//! and none is compared with another.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub, dead_code, reason = "tests")]

use std::time::Duration;

use cutover::domain::lock::{ACTS, Claim, DURATION, LeaseContext, LeaseState, Move};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// Number of engines, and of nodes.
const ENGINES: usize = 2;
const NODES: usize = 1;
/// Seconds in a step of time: every limit of the lock is a multiple of it.
const STEP: u8 = 2;
/// Number of troubles (crash, sleep, take-over, deletion) in one story.
const TROUBLES: u8 = 2;

/// Rules that can be left out, to see that the model misses them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
struct Without {
    /// The compare-and-swap of the Lease.
    swap: bool,
    /// Patience after taking it from an engine that is alive.
    patience: bool,
    /// A clock that runs during sleep.
    sleepless_clock: bool,
    /// The boot id of a reboot.
    boot_id: bool,
}

struct Cluster {
    without: Without,
    /// Seconds until everything ends.
    last: u8,
}

/// A request of an engine that has not been answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Write(Write),
    Reboot(Reboot),
}

/// The Lease, as it was read, is to be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Write {
    read: Option<Claim>,
    epoch: i64,
    acts_after: u8,
    at: u8,
}

/// A node is to reboot, from this boot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Reboot {
    node: usize,
    epoch: i64,
    boot: u8,
    life: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Engine {
    lease: LeaseState,
    asked: Option<Asked>,
    /// Seconds of its clock.
    clock: u8,
    asleep: bool,
    life: u8,
    /// Its operator wants the lock.
    takes_over: bool,
    /// It has read the Lease in this step of time.
    looked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    lease: Option<Claim>,
    version: u8,
    engines: Vec<Engine>,
    /// The epoch in each node's record, its boots, and how often it was rebooted from its first boot.
    records: Vec<i64>,
    boots: Vec<u8>,
    rebooted_from: Vec<u8>,
    /// The highest epoch in which anything was done.
    highest: i64,
    /// The rule that was broken.
    broken: Option<&'static str>,
    crashes: u8,
    naps: u8,
    take_overs: u8,
    deletions: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    /// Time passes for all.
    Tick,
    /// It reads the Lease, and decides.
    Look(usize),
    /// Its request arrives; its answer is heard or lost.
    Arrives(usize, bool),
    /// Its request is lost.
    Lost(usize),
    /// It reads the Lease once more, and requests a reboot.
    Act(usize, usize),
    /// It is killed, and starts again.
    Crash(usize),
    Sleep(usize),
    Wake(usize),
    /// Its operator takes the lock from the other one.
    TakeOver(usize),
    /// The Lease is deleted.
    Delete,
}

const fn s(seconds: u8) -> Duration {
    Duration::from_secs(seconds as u64)
}

fn seconds(duration: Duration) -> u8 {
    u8::try_from(duration.as_secs()).unwrap()
}

impl Cluster {
    fn fresh(i: usize, life: u8, clock: u8) -> Engine {
        Engine {
            lease: LeaseState::new(format!("{i}.{life}")),
            asked: None,
            clock,
            asleep: false,
            life,
            takes_over: false,
            looked: false,
        }
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let engines = (0..ENGINES).map(|i| Self::fresh(i, 0, if i == 0 { 10 } else { 77 })).collect();
        vec![State {
            now: 0,
            // an engine has held it before, and released it
            lease: Some(Claim { holder: String::new(), process: "before".into(), epoch: 1, version: "0".into() }),
            version: 0,
            engines,
            records: vec![1; NODES],
            boots: vec![1; NODES],
            rebooted_from: vec![0; NODES],
            highest: 1,
            broken: None,
            crashes: 0,
            naps: 0,
            take_overs: 0,
            deletions: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        if state.now < self.last {
            actions.push(Action::Tick);
        }
        let troubles = state.crashes + state.naps + state.take_overs + state.deletions;
        let calm = troubles >= TROUBLES;
        if !calm && state.deletions == 0 && state.lease.is_some() {
            actions.push(Action::Delete);
        }
        for (i, engine) in state.engines.iter().enumerate() {
            if engine.asked.is_some() {
                actions.push(Action::Arrives(i, true));
                actions.push(Action::Arrives(i, false));
                actions.push(Action::Lost(i));
            }
            if engine.asleep {
                actions.push(Action::Wake(i));
                continue;
            }
            if engine.asked.is_none() {
                if !engine.looked {
                    actions.push(Action::Look(i));
                }
                for node in 0..NODES {
                    if engine.epoch().is_some() && state.boots[node] == 1 {
                        actions.push(Action::Act(i, node));
                    }
                }
            }
            if !calm && state.crashes == 0 {
                actions.push(Action::Crash(i));
            }
            if !calm && state.naps == 0 {
                actions.push(Action::Sleep(i));
            }
            if !calm && state.take_overs == 0 && !engine.takes_over {
                actions.push(Action::TakeOver(i));
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Tick => self.tick(&mut state),
            Action::Look(i) => self.look(&mut state, i),
            Action::Lost(i) => state.engines[i].asked = None,
            Action::Arrives(i, heard) => match state.engines[i].asked.take()? {
                Asked::Write(write) => self.lease_written(&mut state, i, write, heard),
                Asked::Reboot(reboot) => self.rebooted(&mut state, i, reboot),
            },
            Action::Act(i, node) => act(&mut state, i, node)?,
            Action::Crash(i) => crash(&mut state, i),
            Action::Sleep(i) => {
                state.engines[i].asleep = true;
                state.naps += 1;
            }
            Action::Wake(i) => {
                state.engines[i].asleep = false;
                state.engines[i].drop_expired();
            }
            Action::TakeOver(i) => {
                state.engines[i].takes_over = true;
                state.take_overs += 1;
            }
            Action::Delete => {
                state.lease = None;
                state.deletions += 1;
            }
        }
        if state.engines.iter().filter(|e| !e.asleep && e.epoch().is_some()).count() > 1 {
            state.broken = Some("two engines may act at once");
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no rule is broken", |_, state: &State| state.broken.is_none()),
            Property::sometimes("every node is rebooted", |_, state: &State| state.boots.iter().all(|b| *b == 2)),
            Property::sometimes("a second engine acts", |_, state: &State| {
                state.highest > 2 && state.boots.contains(&2)
            }),
        ]
    }
}

/// What each action does.
impl Cluster {
    fn tick(&self, state: &mut State) {
        state.now += STEP;
        for engine in &mut state.engines {
            engine.looked = false;
            // a monotonic clock stands still during sleep; the product's does not
            if !(engine.asleep && self.without.sleepless_clock) {
                engine.clock += STEP;
            }
            if !engine.asleep {
                engine.drop_expired();
            }
        }
    }

    fn look(&self, state: &mut State, i: usize) {
        let read = state.lease.clone();
        let written = *state.records.iter().max().unwrap();
        let engine = &mut state.engines[i];
        engine.looked = true;
        let context = LeaseContext { ended: false, take_over: engine.takes_over, written };
        let at = engine.clock;
        if let Move::Write { epoch, acts_after } = engine.lease.next_move(read.as_ref(), context, s(at)) {
            let acts_after = if self.without.patience { 0 } else { seconds(acts_after) };
            engine.asked = Some(Asked::Write(Write { read, epoch, acts_after, at }));
        }
    }

    fn lease_written(&self, state: &mut State, i: usize, write: Write, heard: bool) {
        let engine = &mut state.engines[i];
        // a request is given up after a second and a half: it may arrive, but its answer is not heard
        let heard = heard && !engine.asleep && engine.clock - write.at <= 2;
        if self.without.swap || state.lease == write.read {
            state.version += 1;
            state.lease = Some(Claim {
                holder: format!("e{i}"),
                process: format!("{i}.{}", engine.life),
                epoch: write.epoch,
                version: state.version.to_string(),
            });
            if heard {
                engine.lease.written(write.epoch, s(write.acts_after), s(write.at));
                engine.takes_over = false;
            }
        } else if heard {
            engine.lease.lost();
        }
    }

    fn rebooted(&self, state: &mut State, i: usize, reboot: Reboot) {
        let Reboot { node, epoch, boot, life } = reboot;
        // a request on its way cannot be called back while its sender sleeps, or after it died: there the boot id
        // has to do
        let sender = &state.engines[i];
        if epoch < state.highest && !sender.asleep && life == sender.life {
            state.broken = Some("something was done in an older term after a newer one");
        }
        state.highest = state.highest.max(epoch);
        state.records[node] = state.records[node].max(epoch);
        if self.without.boot_id || state.boots[node] == boot {
            state.rebooted_from[node] += u8::from(boot == 1);
            state.boots[node] += 1;
        }
        if state.rebooted_from[node] > 1 {
            state.broken = Some("a node was rebooted twice for one boot");
        }
    }
}

/// It reads the Lease once more, and sends a reboot request if it still holds it.
fn act(state: &mut State, i: usize, node: usize) -> Option<()> {
    let engine = &mut state.engines[i];
    let epoch = engine.epoch()?;
    if engine.lease.confirms(state.lease.as_ref()) {
        engine.asked = Some(Asked::Reboot(Reboot { node, epoch, boot: state.boots[node], life: engine.life }));
    } else {
        engine.lease.lost();
    }
    Some(())
}

/// What was on its way stays on its way, and may still arrive as what it was.
fn crash(state: &mut State, i: usize) {
    let engine = &mut state.engines[i];
    let asked = engine.asked.take();
    *engine = Cluster::fresh(i, engine.life + 1, engine.clock);
    engine.asked = asked.filter(|a| matches!(a, Asked::Reboot(_)));
    state.crashes += 1;
}

impl Engine {
    /// The epoch in which it may act now.
    fn epoch(&self) -> Option<i64> {
        self.lease.epoch(s(self.clock))
    }

    /// The client drops what is in flight when the term ends.
    fn drop_expired(&mut self) {
        if self.epoch().is_none() {
            self.asked.take_if(|a| matches!(a, Asked::Reboot(_)));
        }
    }
}

fn check(without: Without, last: u8) -> (usize, usize, Option<String>) {
    let checker =
        Cluster { without, last }.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let broken = checker.discovery("no rule is broken");
    let broken = broken.map(|path| path.last_state().broken.unwrap_or("?").to_owned());
    if broken.is_none() && without == Without::default() {
        // a model in which nothing ever happens breaks no rule either
        for name in ["every node is rebooted", "a second engine acts"] {
            assert!(checker.discovery(name).is_some(), "never: {name}");
        }
    }
    (checker.unique_state_count(), checker.max_depth(), broken)
}

#[test]
fn no_rule_is_broken_in_any_state() {
    let last = std::env::var("CUTOVER_MODEL_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(10);
    let (states, depth, broken) = check(Without::default(), last);
    println!("{states} states, up to {depth} steps deep, {last} seconds");
    assert_eq!(broken, None);
    assert!(DURATION > ACTS);
}

/// Without it the model finds a story in which something goes wrong.
#[test]
fn each_rule_is_needed() {
    let none = Without::default();
    for (name, without) in [
        ("compare-and-swap", Without { swap: true, ..none }),
        ("patience", Without { patience: true, ..none }),
        ("a clock that runs during sleep", Without { sleepless_clock: true, ..none }),
        ("boot id", Without { boot_id: true, ..none }),
    ] {
        let (_, _, broken) = check(without, 10);
        println!("without {name}: {broken:?}");
        assert!(broken.is_some(), "the model does not miss {name}");
    }
}
