//! What the cockpit remembers: which screen, what is selected, what is open.

use std::collections::BTreeMap;

use tokio::time::{Duration, Instant};

use super::{
    Scene,
    actions::Screen,
    dialog::Dialog,
    flows::FlowTable,
    rows::{self, Row},
};

/// The cluster, as the header names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterName {
    /// The context.
    pub context: String,
    /// The API server's address.
    pub server: String,
    /// It is marked as production.
    pub production: bool,
}

/// What lies over the screen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Overlay {
    #[default]
    None,
    Help {
        scroll: u16,
    },
    Palette {
        text: String,
        selected: usize,
    },
    Filter {
        text: String,
    },
    Detail {
        lines: Vec<String>,
        scroll: u16,
    },
    Columns {
        selected: usize,
    },
    Dialog(Box<Dialog>),
}

/// Which pane has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Focus {
    #[default]
    First,
    Second,
}

/// A table's state: the selection follows the object, not the row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TableState {
    pub(super) selected: Option<String>,
    pub(super) offset: usize,
    pub(super) filter: String,
}

/// A short message over the footer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Toast {
    pub(super) text: String,
    pub(super) bad: bool,
    pub(super) until: Option<Instant>,
}

/// What the cockpit remembers.
#[expect(clippy::struct_excessive_bools, reason = "independent switches of an operator, not one state in disguise")]
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) cluster: ClusterName,
    pub(super) armed: bool,
    pub(super) screen: Screen,
    pub(super) focus: Focus,
    pub(super) overlay: Overlay,
    pub(super) tables: BTreeMap<&'static str, TableState>,
    /// Rows of the tables that are held still, and how many have come since.
    pub(super) frozen: BTreeMap<&'static str, (Vec<Row>, u64)>,
    pub(super) flows: FlowTable,
    pub(super) toast: Option<Toast>,
    pub(super) busy: bool,
    pub(super) leaving: bool,
    pub(super) logs_in: bool,
    pub(super) was_complete: Option<bool>,
    /// Rows of a page at the last frame.
    pub(super) page: usize,
}

impl Model {
    /// A fresh cockpit.
    pub fn new(cluster: ClusterName, armed: bool) -> Self {
        Self {
            cluster,
            armed,
            screen: Screen::Overview,
            focus: Focus::First,
            overlay: Overlay::None,
            tables: BTreeMap::new(),
            frozen: BTreeMap::new(),
            flows: FlowTable::default(),
            toast: None,
            busy: false,
            leaving: false,
            logs_in: false,
            was_complete: None,
            page: 10,
        }
    }

    pub(super) const fn leaves(&self) -> bool {
        self.leaving
    }

    pub(super) fn shows_log(&self) -> bool {
        self.screen == Screen::Log
    }

    pub(super) fn shows_flows(&self) -> bool {
        self.screen == Screen::Flows
    }

    /// When something on the screen changes by the clock alone.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.toast.as_ref().and_then(|t| t.until).filter(|t| *t > now)
    }

    /// A wish was carried out, or not.
    pub(super) fn answered(&mut self, answer: Result<String, String>) {
        self.busy = false;
        match answer {
            Ok(text) => self.say(text),
            // an error stays until the next key
            Err(text) => self.toast = Some(Toast { text, bad: true, until: None }),
        }
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.toast =
            Some(Toast { text: text.into(), bad: false, until: Some(Instant::now() + Duration::from_secs(5)) });
    }

    pub(super) fn table(&self, name: &str) -> TableState {
        self.tables.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn table_mut(&mut self, name: &'static str) -> &mut TableState {
        self.tables.entry(name).or_default()
    }

    /// Name of the table that has the keys.
    pub(super) const fn active_table(&self) -> &'static str {
        match (self.screen, self.focus) {
            (Screen::Overview, Focus::First) => "phases",
            (Screen::Overview, Focus::Second) => "overview nodes",
            (Screen::Nodes, _) => "nodes",
            (Screen::Pods, _) => "pods",
            (Screen::Flows, _) => "flows",
            (Screen::Checks, _) => "checks",
            (Screen::Log, _) => "log",
        }
    }

    /// Keeps selections on rows that exist, and moves to the proof once the migration is complete.
    pub(super) fn look_at(&mut self, scene: &Scene<'_>) {
        if self.toast.as_ref().and_then(|t| t.until).is_some_and(|t| t <= Instant::now()) {
            self.toast = None;
        }
        let complete = rows::is_complete(scene.facts);
        if self.was_complete == Some(false) && complete {
            self.screen = Screen::Checks;
            self.overlay = Overlay::None;
            self.say("The migration is complete: here is the proof.");
        }
        self.was_complete = Some(complete);
    }
}
