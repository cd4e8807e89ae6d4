//! Consents in a dialog: which are asked for, and how they are ticked.

use jiff::Timestamp;

use super::super::ui::Tone;
use crate::domain::{
    api::Consent,
    consent::{ConsentKind, Wanted, given as given_to},
    drain::{self, verdict},
    facts::Facts,
    text::count,
};

/// How many consents are shown with a number to tick them by.
const NUMBERED: usize = 6;

/// A consent that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cockpit) struct Asked {
    pub(super) consent: Consent,
    pub(super) ticked: bool,
}

impl Asked {
    /// Nodes wait for it; the others override what blocks, and are ticked one by one.
    pub(super) const fn is_needed(&self) -> bool {
        !self.consent.kind.is_escalation()
    }
}

/// Consents that are missing, for a node or for all; for one node also those that override what blocks it.
pub(super) fn missing(facts: &Facts, node: Option<&str>) -> Vec<Asked> {
    let given = facts.migration.as_ref().map(|m| m.spec.consents.as_slice()).unwrap_or_default();
    let nodes = facts.nodes.keys().filter(|n| node.is_none_or(|wanted| *wanted == ***n));
    let sorter = drain::Sorter::new(facts, given);
    let mut missing: Vec<Wanted> = nodes.flat_map(|n| verdict::wanted(&sorter.sort(n))).collect();
    missing.sort();
    missing.dedup();
    let (by, at) = (operator(facts), Timestamp::now());
    missing.extend(node.into_iter().flat_map(|n| verdict::offers(facts, n, given, at)));
    let failing = facts.migration.iter().filter_map(|m| m.status.as_ref()).flat_map(|s| &s.flows);
    let failing = failing.filter(|f| !given_to(given, ConsentKind::BrokenFlow, &f.edge));
    missing.extend(failing.map(|f| Wanted { kind: ConsentKind::BrokenFlow, object: f.edge.clone() }));
    missing.dedup();
    let asked =
        |w: Wanted| Asked { consent: Consent { kind: w.kind, object: w.object, by: by.clone(), at }, ticked: false };
    missing.into_iter().map(asked).collect()
}

/// Who gives a consent.
fn operator(facts: &Facts) -> String {
    let here = std::env::var("USER").unwrap_or_else(|_| "operator".into());
    facts.surroundings.signed(&here)
}

/// Every consent by its name: what one key ticks has to be read in one place.
pub(super) fn lines(asked: &[Asked]) -> Vec<String> {
    let (needed, overrides): (Vec<&Asked>, Vec<&Asked>) = asked.iter().partition(|a| a.is_needed());
    let mut lines = Vec::new();
    let needs = format!("{} that nodes wait for:", count(needed.len(), "consent"));
    for (head, group) in [(needs, needed), ("Override, one by one:".to_owned(), overrides)] {
        if !group.is_empty() {
            lines.extend([String::new(), head]);
            let line = |a: &Asked| format!("  {} {}: {}", a.consent.kind, a.consent.object, a.consent.kind.cost());
            lines.extend(group.into_iter().map(line));
        }
    }
    lines
}

/// The lines with which they are ticked. Text that is typed leaves no room for single keys.
pub(super) fn choices(consents: &[Asked], typed: bool) -> Vec<(String, Tone)> {
    if consents.is_empty() {
        return vec![];
    }
    let needed = consents.iter().filter(|a| a.is_needed());
    let (all, open) = (needed.clone().count(), needed.filter(|a| !a.ticked).count());
    let (key, each) = if typed { ("tab", "") } else { ("c", ", a number one") };
    let mut lines = Vec::new();
    if all > 0 {
        let tick = if open == 0 { "[x]" } else { "[ ]" };
        lines.push((
            format!("{tick} {all} needed, see above ({key} ticks all{each}; without them nodes wait)"),
            Tone::Warn,
        ));
    } else {
        lines.push(("Override (a number ticks one)".into(), Tone::Warn));
    }
    // room for the text above comes first: everything is listed there
    lines.extend((1..).zip(consents).take(NUMBERED).map(|(n, a)| {
        let tick = if a.ticked { "[x]" } else { "[ ]" };
        (format!("  {n} {tick} {} {}", a.consent.kind, a.consent.object), Tone::Warn)
    }));
    if consents.len() > NUMBERED {
        lines.push((format!("      and {} more, above", consents.len() - NUMBERED), Tone::Warn));
    }
    lines
}
