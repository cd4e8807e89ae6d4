//! Consents in a dialog: which are asked for, and how they are ticked.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::ui::Tone;
use crate::domain::{
    api::Consent,
    consent::{ConsentKind, Wanted, given as given_to},
    drain::{self, verdict},
    facts::Facts,
    plan::Planned,
    reason::Reason,
    text::count,
    view::View,
};

/// How many consents are shown at once to tick them.
const NUMBERED: usize = 6;
/// As long as the keys are about something else.
const UNTOUCHED: usize = 2;

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
    let given = given(facts);
    let offers = node.into_iter().flat_map(|n| verdict::offers(facts, n, given, Timestamp::now()));
    missing_on(facts, |n| node.is_none_or(|wanted| wanted == n), offers.collect())
}

/// Consents that are missing for a plan: for the nodes that it touches.
pub(super) fn missing_for(facts: &Facts, plan: &[Planned]) -> Vec<Asked> {
    let nodes: BTreeSet<&str> = plan.iter().filter_map(|p| p.node.as_deref()).collect();
    missing_on(facts, |n| nodes.contains(n), vec![])
}

fn given(facts: &Facts) -> &[Consent] {
    facts.migration.as_ref().map(|m| m.spec.consents.as_slice()).unwrap_or_default()
}

fn missing_on(facts: &Facts, is_meant: impl Fn(&str) -> bool, offers: Vec<Wanted>) -> Vec<Asked> {
    let given = given(facts);
    let nodes = || facts.nodes.keys().filter(|n| is_meant(n));
    let sorter = drain::Sorter::new(facts, given);
    let mut missing: Vec<Wanted> = nodes().flat_map(|n| verdict::wanted(&sorter.sort(n))).collect();
    missing.sort();
    missing.dedup();
    let (by, at) = (operator(facts), Timestamp::now());
    let view = facts.migration.as_ref().map(|m| View::read_only(facts, m, at));
    missing.retain(|w| view.is_none_or(|v| v.needs(w)));
    let cordoned = nodes().filter(|n| waits(facts, n, Reason::CordonedByOthers)).map(|n| format!("node/{n}"));
    let cordoned = cordoned.filter(|object| !given_to(given, ConsentKind::TakeCordoned, object));
    missing.extend(cordoned.map(|object| Wanted { kind: ConsentKind::TakeCordoned, object }));
    missing.extend(offers);
    let failing = facts.migration.iter().filter_map(|m| m.status.as_ref()).flat_map(|s| &s.flows);
    let failing = failing.filter(|f| !given_to(given, ConsentKind::BrokenFlow, &f.edge));
    missing.extend(failing.map(|f| Wanted { kind: ConsentKind::BrokenFlow, object: f.edge.clone() }));
    missing.dedup();
    let asked =
        |w: Wanted| Asked { consent: Consent { kind: w.kind, object: w.object, by: by.clone(), at }, ticked: false };
    missing.into_iter().map(asked).collect()
}

/// The node waits for this reason.
fn waits(facts: &Facts, node: &str, reason: Reason) -> bool {
    let status = facts.node_migrations.get(node).and_then(|r| r.status.as_ref());
    status.is_some_and(|s| s.waiting.reason == reason)
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

/// The lines with which they are ticked, those around the one at `at` where they are many. They have numbers while
/// digits tick them.
pub(super) fn choices(consents: &[Asked], at: Option<usize>, by_digits: bool) -> Vec<(String, Tone)> {
    if consents.is_empty() {
        return vec![];
    }
    let needed = consents.iter().filter(|a| a.is_needed());
    let (all, open) = (needed.clone().count(), needed.filter(|a| !a.ticked).count());
    let keys = if at.is_some() { "space ticks one, c all that are needed, tab leaves" } else { "tab: to tick them" };
    let head = if all > 0 {
        let tick = if open == 0 { "[x]" } else { "[ ]" };
        format!("{tick} {all} needed, see above: without them nodes wait ({keys})")
    } else {
        format!("Override ({keys})")
    };
    // room for the text above comes first: everything is listed there
    let shown = if at.is_some() { NUMBERED } else { UNTOUCHED };
    let first = at.map_or(0, |at| (at + 1).saturating_sub(shown));
    let line = |(n, a): (usize, &Asked)| {
        let (mark, tone) = if at == Some(n) { (">", Tone::Accent) } else { (" ", Tone::Warn) };
        let tick = if a.ticked { "[x]" } else { "[ ]" };
        let digit = if by_digits && n < 9 { format!("{} ", n + 1) } else { String::new() };
        (format!("{mark} {digit:<2}{tick} {} {}", a.consent.kind, a.consent.object), tone)
    };
    let mut lines = vec![(head, Tone::Warn)];
    lines.extend(consents.iter().enumerate().skip(first).take(shown).map(line));
    if consents.len() > shown {
        lines.push((format!("      {} in all", consents.len()), Tone::Warn));
    }
    lines
}
