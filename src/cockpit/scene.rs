//! What a frame is drawn from, and what is asked of it by more than one screen or dialog.

use std::borrow::Cow;

use jiff::Timestamp;

use super::outlook::{self, Outlook};
use crate::{
    domain::{
        api::{Finding, Migration, MigrationStatus, NodeMigrationStatus, PhaseStatus, Stage},
        facts::{Facts, Freshness, Source},
        lease::EngineState,
        log::Log,
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
        outlook::status_of(self.facts, name)
    }

    /// Every phase: as the engine wrote it, else as it would be decided now.
    pub(super) fn phases(&self) -> &'a [PhaseStatus] {
        self.status().map(|s| s.phases.as_slice()).filter(|p| !p.is_empty()).unwrap_or(&self.outlook.phases)
    }

    /// Findings of the record; of preflight before there is one, of the verification when it is time for that.
    pub(super) fn findings(&self) -> &'a [Finding] {
        match (self.status(), &self.facts.migration) {
            (Some(s), _) if !self.shows_verification() => &s.findings,
            (None, Some(_)) => &[],
            _ => &self.outlook.findings,
        }
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
