//! Effects under way: each name once, failures with back-off, results into the journal.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::{Clock, Journal, entry};
use crate::{
    cluster::port::{Cluster, Permit},
    domain::{
        effect::{Description, Effect},
        log::Kind,
        problem::{Problem, ProblemKind},
        view::{Failure, Failures},
    },
};

/// After a success the watch needs a moment to show it; until then it is not done again.
const ECHO: Duration = Duration::from_millis(500);
/// How long the engine waits at its end for changes that go on without it, and for mere requests.
const EXIT_PATIENCE: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(5));
/// The pause while a budget holds, with jitter: the drain, which sees the budget, decides when to ask again.
const BUDGET_PAUSE: Duration = Duration::from_secs(1);
/// The shortest and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

pub(super) struct Work<C> {
    cluster: C,
    journal: Journal,
    clock: Arc<dyn Clock>,
    running: JoinSet<(Description, Result<(), Problem>)>,
    in_flight: BTreeSet<String>,
    /// Those of them that go on when the term ends.
    outliving: BTreeSet<String>,
    ended: BTreeSet<String>,
    not_before: HashMap<String, Instant>,
    /// Until when watches may not show what has succeeded.
    echoes: HashMap<String, Instant>,
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
            outliving: BTreeSet::new(),
            ended: BTreeSet::new(),
            not_before: HashMap::new(),
            echoes: HashMap::new(),
            failures: Failures::new(),
        }
    }

    pub(super) const fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Those that are under way, and those that watches may not show yet.
    pub(super) fn in_flight(&self) -> BTreeSet<String> {
        let now = Instant::now();
        let young = self.echoes.iter().filter(|(_, until)| **until > now).map(|(name, _)| name);
        self.in_flight.iter().chain(young).cloned().collect()
    }

    /// When the next of them is shown for certain.
    pub(super) fn next_echo(&self) -> Option<Instant> {
        let now = Instant::now();
        self.echoes.values().filter(|until| **until > now).min().copied()
    }

    pub(super) const fn ended(&self) -> &BTreeSet<String> {
        &self.ended
    }

    /// Those that are not under way, and whose pause is over.
    pub(super) fn due(&self, mut effects: Vec<Effect>) -> Vec<Effect> {
        let now = Instant::now();
        effects.retain(|e| {
            let name = e.name();
            let paused = [&self.not_before, &self.echoes].iter().any(|m| m.get(&name).is_some_and(|t| *t > now));
            !self.in_flight.contains(&name) && !paused
        });
        effects
    }

    /// Begins an effect in a term. When the term ends it is dropped where it is, and the next engine looks.
    pub(super) fn begin(&mut self, effect: Effect, permit: Permit) {
        let described = effect.describe();
        let Description { name, object, words, kubectl, limit, outlives_term, .. } = &described;
        if !self.in_flight.insert(name.clone()) {
            return;
        }
        if *outlives_term {
            self.outliving.insert(name.clone());
        }
        self.ended.remove(name);
        if !self.failures.contains_key(name) {
            let mut line = entry(Kind::Begin, object, words);
            line.kubectl.clone_from(kubectl);
            self.journal.add(line);
        }
        let (cluster, journal, limit) = (self.cluster.clone(), self.journal.clone(), *limit);
        self.running.spawn(async move {
            let (lines, mut said) = mpsc::channel(256);
            let object = described.object.clone();
            let echo = tokio::spawn(async move {
                while let Some(line) = said.recv().await {
                    journal.say(Kind::Output, object.clone(), line);
                }
            });
            let result = cluster.apply(&effect, permit, limit, lines).await;
            let _ = echo.await;
            (described, result)
        });
    }

    /// Waits until an effect has ended and takes its result in.
    pub(super) async fn finished(&mut self) {
        match self.running.join_next().await {
            Some(Ok((effect, result))) => self.took(effect, result),
            Some(Err(e)) => tracing::error!("an effect ended without a result: {e}"),
            None => std::future::pending().await,
        }
    }

    fn took(&mut self, effect: Description, result: Result<(), Problem>) {
        let Description { name, object, words, unseen, .. } = effect;
        self.in_flight.remove(&name);
        let outlives_term = self.outliving.remove(&name);
        let now = Instant::now();
        self.not_before.retain(|_, t| *t > now);
        self.echoes.retain(|_, t| *t > now);
        let Err(problem) = result else {
            self.failures.remove(&name);
            if outlives_term || unseen {
                self.ended.insert(name.clone());
            }
            self.echoes.insert(name, now + ECHO);
            self.journal.say(Kind::Done, object, words);
            return;
        };
        let known = self.failures.get(&name);
        let count = known.map_or(0, |f| f.count) + 1;
        let pause = if problem.kind == ProblemKind::Budget { jittered(BUDGET_PAUSE) } else { pause(count) };
        self.not_before.insert(name.clone(), now + pause);
        let passes = problem.kind.is_transient();
        // the numbers of a budget change all the time: that it waits is said once
        let same = |f: &Failure| f.problem.message == problem.message || (passes && f.problem.kind == problem.kind);
        if !known.is_some_and(same) {
            let kind = if passes { Kind::Waiting } else { Kind::Failed };
            self.journal.say(kind, object, format!("{words}: {}. {}", problem.message, problem.remedy));
        }
        self.failures.insert(name, Failure { problem, at: self.clock.now(), count });
        self.forget_old();
    }

    /// A pod that is gone never succeeds: old failures of what is not tried any more are dropped.
    fn forget_old(&mut self) {
        let now = self.clock.now();
        self.failures.retain(|_, f| now.duration_since(f.at).as_secs() < 300);
    }

    /// The term is over: what failed in it, and what ended in it, is for the next one to find out.
    pub(super) fn forget(&mut self) {
        self.failures.clear();
        self.ended.clear();
    }

    /// Waits until nothing is under way: an answer that is not waited for is an avoidable unknown, and a helm that is
    /// killed leaves its release locked.
    pub(super) async fn settled(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            if let Ok((effect, result)) = ended {
                self.took(effect, result);
            }
        }
    }

    /// How long [`Self::settled`] is worth waiting for.
    pub(super) fn patience(&self) -> Duration {
        let (long, short) = EXIT_PATIENCE;
        if self.outliving.is_empty() { short } else { long }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::port::RequestError,
        domain::{
            api::{Migration, MigrationStatus, NodeMigration, NodeMigrationStatus},
            audit::Anchor,
            host::{HostTask, Way},
            lock::Claim,
        },
        engine::SystemClock,
    };

    /// A cluster that never answers.
    #[derive(Clone)]
    struct Silent;

    impl Cluster for Silent {
        async fn lease(&self) -> Result<Option<Claim>, RequestError> {
            std::future::pending().await
        }
        async fn write_lease(&self, _: &Claim) -> Result<Claim, RequestError> {
            std::future::pending().await
        }
        async fn write_migration(&self, _: &Migration, _: &MigrationStatus) -> Result<Migration, RequestError> {
            std::future::pending().await
        }
        async fn write_node(&self, _: &NodeMigration, _: &NodeMigrationStatus) -> Result<NodeMigration, RequestError> {
            std::future::pending().await
        }
        async fn apply(&self, _: &Effect, _: Permit, _: Duration, _: mpsc::Sender<String>) -> Result<(), Problem> {
            std::future::pending().await
        }
        fn audited(&self) -> Option<Anchor> {
            None
        }
        fn tell(&self, _: &NodeMigration, _: &'static str, _: String, _: bool) {}
        fn has_ended(&self, _: &Claim) -> bool {
            false
        }
    }

    fn patience(effect: Effect) -> Duration {
        let mut work = Work::new(Silent, Journal::default(), Arc::new(SystemClock::default()));
        work.begin(effect, Permit::new(1, || Duration::from_secs(1)));
        work.patience()
    }

    #[tokio::test]
    async fn at_the_exit_what_goes_on_without_the_engine_is_waited_for() {
        let (long, short) = EXIT_PATIENCE;
        let look = |way| Effect::Task { node: "n1".into(), task: HostTask::Look, nth: 1, way };
        assert_eq!(patience(look(Way::Ssh { target: "root@n1".into() })), long, "it runs on the host");
        assert_eq!(patience(Effect::Uninstall { namespace: "kube-system".into() }), long);
        assert_eq!(patience(look(Way::Pod { namespace: "kube-system".into(), image: "i".into(), owner: None })), short);
        assert_eq!(patience(Effect::Cordon { node: "n1".into(), owner: None }), short);
    }
}
