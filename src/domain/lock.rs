//! The lock: which engine acts. Every rule of it, without clock or network.
//!
//! One Lease, changed by compare-and-swap alone. A term has an epoch, higher than any before it; the engine that holds
//! it acts for a while after each renewal and no longer. Others take it once they have seen it unchanged for
//! longer than that, by a clock that runs while a machine sleeps, and never compare their clock with the
//! holder's. Taking it from somebody who still renews it needs an operator's word, and even then nothing is
//! done until the one before has to have noticed.

use std::time::Duration;

use super::lease::Holder;

/// How long a silent holder keeps the lock.
pub const DURATION: Duration = Duration::from_secs(6);
/// How long after the request of its last renewal a holder may act: the rest is for clocks that run at
/// different speeds, and for requests on their way.
pub const ACTS: Duration = Duration::from_secs(4);
/// How often it is renewed.
pub const RENEW: Duration = Duration::from_secs(2);
/// How often it is looked at while somebody else has it, or a renewal failed.
pub const LOOK: Duration = Duration::from_millis(500);

/// The Lease as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Who has it, for people; empty when it was given back.
    pub holder: String,
    /// Which run of which program that is: never the same twice.
    pub process: String,
    /// Grows with every term.
    pub epoch: i64,
    /// The resource version.
    pub version: String,
}

/// What to do about the Lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// Write it with this epoch, for the very version that was read (or create it).
    Write {
        /// The epoch.
        epoch: i64,
        /// When acting may begin, after the time of asking.
        acts_after: Duration,
    },
    /// Somebody else has it.
    Wait,
}

/// What is known besides the Lease itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseContext {
    /// The holder's process is known to have ended: it ran on this machine.
    pub ended: bool,
    /// An operator wants the lock taken from its holder.
    pub take_over: bool,
    /// The highest epoch in any status.
    pub written: i64,
}

/// A term that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Term {
    epoch: i64,
    from: Duration,
    renewed: Duration,
}

/// One engine's hand on the lock. Times are since an arbitrary moment, of a clock that never stands still.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseState {
    process: String,
    term: Option<Term>,
    /// What was seen of another holder, and since when it has not changed.
    seen: Option<(Claim, Duration)>,
}

impl LeaseState {
    /// The hand of a process that has not looked yet.
    pub const fn new(process: String) -> Self {
        Self { process, term: None, seen: None }
    }

    /// What to do about a Lease that was read at `now`.
    pub fn next_move(&mut self, lease: Option<&Claim>, context: LeaseContext, now: Duration) -> Move {
        let written = context.written.max(self.term.map_or(0, |t| t.epoch));
        let next = lease.map_or(0, |l| l.epoch).max(written) + 1;
        let Some(lease) = lease else {
            self.term = None;
            // somebody removed it from under a holder who may not know yet
            return Move::Write { epoch: next, acts_after: if written > 0 { DURATION } else { Duration::ZERO } };
        };
        if let Some(term) = self.term
            && lease.process == self.process
            && lease.epoch == term.epoch
            && !lease.holder.is_empty()
        {
            return Move::Write { epoch: term.epoch, acts_after: term.from.saturating_sub(now) };
        }
        self.term = None;
        if lease.holder.is_empty() || context.ended {
            return Move::Write { epoch: next, acts_after: Duration::ZERO };
        }
        let since = match &self.seen {
            Some((seen, since)) if seen == lease => *since,
            _ => {
                self.seen = Some((lease.clone(), now));
                now
            }
        };
        if now.saturating_sub(since) >= DURATION {
            return Move::Write { epoch: next, acts_after: Duration::ZERO };
        }
        if context.take_over { Move::Write { epoch: next, acts_after: DURATION } } else { Move::Wait }
    }

    /// The server took what was asked for at `asked`.
    pub fn written(&mut self, epoch: i64, acts_after: Duration, asked: Duration) {
        self.seen = None;
        self.term = Some(Term { epoch, from: asked + acts_after, renewed: asked });
    }

    /// Somebody else was quicker, or the lock is no longer ours for another reason.
    pub fn lost(&mut self) {
        self.term = None;
    }

    /// The epoch in which it may act now.
    pub fn epoch(&self, now: Duration) -> Option<i64> {
        self.term.filter(|t| now >= t.from && now < t.renewed + ACTS).map(|t| t.epoch)
    }

    /// Until when it may act, unless it is renewed.
    pub fn until(&self) -> Duration {
        self.term.map_or(Duration::ZERO, |t| t.renewed + ACTS)
    }

    /// A lease that was read just now is still that of the term.
    pub fn confirms(&self, lease: Option<&Claim>) -> bool {
        self.term.is_some_and(|t| {
            lease.is_some_and(|l| l.process == self.process && l.epoch == t.epoch && !l.holder.is_empty())
        })
    }

    /// It holds a term, whether it may act or not.
    pub const fn holds(&self) -> bool {
        self.term.is_some()
    }
}

/// Tells by a Lease that is read again and again whether its holder is alive, without a clock of another machine.
#[derive(Clone, Debug, Default)]
pub struct Onlooker {
    /// The Lease as it was read last, since when, and whether it was seen to change.
    seen: Option<(Claim, Duration, bool)>,
}

impl Onlooker {
    /// Takes the Lease as it was read at `now`.
    pub fn look(&mut self, lease: Option<Claim>, now: Duration) -> Holder {
        let Some(lease) = lease.filter(|l| !l.holder.is_empty()) else {
            self.seen = None;
            return Holder::None;
        };
        let who = lease.holder.clone();
        match &self.seen {
            Some((seen, since, _)) if *seen == lease && now.saturating_sub(*since) >= DURATION => Holder::Silent(who),
            Some((seen, _, false)) if *seen == lease => Holder::Unknown,
            Some((seen, ..)) if *seen == lease => Holder::Renewing(who),
            known => {
                let renewed = known.is_some();
                self.seen = Some((lease, now, renewed));
                if renewed { Holder::Renewing(who) } else { Holder::Unknown }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn theirs(version: &str) -> Claim {
        Claim { holder: "b@y/2".into(), process: "b".into(), epoch: 4, version: version.into() }
    }

    #[test]
    fn an_onlooker_calls_alive_only_what_it_has_seen_renewed() {
        let mut onlooker = Onlooker::default();
        let mut look = |version: Option<&str>, at| onlooker.look(version.map(theirs), s(at));
        let who = theirs("1").holder;
        assert_eq!(look(None, 0), Holder::None);
        assert_eq!(look(Some("1"), 1), Holder::Unknown, "it may have died a year ago");
        assert_eq!(look(Some("1"), 6), Holder::Unknown);
        assert_eq!(look(Some("1"), 7), Holder::Silent(who.clone()));
        assert_eq!(look(Some("2"), 8), Holder::Renewing(who.clone()));
        assert_eq!(look(Some("2"), 13), Holder::Renewing(who.clone()));
        assert_eq!(look(Some("2"), 14), Holder::Silent(who));
        assert_eq!(look(None, 15), Holder::None);
    }

    #[test]
    fn a_silent_holder_is_followed_after_the_whole_duration() {
        let mut hand = LeaseState::new("a".into());
        let context = LeaseContext::default();
        assert_eq!(hand.next_move(Some(&theirs("1")), context, s(100)), Move::Wait);
        assert_eq!(hand.next_move(Some(&theirs("1")), context, s(105)), Move::Wait);
        assert_eq!(hand.next_move(Some(&theirs("2")), context, s(106)), Move::Wait, "it was renewed");
        assert_eq!(hand.next_move(Some(&theirs("2")), context, s(111)), Move::Wait);
        let take = Move::Write { epoch: 5, acts_after: s(0) };
        assert_eq!(hand.next_move(Some(&theirs("2")), context, s(112)), take);
    }

    #[test]
    fn taking_it_from_the_living_needs_a_word_and_patience() {
        let mut hand = LeaseState::new("a".into());
        let word = LeaseContext { take_over: true, ..LeaseContext::default() };
        assert_eq!(hand.next_move(Some(&theirs("1")), word, s(1)), Move::Write { epoch: 5, acts_after: DURATION });
        hand.written(5, DURATION, s(1));
        assert_eq!(hand.epoch(s(2)), None);
        let mine = Claim { holder: "a@x/1".into(), process: "a".into(), epoch: 5, version: "9".into() };
        assert_eq!(
            hand.next_move(Some(&mine), LeaseContext::default(), s(4)),
            Move::Write { epoch: 5, acts_after: s(3) }
        );
        hand.written(5, s(3), s(4));
        assert_eq!(hand.epoch(s(6)), None);
        assert_eq!(hand.epoch(s(7)), Some(5));
        assert_eq!(hand.epoch(s(8)), None, "not renewed for too long");
    }

    #[test]
    fn given_back_ended_or_removed() {
        let free = Claim { holder: String::new(), ..theirs("1") };
        let now = Move::Write { epoch: 5, acts_after: s(0) };
        assert_eq!(LeaseState::new("a".into()).next_move(Some(&free), LeaseContext::default(), s(1)), now);
        let ended = LeaseContext { ended: true, ..LeaseContext::default() };
        assert_eq!(LeaseState::new("a".into()).next_move(Some(&theirs("1")), ended, s(1)), now);
        let first = Move::Write { epoch: 1, acts_after: s(0) };
        assert_eq!(LeaseState::new("a".into()).next_move(None, LeaseContext::default(), s(1)), first);
        let removed = LeaseContext { written: 7, ..LeaseContext::default() };
        let careful = Move::Write { epoch: 8, acts_after: DURATION };
        assert_eq!(LeaseState::new("a".into()).next_move(None, removed, s(1)), careful);
    }
}
