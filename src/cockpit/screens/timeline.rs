//! The nodes as a timeline: when each began, and how long each of its steps took. Records keep the times of the roll that
//! a node is in, or was in last.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use ratatui::layout::Rect;

use super::{
    steps::{self, Node},
    story::clock,
};
use crate::{
    cockpit::{
        scene::Scene,
        ui::{Canvas, Cell, Column, Look, Table, Tone, beneath, detail},
    },
    domain::{
        api::NodeMigrationStatus,
        steps::{NodeStep, Presence},
        text::{between, duration},
    },
};

/// What the glyphs mean.
pub(in crate::cockpit) const LEGEND: &str =
    "Timeline: ░ in service  █ out  ▒ observed; a letter is where the step begins that it stands for";

/// A node as the timeline shows it.
struct Row<'a> {
    name: &'a str,
    status: &'a NodeMigrationStatus,
    took: String,
    bar: String,
    tone: Tone,
}

/// From the first step of any node to the last one; to now while one is at work.
fn axis(scene: &Scene<'_>) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = scene.outlook.span?;
    Some((from, to.unwrap_or(scene.now)))
}

fn row<'a>(scene: &Scene<'a>, name: &str, axis: Option<(Timestamp, Timestamp)>, width: usize) -> Option<Row<'a>> {
    let node = Node::of(scene, name)?;
    let (status, tone) = (node.status, steps::tone(&node));
    let took = status
        .steps
        .first()
        .zip(status.steps.last())
        .map(|(first, last)| duration(between(first.started_at, last.finished_at.unwrap_or(scene.now))));
    let bar = axis.map(|axis| bar(status, axis, width, scene.now)).unwrap_or_default();
    Some(Row { name: &node.fact.name, status, took: took.unwrap_or_default(), bar, tone })
}

/// A node's steps over the time of all. However short one is, it takes a column, where the next one does not need it.
fn bar(status: &NodeMigrationStatus, (from, to): (Timestamp, Timestamp), width: usize, now: Timestamp) -> String {
    let all = between(from, to).max(Duration::from_secs(1)).as_millis();
    let last = width.saturating_sub(1);
    let column = |at| {
        let at = between(from, at).as_millis() * last as u128 / all;
        usize::try_from(at).unwrap_or(last).min(last)
    };
    let mut cells = vec![' '; width];
    for timing in &status.steps {
        let fill = match timing.step.presence() {
            Presence::AtRest => '░',
            Presence::Out => '█',
            Presence::Observed => '▒',
        };
        let (begins, ends) = (column(timing.started_at), column(timing.finished_at.unwrap_or(now)));
        if let Some(cells) = cells.get_mut(begins..=ends.max(begins)) {
            cells.fill(fill);
            if let [first, _, ..] = cells {
                *first = timing.step.name().chars().next().unwrap_or(fill);
            }
        }
    }
    cells.into_iter().collect::<String>().trim_end().to_owned()
}

/// The selected node's steps, with what the glyphs mean.
fn text(scene: &Scene<'_>, status: &NodeMigrationStatus) -> Vec<(String, Tone)> {
    let steps: Vec<String> = status
        .steps
        .iter()
        .map(|t| {
            let so_far = if t.finished_at.is_none() { " so far" } else { "" };
            let took = duration(between(t.started_at, t.finished_at.unwrap_or(scene.now)));
            format!("{} {took}{so_far}", t.step)
        })
        .collect();
    let steps = match (status.steps.first(), status.step) {
        (Some(first), _) => format!("began {}: {}", clock(first.started_at), steps.join(", ")),
        (None, NodeStep::Pending) => "not begun".into(),
        (None, _) => "its times are not recorded".into(),
    };
    vec![(steps, Tone::Plain), (LEGEND.into(), Tone::Dim)]
}

/// Draws it; only visible rows are made.
pub(super) fn draw(table: &mut Table<Arc<str>>, canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>, empty: &str) {
    let (list, below) = beneath(area);
    let name = if area.width < 100 { 14 } else { 26 };
    let width = usize::from(area.width.saturating_sub(name + 22));
    let columns: [Column<for<'r, 'a> fn(&'r Row<'a>) -> Cell<'a>>; 4] = [
        Column("NODE", name, name, |r| Cell::plain(r.name)),
        Column("BEGAN", 8, 8, |r| Cell::dim(r.status.steps.first().map_or(String::new(), |t| clock(t.started_at)))),
        Column("TOOK", 8, 8, |r| Cell::plain(r.took.clone())),
        Column("STEPS", 8, 400, |r| Cell::new(r.bar.clone(), r.tone)),
    ];
    let axis = axis(scene);
    let span = axis.map_or("no node has begun".into(), |(from, to)| {
        format!("{} to {}, {}", clock(from), clock(to), duration(between(from, to)))
    });
    let title = format!("Timeline ({}): {span}", scene.outlook.order.len());
    let look = Look { title: &title, focused: true, empty };
    table.draw(canvas, list, &look, columns.iter(), |n| row(scene, n, axis, width));
    if let (Some(area), Some(row)) = (below, table.selected().and_then(|n| row(scene, n, None, 0))) {
        let phase = row.status.phase.map(|p| format!(": {p}")).unwrap_or_default();
        detail(canvas, area, &format!("{}{phase}", row.name), &text(scene, row.status));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::api::StepTiming;

    #[test]
    fn a_bar_is_as_long_as_its_step() {
        let at = |s| Timestamp::from_second(1_000 + s).expect("a time");
        let step = |name: &str, from, to: Option<i64>| StepTiming {
            step: NodeStep::named(name).expect("a step"),
            started_at: at(from),
            finished_at: to.map(at),
        };
        let steps = vec![
            step("Check", 10, Some(10)),
            step("Drain", 10, Some(30)),
            step("Restart", 30, Some(31)),
            step("Observe", 40, None),
        ];
        let status = NodeMigrationStatus { steps, ..NodeMigrationStatus::default() };
        let bar = |width, now| bar(&status, (at(0), at(now)), width, at(now));
        assert_eq!(bar(11, 100), " D██O▒▒▒▒▒▒");
        assert_eq!(bar(11, 50), "  D████ O▒▒");
        for width in 0..4 {
            assert!(bar(width, 100).chars().count() <= width, "at {width}");
        }
    }
}
