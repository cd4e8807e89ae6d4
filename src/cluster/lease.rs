//! The lock: one engine acts. Taken and renewed by compare-and-swap on the Lease's resource version,
//! expired only after its holder was seen unchanged for the whole duration by this machine's own clock.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};

use super::error::{is_conflict, is_not_found};

/// Name of the Lease.
pub const NAME: &str = "cutover";
/// How long a silent holder keeps the lock.
pub const DURATION: Duration = Duration::from_secs(15);
/// How often it is renewed.
pub const RENEW: Duration = Duration::from_secs(5);

/// What a try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is ours.
    Ours,
    /// Somebody else has it.
    Theirs(String),
}

/// One engine's hand on the Lease.
pub struct Lock {
    api: Api<Lease>,
    me: String,
    /// What was seen of another holder, and since when it has not changed.
    seen: Option<(String, Instant)>,
    /// By both clocks: the monotonic one stands still while a laptop sleeps.
    renewed: Option<(Instant, SystemTime)>,
}

impl Lock {
    /// A lock in a namespace for a holder.
    pub fn new(client: Client, namespace: &str, me: String) -> Self {
        Self { api: Api::namespaced(client, namespace), me, seen: None, renewed: None }
    }

    /// The lock was renewed lately enough that nobody else can have taken it.
    pub fn is_fresh(&self) -> bool {
        self.renewed.is_some_and(|(at, wall)| {
            // a wall clock that went back says nothing
            let slept = wall.elapsed().unwrap_or_default();
            at.elapsed().max(slept) < DURATION * 2 / 3
        })
    }

    /// Takes the lock, or renews it.
    ///
    /// # Errors
    /// What the API server said; the lock's state is then unknown and [`Self::is_fresh`] tells how long
    /// it may still be acted on.
    pub async fn hold(&mut self) -> kube::Result<Held> {
        let asked = (Instant::now(), SystemTime::now());
        let current = match self.api.get(NAME).await {
            Ok(lease) => lease,
            Err(e) if is_not_found(&e) => {
                return match self.api.create(&PostParams::default(), &self.lease(ObjectMeta::default(), None)).await {
                    Ok(_) => Ok(self.ours(asked)),
                    Err(e) if is_conflict(&e) => Ok(Held::Theirs("another engine".into())),
                    Err(e) => Err(e),
                };
            }
            Err(e) => return Err(e),
        };
        let spec = current.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        if !holder.is_empty() && holder != self.me && !self.has_expired(&holder, &current) {
            self.renewed = None;
            return Ok(Held::Theirs(holder));
        }
        // the resource version of what was read makes the server refuse this if anybody was quicker
        match self.api.replace(NAME, &PostParams::default(), &self.lease(current.metadata, Some(&spec))).await {
            Ok(_) => Ok(self.ours(asked)),
            Err(e) if is_conflict(&e) => {
                self.renewed = None;
                Ok(Held::Theirs(holder))
            }
            Err(e) => Err(e),
        }
    }

    fn ours(&mut self, asked: (Instant, SystemTime)) -> Held {
        self.seen = None;
        self.renewed = Some(asked);
        Held::Ours
    }

    /// Another holder counts as gone once nothing changed for the whole duration, watched by ourselves:
    /// the time in the Lease is of another clock.
    fn has_expired(&mut self, holder: &str, lease: &Lease) -> bool {
        let version = format!("{holder} {}", lease.metadata.resource_version.as_deref().unwrap_or_default());
        match &self.seen {
            Some((seen, since)) if *seen == version => since.elapsed() >= DURATION,
            _ => {
                self.seen = Some((version, Instant::now()));
                false
            }
        }
    }

    fn lease(&self, metadata: ObjectMeta, before: Option<&LeaseSpec>) -> Lease {
        let now = Some(MicroTime(Timestamp::now()));
        let same = before.is_some_and(|b| b.holder_identity.as_deref() == Some(&self.me));
        let transitions = before.and_then(|b| b.lease_transitions).unwrap_or(0);
        Lease {
            metadata: ObjectMeta { name: Some(NAME.into()), ..metadata },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.me.clone()),
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                acquire_time: if same { before.and_then(|b| b.acquire_time.clone()) } else { now.clone() },
                renew_time: now,
                lease_transitions: Some(if same { transitions } else { transitions + 1 }),
                ..LeaseSpec::default()
            }),
        }
    }

    /// Gives the lock back, so that the next engine need not wait for it to expire.
    pub async fn release(&mut self) {
        self.renewed = None;
        let Ok(mut lease) = self.api.get(NAME).await else { return };
        let Some(spec) = lease.spec.as_mut().filter(|s| s.holder_identity.as_deref() == Some(&self.me)) else { return };
        spec.holder_identity = None;
        if let Err(e) = self.api.replace(NAME, &PostParams::default(), &lease).await {
            tracing::warn!("the lease was not given back and expires by itself: {e}");
        }
    }
}
