//! What a command says while it follows the migration: lines for people, grouped by node, and typed events for programs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use super::{Output, output};
use crate::domain::{
    api::Target,
    eta,
    facts::{Facts, Key},
    log::{Entry, Kind},
    strategy::PhaseId,
    text::safe,
    view::View,
};

/// Something that happened while a migration was followed. The names are an interface: README, "Events".
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(super) enum Event<'a> {
    /// It is followed from here on.
    #[serde(rename_all = "camelCase")]
    Started { context: &'a str, server: &'a str, nodes: usize },
    /// A phase was approved by this command.
    Approved { phase: PhaseId },
    /// The engine of this command has another state.
    Engine { state: String },
    /// Nodes are done or rolled back.
    #[serde(rename_all = "camelCase")]
    Progress { done: usize, nodes: usize, left: Option<String> },
    /// Something to know.
    Note { text: &'a str },
    /// Lines that came faster than they were taken.
    Missed { lines: u64 },
    /// It is followed no longer.
    #[serde(rename_all = "camelCase")]
    Ended { exit: u8, phase: String, seconds: u64 },
}

/// Says what happens, in the form that is asked for.
pub(super) struct Reporter {
    format: Output,
    /// What the last line was about.
    group: String,
    /// Nodes on Cilium, of all.
    progress: String,
    /// The time that is left, as far as it is known.
    left: Option<String>,
    /// Where the pods are, or were, of which something was begun.
    pods: BTreeMap<String, String>,
}

impl Reporter {
    pub(super) const fn new(format: Output) -> Self {
        Self { format, group: String::new(), progress: String::new(), left: None, pods: BTreeMap::new() }
    }

    /// An event, for programs alone.
    pub(super) fn event(&self, event: &Event<'_>) {
        self.object(&json!(event));
    }

    /// The last object of `-o json` stands alone on standard output: events go to standard error there.
    fn object(&self, value: &serde_json::Value) {
        match self.format {
            Output::Json => output::json_note(value),
            Output::Jsonl => output::json_line(value),
            Output::Table => {}
        }
    }

    /// A line of the journal. Beginnings are left out for people: their end says the same.
    pub(super) fn entry(&mut self, entry: &Entry, facts: &Facts) {
        let node = node_of(entry, facts).or_else(|| self.pods.get(&entry.object).cloned());
        // by its end a pod is gone, or somewhere else
        if let Some(node) = node.as_ref().filter(|_| entry.kind == Kind::Begin && pod_of(entry).is_some()) {
            self.pods.insert(entry.object.clone(), node.clone());
        }
        if self.format.is_json() {
            let name = match entry.kind {
                Kind::Begin => "changeBegun",
                Kind::Done => "changeDone",
                Kind::Failed => "changeFailed",
                Kind::Waiting => "waiting",
                Kind::Step => "step",
                Kind::Output => "output",
                Kind::Request => "request",
                Kind::Warning => "warning",
                Kind::Note => "note",
            };
            let mut event = json!({"type": name, "node": node});
            if let (Some(event), Ok(serde_json::Value::Object(entry))) =
                (event.as_object_mut(), serde_json::to_value(entry))
            {
                event.extend(entry.into_iter().filter(|(key, _)| key != "kind"));
            }
            self.object(&event);
            return;
        }
        if entry.kind == Kind::Begin {
            return;
        }
        let group = match node {
            Some(node) => node,
            None if pod_of(entry).is_some() && !self.group.is_empty() => self.group.clone(),
            None => phase_of(facts),
        };
        if group != self.group {
            let left = self.left.as_ref().map(|l| format!(", {l}")).unwrap_or_default();
            let progress = match self.progress.as_str() {
                "" => String::new(),
                progress => format!("  {progress} nodes on Cilium{left}"),
            };
            output::line(&format!("── {group}{progress}"));
            self.group = group;
        }
        output::paragraph(&text(entry), 11);
    }

    /// Says how many nodes are through, whenever that has changed.
    pub(super) fn progress(&mut self, facts: &Facts) {
        let Some(migration) = &facts.migration else { return };
        let Some(status) = migration.status.as_ref().filter(|s| s.progress != self.progress) else { return };
        self.progress.clone_from(&status.progress);
        let Some((done, nodes)) = status.progress.split_once('/') else { return };
        let (Ok(done), Ok(nodes)) = (done.parse::<usize>(), nodes.parse::<usize>()) else { return };
        let records = facts.node_migrations.values().filter_map(|r| r.status.as_ref());
        let left = eta::of(&View::read_only(facts, migration, jiff::Timestamp::now()), records);
        let moves = if migration.spec.target == Target::Flannel { done > 0 } else { done < nodes };
        let left = left.filter(|e| moves && *e != eta::Estimate::Unknown).map(|e| e.to_string());
        // the next line says it
        self.group.clear();
        self.left.clone_from(&left);
        self.event(&Event::Progress { done, nodes, left });
    }

    /// Something to know, on standard error.
    pub(super) fn note(&self, event: &Event<'_>, text: &str) {
        if self.format.is_json() { self.event(event) } else { output::note(text) }
    }
}

/// The phase at work: what a line is about that is of no node.
fn phase_of(facts: &Facts) -> String {
    facts.migration.as_ref().and_then(|m| m.status.as_ref()).map(|s| s.phase).unwrap_or_default().to_string()
}

/// The node that a line is about: it itself, or the one that its pod is on.
fn node_of(entry: &Entry, facts: &Facts) -> Option<String> {
    if let Some(name) = entry.object.strip_prefix("node/") {
        return Some(name.to_owned());
    }
    facts.pods.get(&pod_of(entry)?).map(|p| p.node.to_string()).filter(|n| !n.is_empty())
}

/// The pod that a line is about.
fn pod_of(entry: &Entry) -> Option<Key> {
    let (namespace, name) = entry.object.strip_prefix("pod/")?.split_once('/')?;
    Some(Key::new(namespace, name))
}

/// A line of the journal to standard error, for an engine that runs without anybody who follows it.
pub(super) fn note(entry: &Entry) {
    if entry.kind != Kind::Begin {
        output::note(&text(entry));
    }
}

/// One line an event, never overwritten.
fn text(entry: &Entry) -> String {
    let mark = match entry.kind {
        Kind::Failed => "FAILED ",
        Kind::Waiting => "waits ",
        Kind::Warning => "WARNING ",
        Kind::Step => "▸ ",
        Kind::Output => "  | ",
        _ => "",
    };
    let at = entry.at.strftime("%H:%M:%S");
    format!("{at} {mark}{}: {}", safe(&entry.object), safe(&entry.text))
}
