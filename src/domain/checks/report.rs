//! What a check writes its findings into.

use jiff::Timestamp;

use super::finding;
use crate::domain::{
    api::{Finding, Severity},
    text,
};

/// How many objects a finding keeps by name.
const MOST: usize = 50;
/// How long a sentence may be, in characters: names in it are written by others, and the status has to be stored.
const LONGEST: usize = 4_000;

/// The findings of one check.
pub(crate) struct Report<'a> {
    pub(super) check: &'static str,
    pub(super) as_of: Option<Timestamp>,
    pub(super) out: &'a mut Vec<Finding>,
}

impl Report<'_> {
    fn put(&mut self, severity: Severity, object: impl Into<String>, message: impl Into<String>, remedy: &str) {
        let cut = |text: String| match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        let found = finding(self.check, severity, object, cut(message.into()), &cut(remedy.to_owned()));
        self.out.push(Finding { as_of: self.as_of, ..found });
    }

    /// As it should be.
    pub(crate) fn fine(&mut self, object: impl Into<String>, message: impl Into<String>) {
        self.put(Severity::Pass, object, message, "");
    }

    /// To be known.
    pub(crate) fn info(&mut self, object: impl Into<String>, message: impl Into<String>, remedy: &str) {
        self.put(Severity::Info, object, message, remedy);
    }

    /// To be looked at.
    pub(crate) fn warn(&mut self, object: impl Into<String>, message: impl Into<String>, remedy: &str) {
        self.put(Severity::Warn, object, message, remedy);
    }

    /// Stops the migration.
    pub(crate) fn block(&mut self, object: impl Into<String>, message: impl Into<String>, remedy: &str) {
        self.put(Severity::Block, object, message, remedy);
    }

    /// It could not be checked, and why.
    pub(crate) fn unknown(&mut self, object: impl Into<String>, why: &str) {
        let why = text::safe(why);
        let remedy = "Nothing is said of it. See that it can be read (`cutover manifests --rbac`), and check again.";
        self.put(Severity::Unknown, object, format!("not known: {why}"), remedy);
    }

    /// One finding about several objects.
    pub(crate) fn about(&mut self, severity: Severity, objects: Vec<String>, message: impl Into<String>, remedy: &str) {
        let Some(first) = objects.first().cloned() else { return };
        self.put(severity, first, message, remedy);
        if let Some(last) = self.out.last_mut().filter(|_| objects.len() > 1) {
            last.objects = objects.into_iter().take(MOST).collect();
        }
    }

    /// How many findings there are by now.
    pub(crate) fn count(&self) -> usize {
        self.out.len()
    }
}

/// A few names, and how many more.
pub(crate) fn few(names: &[impl AsRef<str>]) -> String {
    let named = names.iter().take(5).map(|n| text::safe(n.as_ref()).into_owned()).collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{named} and {} more", names.len() - 5) } else { named }
}
