//! Connections that fail, as the guard sees them.

use crate::{
    cockpit::{
        scene::Scene,
        ui::{Cell, Column, Tone},
    },
    domain::{
        guard::Trouble,
        text::{between, duration},
    },
};

/// A failing connection, and how the migration takes it.
pub(super) struct Failing<'a> {
    trouble: &'a Trouble,
    since: String,
    /// What it means for the migration, and what to do.
    remedy: &'static str,
    effect: (&'static str, Tone),
}

pub(super) const COLUMNS: &[Column<for<'a> fn(&Failing<'a>) -> Cell<'a>>] = &[
    Column("CONNECTION", 30, 80, |f| Cell::plain(f.trouble.edge.to_string())),
    Column("REASON", 9, 28, |f| Cell::new(&*f.trouble.why, Tone::Bad)),
    Column("EFFECT", 18, 18, |f| Cell::new(f.effect.0, f.effect.1)),
    Column("FAILED", 6, 6, |f| Cell::plain(f.trouble.failed.to_string())),
    Column("SINCE", 7, 7, |f| Cell::dim(f.since.clone())),
    // the pane below has these as well
    Column("IMPACT", 9, 9, |f| Cell::plain(f.trouble.class.word())),
    Column("WORKED", 6, 6, |f| Cell::plain(f.trouble.worked.to_string())),
    Column("SEEN ON", 8, 20, |f| Cell::dim(&*f.trouble.node)),
];

/// A connection and the node that saw it fail: an object for the selection to stay on.
#[derive(Clone, Debug)]
pub(super) struct Key(String, usize);

/// Its place changes whenever another one fails more often.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Key {
    /// A key of this connection, whoever saw it fail.
    pub(super) fn of(scene: &Scene<'_>, edge: &str) -> Option<Self> {
        let troubles = &scene.facts.flows.troubles;
        let at = troubles.iter().position(|t| t.edge.to_string() == edge)?;
        keys(scene).into_iter().nth(at)
    }
}

/// The connection of a key.
pub(super) fn edge(scene: &Scene<'_>, key: &Key) -> Option<String> {
    scene.facts.flows.troubles.get(key.1).map(|t| t.edge.to_string())
}

/// The keys, the worst first.
pub(super) fn keys(scene: &Scene<'_>) -> Vec<Key> {
    let troubles = scene.facts.flows.troubles.iter().enumerate();
    troubles.map(|(i, t)| Key(format!("{} {}", t.edge, t.node), i)).collect()
}

pub(super) fn row<'a>(scene: &Scene<'a>, key: &Key) -> Option<Failing<'a>> {
    let trouble = scene.facts.flows.troubles.get(key.1)?;
    let edge = trouble.edge.to_string();
    let held = scene.status().and_then(|s| s.flows.iter().find(|h| h.edge == edge));
    let (effect, remedy) = match held {
        Some(h) if h.agreed => (("accepted", Tone::Warn), "Accepted by the consent BrokenFlow: the migration goes on."),
        Some(_) => (
            ("HOLDS NEXT NODE", Tone::Bad),
            "No other node is moved while it fails: roll the last one back, or accept the failure with a (BrokenFlow).",
        ),
        None if trouble.worked_before => {
            (("worked before", Tone::Warn), "It worked before, and does not hold the next node yet.")
        }
        None => (("never seen working", Tone::Dim), "It was never seen working, and does not hold the next node."),
    };
    Some(Failing { trouble, since: duration(between(trouble.since, scene.now)), effect, remedy })
}

/// The same in full.
pub(super) fn text(failing: &Failing<'_>) -> Vec<(String, Tone)> {
    let Failing { trouble: t, since, effect, remedy } = failing;
    let seen = format!(
        "{}: {} failed and {} worked in the last {since}, as {} saw it",
        t.class.word(),
        t.failed,
        t.worked,
        t.node
    );
    vec![(t.why.to_string(), Tone::Bad), (seen, Tone::Plain), (format!("→ {remedy}"), effect.1)]
}

/// Whose full text it is.
pub(super) fn title(failing: &Failing<'_>) -> String {
    failing.trouble.edge.to_string()
}
