//! Nodes, with the detail of the selected one beside the table where there is room.

use std::sync::Arc;

use ratatui::layout::{Constraint, Layout, Rect};

use super::{
    Follows, Reaction, Screen, Spec, Subject, node,
    steps::{self, Node},
    timeline,
};
use crate::{
    cockpit::{
        actions::{Does, action},
        scene::Scene,
        ui::{Border, Canvas, Cell, Column, Look, Pane, Table, Tone, wrap},
    },
    domain::{facts::Source, turn::TurnOf},
};

pub(super) static SPEC: Spec = Spec {
    title: "Nodes",
    help: "Nodes: steps with their times, pods left, what blocks.",
    follows: Follows::Facts,
    actions: &[action("v", "timeline", "The nodes as a timeline of their steps, or as a table.", Does::View, 4)],
    new: || Box::new(Nodes::default()),
};

#[derive(Default)]
struct Nodes {
    table: Table<Arc<str>>,
    beside: Beside,
    /// The timeline is shown.
    over_time: bool,
}

const COLUMNS: &[Column<for<'a> fn(&Node<'a>) -> Cell<'a>>] =
    &[
        Column("NODE", 8, 30, |n| Cell::plain(&*n.fact.name)),
        Column("READY", 8, 8, |n| {
            if n.fact.ready { Cell::new("Ready", Tone::Good) } else { Cell::new("NotReady", Tone::Bad) }
        }),
        Column("CORDON", 8, 8, |n| Cell::new(if n.fact.unschedulable { "cordoned" } else { "" }, Tone::Warn)),
        Column("CNI", 7, 7, |n| n.cni()),
        Column("STEP", 10, 10, steps::name),
        Column("PODS", 4, 4, |n| Cell::plain((n.pods.flannel + n.pods.cilium + n.pods.unknown).to_string())),
        Column("WAITING FOR", 8, 200, steps::waiting),
    ];

impl Screen for Nodes {
    fn refresh(&mut self, scene: &Scene<'_>) {
        // over time the order is that of the migration
        let nodes = if self.over_time { &scene.outlook.order } else { &scene.outlook.listed };
        let stamp = (scene.outlook.number, u64::from(self.over_time));
        self.table.list(stamp, || nodes.clone(), COLUMNS, |n| Node::of(scene, n));
    }

    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>) {
        let empty = scene.missing(Source::Nodes).unwrap_or("no nodes".into());
        if self.over_time {
            return timeline::draw(&mut self.table, canvas, area, scene, &empty);
        }
        let (list, detail) = if area.width >= 120 {
            let [list, detail] = area.layout(&Layout::horizontal([Constraint::Percentage(58), Constraint::Fill(1)]));
            (list, Some(detail))
        } else if area.height >= 14 {
            let half = Constraint::Length(area.height / 2);
            let [list, detail] = area.layout(&Layout::vertical([Constraint::Fill(1), half]));
            (list, Some(detail))
        } else {
            (area, None)
        };
        let title = format!("Nodes ({})", scene.outlook.order.len());
        let look = Look { title: &title, focused: true, empty: &empty };
        let announced = super::announced(scene, &self.subject(scene)).map(|(_, turn)| &turn.object);
        let row = |n: &Arc<str>| Some(Node::of(scene, n)?.announced(announced == Some(&TurnOf::Node(Arc::clone(n)))));
        self.table.draw(canvas, list, &look, COLUMNS.iter(), row);
        if let (Some(area), Some(name)) = (detail, self.table.selected()) {
            let announced = announced == Some(&TurnOf::Node(Arc::clone(name)));
            self.beside.draw(canvas, area, scene, (name, announced));
        }
    }

    fn pane(&mut self) -> &mut dyn Pane {
        &mut self.table
    }

    fn selected(&self, scene: &Scene<'_>) -> Vec<(&'static str, String)> {
        super::cells(COLUMNS.iter(), self.table.selected().and_then(|n| Node::of(scene, n)))
    }

    fn detail(&self, scene: &Scene<'_>) -> Vec<String> {
        self.table.selected().map(|n| node::lines(scene, n, false)).unwrap_or_default()
    }

    fn subject(&self, _: &Scene<'_>) -> Subject {
        subject(&self.table)
    }

    fn act(&mut self, does: Does, _: &Scene<'_>) -> Reaction {
        if does == Does::View {
            self.over_time = !self.over_time;
        }
        Reaction::Nothing
    }

    fn select(&mut self, object: &TurnOf, scene: &Scene<'_>) -> bool {
        let TurnOf::Node(node) = object else { return false };
        // what is looked for must not be hidden
        self.table.set_filter("");
        self.refresh(scene);
        self.table.select_key(node)
    }
}

/// The selected node.
pub(super) fn subject(table: &Table<Arc<str>>) -> Subject {
    let none = Subject::Nothing("No node is selected: none is known, or none matches the filter (esc clears it).");
    table.selected().map_or(none, |node| Subject::Node(node.clone()))
}

/// The detail of the selected node. Judging a drain is not free: it is done again only when something has changed.
#[derive(Default)]
struct Beside {
    of: Option<(Arc<str>, bool, u64, i64, u16)>,
    lines: Vec<String>,
}

impl Beside {
    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>, (name, announced): (&Arc<str>, bool)) {
        let inner = canvas.frame(area, Border::Single, name, Tone::Dim);
        let of = Some((Arc::clone(name), announced, scene.outlook.number, scene.now.as_second(), inner.width));
        if self.of != of {
            let width = usize::from(inner.width);
            self.lines = node::lines(scene, name, announced).iter().flat_map(|l| wrap(l, width)).collect();
            self.of = of;
        }
        for (y, line) in (inner.y..inner.bottom()).zip(&self.lines) {
            canvas.text(inner.x, y, inner.width, line, Tone::Plain);
        }
    }
}
