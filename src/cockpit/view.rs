//! A whole frame: a function of model and scene.
//!
//! ```text
//! header   state, engine, cluster, freshness
//! tabs     1 Overview  2 Nodes  …
//! screen
//! footer   what keys do here, or what was just said
//! ```

use ratatui::layout::{Constraint, Layout, Rect};

use super::{
    keys,
    model::{Model, Overlay},
    scene::Scene,
    ui::{self, Badge, Canvas, Tone},
};
use crate::{
    domain::{
        api::PhaseState,
        facts::Freshness,
        lease::EngineState,
        text::{between, duration},
    },
    hubble::window::Stream,
};

/// Below this only the most important lines are shown.
const SMALLEST: (u16, u16) = (40, 10);

/// Draws a frame.
pub(super) fn draw(canvas: &mut Canvas<'_>, model: &mut Model, scene: &Scene<'_>) {
    model.refresh(scene);
    let area = canvas.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(canvas, scene);
    }
    let [head, tabs, body, foot] = area.layout(&Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ]));
    header(canvas, head, model, scene);
    ui::tabs(canvas, tabs, keys::titles(), model.shown);
    model.screen().draw(canvas, body, scene);
    footer(canvas, foot, model);
    overlay(canvas, model);
}

fn header(canvas: &mut Canvas<'_>, area: Rect, model: &Model, scene: &Scene<'_>) {
    let mut left: Vec<Badge<'_>> = Vec::new();
    if model.cluster.production {
        left.push((" PROD ".into(), Tone::Danger));
    }
    left.push(if model.writable { (" WRITE ".into(), Tone::Warn) } else { (" READ-ONLY ".into(), Tone::Good) });
    if scene.facts.migration.as_ref().is_some_and(|m| m.spec.paused) {
        left.push((" PAUSED ".into(), Tone::Danger));
    }
    if model.writable {
        left.push(match scene.engine {
            EngineState::Off => ("engine: starting ".into(), Tone::Warn),
            EngineState::Acting => ("engine: here ".into(), Tone::Plain),
            EngineState::TakingOver => ("engine: taking over ".into(), Tone::Warn),
            EngineState::Elsewhere(who) => (format!("engine: {who} ").into(), Tone::Accent),
            EngineState::Unauthorized(_) => ("LOG IN AGAIN ".into(), Tone::Bad),
            EngineState::LeaseUnknown(_) => ("engine: NO LEASE ".into(), Tone::Bad),
        });
    }
    let server = model.cluster.server.trim_start_matches("https://").trim_start_matches("http://");
    let name = format!(" {} ▸ {} ", model.cluster.context, server.trim_end_matches('/'));
    let mut right: Vec<Badge<'_>> = Vec::new();
    right.extend(clock(scene.facts.clock_off));
    right.push(freshness(scene));
    right.push(hubble(scene));
    ui::badges(canvas, area, &left, &name, &right);
}

/// What times on the screen are off by.
fn clock(ahead: i64) -> Option<Badge<'static>> {
    let way = if ahead > 0 { "ahead" } else { "behind" };
    (ahead != 0).then(|| (format!("clock {} s {way} ", ahead.abs()).into(), Tone::Warn))
}

/// The worst source speaks for all.
fn freshness<'a>(scene: &Scene<'a>) -> Badge<'a> {
    let sources = &scene.facts.sources;
    let broken = sources.iter().find_map(|(name, f)| match f {
        Freshness::Retrying { since, .. } => Some((name, between(*since, scene.now))),
        _ => None,
    });
    if let Some((name, since)) = broken {
        return (format!("○ {name}: retrying {} ", duration(since)).into(), Tone::Bad);
    }
    if sources.iter().any(|(_, f)| *f == Freshness::Starting) {
        return ("◐ loading ".into(), Tone::Warn);
    }
    match scene.facts.latency {
        Some(limit) => (format!("● <{limit}ms ").into(), Tone::Good),
        None => ("● live ".into(), Tone::Good),
    }
}

fn hubble<'a>(scene: &Scene<'a>) -> Badge<'a> {
    let (text, tone) = match &scene.window.stream {
        Stream::Starting => ("hubble ◐ ", Tone::Dim),
        Stream::None(_) => ("hubble — ", Tone::Dim),
        Stream::Live if scene.window.silent().next().is_some() => ("hubble ◐ ", Tone::Warn),
        Stream::Live => ("hubble ● ", Tone::Good),
        Stream::Replayed => ("capture ", Tone::Accent),
        Stream::Retrying(_) => ("hubble ○ ", Tone::Warn),
    };
    (text.into(), tone)
}

fn footer(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let room = area.width.saturating_sub(1);
    if let Some(toast) = &model.toast {
        canvas.text(area.x + 1, area.y, room, &toast.text, if toast.bad { Tone::Bad } else { Tone::Accent });
    } else if model.busy {
        canvas.text(area.x + 1, area.y, room, "Sending…", Tone::Accent);
    } else {
        ui::hints(canvas, area, keys::hints(model.spec(), model.writable));
    }
}

fn overlay(canvas: &mut Canvas<'_>, model: &mut Model) {
    let spec = model.spec();
    let columns = if matches!(model.overlay, Overlay::Columns { .. }) { model.screen().columns() } else { vec![] };
    match &mut model.overlay {
        Overlay::None => {}
        Overlay::Help { scroll } => ui::pane(canvas, "Help", &keys::help(spec), scroll, &[], None),
        Overlay::Detail { lines, scroll } => ui::pane(canvas, "Detail", lines, scroll, &[], None),
        Overlay::Filter { input } => ui::prompt(canvas, "/", input),
        Overlay::Palette { input, selected } => {
            let found = keys::found(spec, input.value());
            let lines: Vec<String> = found.iter().map(|a| format!("{:<8} {}", a.keys, a.help)).collect();
            ui::prompt(canvas, ":", input);
            ui::choices(canvas, &lines, *selected);
        }
        Overlay::Columns { selected } => {
            let line = |(i, (head, shown)): (usize, &(&str, bool))| {
                let mark = if i == *selected { ">" } else { " " };
                format!("{mark} {} {head}", if *shown { "[x]" } else { "[ ]" })
            };
            let lines: Vec<String> = columns.iter().enumerate().map(line).collect();
            let mut scroll = u16::try_from(selected.saturating_sub(6)).unwrap_or(0);
            let keys = [("space chooses    esc closes".into(), Tone::Accent)];
            ui::pane(canvas, "Columns", &lines, &mut scroll, &keys, None);
        }
        Overlay::Dialog(dialog) => dialog.draw(canvas),
    }
}

fn too_small(canvas: &mut Canvas<'_>, scene: &Scene<'_>) {
    let area = canvas.area();
    let phase = scene.phases().iter().rfind(|p| p.state != PhaseState::Pending);
    let lines = [
        phase.map(|p| format!("{} {:?}", p.name, p.state)).unwrap_or_default(),
        format!("too small: needs {}x{}", SMALLEST.0, SMALLEST.1),
        format!("has {}x{}; q leaves", area.width, area.height),
    ];
    for (y, text) in (0..area.height).zip(lines) {
        canvas.text(0, y, area.width, &text, Tone::Plain);
    }
}
