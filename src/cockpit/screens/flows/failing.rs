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
    effect: (&'static str, Tone),
}

pub(super) const COLUMNS: &[Column<for<'a> fn(&Failing<'a>) -> Cell<'a>>] = &[
    Column("CONNECTION", 20, 80, |f| Cell::plain(f.trouble.edge.to_string())),
    Column("REASON", 9, 28, |f| Cell::new(&*f.trouble.why, Tone::Bad)),
    Column("IMPACT", 9, 9, |f| Cell::plain(f.trouble.class.word())),
    Column("FAILED", 6, 6, |f| Cell::plain(f.trouble.failed.to_string())),
    Column("WORKED", 6, 6, |f| Cell::plain(f.trouble.worked.to_string())),
    Column("SINCE", 7, 7, |f| Cell::dim(f.since.clone())),
    Column("SEEN ON", 7, 20, |f| Cell::dim(&*f.trouble.node)),
    Column("EFFECT", 6, 24, |f| Cell::new(f.effect.0, f.effect.1)),
];

/// A connection and the node that saw it fail: an object for the selection to stay on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key(String, usize);

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
    let effect = match held {
        Some(h) if h.agreed => ("accepted", Tone::Warn),
        Some(_) => ("HOLDS NEXT NODE", Tone::Bad),
        None if trouble.worked_before => ("worked before", Tone::Warn),
        None => ("never seen working", Tone::Dim),
    };
    Some(Failing { trouble, since: duration(between(trouble.since, scene.now)), effect })
}
