//! Overview: how far it is, what each phase and each node does, who waits for whom.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
};

use super::{
    super::{
        Scene,
        model::{Focus, Model},
        rows,
        theme::{Role, Theme},
    },
    frame::why_empty,
    table::{self, Look},
};
use crate::domain::{
    api::{Stage, Target},
    eta,
    facts::Source,
    step::Step,
    text::{between, duration, safe},
};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &mut Model, scene: &Scene<'_>, theme: Theme) {
    let phases = 9.min(area.height.saturating_sub(2) / 2 + 2);
    let [top, phases, nodes] =
        area.layout(&Layout::vertical([Constraint::Length(2), Constraint::Length(phases), Constraint::Fill(1)]));
    progress(frame, top, scene, theme);
    let focus = model.focus;
    let look = Look { table: "phases", title: "Phases".into(), focused: focus == Focus::First, empty: "" };
    table::draw(frame, phases, model, scene, theme, &look);
    let empty = why_empty(scene.facts, Source::Nodes).unwrap_or_else(|| "no nodes".into());
    let title = format!("Nodes ({})", scene.facts.nodes.len());
    let look = Look { table: "overview nodes", title, focused: focus == Focus::Second, empty: &empty };
    table::draw(frame, nodes, model, scene, theme, &look);
}

fn progress(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>, theme: Theme) {
    let order = rows::ordered(scene);
    let done = order.iter().filter(|n| rows::status_of(scene.facts, &n.name).step == Step::Done).count();
    let all = order.len();
    let bar = usize::from(area.width / 4).clamp(4, 40);
    let full = (bar * done).checked_div(all).unwrap_or(0);
    let status = scene.facts.migration.as_ref().and_then(|m| m.status.clone()).unwrap_or_default();
    let (word, role) = match (&scene.facts.migration, status.phase) {
        (None, _) => ("not begun".to_owned(), Role::Dim),
        (_, Stage::Complete) => ("complete: the cluster is on Cilium".to_owned(), Role::Good),
        (_, Stage::RolledBack) => ("rolled back: the cluster is on Flannel".to_owned(), Role::Warn),
        (_, Stage::RollingBack) => ("rolling back".to_owned(), Role::Warn),
        (_, phase) => (format!("{phase:?}"), Role::Accent),
    };
    let line = Line::from(vec![
        Span::styled(format!(" {word}  "), theme.style(role)),
        Span::styled(theme.text(&"█".repeat(full)).into_owned(), theme.style(Role::Good)),
        Span::styled(theme.text(&"░".repeat(bar - full)).into_owned(), theme.style(Role::Dim)),
        Span::raw(format!(" {done}/{all} on Cilium")),
        Span::styled(format!("  {}", time(scene)), theme.style(Role::Dim)),
    ]);
    frame.buffer_mut().set_line(area.x, area.y, &line, area.width);
    let (text, role) = match scene.decision.and_then(|d| d.held.clone()) {
        Some(held) => (held, Role::Bad),
        None if !scene.facts.is_known() => ("looking at the cluster…".to_owned(), Role::Dim),
        None if scene.facts.migration.is_none() => {
            ("`a` begins: it approves the first phase, after a dialog that says what it does".to_owned(), Role::Dim)
        }
        None if status.waiting.is_empty() => (String::new(), Role::Plain),
        None => (status.waiting, Role::Plain),
    };
    let text = table::cut(&theme.text(&safe(&text)), usize::from(area.width.saturating_sub(2)), theme);
    frame.buffer_mut().set_line(area.x, area.y + 1, &Line::styled(format!(" {text}"), theme.style(role)), area.width);
}

/// How long it has taken, and what can honestly be said about the rest.
fn time(scene: &Scene<'_>) -> String {
    let Some(migration) = &scene.facts.migration else { return String::new() };
    let Some(status) = &migration.status else { return String::new() };
    let Some(started) = status.started_at else { return String::new() };
    let took = duration(between(started, status.finished_at.unwrap_or(scene.now)));
    if status.finished_at.is_some() {
        return format!("took {took}");
    }
    let target = if migration.spec.target == Target::Flannel { Target::Flannel } else { Target::Cilium };
    let nodes: Vec<_> = rows::ordered(scene).into_iter().map(|n| rows::status_of(scene.facts, &n.name)).collect();
    let estimate = eta::estimate(nodes.iter(), target, migration.spec.nodes.max_unavailable, scene.now);
    match (status.phase, estimate) {
        (Stage::Migrate | Stage::RollingBack, Some(e)) => format!("{took} so far, {e}"),
        _ => format!("{took} so far"),
    }
}
