//! What an engine may not know of yet: what others did a moment ago, or while its machine slept or its requests and
//! watches were hit by a fault.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::Observer;

/// How soon an engine knows of what others did, where nothing is in the way.
const AWARE: Duration = Duration::from_secs(3);
/// How long it may not know of it otherwise: its watches may be silent, or its requests late.
const UNAWARE: Duration = Duration::from_secs(40);

#[derive(Default)]
pub(super) struct Knowledge {
    /// When others last changed something that matters.
    disturbed: Option<Instant>,
    /// When others last changed the release.
    release: Option<Instant>,
    /// The workstations that faults are between and the cluster, and until when: for ever where nothing is said.
    deaf: BTreeMap<&'static str, Option<Instant>>,
    /// Nodes that others have taken out for themselves, and since when.
    claims: BTreeMap<String, Instant>,
}

impl Observer {
    pub fn disturbed(&self) {
        self.knowledge.lock().unwrap().disturbed = Some(Instant::now());
    }

    pub fn release_changes(&self) {
        self.knowledge.lock().unwrap().release = Some(Instant::now());
    }

    pub fn deaf(&self, station: &'static str, until: Option<Instant>) {
        let mut knowledge = self.knowledge.lock().unwrap();
        let longest = match (until, knowledge.deaf.get(station)) {
            (Some(until), Some(Some(known))) => Some(until.max(*known)),
            (until, _) => until,
        };
        knowledge.deaf.insert(station, longest);
    }

    /// A node that others work on from now on.
    pub fn claim(&self, node: &str) {
        self.knowledge.lock().unwrap().claims.entry(node.to_owned()).or_insert_with(Instant::now);
    }

    pub fn unclaim(&self, node: &str) {
        self.knowledge.lock().unwrap().claims.remove(node);
    }

    pub(super) fn is_claimed(&self, process: &str, node: &str) -> bool {
        let since = self.knowledge.lock().unwrap().claims.get(node).copied();
        since.is_some_and(|since| !self.may_not_know(process, since))
    }

    /// It may not know of the last thing that others did.
    pub(super) fn is_unaware(&self, process: &str) -> bool {
        let last = self.knowledge.lock().unwrap().disturbed;
        last.is_some_and(|at| self.may_not_know(process, at))
    }

    /// Of the release it asks before each operation.
    pub(super) fn may_not_know_the_release(&self) -> bool {
        self.knowledge.lock().unwrap().release.is_some_and(|at| at.elapsed() < AWARE)
    }

    /// It may not know of something that happened then.
    fn may_not_know(&self, process: &str, at: Instant) -> bool {
        let passed = at.elapsed();
        let station = process.split('-').next().unwrap_or_default();
        let deaf = match self.knowledge.lock().unwrap().deaf.get(station) {
            None => false,
            Some(None) => true,
            Some(Some(until)) => *until + UNAWARE > Instant::now(),
        };
        passed < AWARE || (deaf && passed < UNAWARE)
    }
}
