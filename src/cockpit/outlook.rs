//! What costs too much to be worked out for every frame: the order of the nodes, what would be decided now, the
//! findings. It is worked out beside the screen, and a frame shows what came last.

use std::{
    sync::{
        Arc, LazyLock, PoisonError, RwLock,
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
    api::{Finding, Migration, NodeMigrationStatus, PhaseState, PhaseStatus, Severity, Stage},
    checks,
    decide::decide,
    eta::{self, Estimate},
    facts::{Facts, Key},
    phase::Phase,
    rolling::View,
    step::Step,
};

/// The shortest time between two.
const PAUSE: Duration = Duration::from_millis(30);
/// Working it out takes at most this share of the time: one part in ten.
const SHARE: u32 = 9;

/// What was worked out from the facts.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// No other one has this number.
    pub(super) number: u64,
    /// Names of the nodes in the migration's order.
    pub(super) order: Vec<Arc<str>>,
    /// How many of them are on Cilium.
    pub(super) done: usize,
    /// How long it will still take, where that can be said.
    pub(super) estimate: Option<Estimate>,
    /// Why the engine would do nothing now.
    pub(super) held: Option<String>,
    /// The phases, as they would be decided now.
    pub(super) phases: Vec<PhaseStatus>,
    /// What preflight finds before there is a Migration; what the verification finds at its end.
    pub(super) findings: Vec<Finding>,
    /// The pods that carry the network.
    pub(super) pods: Vec<(Component, Key)>,
}

impl Outlook {
    /// Works it out. `proposed` is the Migration that the first request would create.
    pub fn of(facts: &Facts, proposed: &Migration, now: Timestamp) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let view = View::read_only(facts, facts.migration.as_ref().unwrap_or(proposed), now);
        let order: Vec<Arc<str>> = view.nodes_in_order().into_iter().map(|n| n.name.clone()).collect();
        let statuses = || order.iter().map(|n| status_of(facts, n));
        let done = statuses().filter(|s| s.step == Step::Done).count();
        let mut outlook = Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            done,
            estimate: eta::estimate(
                statuses(),
                view.migration.spec.target,
                view.migration.spec.nodes.max_unavailable,
                now,
            ),
            pods: components::all(facts),
            ..Self::default()
        };
        match &facts.migration {
            Some(migration) => {
                let stage = migration.status.as_ref().map(|s| s.phase).unwrap_or_default();
                if matches!(stage, Stage::Complete | Stage::Verify) {
                    outlook.findings = checks::verification(&view);
                }
                let decision = decide(view);
                (outlook.held, outlook.phases) = (decision.held, decision.migration.phases);
            }
            None => {
                // what was not listed yet would look as if it did not exist
                if facts.is_known() {
                    outlook.findings = checks::preflight(&view);
                }
                outlook.phases = before(&outlook.findings);
            }
        }
        outlook.order = order;
        outlook
    }
}

/// What a node has come to.
pub(super) fn status_of<'a>(facts: &'a Facts, node: &str) -> &'a NodeMigrationStatus {
    static NOTHING: LazyLock<NodeMigrationStatus> = LazyLock::new(NodeMigrationStatus::default);
    facts.node_migrations.get(node).and_then(|r| r.status.as_ref()).unwrap_or(&NOTHING)
}

/// The phases while there is no Migration: preflight says whether the first one may be approved.
fn before(findings: &[Finding]) -> Vec<PhaseStatus> {
    let blocking = findings.iter().find(|f| f.severity == Severity::Block);
    let state = |phase: Phase| match (phase, blocking) {
        (Phase::Preflight, Some(f)) => (PhaseState::Blocked, format!("{}: {}. {}", f.object, f.message, f.remedy)),
        (Phase::Preflight, None) if findings.is_empty() => (PhaseState::Pending, String::new()),
        (Phase::Preflight, None) => (PhaseState::Done, String::new()),
        (Phase::Install, None) => (PhaseState::NeedsApproval, String::new()),
        _ => (PhaseState::Pending, String::new()),
    };
    let status = |name: Phase| {
        let (state, message) = state(name);
        PhaseStatus { name, state, message, started_at: None, finished_at: None }
    };
    Phase::ALL.map(status).to_vec()
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
        sleep((began.elapsed() * SHARE).max(PAUSE)).await;
        if changed.changed().await.is_err() {
            return;
        }
    }
}
