//! Two clocks: one that never stands still, for how long something lasts; one that tells the time, for people.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Time since an arbitrary moment. Goes on while the machine sleeps, and is never set.
    fn elapsed(&self) -> Duration;
    /// The time of day, as the API server has it.
    fn now(&self) -> Timestamp;
}

/// This machine's clock, put right by the API server's: records of different engines are compared with each other.
pub struct SystemClock {
    /// What time it was, and when that was asked.
    anchor: Mutex<(Timestamp, Duration)>,
    since_boot: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// A difference that is not worth a correction: the server's time comes in whole seconds.
const CLOSE: SignedDuration = SignedDuration::from_secs(2);

impl Default for SystemClock {
    fn default() -> Self {
        Self::of(Timestamp::now(), since_boot)
    }
}

impl SystemClock {
    /// A machine's clock: what time it has now, and how long it has been up.
    pub fn of(now: Timestamp, since_boot: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { anchor: Mutex::new((now, since_boot())), since_boot: Box::new(since_boot) }
    }

    /// The API server said that it is `theirs`, just now.
    pub fn hear(&self, theirs: Timestamp) {
        if theirs.duration_since(self.now()).abs() > CLOSE {
            *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = (theirs, (self.since_boot)());
        }
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> Duration {
        (self.since_boot)()
    }

    fn now(&self) -> Timestamp {
        let (at, then) = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = self.elapsed().saturating_sub(then);
        at.checked_add(SignedDuration::try_from(passed).unwrap_or_default()).unwrap_or(at)
    }
}

/// Linux tells the time since boot with what was slept through (`Instant` leaves that out).
#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default())
}

/// Elsewhere the clock that people set is the one that goes on during sleep: a jump forward ends a term too
/// early, which is safe; a jump back is made up for by the monotonic one.
#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    use std::{
        sync::OnceLock,
        time::{Instant, SystemTime},
    };
    static START: OnceLock<(Instant, SystemTime)> = OnceLock::new();
    let (start, wall) = START.get_or_init(|| (Instant::now(), SystemTime::now()));
    start.elapsed().max(wall.elapsed().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_the_servers() {
        let clock = SystemClock::default();
        let mine = clock.now();
        clock.hear(mine + SignedDuration::from_secs(1));
        assert!(clock.now().duration_since(mine) < SignedDuration::from_millis(900), "close enough is left alone");
        clock.hear(mine + SignedDuration::from_secs(3_600));
        assert!(clock.now().duration_since(mine) >= SignedDuration::from_secs(3_600));
        clock.hear(mine - SignedDuration::from_secs(3_600));
        assert!(clock.now() < mine);
    }
}
