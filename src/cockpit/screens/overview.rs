//! Overview: how far the migration is, what each phase and each node does, and what it waits for.

use std::{borrow::Cow, sync::Arc};

use ratatui::layout::{Constraint, Layout, Rect};

use super::{
    Follows, Reaction, Screen, Spec, Subject, nodes,
    steps::{self, Node},
};
use crate::{
    cockpit::{
        actions::{Does, action},
        scene::Scene,
        ui::{Canvas, Cell, Column, Look, Pane, Table, Tone, wrap},
    },
    domain::{
        api::{PhaseState, PhaseStatus, Stage},
        facts::Source,
        text::{between, duration},
        turn::TurnOf,
    },
    hubble::window::Stream,
};

pub(super) static SPEC: Spec = Spec {
    title: "Overview",
    help: "Overview: phases, progress, every node's steps.",
    follows: Follows::Facts,
    actions: &[action("tab", "focus", "To the other table: phases or nodes.", Does::Focus, 4)],
    new: || Box::new(Overview::default()),
};

#[derive(Default)]
struct Overview {
    phases: Table<usize>,
    nodes: Table<Arc<str>>,
    /// The nodes have the keys.
    on_nodes: bool,
}

/// A phase as the table shows it.
struct Phase<'a> {
    status: &'a PhaseStatus,
    /// How long it took, or has taken so far.
    time: String,
    purpose: &'static str,
    /// How many nodes are through it, of how many, where it rolls nodes.
    nodes: Option<(usize, usize)>,
    /// What it waits for is said above the tables.
    announced: bool,
    look: (&'static str, &'static str, Tone),
}

type Phases = Column<for<'a> fn(&Phase<'a>) -> Cell<'a>>;
type Nodes = Column<for<'a> fn(&Node<'a>) -> Cell<'a>>;

const PHASES: &[Phases] = &[
    Column("", 1, 1, |p| Cell::new(p.look.0, p.look.2)),
    Column("PHASE", 9, 14, |p| Cell::plain(p.status.name.as_str())),
    Column("STATE", 14, 14, |p| Cell::new(p.look.1, p.look.2)),
    Column("TIME", 7, 7, |p| Cell::dim(p.time.clone())),
    Column("MESSAGE", 10, 200, message),
];

const NODES: &[Nodes] = &[
    Column("NODE", 8, 30, |n| Cell::plain(&*n.fact.name)),
    Column("CNI", 7, 7, |n| n.cni()),
    Column("STEPS", 8, 12, steps::strip),
    Column("STEP", 10, 10, steps::name),
    Column("WAITING FOR", 11, 200, steps::waiting),
];

fn look(scene: &Scene<'_>, phase: &PhaseStatus) -> (&'static str, &'static str, Tone) {
    match phase.state {
        PhaseState::Pending => ("·", "pending", Tone::Dim),
        PhaseState::NeedsApproval => ("?", "needs approval", Tone::Turn),
        PhaseState::Done => ("✓", "done", Tone::Good),
        _ if scene.is_stranded() => ("?", "no engine", Tone::Turn),
        _ if !scene.turns().is_empty() => ("?", "your turn", Tone::Turn),
        PhaseState::Running => ("▶", "running", Tone::Accent),
        PhaseState::Blocked => ("!", "blocked", Tone::Bad),
        PhaseState::RollingBack => ("◀", "rolling back", Tone::Warn),
    }
}

fn phase<'a>(scene: &Scene<'a>, nth: usize) -> Option<Phase<'a>> {
    let phase = scene.phases().get(nth)?;
    let took = match (phase.started_at, phase.finished_at) {
        (Some(from), to) => duration(between(from, to.unwrap_or(scene.now))),
        _ => String::new(),
    };
    let purpose = scene.view().strategy.phase(phase.name).map_or("", |p| p.spec().purpose);
    let through = scene.outlook.through.iter().find(|(id, _)| *id == phase.name);
    let nodes = through.map(|(_, through)| (*through, scene.outlook.order.len()));
    Some(Phase { status: phase, time: took, purpose, nodes, announced: false, look: look(scene, phase) })
}

/// What a phase says. Of one that rolls nodes, each node says in its row what it waits for.
fn message<'a>(phase: &Phase<'a>) -> Cell<'a> {
    let message = &*phase.status.waiting.message;
    match (phase.status.state, phase.nodes) {
        (PhaseState::Running | PhaseState::Blocked, Some((through, all))) => {
            Cell::plain(format!("{through} of {all} nodes done"))
        }
        (PhaseState::Done, _) if message.is_empty() => Cell::dim(""),
        _ if message.is_empty() || phase.announced => Cell::dim(phase.purpose),
        _ => Cell::plain(message),
    }
}

impl Screen for Overview {
    fn refresh(&mut self, scene: &Scene<'_>) {
        let phases = || (0..scene.phases().len()).collect();
        self.phases.list((scene.revision, scene.outlook.number), phases, PHASES, |i| phase(scene, *i));
        // the phase whose turn it is, until the operator selects another one
        let open = scene.phases().iter().position(|p| p.state != PhaseState::Done);
        self.phases.rest_on(&open.unwrap_or(scene.phases().len().saturating_sub(1)));
        let listed = || scene.outlook.listed.clone();
        self.nodes.list((scene.outlook.number, 0), listed, NODES, |n| Node::of(scene, n));
    }

    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>) {
        let wanted = u16::try_from(scene.phases().len()).unwrap_or(u16::MAX).saturating_add(3);
        let phases = wanted.min(area.height.saturating_sub(2) / 2 + 2);
        let announced = super::announced(scene, &self.subject(scene)).map(|(_, turn)| &turn.object);
        let (text, tone, about) = headline(scene);
        // what waits for the operator is said above the screen
        let room = if !scene.turns().is_empty() {
            0
        } else if area.height < 18 {
            1
        } else {
            2
        };
        let mut lines = wrap(&text, usize::from(area.width.saturating_sub(2)));
        let rest = lines.drain(room.min(lines.len())..).collect::<Vec<_>>().join(" ");
        lines.last_mut().filter(|_| !rest.is_empty()).into_iter().for_each(|l| *l = format!("{l} {rest}"));
        let top = u16::try_from(lines.len()).unwrap_or(0) + 1;
        let rates = u16::from(area.height >= 26 && scene.window.stream == Stream::Live);
        let [top, flows, phases, nodes] = area.layout(&Layout::vertical([
            Constraint::Length(top),
            Constraint::Length(rates),
            Constraint::Length(phases),
            Constraint::Fill(1),
        ]));
        if rates > 0 {
            sparklines(canvas, flows, scene);
        }
        progress(canvas, top, scene, &lines, tone);
        let look = Look { title: "Phases", focused: !self.on_nodes, empty: "loading…" };
        let said = |p: &Phase<'_>| {
            announced == Some(&TurnOf::Phase(p.status.name)) || {
                announced.is_none() && p.status.waiting.message == text
            }
        };
        self.phases.draw(canvas, phases, &look, PHASES.iter(), |i| {
            phase(scene, *i).map(|p| Phase { announced: said(&p), ..p })
        });
        let empty = scene.missing(Source::Nodes).unwrap_or("no nodes".into());
        let title = format!("Nodes ({})", scene.outlook.order.len());
        let look = Look { title: &title, focused: self.on_nodes, empty: &empty };
        let said = |n: &Arc<str>| match announced {
            Some(object) => *object == TurnOf::Node(Arc::clone(n)),
            None => about == Some(n) && !lines.is_empty(),
        };
        self.nodes.draw(canvas, nodes, &look, NODES.iter(), |n| Some(Node::of(scene, n)?.announced(said(n))));
    }

    fn pane(&mut self) -> &mut dyn Pane {
        if self.on_nodes { &mut self.nodes } else { &mut self.phases }
    }

    /// Phases do not float, and the next one is selected by itself once one is done.
    fn pin(&mut self) {
        if self.on_nodes {
            self.nodes.pin();
        }
    }

    fn click(&mut self, column: u16, row: u16) {
        if self.nodes.click(column, row) {
            self.on_nodes = true;
        } else if self.phases.click(column, row) {
            self.on_nodes = false;
        }
    }

    fn selected(&self, scene: &Scene<'_>) -> Vec<(&'static str, String)> {
        if self.on_nodes {
            return super::cells(NODES.iter(), self.nodes.selected().and_then(|n| Node::of(scene, n)));
        }
        super::cells(PHASES.iter(), self.phases.selected().and_then(|i| phase(scene, *i)))
    }

    fn detail(&self, scene: &Scene<'_>) -> Vec<String> {
        match self.nodes.selected().filter(|_| self.on_nodes) {
            Some(node) => super::node::lines(scene, node, false),
            None => super::lines(self.selected(scene)),
        }
    }

    fn subject(&self, scene: &Scene<'_>) -> Subject {
        if self.on_nodes {
            return nodes::subject(&self.nodes);
        }
        let none = Subject::Nothing("No phase is selected: none is known, or none matches the filter (esc clears it).");
        let phase = self.phases.selected().and_then(|i| scene.phases().get(*i));
        phase.map_or(none, |p| Subject::Phase(p.name))
    }

    fn select(&mut self, object: &TurnOf, scene: &Scene<'_>) -> bool {
        // what is looked for must not be hidden
        let show = |table: &mut dyn Pane| table.set_filter("");
        match object {
            TurnOf::Node(node) => {
                show(&mut self.nodes);
                self.refresh(scene);
                self.on_nodes = true;
                self.nodes.select_key(node)
            }
            TurnOf::Phase(phase) => {
                show(&mut self.phases);
                self.refresh(scene);
                self.on_nodes = false;
                let at = scene.phases().iter().position(|p| p.name == *phase);
                at.is_some_and(|at| self.phases.select_key(&at))
            }
            TurnOf::Migration | TurnOf::Connection(_) => false,
        }
    }

    fn act(&mut self, does: Does, _: &Scene<'_>) -> Reaction {
        if does == Does::Focus {
            self.on_nodes = !self.on_nodes;
        }
        Reaction::Nothing
    }
}

/// How far the migration is, and below that the headline.
fn progress(canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>, headline: &[String], says: Tone) {
    let (done, all) = (scene.outlook.done, scene.outlook.order.len());
    let (word, tone): (Cow<'_, str>, _) = match (&scene.facts.migration, scene.stage()) {
        (None, _) => ("not started".into(), Tone::Dim),
        (_, Stage::Complete) => ("complete: the cluster is on Cilium".into(), Tone::Good),
        (_, Stage::RolledBack) => ("rolled back: the cluster is on Flannel".into(), Tone::Warn),
        (_, Stage::RollingBack) => ("rolling back".into(), Tone::Warn),
        (_, stage) => (stage.name().into(), Tone::Accent),
    };
    let (moved, time) = (format!(" {done}/{all} on Cilium"), format!("  {}", time(scene)));
    // the bar gives way to the words
    let words = Canvas::width(&word) + Canvas::width(&moved) + Canvas::width(&time) + 4;
    let bar = usize::from(area.width.saturating_sub(words).min(area.width / 4)).clamp(4, 40);
    let full = (bar * done).checked_div(all).unwrap_or(0);
    let parts = [
        (Cow::from(" "), tone),
        (word, tone),
        ("  ".into(), tone),
        ("█".repeat(full).into(), Tone::Good),
        ("░".repeat(bar - full).into(), Tone::Dim),
        (moved.into(), Tone::Plain),
        (time.into(), Tone::Dim),
    ];
    canvas.line(area.x, area.y, area.width, &parts);
    for (y, text) in (area.y + 1..area.bottom()).zip(headline) {
        canvas.text(area.x + 1, y, area.width.saturating_sub(2), text, says);
    }
}

/// Flows and dropped connections of the last seconds.
fn sparklines(canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>) {
    let seconds = usize::from(area.width.saturating_sub(40) / 2).clamp(8, 60);
    let last = scene.window.rate.last(seconds, scene.now);
    let flows: Vec<u32> = last.iter().map(|s| s.flows).collect();
    let dropped: Vec<u32> = last.iter().map(|s| s.dropped).collect();
    let newest = |of: &[u32]| of.last().copied().unwrap_or(0);
    let bad = if dropped.iter().any(|n| *n > 0) { Tone::Bad } else { Tone::Dim };
    let parts = [
        (" flows ".to_owned(), Tone::Plain),
        (sparkline(&flows), Tone::Accent),
        (format!(" {}/s   drops ", newest(&flows)), Tone::Plain),
        (sparkline(&dropped), bad),
        (format!(" {}/s", newest(&dropped)), Tone::Plain),
    ];
    canvas.line(area.x, area.y, area.width, &parts);
}

/// A column for each number, as high as it is beside the largest.
fn sparkline(numbers: &[u32]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = u64::from(numbers.iter().copied().max().unwrap_or(0).max(1));
    let bar =
        |n: &u32| usize::try_from((u64::from(*n) * 7).div_ceil(most)).ok().and_then(|i| BARS.get(i)).unwrap_or(&' ');
    numbers.iter().map(bar).collect()
}

/// What is waited for, and the node that it is about: of those on their way the first one in the table.
fn headline<'a>(scene: &Scene<'a>) -> (Cow<'a, str>, Tone, Option<&'a Arc<str>>) {
    let (text, tone) = match &scene.outlook.held {
        Some(held) => (held.as_str(), Tone::Bad),
        None if !scene.facts.is_known() => ("loading the cluster's state…", Tone::Dim),
        None if scene.facts.migration.is_none() && scene.findings().is_empty() => ("preflight is running…", Tone::Dim),
        None => (scene.waiting(), Tone::Plain),
    };
    let first = scene.outlook.listed.first().filter(|_| scene.outlook.held.is_none() && rolls(scene));
    let first = first.and_then(|name| Some((name, Node::of(scene, name)?))).filter(|(_, node)| node.is_at_work());
    let about = first.map(|(name, node)| (name, steps::waiting(&node))).filter(|(_, cell)| !cell.text.is_empty());
    match about {
        Some((name, cell)) => (format!("{name}: {}", cell.text).into(), cell.tone, Some(name)),
        None => (text.into(), tone, None),
    }
}

/// Nodes are rolled now.
fn rolls(scene: &Scene<'_>) -> bool {
    match scene.stage() {
        Stage::At(id) => scene.view().strategy.phase(id).is_some_and(|p| p.roll().is_some()),
        stage => stage == Stage::RollingBack,
    }
}

/// How long it has taken, and what can honestly be said about the rest.
fn time(scene: &Scene<'_>) -> String {
    let Some(status) = scene.status() else { return String::new() };
    let Some(started) = status.started_at else { return String::new() };
    let took = duration(between(started, status.finished_at.unwrap_or(scene.now)));
    match (status.finished_at, rolls(scene), &scene.outlook.estimate) {
        (Some(_), ..) => format!("took {took}"),
        (None, true, Some(e)) => format!("{took} so far, {e}"),
        _ => format!("{took} so far"),
    }
}
