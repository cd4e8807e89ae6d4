//! How fast the embedded cluster's time runs.

use std::{cell::Cell, str::FromStr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

thread_local! {
    /// When a time of its own began on this thread, and what time it was then.
    static DAY: Cell<Option<(Instant, Timestamp)>> = const { Cell::new(None) };
}

/// What time it is on the embedded cluster: the machine's, unless a time of its own was begun.
pub fn now() -> Timestamp {
    let Some((start, day)) = DAY.get() else { return Timestamp::now() };
    day + SignedDuration::try_from(start.elapsed()).unwrap_or_default()
}

/// Begins a time of its own, the same every time, that goes on as the runtime's does.
pub(super) fn begin_day() {
    DAY.set(Some((Instant::now(), Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000))));
}

/// A pace: so many times as fast as a real cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// As fast as the machine goes.
    pub const MAX: Self = Self(2_000.0);

    /// Waits for what takes `long` on a real node.
    pub async fn wait(self, long: Duration) {
        tokio::time::sleep(self.shorten(long)).await;
    }

    /// What a duration on a real node is here.
    pub fn shorten(self, long: Duration) -> Duration {
        long.div_f64(self.0)
    }
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if s.eq_ignore_ascii_case("max") {
            return Ok(Self::MAX);
        }
        match s.parse::<f64>() {
            Ok(n) if n.is_finite() && (0.1..=2_000.0).contains(&n) => Ok(Self(n)),
            _ => Err(format!("{s:?} is no speed: give a number from 0.1 to 2000, or max")),
        }
    }
}
