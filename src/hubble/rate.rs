//! Flows and dropped connections by the second in which they came, for the last minute.

use std::collections::VecDeque;

use jiff::Timestamp;

/// Seconds that are kept.
const KEPT: usize = 60;

/// What came in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    at: i64,
    /// Flows.
    pub flows: u32,
    /// Dropped connections.
    pub dropped: u32,
}

/// Counters by second.
#[derive(Clone, Debug, Default)]
pub struct Rate(VecDeque<Second>);

impl Rate {
    /// Counts a flow that came now.
    pub fn count(&mut self, now: Timestamp, dropped: bool) {
        let at = now.as_second();
        // a clock that goes back counts for the last second
        if self.0.back().is_none_or(|last| last.at < at) {
            if self.0.len() == KEPT {
                self.0.pop_front();
            }
            self.0.push_back(Second { at, ..Second::default() });
        }
        if let Some(last) = self.0.back_mut() {
            last.flows += 1;
            last.dropped += u32::from(dropped);
        }
    }

    /// So many seconds up to the one before `now`, which is not over; the oldest first.
    pub fn last(&self, seconds: usize, now: Timestamp) -> Vec<Second> {
        let (end, many) = (now.as_second(), i64::try_from(seconds.min(KEPT)).unwrap_or(0));
        let of = |at| self.0.iter().find(|s| s.at == at).copied().unwrap_or(Second { at, ..Second::default() });
        (end - many..end).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own_count_and_silence_is_zero() {
        let at = |s| Timestamp::from_second(s).expect("a time");
        let mut rate = Rate::default();
        for (second, dropped) in [(10, false), (10, true), (12, false), (11, true)] {
            rate.count(at(second), dropped);
        }
        let last: Vec<_> = rate.last(4, at(13)).iter().map(|s| (s.flows, s.dropped)).collect();
        assert_eq!(last, [(0, 0), (2, 1), (0, 0), (2, 1)]);
        (100..1_000).for_each(|s| rate.count(at(s), false));
        assert_eq!(rate.0.len(), KEPT, "memory is bounded");
        assert_eq!(rate.last(500, at(1_000)).len(), KEPT);
    }
}
