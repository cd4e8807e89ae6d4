//! Holds the Lease by the rules of [`crate::domain::lock`], and revokes every permit when the term is over.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

use super::clock::Clock;
use crate::{
    cluster::port::{Cluster, Permit, RequestError},
    domain::{
        lease::EngineState,
        lock::{ACTS, Claim, LOOK, LeaseContext, LeaseState, Move, RENEW},
    },
};

/// How long a request for the lease may take: a lost answer must not cost the term.
const PATIENCE: Duration = Duration::from_millis(1_500);

pub(super) struct Lock<C> {
    cluster: C,
    clock: Arc<dyn Clock>,
    me: String,
    process: String,
    hand: LeaseState,
    /// As it was last written by us: a renewal need not read it first.
    last: Option<Claim>,
    until: watch::Sender<Duration>,
}

impl<C: Cluster> Lock<C> {
    pub(super) fn new(cluster: C, clock: Arc<dyn Clock>, me: String, process: String) -> Self {
        let hand = LeaseState::new(process.clone());
        Self { cluster, clock, me, process, hand, last: None, until: watch::Sender::new(Duration::ZERO) }
    }

    /// The epoch in which this engine may act now.
    pub(super) fn epoch(&self) -> Option<i64> {
        self.hand.epoch(self.clock.elapsed())
    }

    /// How soon the lock has to be looked at again.
    pub(super) const fn pause(state: &EngineState) -> Duration {
        if matches!(state, EngineState::Acting) { RENEW } else { LOOK }
    }

    /// Leave to act in this term, as long as it is renewed.
    pub(super) fn permit(&self, epoch: i64) -> Permit {
        let (until, clock) = (self.until.subscribe(), Arc::clone(&self.clock));
        Permit::new(epoch, move || until.borrow().saturating_sub(clock.elapsed()))
    }

    /// Takes the lock, or renews it.
    pub(super) async fn hold(&mut self, take_over: bool, written: i64) -> EngineState {
        let state = self.try_hold(take_over, written).await;
        self.publish();
        state.unwrap_or_else(|error| {
            self.last = None;
            match error {
                RequestError::Conflict => {
                    self.hand.lost();
                    self.publish();
                    EngineState::Elsewhere("another engine".into())
                }
                RequestError::Unauthorized(why) => EngineState::Unauthorized(why),
                RequestError::Failed(why) => EngineState::LeaseUnknown(why),
            }
        })
    }

    async fn try_hold(&mut self, take_over: bool, written: i64) -> Result<EngineState, RequestError> {
        let now = self.clock.elapsed();
        let renews = self.last.take().filter(|_| self.hand.holds() && !take_over);
        let lease = match renews {
            Some(last) => Some(last),
            None => asked(self.cluster.lease()).await?,
        };
        let ended = lease.as_ref().is_some_and(|l| self.cluster.has_ended(l));
        let (epoch, acts_after) =
            match self.hand.next_move(lease.as_ref(), LeaseContext { ended, take_over, written }, self.clock.elapsed())
            {
                Move::Wait => return Ok(EngineState::Elsewhere(lease.map(|l| l.holder).unwrap_or_default())),
                Move::Write { epoch, acts_after } => (epoch, acts_after),
            };
        let claim = Claim {
            holder: self.me.clone(),
            process: self.process.clone(),
            epoch,
            version: lease.map(|l| l.version).unwrap_or_default(),
        };
        self.last = Some(asked(self.cluster.write_lease(&claim)).await?);
        // from before the request was sent: nobody can have counted from earlier
        self.hand.written(epoch, acts_after, now);
        Ok(if self.epoch().is_some() { EngineState::Acting } else { EngineState::TakingOver })
    }

    /// Looks whether the term is still ours, right before something is done in it.
    pub(super) async fn confirm(&mut self) -> Option<i64> {
        let epoch = self.epoch()?;
        let lease = asked(self.cluster.lease()).await.ok()?;
        if !self.hand.confirms(lease.as_ref()) {
            self.lose();
            return None;
        }
        self.epoch().filter(|e| *e == epoch)
    }

    /// Somebody with a higher epoch has written.
    pub(super) fn lose(&mut self) {
        self.hand.lost();
        self.last = None;
        self.publish();
    }

    fn publish(&self) {
        self.until.send_replace(self.hand.until());
    }

    /// Gives the lock back, so that the next engine need not wait.
    pub(super) async fn release(&mut self) {
        if !self.hand.holds() {
            return;
        }
        let lease = asked(self.cluster.lease()).await.ok().flatten();
        if self.hand.confirms(lease.as_ref())
            && let Some(lease) = lease
        {
            let free = Claim { holder: String::new(), ..lease };
            if let Err(e) = asked(self.cluster.write_lease(&free)).await {
                tracing::warn!("the lease was not given back and is free in some seconds: {e:?}");
            }
        }
        self.lose();
    }
}

const _: () = assert!(PATIENCE.as_millis() + RENEW.as_millis() < ACTS.as_millis(), "one lost renewal is survived");

async fn asked<T>(request: impl Future<Output = Result<T, RequestError>>) -> Result<T, RequestError> {
    timeout(PATIENCE, request)
        .await
        .unwrap_or_else(|_| Err(RequestError::Failed("the API server does not answer".into())))
}
