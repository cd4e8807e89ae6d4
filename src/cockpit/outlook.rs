//! What costs too much to be worked out for every frame: the order of the nodes, what would be decided now, the
//! findings. It is worked out beside the screen, and a frame shows what came last.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::components::{self, Component};
use crate::domain::{
    api::{Finding, Migration, PhaseState, PhaseStatus, Stage, Target},
    checks,
    decide::decide,
    eta::{self, Estimate},
    facts::{Facts, Key},
    inventory::Inventory,
    reason::Waiting,
    steps::NodeStep,
    strategy::{Level, PhaseId},
    turn::{Turn, TurnOf, turns},
    view::View,
};

/// The shortest pause between two, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(30), Duration::from_secs(2));
/// The pause lasts this many times as long as the work did.
const REST: u32 = 4;

/// What was worked out from the facts.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// No other one has this number.
    pub(super) number: u64,
    /// Names of the nodes in the migration's order.
    pub(super) order: Vec<Arc<str>>,
    /// The same as tables list them: what waits for an operator first, then what is at work, what is queued, what is done.
    pub(super) listed: Vec<Arc<str>>,
    /// The first one in the queue.
    pub(super) next: Option<Arc<str>>,
    /// How many are through each phase that rolls nodes.
    pub(super) through: Vec<(PhaseId, usize)>,
    /// When the first node began, and when the last one ended where none is at work.
    pub(super) span: Option<(Timestamp, Option<Timestamp>)>,
    /// How many of them are on Cilium.
    pub(super) done: usize,
    /// How long it will still take, where that can be said.
    pub(super) estimate: Option<Estimate>,
    /// Why the engine would do nothing now.
    pub(super) held: Option<String>,
    /// The phases, as they would be decided now.
    pub(super) phases: Vec<PhaseStatus>,
    /// What waits for an operator.
    pub(super) turns: Vec<Turn>,
    /// What preflight finds before there is a Migration; what the verification finds at its end.
    pub(super) findings: Vec<Finding>,
    /// What takes part in the cluster's pod networking: what, which object, what was found.
    pub(super) inventory: Vec<Finding>,
    /// The pods that carry the network.
    pub(super) pods: Vec<(Component, Key)>,
}

impl Outlook {
    /// Works it out. `proposed` is the Migration that the first request would create.
    pub fn of(facts: &Facts, proposed: &Migration, now: Timestamp) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let view = View::read_only(facts, facts.migration.as_deref().unwrap_or(proposed), now);
        let order: Vec<Arc<str>> = view.nodes_in_order().into_iter().map(|n| n.name.clone()).collect();
        let statuses = || order.iter().map(|n| view.status(n));
        let done = statuses().filter(|s| Level::ahead(&view, s, Target::Cilium) == 0).count();
        let passed: Vec<usize> = statuses().map(|s| Level::of(&view, s).passed()).collect();
        let through = (0..).zip(view.strategy.rolls());
        let through = through.map(|(i, roll)| (roll.phase(), passed.iter().filter(|p| **p > i).count())).collect();
        let began = statuses().filter_map(|s| s.steps.first()).map(|t| t.started_at).min();
        let last: Option<Vec<Timestamp>> = statuses().filter_map(|s| s.steps.last()).map(|t| t.finished_at).collect();
        let span = began.map(|began| (began, last.and_then(|ends| ends.into_iter().max())));
        let mut outlook = Self {
            span,
            through,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            done,
            estimate: eta::of(&view, statuses()),
            pods: components::all(facts),
            ..Self::default()
        };
        let written = |m: &Migration| m.status.as_ref().map(|s| s.phases.clone()).filter(|p| !p.is_empty());
        match &facts.migration {
            Some(migration) => {
                let stage = migration.status.as_ref().map(|s| s.phase).unwrap_or_default();
                outlook.findings = match &migration.status {
                    _ if is_proof(&view, stage) => checks::verification(&view),
                    Some(status) => checks::refreshed(&view, &status.findings),
                    None => vec![],
                };
                let decision = decide(view);
                outlook.held = decision.held.map(|w| w.message);
                outlook.phases = decision.migration.phases;
            }
            None => {
                // what was not listed yet would look as if it did not exist
                if facts.is_known() {
                    let decision = decide(view);
                    outlook.findings = decision.migration.findings;
                    outlook.phases = decision.migration.phases;
                } else {
                    outlook.phases = pending(&view);
                }
            }
        }
        outlook.order = order;
        if facts.is_known() {
            outlook.inventory = Inventory::of(&view).findings();
            let phases = facts.migration.as_ref().and_then(|m| written(m));
            outlook.turns = turns(&view, phases.as_ref().unwrap_or(&outlook.phases));
        }
        outlook.list(&view);
        // how long it takes until an operator acts is not known
        if !outlook.turns.is_empty() {
            outlook.estimate = None;
        }
        outlook
    }

    /// Puts the nodes into the order of the tables.
    fn list(&mut self, view: &View<'_>) {
        let waits = |t: &Turn| match &t.object {
            TurnOf::Node(node) => Some(node.clone()),
            _ => None,
        };
        let waiting: BTreeSet<Arc<str>> = self.turns.iter().filter_map(waits).collect();
        let wants_back = |name: &str| view.record(name).is_some_and(|r| r.spec.target == Target::Flannel);
        let place = |name: &Arc<str>| match view.status(name) {
            _ if waiting.contains(name) => Place::Waits,
            s if s.last_error.is_some() => Place::Fails,
            s if matches!(s.step, NodeStep::At(_)) => Place::AtWork,
            // its rollback is requested
            s if wants_back(name) && !s.step.is_unmoved() => Place::AtWork,
            s if Level::ahead(view, s, view.migration.spec.target) > 0 => Place::Queued,
            _ => Place::Done,
        };
        let mut places: Vec<(Place, &Arc<str>)> = self.order.iter().map(|n| (place(n), n)).collect();
        places.sort_by_key(|(place, _)| *place);
        self.next = places.iter().find(|(place, _)| *place == Place::Queued).map(|(_, n)| Arc::clone(n));
        self.listed = places.into_iter().map(|(_, n)| Arc::clone(n)).collect();
    }
}

/// Where a node is listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Waits,
    Fails,
    AtWork,
    Queued,
    Done,
}

/// The findings are about what was reached, not about what stands in the way.
pub(super) fn is_proof(view: &View<'_>, stage: Stage) -> bool {
    stage.is_end() || stage == Stage::At(view.strategy.last())
}

/// The phases while nothing is known of the cluster.
fn pending(view: &View<'_>) -> Vec<PhaseStatus> {
    let pending = |name| PhaseStatus {
        name,
        state: PhaseState::Pending,
        waiting: Waiting::default(),
        started_at: None,
        finished_at: None,
    };
    view.strategy.phases().iter().map(|p| pending(p.id())).collect()
}

/// Works it out whenever the facts have changed, for as long as it is polled.
pub(super) async fn keep(
    facts: Arc<RwLock<Facts>>,
    mut changed: watch::Receiver<u64>,
    proposed: Migration,
    outlook: watch::Sender<Arc<Outlook>>,
) {
    loop {
        changed.borrow_and_update();
        let (facts, proposed) = (Arc::clone(&facts), proposed.clone());
        let began = Instant::now();
        let work =
            move || Outlook::of(&facts.read().unwrap_or_else(PoisonError::into_inner), &proposed, Timestamp::now());
        let Ok(worked_out) = tokio::task::spawn_blocking(work).await else { return };
        outlook.send_replace(Arc::new(worked_out));
        sleep((began.elapsed() * REST).clamp(PAUSE.0, PAUSE.1)).await;
        if changed.changed().await.is_err() {
            return;
        }
    }
}
