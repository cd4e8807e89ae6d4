//! How fast the embedded cluster's time runs.

use std::{str::FromStr, time::Duration};

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
