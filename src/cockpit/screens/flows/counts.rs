//! What was counted: by connection, node, reason of a drop, port.

use std::{collections::BTreeSet, hash::Hash, sync::Arc};

use crate::{
    cockpit::{
        scene::Scene,
        ui::{Cell, Column, Tone},
    },
    domain::guard::{Class, Edge},
    hubble::{
        reason::{class, drop_reason},
        rollup::{Counts, Table},
        window::NodeState,
    },
};

/// How many are listed.
const LISTED: usize = 1_000;

/// A row: what was counted, by which key. Without a key: all others together.
pub(super) struct Counted<'a, K> {
    key: Option<K>,
    counts: Counts,
    node: Option<&'a NodeState>,
}

/// A column of counts.
pub(super) type Counting<K> = Column<for<'a> fn(&Counted<'a, K>) -> Cell<'a>>;

pub(super) const EDGES: &[Counting<Edge>] = &[
    Column("SOURCE", 12, 46, |r| Cell::plain(r.key.as_ref().map_or("all others".into(), |e| e.from.to_string()))),
    Column("DESTINATION", 12, 46, |r| Cell::plain(r.key.as_ref().map_or(String::new(), |e| e.to.to_string()))),
    Column("PORT", 5, 6, |r| Cell::plain(r.key.as_ref().map_or(String::new(), |e| e.port.to_string()))),
    Column("FLOWS", 7, 10, flows),
    Column("ANSWERED", 8, 10, answered),
    Column("NO ANSWER", 9, 9, unanswered),
    Column("DROPPED", 7, 9, dropped),
];

pub(super) const NODES: &[Counting<Arc<str>>] = &[
    Column("NODE", 8, 30, |r| Cell::plain(r.key.as_ref().map_or("all others".into(), ToString::to_string))),
    Column("RELAY", 9, 40, |r| match r.node {
        _ if r.key.is_none() => Cell::plain(""),
        None => Cell::plain("unknown"),
        Some(s) if s.connected => Cell::new("connected", Tone::Good),
        Some(s) if s.why.is_empty() => Cell::new("NOT CONNECTED", Tone::Bad),
        Some(s) => Cell::new(format!("NOT CONNECTED: {}", s.why), Tone::Bad),
    }),
    Column("FLOWS", 7, 10, flows),
    Column("ANSWERED", 8, 10, answered),
    Column("NO ANSWER", 9, 9, unanswered),
    Column("DROPPED", 7, 9, dropped),
];

pub(super) const REASONS: &[Counting<i32>] = &[
    Column("REASON", 12, 40, |r| match r.key {
        None | Some(0) => Cell::new("no reason given", reason_tone(r)),
        Some(code) => Cell::new(drop_reason(code), reason_tone(r)),
    }),
    Column("IMPACT", 9, 9, |r| Cell::new(class(r.key.unwrap_or(0)).word(), reason_tone(r))),
    Column("CONNECTIONS", 11, 11, |r| Cell::plain(r.counts.dropped.to_string())),
    Column("EVENTS", 8, 10, |r| Cell::dim(r.counts.flows.to_string())),
];

pub(super) const PORTS: &[Counting<(u16, &'static str)>] = &[
    Column("PORT", 6, 6, |r| Cell::plain(r.key.map_or("others".into(), |(port, _)| port.to_string()))),
    Column("PROTO", 6, 6, |r| Cell::dim(r.key.map_or("", |(_, protocol)| protocol))),
    Column("FLOWS", 7, 10, flows),
    Column("ANSWERED", 8, 10, answered),
    Column("NO ANSWER", 9, 9, unanswered),
    Column("DROPPED", 7, 9, dropped),
];

fn flows<K>(r: &Counted<'_, K>) -> Cell<'static> {
    Cell::plain((r.counts.flows - r.counts.probes).to_string())
}

fn answered<K>(r: &Counted<'_, K>) -> Cell<'static> {
    Cell::new(r.counts.answered.to_string(), Tone::Good)
}

fn unanswered<K>(r: &Counted<'_, K>) -> Cell<'static> {
    number(r.counts.unanswered, Tone::Warn)
}

fn dropped<K>(r: &Counted<'_, K>) -> Cell<'static> {
    number(r.counts.dropped, Tone::Bad)
}

fn number(n: u64, tone: Tone) -> Cell<'static> {
    Cell::new(n.to_string(), if n > 0 { tone } else { Tone::Dim })
}

fn reason_tone(r: &Counted<'_, i32>) -> Tone {
    if class(r.key.unwrap_or(0)) == Class::Noise { Tone::Dim } else { Tone::Bad }
}

/// The keys that are listed, the worst first, and at the end all others together where there are some.
pub(super) fn keys<K: Hash + Eq + Clone + Ord>(counts: &Table<K>) -> Vec<Option<K>> {
    let mut keys: Vec<Option<K>> = counts.worst(LISTED).into_iter().map(|(k, _)| Some(k)).collect();
    if counts.others.flows + counts.others.unanswered > 0 {
        keys.push(None);
    }
    keys
}

/// As [`keys`]; nodes from which nothing came are listed, too.
pub(super) fn node_keys(scene: &Scene<'_>) -> Vec<Option<Arc<str>>> {
    let mut keys = keys(&scene.window.counts.nodes);
    let known: BTreeSet<&str> = keys.iter().flatten().map(|n| &**n).collect();
    let silent = scene.window.nodes.keys().filter(|n| !known.contains(n.as_str()));
    let silent: Vec<Option<Arc<str>>> = silent.map(|n| Some(n.as_str().into())).collect();
    let before_others = keys.len() - usize::from(keys.last().is_some_and(Option::is_none));
    keys.splice(before_others..before_others, silent);
    keys
}

/// What was counted by a key.
#[expect(clippy::ref_option, reason = "a key of the table")]
pub(super) fn counted<'a, K: Hash + Eq + Clone + Ord>(counts: &Table<K>, key: &Option<K>) -> Option<Counted<'a, K>> {
    let counted = key.as_ref().map_or(counts.others, |k| counts.get(k));
    Some(Counted { key: key.clone(), counts: counted, node: None })
}

/// What was counted of a node, and whether the relay is connected to it.
#[expect(clippy::ref_option, reason = "a key of the table")]
pub(super) fn node<'a>(scene: &Scene<'a>, key: &Option<Arc<str>>) -> Option<Counted<'a, Arc<str>>> {
    let row = counted(&scene.window.counts.nodes, key)?;
    let node = key.as_ref().and_then(|n| scene.window.nodes.get(&**n));
    Some(Counted { node, ..row })
}
