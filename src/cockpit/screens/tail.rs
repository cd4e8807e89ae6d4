//! The rows of what only grows, newest first. A filter looks at every row once, when it comes.

use std::{collections::VecDeque, ops::Range};

/// The numbers of the rows that are let through.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    /// What they were let through by.
    by: Option<String>,
    numbers: VecDeque<u64>,
    next: u64,
}

impl Tail {
    /// Follows the rows that are kept; `shown` says which of them are let through, and `by` names what it goes by.
    /// True when something has changed.
    pub(super) fn follow(&mut self, by: &str, kept: Range<u64>, shown: impl Fn(u64) -> bool) -> bool {
        let mut changed = false;
        if self.by.as_deref() != Some(by) {
            *self = Self { by: Some(by.to_owned()), ..Self::default() };
            changed = true;
        }
        while self.numbers.front().is_some_and(|n| *n < kept.start) {
            self.numbers.pop_front();
            changed = true;
        }
        for number in self.next.max(kept.start)..kept.end {
            if shown(number) {
                self.numbers.push_back(number);
                changed = true;
            }
        }
        self.next = kept.end;
        changed
    }

    /// Looks at every row again the next time.
    pub(super) fn forget(&mut self) {
        self.by = None;
    }

    /// The numbers, oldest first.
    pub(super) fn numbers(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.numbers.iter().copied()
    }
}
