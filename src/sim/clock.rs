//! The clock of the embedded cluster and its speed.

use std::{cell::Cell, str::FromStr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

thread_local! {
    /// Start of the virtual clock of this thread: the runtime's instant and the time it stands for.
    static DAY: Cell<Option<(Instant, Timestamp)>> = const { Cell::new(None) };
}

/// The time on the embedded cluster: the machine's, or the virtual clock's once it is started.
pub fn now() -> Timestamp {
    let Some((start, day)) = DAY.get() else { return Timestamp::now() };
    day + SignedDuration::try_from(start.elapsed()).unwrap_or_default()
}

/// Starts the virtual clock: always at the same time, advancing with the runtime's clock.
pub(super) fn begin_day() {
    DAY.set(Some((Instant::now(), Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000))));
}

/// Speed relative to a real cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// As fast as the machine can.
    pub const MAX: Self = Self(2_000.0);

    /// Sleeps for what takes `long` on a real node.
    pub async fn wait(self, long: Duration) {
        tokio::time::sleep(self.shorten(long)).await;
    }

    /// Converts a duration on a real node.
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
            _ => Err(format!("{s:?} is not a speed: use a number from 0.1 to 2000, or max")),
        }
    }
}
