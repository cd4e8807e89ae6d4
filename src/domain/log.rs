//! What happened, one line each: the log screen, the headless lines and the log file show the same.

use std::{collections::VecDeque, ops::Range};

use jiff::Timestamp;
use serde::Serialize;

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// A change was begun.
    Begin,
    /// A change was made.
    Done,
    /// A change was refused or failed.
    Failed,
    /// It waits; nothing is wrong.
    Waiting,
    /// A record moved on: a phase or a node's step.
    Step,
    /// What a program said while it ran.
    Output,
    /// What an operator asked for.
    Request,
    /// Cutover itself could not do something that does not stop the migration.
    Warning,
    /// Something to know.
    Note,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// How it is meant.
    pub kind: Kind,
    /// The object that it is about.
    pub object: String,
    /// What happened.
    pub text: String,
    /// What an operator would have typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kubectl: Vec<String>,
}

impl Entry {
    /// A line of now.
    pub fn new(at: Timestamp, kind: Kind, object: impl Into<String>, text: impl Into<String>) -> Self {
        Self { at, kind, object: object.into(), text: text.into(), kubectl: vec![] }
    }
}

/// The newest lines. Each has a number that it keeps, however many older ones are dropped.
#[derive(Clone, Debug, Default)]
pub struct Log {
    first: u64,
    lines: VecDeque<Entry>,
}

impl Log {
    /// Adds a line, and drops the oldest one where there are `most` already.
    pub fn add(&mut self, entry: Entry, most: usize) {
        if self.lines.len() >= most {
            self.lines.pop_front();
            self.first += 1;
        }
        self.lines.push_back(entry);
    }

    /// The numbers of the lines that are kept.
    pub fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.lines.len() as u64
    }

    /// A line by its number.
    pub fn line(&self, number: u64) -> Option<&Entry> {
        self.lines.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}

impl FromIterator<Entry> for Log {
    fn from_iter<T: IntoIterator<Item = Entry>>(lines: T) -> Self {
        Self { first: 0, lines: lines.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_number() {
        let mut log = Log::default();
        for i in 0..5 {
            log.add(Entry::new(Timestamp::UNIX_EPOCH, Kind::Note, "", i.to_string()), 3);
        }
        assert_eq!(log.numbers(), 2..5);
        assert_eq!(log.line(2).map(|e| e.text.as_str()), Some("2"));
        assert!(log.line(1).is_none() && log.line(5).is_none());
    }
}
