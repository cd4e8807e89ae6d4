//! What a frame is drawn from, and what is asked of it by more than one screen or dialog.

use std::borrow::Cow;

use jiff::Timestamp;

use super::outlook::{self, Outlook};
use crate::{
    domain::{
        api::{Finding, Migration, MigrationStatus, NodeMigrationStatus, PhaseState, PhaseStatus, Stage, Target},
        facts::{Facts, Freshness, Source},
        lease::{EngineState, Holder},
        log::Log,
        turn::{Remedy, Turn, TurnOf},
        view::View,
    },
    hubble::window::Window,
};

/// The cluster, as header and dialogs name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterName {
    /// The context.
    pub context: String,
    /// The API server's address.
    pub server: String,
    /// It is marked as production.
    pub production: bool,
    /// Every change is confirmed by the context's name, as the config file asks.
    pub confirms_by_name: bool,
}

/// Who runs the engine, as far as this cockpit knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runner<'a> {
    /// This cockpit.
    Here,
    /// This cockpit, soon.
    Starting,
    /// Another one.
    Other(&'a str),
    /// Another one, which does not renew its Lease any more.
    Silent(&'a str),
    /// None: nothing moves.
    NoEngine,
    /// This cockpit would, and is not let in.
    Unauthorized,
    /// It is not known.
    Unknown,
}

impl Runner<'_> {
    /// It is known that nothing moves, whatever is approved.
    pub(super) const fn is_none(self) -> bool {
        matches!(self, Self::NoEngine | Self::Silent(_) | Self::Unauthorized)
    }
}

/// Everything as it is now.
pub struct Scene<'a> {
    /// What is known.
    pub facts: &'a Facts,
    /// Grows with every change of the facts.
    pub revision: u64,
    /// The Migration that exists, or the one that would be created.
    pub migration: &'a Migration,
    /// What was worked out from the facts a moment ago.
    pub outlook: &'a Outlook,
    /// The flows.
    pub window: &'a Window,
    /// The log.
    pub log: &'a Log,
    /// What the engine of this cockpit does.
    pub engine: &'a EngineState,
    /// The time.
    pub now: Timestamp,
}

impl<'a> Scene<'a> {
    /// As the domain sees it.
    pub(super) fn view(&self) -> View<'a> {
        View::read_only(self.facts, self.migration, self.now)
    }

    pub(super) fn runner(&self) -> Runner<'a> {
        match (self.engine, &self.facts.engine) {
            (EngineState::Acting, _) => Runner::Here,
            (EngineState::TakingOver, _) => Runner::Starting,
            (EngineState::Elsewhere(who), _) | (EngineState::Off, Holder::Renewing(who)) => Runner::Other(who),
            (EngineState::Unauthorized(_), _) => Runner::Unauthorized,
            (EngineState::Off, Holder::Silent(who)) => Runner::Silent(who),
            (EngineState::Off, Holder::None) => Runner::NoEngine,
            (EngineState::LeaseUnknown(_) | EngineState::Off, _) => Runner::Unknown,
        }
    }

    /// Something is under way or approved, and no engine carries it out.
    pub(super) fn is_stranded(&self) -> bool {
        let at_work =
            |p: &PhaseStatus| !matches!(p.state, PhaseState::Done | PhaseState::Pending | PhaseState::NeedsApproval);
        self.runner().is_none() && self.facts.migration.is_some() && self.phases().iter().any(at_work)
    }

    /// What waits for an operator, what holds most first.
    pub(super) fn turns(&self) -> &'a [Turn] {
        &self.outlook.turns
    }

    /// Consents are waited for: for this node, or for a connection that holds every one. Without a node: for any.
    pub(super) fn wants_consents(&self, node: Option<&str>) -> bool {
        let concerns = |of: &TurnOf| match (of, node) {
            (TurnOf::Node(of), Some(node)) => **of == *node,
            _ => true,
        };
        self.turns().iter().any(|t| t.action == Remedy::Consent && concerns(&t.object))
    }

    /// The node's own record wants it on Flannel.
    pub(super) fn asked_back(&self, node: &str) -> bool {
        self.facts.node_migrations.get(node).is_some_and(|r| r.spec.target == Target::Flannel)
    }

    /// What the Migration has come to, where there is one.
    pub(super) fn status(&self) -> Option<&'a MigrationStatus> {
        self.facts.migration.as_ref()?.status.as_ref()
    }

    pub(super) fn stage(&self) -> Stage {
        self.status().map(|s| s.phase).unwrap_or_default()
    }

    /// What the migration waits for; empty when it works.
    pub(super) fn waiting(&self) -> &'a str {
        self.status().map_or("", |s| &s.waiting.message)
    }

    /// What a node has come to.
    pub(super) fn node(&self, name: &str) -> &'a NodeMigrationStatus {
        self.view().status(name)
    }

    /// Every phase: as the engine wrote it, else as it would be decided now.
    pub(super) fn phases(&self) -> &'a [PhaseStatus] {
        self.status().map(|s| s.phases.as_slice()).filter(|p| !p.is_empty()).unwrap_or(&self.outlook.phases)
    }

    /// Findings of the record; of preflight before there is one, of the verification when it is time for that.
    pub(super) fn findings(&self) -> &'a [Finding] {
        &self.outlook.findings
    }

    /// The findings are about what was reached, not about what stands in the way.
    pub(super) fn shows_verification(&self) -> bool {
        outlook::is_proof(&self.view(), self.stage())
    }

    /// Why a table is empty while its source is not there.
    pub(super) fn missing(&self, source: Source) -> Option<Cow<'a, str>> {
        match &self.facts.sources[source] {
            Freshness::Starting => Some("loading…".into()),
            Freshness::Retrying { error, .. } => Some(format!("cannot be read: {error}").into()),
            Freshness::Live | Freshness::Absent => None,
        }
    }
}
