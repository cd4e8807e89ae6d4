//! Effects under way: each name once, failures with back-off, results into the journal.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::{Clock, Journal, entry};
use crate::{
    cluster::{
        apply::Refusal,
        port::{Cluster, Permit},
    },
    domain::{
        effect::Effect,
        host::Way,
        log::Kind,
        problem::{Problem, ProblemKind},
        view::{Failure, Failures},
    },
};

/// How long a request may take; helm has its own limit.
const REQUEST: Duration = Duration::from_secs(30);
/// How long a host task may take through `ssh`: what was begun there goes on when nobody waits for it any more.
const SSH: Duration = Duration::from_secs(300);
/// After a success the watch needs a moment to show it; until then it is not done again.
const ECHO: Duration = Duration::from_millis(500);
/// The pause while a budget holds, with jitter: when it is asked again is decided by who watches the budget.
const BUDGET_PAUSE: Duration = Duration::from_secs(1);
/// The shortest and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

pub(super) struct Work<C> {
    cluster: C,
    journal: Journal,
    clock: Arc<dyn Clock>,
    running: JoinSet<(Effect, Result<(), Refusal>)>,
    in_flight: BTreeSet<String>,
    ended: BTreeSet<String>,
    not_before: HashMap<String, Instant>,
    failures: Failures,
}

impl<C: Cluster> Work<C> {
    pub(super) fn new(cluster: C, journal: Journal, clock: Arc<dyn Clock>) -> Self {
        Self {
            cluster,
            journal,
            clock,
            running: JoinSet::new(),
            in_flight: BTreeSet::new(),
            ended: BTreeSet::new(),
            not_before: HashMap::new(),
            failures: Failures::new(),
        }
    }

    pub(super) const fn failures(&self) -> &Failures {
        &self.failures
    }

    pub(super) const fn in_flight(&self) -> &BTreeSet<String> {
        &self.in_flight
    }

    pub(super) const fn ended(&self) -> &BTreeSet<String> {
        &self.ended
    }

    /// Those that are not under way, and whose pause is over.
    pub(super) fn due(&self, mut effects: Vec<Effect>) -> Vec<Effect> {
        let now = Instant::now();
        effects.retain(|e| {
            let name = e.name();
            !self.in_flight.contains(&name) && self.not_before.get(&name).is_none_or(|t| *t <= now)
        });
        effects
    }

    /// Begins an effect in a term. When the term ends it is dropped where it is, and whoever comes after looks.
    pub(super) fn begin(&mut self, effect: Effect, permit: Permit) {
        let name = effect.name();
        if self.in_flight.contains(&name) {
            return;
        }
        self.in_flight.insert(name.clone());
        self.ended.remove(&name);
        let mut line = entry(Kind::Begin, effect.object(), effect.words());
        line.kubectl = effect.kubectl();
        if !self.failures.contains_key(&effect.name()) {
            self.journal.add(line);
        }
        let (cluster, journal) = (self.cluster.clone(), self.journal.clone());
        self.running.spawn(async move {
            let (lines, mut said) = mpsc::channel(256);
            let object = effect.object();
            let echo = tokio::spawn(async move {
                while let Some(line) = said.recv().await {
                    journal.say(Kind::Output, object.clone(), line);
                }
            });
            let limit = match &effect {
                Effect::Helm(_) | Effect::Uninstall { .. } => Duration::MAX,
                Effect::Task { way: Way::Ssh { .. }, .. } => SSH,
                _ => REQUEST,
            };
            let result = cluster.apply(&effect, permit, limit, lines).await;
            let _ = echo.await;
            (effect, result)
        });
    }

    /// Waits until an effect has ended and takes its result in.
    pub(super) async fn finished(&mut self) {
        match self.running.join_next().await {
            Some(Ok((effect, result))) => self.took(&effect, result),
            Some(Err(e)) => tracing::error!("an effect ended without a result: {e}"),
            None => std::future::pending().await,
        }
    }

    fn took(&mut self, effect: &Effect, result: Result<(), Refusal>) {
        let name = effect.name();
        self.in_flight.remove(&name);
        let now = Instant::now();
        self.not_before.retain(|_, t| *t > now);
        match result {
            Ok(()) => {
                self.failures.remove(&name);
                if matches!(effect, Effect::Helm(_) | Effect::Uninstall { .. }) {
                    self.ended.insert(name.clone());
                }
                self.not_before.insert(name, now + ECHO);
                self.journal.say(Kind::Done, effect.object(), effect.words());
            }
            Err(refusal) => {
                let count = self.failures.get(&name).map_or(0, |f| f.count) + 1;
                let waits = refusal.kind != Refused::Fault;
                let pause = if refusal.kind == Refused::Budget { jittered(BUDGET_PAUSE) } else { pause(count) };
                self.not_before.insert(name.clone(), now + pause);
                let kind = if waits { Kind::Waiting } else { Kind::Failed };
                // the numbers of a budget change all the time: that it waits is said once
                let known = self
                    .failures
                    .get(&name)
                    .is_some_and(|f| f.message == refusal.message || (waits && f.kind == refusal.kind));
                if !known {
                    self.journal.say(
                        kind,
                        effect.object(),
                        format!("{}: {}. {}", effect.words(), refusal.message, refusal.next),
                    );
                }
                let Refusal { message, next, kind } = refusal;
                self.failures.insert(name, Failure { message, next, at: self.clock.now(), count, kind });
                self.forget_old();
            }
        }
    }

    /// A pod that is gone never succeeds: what failed long ago and is not tried any more is forgotten.
    fn forget_old(&mut self) {
        let now = self.clock.now();
        self.failures.retain(|_, f| now.duration_since(f.at).as_secs() < 300);
    }

    /// The term is over: what failed in it, and what ended in it, is for the next one to find out.
    pub(super) fn forget(&mut self) {
        self.failures.clear();
        self.ended.clear();
    }

    /// Waits until nothing is under way: an answer that is not waited for is an unknown that need not be, and a helm
    /// that is killed leaves its release locked.
    pub(super) async fn settled(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            if let Ok((effect, result)) = ended {
                self.took(&effect, result);
            }
        }
    }

    /// How long [`Self::settled`] is worth waiting for.
    pub(super) fn patience(&self) -> Duration {
        let long = self.in_flight.iter().any(|n| n.starts_with("helm") || n.starts_with("task"));
        Duration::from_secs(if long { 120 } else { 5 })
    }

    /// Nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }
}

/// Doubles from the shortest to the longest, with jitter, never below the shortest.
fn pause(count: u32) -> Duration {
    let (shortest, longest) = PAUSES;
    let base = shortest.saturating_mul(1 << count.saturating_sub(1).min(6)).min(longest);
    jittered(base)
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + fastrand::f64() / 2.0)
}
