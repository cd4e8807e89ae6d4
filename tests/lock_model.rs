//! The lock, model-checked: every order of everything that can happen to two engines, two operators, the Lease,
//! sleep, crashes and an unsteady network, for a cluster of one node. The rules are the product's own
//! (`domain::lock`); what is around them is modelled here.
//!
//! Time goes in steps. A request to the API server is on its way as long as the network likes, but not longer
//! than a request may take. Clocks differ in where they stand; none is compared with another.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub, dead_code, reason = "tests")]

use std::time::Duration;

use cutover::domain::lock::{ACTS, Claim, DURATION, LeaseContext, LeaseState, Move};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// How many engines there are, and how many nodes.
const ENGINES: usize = 2;
const NODES: usize = 1;
/// Time goes by so many seconds: every limit of the lock is a multiple of it.
const STEP: u8 = 2;
/// How many of the things that go wrong may go wrong in one story.
const TROUBLES: u8 = 2;

/// Rules that can be taken out, to see that they are missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
struct Without {
    /// The compare-and-swap of the Lease.
    swap: bool,
    /// Patience after taking it from the living.
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

/// What an engine has asked the API server for and not heard of yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    /// The Lease, as it was read, is to be written.
    Write { read: Option<Claim>, epoch: i64, acts_after: u8, at: u8 },
    /// It has looked and may act on this node until this second of its clock; the effect is on its way.
    Reboot { node: usize, epoch: i64, boot: u8, life: u8 },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Engine {
    hand: LeaseState,
    asked: Option<Asked>,
    /// Seconds of its clock.
    clock: u8,
    asleep: bool,
    life: u8,
    /// The operator in front of it wants the lock.
    takes_over: bool,
    /// It has looked in this step of time.
    looked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    lease: Option<Claim>,
    version: u8,
    engines: Vec<Engine>,
    /// The epoch in each node's record, and how often it was rebooted from its first boot.
    records: Vec<i64>,
    boots: Vec<u8>,
    rebooted_from: Vec<u8>,
    /// The highest epoch in which anything was done.
    highest: i64,
    /// What must never happen.
    broken: Option<&'static str>,
    crashes: u8,
    naps: u8,
    take_overs: u8,
    deletions: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    /// Some time passes for everybody.
    Tick,
    /// It reads the Lease, and decides.
    Look(usize),
    /// What it asked for arrives, and it hears of it, or does not.
    Arrives(usize, bool),
    /// It is lost on the way.
    Lost(usize),
    /// It looks at the Lease once more, and asks for a reboot.
    Act(usize, usize),
    /// It is killed and started again.
    Crash(usize),
    Sleep(usize),
    Wake(usize),
    /// An operator says that the lock be taken.
    TakeOver(usize),
    /// Somebody deletes the Lease.
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
            hand: LeaseState::new(format!("{i}.{life}")),
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
            // somebody was at work before, and gave it back
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
                    if engine.hand.epoch(s(engine.clock)).is_some() && state.boots[node] == 1 {
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
            Action::Tick => {
                state.now += STEP;
                for engine in &mut state.engines {
                    engine.looked = false;
                    // a monotonic clock stands still during sleep; ours does not
                    if !(engine.asleep && self.without.sleepless_clock) {
                        engine.clock += STEP;
                    }
                    // the client drops what is under way when the term ends
                    if !engine.asleep
                        && engine.hand.epoch(s(engine.clock)).is_none()
                        && matches!(engine.asked, Some(Asked::Reboot { .. }))
                    {
                        engine.asked = None;
                    }
                }
            }
            Action::Look(i) => {
                let read = state.lease.clone();
                let written = *state.records.iter().max().unwrap();
                let engine = &mut state.engines[i];
                engine.looked = true;
                let context = LeaseContext { ended: false, take_over: engine.takes_over, written };
                let now = engine.clock;
                if let Move::Write { epoch, acts_after } = engine.hand.next_move(read.as_ref(), context, s(now)) {
                    let acts_after = if self.without.patience { 0 } else { seconds(acts_after) };
                    engine.asked = Some(Asked::Write { read, epoch, acts_after, at: now });
                }
            }
            Action::Lost(i) => state.engines[i].asked = None,
            Action::Arrives(i, heard) => {
                let asked = state.engines[i].asked.take()?;
                match asked {
                    Asked::Write { read, epoch, acts_after, at } => {
                        let engine = &state.engines[i];
                        // a request is given up after a second and a half: it may arrive, nobody hears of it
                        let heard = heard && !engine.asleep && engine.clock - at <= 2;
                        let fits = self.without.swap || state.lease == read;
                        if fits {
                            state.version += 1;
                            state.lease = Some(Claim {
                                holder: format!("e{i}"),
                                process: format!("{i}.{}", engine.life),
                                epoch,
                                version: state.version.to_string(),
                            });
                            if heard {
                                let engine = &mut state.engines[i];
                                engine.hand.written(epoch, s(acts_after), s(at));
                                engine.takes_over = false;
                            }
                        } else if heard {
                            state.engines[i].hand.lost();
                        }
                    }
                    Asked::Reboot { node, epoch, boot, life } => {
                        // what is on its way while its sender sleeps, or after it died, nobody can call back: there
                        // the boot id has to do
                        let sender = &state.engines[i];
                        if epoch < state.highest && !sender.asleep && life == sender.life {
                            state.broken = Some("something was done in an older term after a newer one");
                        }
                        state.highest = state.highest.max(epoch);
                        state.records[node] = state.records[node].max(epoch);
                        if self.without.boot_id || state.boots[node] == boot {
                            if boot == 1 {
                                state.rebooted_from[node] += 1;
                            }
                            state.boots[node] += 1;
                        }
                        if state.rebooted_from[node] > 1 {
                            state.broken = Some("a node was rebooted twice for one boot");
                        }
                    }
                }
            }
            Action::Act(i, node) => {
                let lease = state.lease.clone();
                let engine = &mut state.engines[i];
                let epoch = engine.hand.epoch(s(engine.clock))?;
                if !engine.hand.confirms(lease.as_ref()) {
                    engine.hand.lost();
                    return Some(state);
                }
                engine.asked = Some(Asked::Reboot { node, epoch, boot: state.boots[node], life: engine.life });
            }
            Action::Crash(i) => {
                let engine = &mut state.engines[i];
                // what was on its way stays on its way: it may still arrive, as whose it was
                let asked = engine.asked.take();
                *engine = Self::fresh(i, engine.life + 1, engine.clock);
                if matches!(asked, Some(Asked::Reboot { .. })) {
                    engine.asked = asked;
                }
                state.crashes += 1;
            }
            Action::Sleep(i) => {
                state.engines[i].asleep = true;
                state.naps += 1;
            }
            Action::Wake(i) => {
                let engine = &mut state.engines[i];
                engine.asleep = false;
                if engine.hand.epoch(s(engine.clock)).is_none() && matches!(engine.asked, Some(Asked::Reboot { .. })) {
                    engine.asked = None;
                }
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
        let may_act = |e: &Engine| !e.asleep && e.hand.epoch(s(e.clock)).is_some();
        if state.engines.iter().filter(|e| may_act(e)).count() > 1 {
            state.broken = Some("two engines may act at once");
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing that must not happen does", |_, state: &State| state.broken.is_none()),
            Property::sometimes("every node is rebooted", |_, state: &State| state.boots.iter().all(|b| *b == 2)),
            Property::sometimes("a second engine acts", |_, state: &State| {
                state.highest > 2 && state.boots.contains(&2)
            }),
        ]
    }
}

fn check(without: Without, last: u8) -> (usize, usize, Option<String>) {
    let checker =
        Cluster { without, last }.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let broken = checker.discovery("nothing that must not happen does");
    let told = broken.map(|path| path.last_state().broken.unwrap_or("?").to_owned());
    if told.is_none() && without == Without::default() {
        checker.assert_any_discovery_of_sometimes();
    }
    (checker.unique_state_count(), checker.max_depth(), told)
}

trait Sometimes {
    fn assert_any_discovery_of_sometimes(&self);
}

impl<C: Checker<Cluster>> Sometimes for C {
    /// A model in which nothing ever happens breaks no rule either.
    fn assert_any_discovery_of_sometimes(&self) {
        for name in ["every node is rebooted", "a second engine acts"] {
            assert!(self.discovery(name).is_some(), "never: {name}");
        }
    }
}

/// Every state that there is.
#[test]
fn nothing_that_must_not_happen_does() {
    let last = std::env::var("CUTOVER_MODEL_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(10);
    let (states, depth, broken) = check(Without::default(), last);
    println!("{states} states, up to {depth} steps deep, {last} seconds");
    assert_eq!(broken, None);
    assert!(DURATION > ACTS);
}

/// Each rule is there for something: without it the model finds what goes wrong.
#[test]
fn each_rule_is_missed() {
    let none = Without::default();
    for (name, without) in [
        ("compare-and-swap", Without { swap: true, ..none }),
        ("patience", Without { patience: true, ..none }),
        ("a clock that runs during sleep", Without { sleepless_clock: true, ..none }),
        ("boot id", Without { boot_id: true, ..none }),
    ] {
        let (_, _, broken) = check(without, 10);
        println!("without {name}: {broken:?}");
        assert!(broken.is_some(), "nobody misses {name}");
    }
}
