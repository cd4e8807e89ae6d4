//! The flow table: which rows it shows, in which columns and order, and what it makes of the counts.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
};

use super::{Scene, model::Model, rows::Row, theme::Role};
use crate::{
    domain::{
        guard::Class,
        text::{between, duration, safe},
    },
    hubble::{
        filter::Filter,
        flow::{Kind, Row as Flow},
        reason::{class, drop_reason},
        rollup::Counts,
        window::Window,
    },
};

/// How many rows can be scrolled through.
const SHOWN: usize = 1_000;

/// What the screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum View {
    /// Flow by flow.
    #[default]
    Rows,
    /// Who speaks with whom.
    Edges,
    /// By node.
    Nodes,
    /// By reason of a drop.
    Reasons,
    /// By port.
    Ports,
    /// What fails: what the guard sees.
    Failing,
}

impl View {
    const ALL: [Self; 6] = [Self::Rows, Self::Failing, Self::Edges, Self::Nodes, Self::Reasons, Self::Ports];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Rows => "Flows",
            Self::Edges => "Who speaks with whom",
            Self::Nodes => "Flows by node",
            Self::Reasons => "Drops by reason",
            Self::Ports => "Flows by port",
            Self::Failing => "What fails",
        }
    }

    pub(super) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|v| *v == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// A column of the table of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Time,
    Source,
    Destination,
    Port,
    Cni,
    L7,
    Verdict,
    Reason,
    Node,
    Protocol,
    SourcePort,
    SourceIp,
    DestinationIp,
}

impl Column {
    pub(super) const ALL: [Self; 13] = [
        Self::Time,
        Self::Source,
        Self::Destination,
        Self::Port,
        Self::Cni,
        Self::L7,
        Self::Verdict,
        Self::Reason,
        Self::Node,
        Self::Protocol,
        Self::SourcePort,
        Self::SourceIp,
        Self::DestinationIp,
    ];
    const DEFAULT: usize = 9;

    /// Title, least width, most width.
    pub(super) const fn head(self) -> (&'static str, u16, u16) {
        match self {
            Self::Time => ("TIME", 8, 8),
            Self::Source => ("SOURCE", 12, 46),
            Self::Destination => ("DESTINATION", 12, 46),
            Self::Port => ("PORT", 5, 6),
            Self::Cni => ("CNI", 7, 15),
            Self::L7 => ("L7", 2, 30),
            Self::Verdict => ("VERDICT", 11, 11),
            Self::Reason => ("REASON", 6, 28),
            Self::Node => ("NODE", 6, 20),
            Self::Protocol => ("PROTO", 6, 6),
            Self::SourcePort => ("SPORT", 5, 5),
            Self::SourceIp => ("SOURCE IP", 9, 39),
            Self::DestinationIp => ("DESTINATION IP", 9, 39),
        }
    }

    fn cell(self, f: &Flow) -> (String, Role) {
        let port = |p: u16| if p == 0 { f.protocol.to_owned() } else { p.to_string() };
        let ip = |ip: Option<std::net::IpAddr>| ip.map(|i| i.to_string()).unwrap_or_default();
        match self {
            Self::Time => (f.time.strftime("%H:%M:%S").to_string(), Role::Dim),
            Self::Source => (safe(&f.source.label()).into_owned(), Role::Plain),
            Self::Destination => (safe(&f.destination.label()).into_owned(), Role::Plain),
            Self::Port => (port(f.port), Role::Plain),
            Self::Cni => (f.way(), Role::Dim),
            Self::L7 => (safe(&f.l7).into_owned(), Role::Dim),
            Self::Verdict => verdict(f),
            Self::Reason => {
                (safe(&f.why()).into_owned(), if class(f.reason) == Class::Noise { Role::Dim } else { Role::Bad })
            }
            Self::Node => (safe(&f.node).into_owned(), Role::Dim),
            Self::Protocol => (f.protocol.to_owned(), Role::Dim),
            Self::SourcePort => (port(f.source_port), Role::Dim),
            Self::SourceIp => (ip(f.source.ip), Role::Dim),
            Self::DestinationIp => (ip(f.destination.ip), Role::Dim),
        }
    }

    /// What rows are sorted by.
    fn rank(self, f: &Flow) -> (u64, String) {
        match self {
            Self::Port => (f.port.into(), String::new()),
            Self::SourcePort => (f.source_port.into(), String::new()),
            // what went wrong comes first
            Self::Verdict => (u64::from(!f.verdict.is_bad()) * 2 + u64::from(!f.unanswered), f.outcome().into()),
            _ => (0, self.cell(f).0),
        }
    }
}

fn verdict(f: &Flow) -> (String, Role) {
    let lock = if f.encrypted { " ∎" } else { "" };
    let (glyph, role) = match f.kind {
        _ if f.unanswered => ("? ", Role::Warn),
        _ if f.verdict.is_bad() && class(f.reason) == Class::Noise => ("· ", Role::Dim),
        _ if f.verdict.is_bad() => ("✗ ", Role::Bad),
        Kind::Reply => ("◀ ", Role::Good),
        _ if matches!(f.verdict, crate::hubble::reason::Verdict::Audit) => ("! ", Role::Warn),
        _ => ("", Role::Good),
    };
    (format!("{glyph}{}{lock}", f.outcome()), role)
}

/// How the flow table is set up.
#[derive(Clone, Debug)]
pub(super) struct FlowTable {
    pub(super) view: View,
    pub(super) columns: Vec<Column>,
    /// By which column, and whether the other way round; the newest first where there is none.
    pub(super) sort: Option<(Column, bool)>,
    pub(super) hide_replies: bool,
    /// Rows of the table that is held still: they may have left the window.
    pub(super) held: BTreeMap<u64, Flow>,
    matches: RefCell<Matches>,
}

impl Default for FlowTable {
    fn default() -> Self {
        Self {
            view: View::default(),
            columns: Column::ALL[..Column::DEFAULT].to_vec(),
            sort: None,
            hide_replies: true,
            held: BTreeMap::new(),
            matches: RefCell::default(),
        }
    }
}

/// The numbers of the rows that the filter lets through, kept from frame to frame: only what is new is looked at.
#[derive(Clone, Debug, Default)]
struct Matches {
    of: Option<(String, bool)>,
    numbers: VecDeque<u64>,
    next: u64,
}

impl FlowTable {
    /// The next column to sort by: none, then each that is shown.
    pub(super) fn sort_next(&mut self) {
        let at = self.sort.and_then(|(c, _)| self.columns.iter().position(|d| *d == c));
        let next = at.map_or(0, |at| at + 1);
        self.sort = self.columns.get(next).map(|c| (*c, false));
    }

    pub(super) fn sort_turned(&mut self) {
        if let Some((_, turned)) = &mut self.sort {
            *turned = !*turned;
        }
    }

    /// Shows or hides a column; one at least stays.
    pub(super) fn toggle(&mut self, column: Column) {
        if let Some(at) = self.columns.iter().position(|c| *c == column) {
            if self.columns.len() > 1 {
                self.columns.remove(at);
            }
        } else {
            self.columns.push(column);
            self.columns.sort();
        }
        if self.sort.is_some_and(|(c, _)| !self.columns.contains(&c)) {
            self.sort = None;
        }
    }

    /// Numbers of the rows that are shown, in their order.
    fn numbers(&self, window: &Window, filter: &str) -> Vec<u64> {
        let parsed = Filter::parse(filter).unwrap_or_default();
        let shown = |f: &Flow| {
            !(self.hide_replies && f.kind == Kind::Reply) && (!f.probe || window.keep_probes) && parsed.matches(f)
        };
        let mut matches = self.matches.borrow_mut();
        let of = (format!("{filter} {}", window.keep_probes), self.hide_replies);
        // that nobody answered turns out later
        if matches.of.as_ref() != Some(&of) || parsed.asks_for_answers() {
            *matches = Matches { of: Some(of), ..Matches::default() };
        }
        let kept = window.numbers();
        while matches.numbers.front().is_some_and(|n| *n < kept.start) {
            matches.numbers.pop_front();
        }
        for number in matches.next.max(kept.start)..kept.end {
            if window.row(number).is_some_and(shown) {
                matches.numbers.push_back(number);
            }
        }
        matches.next = kept.end;
        let Some((column, turned)) = self.sort.filter(|s| *s != (Column::Time, false)) else {
            return matches.numbers.iter().rev().take(SHOWN).copied().collect();
        };
        if column == Column::Time {
            return matches.numbers.iter().take(SHOWN).copied().collect();
        }
        let mut all: Vec<u64> = matches.numbers.iter().rev().copied().collect();
        all.sort_by_cached_key(|n| window.row(*n).map(|f| column.rank(f)));
        if turned {
            all.reverse();
        }
        all.truncate(SHOWN);
        all
    }

    /// Rows with their keys alone: what is not on the screen needs no cells.
    pub(super) fn rows(&self, scene: &Scene<'_>, filter: &str) -> Vec<Row> {
        match self.view {
            View::Rows => self.numbers(scene.window, filter).into_iter().map(|n| Row::keyed(n.to_string())).collect(),
            view => counted(view, scene),
        }
    }

    /// The row behind a key.
    pub(super) fn flow<'a>(&'a self, scene: &'a Scene<'_>, key: &str) -> Option<&'a Flow> {
        let number = key.parse().ok().filter(|_| self.view == View::Rows)?;
        self.held.get(&number).or_else(|| scene.window.row(number))
    }

    /// Fills the cells of a row in.
    pub(super) fn fill(&self, scene: &Scene<'_>, row: &mut Row) {
        if !row.cells.is_empty() {
            return;
        }
        if let Some(flow) = self.flow(scene, &row.key) {
            row.cells = self.columns.iter().map(|c| c.cell(flow)).collect();
        }
    }

    /// The columns of what is shown.
    pub(super) fn heads(&self) -> Vec<(&'static str, u16, u16)> {
        match self.view {
            View::Rows => self.columns.iter().map(|c| c.head()).collect(),
            View::Edges => [&[("SOURCE", 12, 46), ("DESTINATION", 12, 46), ("PORT", 5, 6)], COUNTS].concat(),
            View::Nodes => [&[("NODE", 8, 30), ("HEARD", 12, 40)], COUNTS].concat(),
            View::Reasons => vec![("REASON", 12, 40), ("MEANS", 9, 9), ("CONNECTIONS", 11, 11), ("EVENTS", 8, 10)],
            View::Ports => [&[("PORT", 5, 6), ("PROTO", 6, 6)], COUNTS].concat(),
            View::Failing => vec![
                ("CONNECTION", 20, 80),
                ("WHY", 9, 28),
                ("MEANS", 9, 9),
                ("FAILED", 6, 6),
                ("WORKED", 6, 6),
                ("SINCE", 7, 7),
                ("SEEN ON", 7, 20),
                ("", 6, 24),
            ],
        }
    }
}

const COUNTS: &[(&str, u16, u16)] = &[("FLOWS", 7, 10), ("ANSWERED", 8, 10), ("NO ANSWER", 9, 9), ("DROPPED", 7, 9)];

fn counts(row: Row, c: &Counts) -> Row {
    let bad = |n: u64| if n > 0 { Role::Bad } else { Role::Dim };
    row.plain((c.flows - c.probes).to_string())
        .cell(c.answered.to_string(), Role::Good)
        .cell(c.unanswered.to_string(), if c.unanswered > 0 { Role::Warn } else { Role::Dim })
        .cell(c.dropped.to_string(), bad(c.dropped))
}

fn counted(view: View, scene: &Scene<'_>) -> Vec<Row> {
    let rollup = &scene.window.counts;
    let others = |mut rows: Vec<Row>, c: &Counts, row: Row| {
        if c.flows + c.unanswered > 0 {
            rows.push(counts(row, c));
        }
        rows
    };
    match view {
        View::Rows => vec![],
        View::Edges => {
            let row = |(edge, c): (crate::domain::guard::Edge, Counts)| {
                let ends = Row::keyed(edge.to_string()).plain(safe(&edge.from)).plain(safe(&edge.to));
                counts(ends.plain(edge.port.to_string()), &c)
            };
            let rows = rollup.edges.worst(SHOWN).into_iter().map(row).collect();
            others(rows, &rollup.edges.others, Row::keyed("others").plain("all others").plain("").plain(""))
        }
        View::Nodes => {
            let row = |(node, c): (std::sync::Arc<str>, Counts)| {
                let (heard, role) = match scene.window.nodes.get(&*node) {
                    None => ("not known".to_owned(), Role::Dim),
                    Some(s) if s.connected => ("yes".to_owned(), Role::Good),
                    Some(s) if s.why.is_empty() => ("NO".to_owned(), Role::Bad),
                    Some(s) => (format!("NO: {}", safe(&s.why)), Role::Bad),
                };
                counts(Row::keyed(&*node).plain(safe(&node)).cell(heard, role), &c)
            };
            let known = rollup.nodes.worst(SHOWN);
            let silent: Vec<_> = scene
                .window
                .nodes
                .keys()
                .filter(|n| !known.iter().any(|(k, _)| **k == **n))
                .map(|n| (std::sync::Arc::from(n.as_str()), Counts::default()))
                .collect();
            let rows = known.into_iter().chain(silent).map(row).collect();
            others(rows, &rollup.nodes.others, Row::keyed("others").plain("all others").plain(""))
        }
        View::Reasons => {
            let row = |(code, c): (i32, Counts)| {
                let means = class(code);
                let role = if means == Class::Noise { Role::Dim } else { Role::Bad };
                let why = if code == 0 { "no reason was given".to_owned() } else { drop_reason(code) };
                Row::keyed(code.to_string())
                    .cell(why, role)
                    .cell(means.word(), role)
                    .plain(c.dropped.to_string())
                    .cell(c.flows.to_string(), Role::Dim)
            };
            // as many as there are numbers: none is ever without room
            rollup.reasons.worst(SHOWN).into_iter().map(row).collect()
        }
        View::Ports => {
            let row = |((port, protocol), c): ((u16, &'static str), Counts)| {
                counts(Row::keyed(format!("{port}/{protocol}")).plain(port.to_string()).cell(protocol, Role::Dim), &c)
            };
            let rows = rollup.ports.worst(SHOWN).into_iter().map(row).collect();
            others(rows, &rollup.ports.others, Row::keyed("others").plain("others").plain(""))
        }
        View::Failing => failing(scene),
    }
}

fn failing(scene: &Scene<'_>) -> Vec<Row> {
    let held =
        scene.facts.migration.as_ref().and_then(|m| m.status.as_ref()).map(|s| s.flows.clone()).unwrap_or_default();
    let row = |t: &crate::domain::guard::Trouble| {
        let edge = t.edge.to_string();
        let (word, role) = match held.iter().find(|h| h.edge == edge) {
            Some(h) if h.agreed => ("agreed to", Role::Warn),
            Some(_) => ("HOLDS NEXT NODE", Role::Bad),
            None if t.worked_before => ("worked before", Role::Warn),
            None => ("never seen working", Role::Dim),
        };
        Row::keyed(format!("{edge} {}", t.node))
            .plain(safe(&edge))
            .cell(safe(&t.why), Role::Bad)
            .plain(t.class.word())
            .plain(t.failed.to_string())
            .plain(t.worked.to_string())
            .cell(duration(between(t.since, scene.now)), Role::Dim)
            .cell(safe(&t.node), Role::Dim)
            .cell(word, role)
    };
    scene.facts.flows.troubles.iter().map(row).collect()
}

/// What the title says: nothing is shed or lost silently.
pub(super) fn title(model: &Model, scene: &Scene<'_>) -> String {
    let w = scene.window;
    let all = w.counts.all;
    let mut title = format!("{}: {} seen, {} dropped", model.flows.view.title(), all.flows, all.dropped);
    if !w.keep_probes {
        title.push_str(&format!(", {} probes hidden", all.probes));
    }
    title.push_str(&format!(", {} shed, {} lost", w.shed(), w.lost));
    if w.unread > 0 {
        title.push_str(&format!(", {} unreadable", w.unread));
    }
    if w.unwatched() > 0 {
        title.push_str(&format!(", {} NOT WATCHED", w.unwatched()));
    }
    let mut silent = w.silent();
    if let Some((first, _)) = silent.next() {
        let more = silent.count();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        title.push_str(&format!(" — NOT HEARD: {}{more}", safe(first)));
    }
    if let Some((column, turned)) = model.flows.sort.filter(|_| model.flows.view == View::Rows) {
        title.push_str(&format!(" — by {}{}", column.head().0, if turned { " ↓" } else { "" }));
    }
    title
}
