//! What an engine asks of a cluster: the seam at which tests put a cluster of their own.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::sync::mpsc;

use crate::domain::{
    api::{Migration, MigrationStatus, NodeMigration, NodeMigrationStatus},
    audit::Anchor,
    effect::Effect,
    lock::Claim,
    problem::{Problem, ProblemKind},
};

/// Why a request for the Lease or a status did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// Another writer was first: look again.
    #[error("another writer changed the object first")]
    Conflict,
    /// The credentials are not accepted any more.
    #[error("{0}")]
    Unauthorized(String),
    /// Refused, or unknown whether it was done.
    #[error("{0}")]
    Failed(String),
}

impl RequestError {
    /// As a problem of an object.
    pub fn problem(&self, object: &str) -> Problem {
        let (kind, remedy) = match self {
            Self::Conflict => (ProblemKind::Conflict, "It is read again."),
            Self::Unauthorized(_) => (ProblemKind::Unauthorized, "Log in again; it resumes by itself."),
            Self::Failed(_) => (ProblemKind::Unknown, "It is read before it is written again."),
        };
        Problem::new(object, self.to_string(), remedy).of_kind(kind)
    }
}

/// Leave to change something, in one term of the Lease.
#[derive(Clone)]
pub struct Permit {
    /// The term.
    pub epoch: i64,
    left: Arc<dyn Fn() -> Duration + Send + Sync>,
}

/// How long at most the end of a term goes unnoticed after the machine slept.
const GLANCE: Duration = Duration::from_millis(250);

impl Permit {
    /// A permit that holds as long as there is time left.
    pub fn new(epoch: i64, left: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { epoch, left: Arc::new(left) }
    }

    /// It may still be acted on.
    pub fn holds(&self) -> bool {
        !(self.left)().is_zero()
    }

    /// Waits until it does not hold any more.
    pub async fn ended(&self) {
        while self.holds() {
            tokio::time::sleep((self.left)().min(GLANCE)).await;
        }
    }
}

/// A cluster, as an engine sees it.
pub trait Cluster: Clone + Send + Sync + 'static {
    /// Reads the Lease.
    fn lease(&self) -> impl Future<Output = Result<Option<Claim>, RequestError>> + Send;
    /// Writes the Lease for the very version of `claim`; creates it where that is empty. Returns it as written.
    fn write_lease(&self, claim: &Claim) -> impl Future<Output = Result<Claim, RequestError>> + Send;
    /// Writes the Migration's status, provided that the object has not changed since `seen`.
    fn write_migration(
        &self,
        seen: &Migration,
        status: &MigrationStatus,
    ) -> impl Future<Output = Result<Migration, RequestError>> + Send;
    /// Writes a node's status, provided that the record has not changed since `seen`.
    fn write_node(
        &self,
        seen: &NodeMigration,
        status: &NodeMigrationStatus,
    ) -> impl Future<Output = Result<NodeMigration, RequestError>> + Send;
    /// Makes a change, within a time limit and as long as the permit holds. Lines that a program prints meanwhile go to `lines`.
    fn apply(
        &self,
        effect: &Effect,
        permit: Permit,
        limit: Duration,
        lines: mpsc::Sender<String>,
    ) -> impl Future<Output = Result<(), Problem>> + Send;
    /// How far the audit log has come, where one is kept.
    fn audited(&self) -> Option<Anchor>;
    /// Publishes an event about a node.
    fn tell(&self, node: &NodeMigration, reason: &'static str, note: String, wrong: bool);
    /// The process that holds the Lease ran on this machine, and has ended.
    fn has_ended(&self, claim: &Claim) -> bool;
}
