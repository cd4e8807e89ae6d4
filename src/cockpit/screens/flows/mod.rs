//! Live flows: flow by flow, what fails, or counts.

mod columns;
mod counts;
mod failing;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use ratatui::layout::Rect;

use super::{Follows, Reaction, Screen, Spec, Subject, tail::Tail};
use crate::{
    cockpit::{
        actions::{Action, Does, FREEZE, action},
        request::Request,
        scene::Scene,
        ui::{Canvas, Look, Pane, Table, beneath, detail},
    },
    domain::{guard::Edge, text::count, turn::TurnOf},
    hubble::{
        detail, export,
        filter::Filter,
        flow::{Kind, Row as Flow},
        window::{Stream, Window},
    },
};

/// How many rows can be scrolled through.
const SHOWN: usize = 1_000;

pub(super) static SPEC: Spec = Spec {
    title: "Flows",
    help: "Flows: live, as Hubble sees them.",
    follows: Follows::Flows,
    actions: ACTIONS,
    new: || Box::new(Flows::default()),
};

const ACTIONS: &[Action] = &[
    FREEZE,
    action("v", "view", "Flow by flow, what fails, or counts: by connection, node, reason, port.", Does::View, 8),
    action("x", "replies", "Show or hide replies.", Does::Replies, 3),
    action("X", "", "Keep and show Cilium's own health probes from now on, or drop them again.", Does::Probes, 0),
    action("s", "sort", "Sort by the next column; after the last one the newest come first again.", Does::Sort, 3),
    action("S", "", "Sort in the opposite order.", Does::Turn, 0),
    action("c", "columns", "Choose the columns.", Does::Columns, 2),
    action(
        "e",
        "export",
        "Write the rows (a thousand at most) to a file, as JSON lines like Hubble's own.",
        Does::Export("jsonl"),
        2,
    ),
    action("E", "", "The same as CSV.", Does::Export("csv"), 0),
];

/// What the screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    #[default]
    Rows,
    Failing,
    Edges,
    Nodes,
    Reasons,
    Ports,
}

impl View {
    const fn title(self) -> &'static str {
        match self {
            Self::Rows => "Flows",
            Self::Failing => "Failing",
            Self::Edges => "Connections",
            Self::Nodes => "Flows by node",
            Self::Reasons => "Drops by reason",
            Self::Ports => "Flows by port",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Rows => Self::Failing,
            Self::Failing => Self::Edges,
            Self::Edges => Self::Nodes,
            Self::Nodes => Self::Reasons,
            Self::Reasons => Self::Ports,
            Self::Ports => Self::Rows,
        }
    }
}

struct Flows {
    view: View,
    rows: Table<u64>,
    tail: Tail,
    /// The columns that are shown, by their place among all.
    columns: Vec<usize>,
    /// By which column, and whether in the opposite order; the newest first where there is none.
    sort: Option<(usize, bool)>,
    hide_replies: bool,
    /// Rows of the table that is held still: they may have left the window.
    held: BTreeMap<u64, Flow>,
    /// How many flows had been counted when it was.
    held_at: u64,
    failing: Table<failing::Key>,
    edges: Table<Option<Edge>>,
    nodes: Table<Option<Arc<str>>>,
    reasons: Table<Option<i32>>,
    ports: Table<Option<(u16, &'static str)>>,
}

impl Default for Flows {
    fn default() -> Self {
        Self {
            view: View::default(),
            rows: Table::default(),
            tail: Tail::default(),
            columns: (0..columns::SHOWN).collect(),
            sort: None,
            hide_replies: true,
            held: BTreeMap::new(),
            held_at: 0,
            failing: Table::default(),
            edges: Table::default(),
            nodes: Table::default(),
            reasons: Table::default(),
            ports: Table::default(),
        }
    }
}

impl Flows {
    /// Holds the rows still, or lets them go on.
    fn freeze(&mut self, scene: &Scene<'_>) {
        if self.rows.thaw() {
            return;
        }
        self.held_at = scene.window.counts.all.flows;
        let held = self.rows.rows().iter().filter_map(|n| Some((*n, scene.window.row(*n)?.clone())));
        self.held = held.collect();
        self.rows.freeze();
    }

    fn flow<'a>(&'a self, scene: &Scene<'a>, number: u64) -> Option<&'a Flow> {
        self.held.get(&number).or_else(|| scene.window.row(number))
    }

    /// Only what has come since the last frame is put through the filter.
    fn refresh_rows(&mut self, scene: &Scene<'_>) {
        if self.rows.is_frozen() {
            return;
        }
        self.held.clear();
        let window = scene.window;
        // the title says what is not read
        let (filter, _) = Filter::read(self.rows.filter());
        let shown = |number| {
            window.row(number).is_some_and(|f| {
                !(self.hide_replies && f.kind == Kind::Reply) && (!f.probe || window.keep_probes) && filter.matches(f)
            })
        };
        // whether a connection is answered turns out later
        let answers = if filter.asks_for_answers() { window.counts.all.unanswered } else { 0 };
        let by = format!("{} {} {} {answers}", self.rows.filter(), window.keep_probes, self.hide_replies);
        if !self.tail.follow(&by, window.numbers(), shown) {
            return;
        }
        let rows = match self.sort {
            None | Some((0, false)) => self.tail.numbers().rev().take(SHOWN).collect(),
            Some((0, true)) => self.tail.numbers().take(SHOWN).collect(),
            Some((column, turned)) => {
                let mut all: Vec<u64> = self.tail.numbers().rev().collect();
                all.sort_by_cached_key(|n| window.row(*n).map(|f| columns::ALL[column].rank(f)));
                if turned {
                    all.reverse();
                }
                all.truncate(SHOWN);
                all
            }
        };
        self.rows.set_rows(rows);
    }

    /// The next column to sort by: none, then each that is shown.
    fn sort_next(&mut self) {
        let at = self.sort.and_then(|(c, _)| self.columns.iter().position(|d| *d == c));
        self.sort = self.columns.get(at.map_or(0, |at| at + 1)).map(|c| (*c, false));
    }

    /// What is shown, as lines of a file.
    fn export(&self, scene: &Scene<'_>, form: &'static str) -> Reaction {
        let flows = self.rows.rows().iter().rev().filter_map(|n| self.flow(scene, *n));
        let lines: Vec<String> = if form == "csv" {
            std::iter::once(export::csv_head()).chain(flows.map(export::csv)).collect()
        } else {
            flows.filter_map(export::json).collect()
        };
        if self.view != View::Rows || lines.len() <= usize::from(form == "csv") {
            return Reaction::Say("No flow is shown that could be written.");
        }
        Reaction::Send(Request::Export(form, lines))
    }

    /// Nothing is dropped or lost silently.
    fn title(&self, scene: &Scene<'_>) -> String {
        let w = scene.window;
        let all = w.counts.all;
        let mut title = format!("{}: {} seen, {} dropped", self.view.title(), all.flows, all.dropped);
        if !w.keep_probes {
            let probes = count(usize::try_from(all.probes).unwrap_or(usize::MAX), "probe");
            title.push_str(&format!(", {probes} hidden"));
        }
        title.push_str(&format!(", {} evicted from buffer, {} lost", w.shed(), w.lost));
        if w.unread > 0 {
            title.push_str(&format!(", {} undecodable", w.unread));
        }
        if w.unwatched() > 0 {
            title.push_str(&format!(", {} NOT WATCHED", w.unwatched()));
        }
        let mut silent = w.silent();
        if let Some((first, _)) = silent.next() {
            let more = silent.count();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            title.push_str(&format!(" — RELAY NOT CONNECTED: {first}{more}"));
        }
        if let Some((column, turned)) = self.sort.filter(|_| self.view == View::Rows) {
            title.push_str(&format!(" — by {}{}", columns::ALL[column].column.0, if turned { " ↓" } else { "" }));
        }
        if self.rows.is_frozen() && self.view == View::Rows {
            title.push_str(&format!(" — FROZEN, {} new", all.flows.saturating_sub(self.held_at)));
        }
        match Filter::parse(self.rows.filter()) {
            Err(why) if self.view == View::Rows => format!("{why} — {title}"),
            _ => title,
        }
    }
}

impl Screen for Flows {
    fn refresh(&mut self, scene: &Scene<'_>) {
        let counts = &scene.window.counts;
        // the order of what is counted changes with every flow: twice a second is often enough
        let now = (u64::try_from(scene.now.as_millisecond() / 500).unwrap_or(0), 0);
        match self.view {
            View::Rows => self.refresh_rows(scene),
            View::Failing => {
                let stamp = (scene.revision, 0);
                self.failing.list(stamp, || failing::keys(scene), failing::COLUMNS, |k| failing::row(scene, k));
            }
            View::Edges => {
                let keys = || counts::keys(&counts.edges);
                self.edges.list(now, keys, counts::EDGES, |k| counts::counted(&counts.edges, k));
            }
            View::Nodes => {
                self.nodes.list(now, || counts::node_keys(scene), counts::NODES, |k| counts::node(scene, k));
            }
            View::Reasons => {
                let keys = || counts::keys(&counts.reasons);
                self.reasons.list(now, keys, counts::REASONS, |k| counts::counted(&counts.reasons, k));
            }
            View::Ports => {
                let keys = || counts::keys(&counts.ports);
                self.ports.list(now, keys, counts::PORTS, |k| counts::counted(&counts.ports, k));
            }
        }
    }

    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>) {
        let counts = &scene.window.counts;
        let title = self.title(scene);
        let empty = match self.view {
            View::Failing => "No connection fails. Only connections with one end on Cilium are seen.".into(),
            View::Reasons if counts.all.flows > 0 => "No connection was dropped.".into(),
            _ => no_rows(scene),
        };
        let look = Look { title: &title, focused: true, empty: &empty };
        match self.view {
            View::Rows => {
                let Self { rows, held, columns, .. } = self;
                let columns = columns.iter().map(|i| &columns::ALL[*i].column);
                rows.draw(canvas, area, &look, columns, |n| held.get(n).or_else(|| scene.window.row(*n)));
            }
            View::Failing => {
                let (list, below) = beneath(area);
                self.failing.draw(canvas, list, &look, failing::COLUMNS.iter(), |k| failing::row(scene, k));
                let selected = self.failing.selected().and_then(|k| failing::row(scene, k));
                if let (Some(area), Some(row)) = (below, selected) {
                    detail(canvas, area, &failing::title(&row), &failing::text(&row));
                }
            }
            View::Edges => {
                let row = |k: &_| counts::counted(&counts.edges, k);
                self.edges.draw(canvas, area, &look, counts::EDGES.iter(), row);
            }
            View::Nodes => self.nodes.draw(canvas, area, &look, counts::NODES.iter(), |k| counts::node(scene, k)),
            View::Reasons => {
                let row = |k: &_| counts::counted(&counts.reasons, k);
                self.reasons.draw(canvas, area, &look, counts::REASONS.iter(), row);
            }
            View::Ports => {
                let row = |k: &_| counts::counted(&counts.ports, k);
                self.ports.draw(canvas, area, &look, counts::PORTS.iter(), row);
            }
        }
    }

    fn subject(&self, scene: &Scene<'_>) -> Subject {
        let none = Subject::Nothing("No connection is selected. v shows those that fail; ! finds what waits.");
        let selected = self.failing.selected().filter(|_| self.view == View::Failing);
        selected.and_then(|k| failing::edge(scene, k)).map_or(none, Subject::Connection)
    }

    fn select(&mut self, object: &TurnOf, scene: &Scene<'_>) -> bool {
        let TurnOf::Connection(edge) = object else { return false };
        self.view = View::Failing;
        self.failing.set_filter("");
        self.refresh(scene);
        failing::Key::of(scene, edge).is_some_and(|key| self.failing.select_key(&key))
    }

    fn pane(&mut self) -> &mut dyn Pane {
        match self.view {
            View::Rows => &mut self.rows,
            View::Failing => &mut self.failing,
            View::Edges => &mut self.edges,
            View::Nodes => &mut self.nodes,
            View::Reasons => &mut self.reasons,
            View::Ports => &mut self.ports,
        }
    }

    fn selected(&self, scene: &Scene<'_>) -> Vec<(&'static str, String)> {
        use super::cells;
        let counts = &scene.window.counts;
        match self.view {
            View::Rows => cells(
                self.columns.iter().map(|i| &columns::ALL[*i].column),
                self.rows.selected().and_then(|n| self.flow(scene, *n)),
            ),
            View::Failing => {
                cells(failing::COLUMNS.iter(), self.failing.selected().and_then(|k| failing::row(scene, k)))
            }
            View::Edges => {
                let row = self.edges.selected().and_then(|k| counts::counted(&counts.edges, k));
                cells(counts::EDGES.iter(), row)
            }
            View::Nodes => cells(counts::NODES.iter(), self.nodes.selected().and_then(|k| counts::node(scene, k))),
            View::Reasons => {
                let row = self.reasons.selected().and_then(|k| counts::counted(&counts.reasons, k));
                cells(counts::REASONS.iter(), row)
            }
            View::Ports => {
                let row = self.ports.selected().and_then(|k| counts::counted(&counts.ports, k));
                cells(counts::PORTS.iter(), row)
            }
        }
    }

    fn detail(&self, scene: &Scene<'_>) -> Vec<String> {
        let number = self.rows.selected().filter(|_| self.view == View::Rows);
        let Some(flow) = number.and_then(|n| self.flow(scene, *n)) else {
            return super::lines(self.selected(scene));
        };
        let host = scene.node(&flow.node).evidence.host.as_ref();
        detail::lines(flow, host.map(|h| h.encryption.as_str()).filter(|mode| !mode.is_empty()))
    }

    fn act(&mut self, does: Does, scene: &Scene<'_>) -> Reaction {
        match does {
            Does::View => {
                self.rows.thaw();
                self.view = self.view.next();
            }
            Does::Freeze if self.view == View::Rows => self.freeze(scene),
            Does::Freeze => return Reaction::Say("Only the table of single flows can be held still (v)."),
            Does::Replies => self.hide_replies = !self.hide_replies,
            Does::Probes => return Reaction::Send(Request::Probes(!scene.window.keep_probes)),
            Does::Sort => {
                self.sort_next();
                self.tail.forget();
            }
            Does::Turn => {
                if let Some((_, turned)) = &mut self.sort {
                    *turned = !*turned;
                }
                self.tail.forget();
            }
            Does::Columns => return Reaction::Choose,
            Does::Export(form) => return self.export(scene, form),
            _ => {}
        }
        Reaction::Nothing
    }

    fn columns(&self) -> Vec<(&'static str, bool)> {
        columns::ALL.iter().enumerate().map(|(i, c)| (c.column.0, self.columns.contains(&i))).collect()
    }

    /// One column at least stays.
    fn toggle_column(&mut self, nth: usize) {
        match self.columns.iter().position(|c| *c == nth) {
            Some(at) if self.columns.len() > 1 => drop(self.columns.remove(at)),
            Some(_) => {}
            None => {
                self.columns.push(nth);
                self.columns.sort_unstable();
            }
        }
        if self.sort.is_some_and(|(c, _)| !self.columns.contains(&c)) {
            self.sort = None;
            self.tail.forget();
        }
    }
}

/// Why no flow is shown.
fn no_rows(scene: &Scene<'_>) -> Cow<'static, str> {
    let w: &Window = scene.window;
    let installed = !scene.facts.cilium_ranges.is_empty();
    match &w.stream {
        Stream::None(why) => format!("No flows: {why}.").into(),
        _ if !installed && w.stream != Stream::Replayed => {
            "Hubble comes with Cilium: flows appear once the phase Install is done.".into()
        }
        Stream::Starting => "connecting to Hubble relay…".into(),
        Stream::Retrying(why) => format!("No flows: {why}. Retrying.").into(),
        Stream::Replayed => "There is no flow in this capture.".into(),
        Stream::Live if w.counts.all.probes > 0 => format!(
            "No flows but {} of Cilium's own probes (X shows them). Hubble sees only connections with one end on Cilium: there are few before the first node is moved.",
            w.counts.all.probes
        )
        .into(),
        Stream::Live => "No flows yet. Hubble sees only connections with one end on Cilium: there are few before the first node is moved.".into(),
    }
}
