//! A whole frame: a function of model and scene.
//!
//! ```text
//! header   state, engine, health, cluster
//! tabs     1 Overview  2 Nodes  …
//! turn     what waits for the operator, where something does
//! screen
//! footer   what keys do here, or what was just said
//! ```

use std::borrow::Cow;

use ratatui::layout::{Constraint, Layout, Rect};

use super::{
    actions::Does,
    commands::{self, Command},
    dialogs, keys,
    model::{Model, Overlay},
    scene::{Runner, Scene},
    screens::{Subject, announced},
    ui::{self, Badge, Canvas, Header, Pager, Tone, wrap},
};
use crate::{
    domain::{
        api::PhaseState,
        facts::Freshness,
        lease::EngineState,
        reason::Reason,
        text::{between, duration, safe},
        turn::Remedy,
    },
    hubble::window::Stream,
};

/// Below this only the most important lines are shown.
const SMALLEST: (u16, u16) = (40, 10);

/// Draws a frame.
pub(super) fn draw(canvas: &mut Canvas<'_>, model: &mut Model, scene: &Scene<'_>) {
    model.refresh(scene);
    let area = canvas.area();
    model.is_too_small = area.width < SMALLEST.0 || area.height < SMALLEST.1;
    if model.is_too_small {
        return too_small(canvas, &keys::key(Does::Quit, &model.keymap), scene);
    }
    let subject = model.subject(scene);
    let most = match area.height {
        0..16 => 1,
        16..24 => 3,
        _ => 4,
    };
    let turn: Vec<String> = your_turn(model, scene, &subject)
        .map(|text| {
            let mut lines = wrap(&text, usize::from(area.width) - 2);
            // the last line carries the mark of what is missing
            let rest = lines.drain(most.min(lines.len())..).collect::<Vec<_>>().join(" ");
            lines.last_mut().filter(|_| !rest.is_empty()).into_iter().for_each(|l| *l = format!("{l} {rest}"));
            lines
        })
        .unwrap_or_default();
    let [head, tabs, line, body, foot] = area.layout(&Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(u16::try_from(turn.len()).unwrap_or(1)),
        Constraint::Fill(1),
        Constraint::Length(1),
    ]));
    header(canvas, head, model, scene);
    ui::tabs(canvas, tabs, keys::titles(), model.shown);
    for (y, text) in (line.y..line.bottom()).zip(&turn) {
        canvas.text(line.x + 1, y, line.width - 1, text, Tone::Turn);
        canvas.tint(Rect { y, height: 1, ..line }, Tone::Turn);
    }
    model.screen().draw(canvas, body, scene);
    footer(canvas, foot, model, scene, &subject);
    overlay(canvas, model, scene);
}

/// What waits for the operator first, and the key to press.
fn your_turn(model: &Model, scene: &Scene<'_>, subject: &Subject) -> Option<String> {
    let key = |does| keys::key(does, &model.keymap);
    if scene.is_stranded() {
        return Some(format!(
            "Your turn: no engine runs, nothing will move. Press {} to run it here.",
            key(Does::Write)
        ));
    }
    let (at, turn) = announced(scene, subject)?;
    let (does, what) = match turn.action {
        Remedy::Approve => (Does::Advance, "to approve it"),
        Remedy::Retry => (Does::Advance, "to resume it"),
        Remedy::Consent => (Does::Advance, "for the consents"),
        Remedy::Release => (Does::Advance, "to release it"),
        Remedy::Resume => (Does::Pause, "to resume"),
        Remedy::Fix => (Does::Detail, "for what to do"),
    };
    let select = match (model.writable, subject.is(&turn.object)) {
        (true, true) => String::new(),
        (true, false) => format!("{} and then ", key(Does::NextTurn)),
        (false, true) => format!("{} and then ", key(Does::Write)),
        (false, false) => format!("{}, {} and then ", key(Does::Write), key(Does::NextTurn)),
    };
    let all = scene.turns().len();
    let many = if all > 1 { format!(" ({} of {all})", at + 1) } else { String::new() };
    let why = if turn.reason == Reason::NeedsApproval { "" } else { turn.message.as_str() };
    Some(format!("Your turn{many}: {}: press {select}{} {what}. {why}", turn.object, key(does)).trim_end().to_owned())
}

/// The title of the terminal's window.
pub(super) fn title(model: &Model, scene: &Scene<'_>) -> String {
    let context = safe(&model.cluster.context);
    match waiting(scene) {
        0 => format!("cutover {context}"),
        many => format!("({many}) cutover {context}: your turn"),
    }
}

/// How much waits for the operator.
pub(super) fn waiting(scene: &Scene<'_>) -> usize {
    scene.turns().len() + usize::from(scene.is_stranded())
}

fn header(canvas: &mut Canvas<'_>, area: Rect, model: &Model, scene: &Scene<'_>) {
    let mut safety: Vec<(Badge<'_>, Cow<'static, str>)> = Vec::new();
    if model.cluster.production {
        safety.push(((" PROD ".into(), Tone::Danger), " PROD ".into()));
    }
    safety.push(if model.writable {
        ((" WRITE ".into(), Tone::Warn), " RW ".into())
    } else {
        ((" READ-ONLY ".into(), Tone::Good), " RO ".into())
    });
    if scene.facts.migration.as_ref().is_some_and(|m| m.spec.paused) {
        safety.push(((" PAUSED ".into(), Tone::Danger), " PAUSED ".into()));
    }
    safety.push(engine(scene, &keys::key(Does::LogIn, &model.keymap)));
    let (badge, short) = freshness(scene);
    safety.push((badge, short.into()));
    let address = model.cluster.server.trim_start_matches("https://").trim_start_matches("http://");
    let more = clock(scene.facts.clock_off).into_iter().chain([hubble(scene)]).collect();
    let header = Header { safety, name: &model.cluster.context, address: address.trim_end_matches('/'), more };
    ui::header(canvas, area, &header);
}

/// Who runs the engine; `log_in` is the key for that.
fn engine<'a>(scene: &Scene<'a>, log_in: &str) -> (Badge<'a>, Cow<'static, str>) {
    let idle = scene.facts.migration.is_none();
    let (badge, short) = match scene.runner() {
        Runner::Here => (("engine: here ".into(), Tone::Plain), "here "),
        Runner::Starting if *scene.engine == EngineState::TakingOver => {
            (("engine: taking over ".into(), Tone::Warn), "taking over ")
        }
        Runner::Starting => (("engine: starting ".into(), Tone::Warn), "starting "),
        Runner::Other(who) => ((format!("engine: {who} ").into(), Tone::Accent), "elsewhere "),
        Runner::Silent(who) => {
            ((format!("engine: {who} is silent, nothing will move ").into(), Tone::Bad), "SILENT ENGINE ")
        }
        Runner::NoEngine if idle => (("engine: none ".into(), Tone::Dim), "no engine "),
        Runner::NoEngine => (("engine: none, nothing will move ".into(), Tone::Bad), "NO ENGINE "),
        Runner::Unauthorized => {
            let words = |what| format!("{what} ({log_in}) ").into();
            return ((words("LOG IN AGAIN"), Tone::Bad), words("LOG IN"));
        }
        Runner::Unknown if matches!(scene.engine, EngineState::LeaseUnknown(_)) => {
            (("engine: NO LEASE ".into(), Tone::Bad), "NO LEASE ")
        }
        Runner::Unknown => (("engine: unknown ".into(), Tone::Warn), "engine? "),
    };
    (badge, short.into())
}

/// What times on the screen are off by.
fn clock(ahead: i64) -> Option<Badge<'static>> {
    let way = if ahead > 0 { "ahead" } else { "behind" };
    (ahead != 0).then(|| (format!("clock {} s {way} ", ahead.abs()).into(), Tone::Warn))
}

/// The worst source speaks for all.
fn freshness<'a>(scene: &Scene<'a>) -> (Badge<'a>, &'static str) {
    let sources = &scene.facts.sources;
    let broken = sources.iter().find_map(|(name, f)| match f {
        Freshness::Retrying { since, .. } => Some((name, between(*since, scene.now))),
        _ => None,
    });
    if let Some((name, since)) = broken {
        return ((format!("○ {name}: retrying {} ", duration(since)).into(), Tone::Bad), "○ stale ");
    }
    if sources.iter().any(|(_, f)| *f == Freshness::Starting) {
        return (("◐ loading ".into(), Tone::Warn), "◐ ");
    }
    match scene.facts.latency {
        Some(limit) => ((format!("● <{limit}ms ").into(), Tone::Good), "● "),
        None => (("● live ".into(), Tone::Good), "● "),
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

fn footer(canvas: &mut Canvas<'_>, area: Rect, model: &Model, scene: &Scene<'_>, subject: &Subject) {
    let room = area.width.saturating_sub(1);
    if let Some(toast) = &model.toast {
        canvas.text(area.x + 1, area.y, room, &toast.text, if toast.bad { Tone::Bad } else { Tone::Accent });
    } else if model.busy {
        canvas.text(area.x + 1, area.y, room, "Sending…", Tone::Accent);
    } else {
        let offers = dialogs::offers(scene, subject);
        ui::hints(
            canvas,
            area,
            keys::hints((model.spec(), &model.keymap), model.writable, offers, scene.turns().len()),
        );
    }
}

fn overlay(canvas: &mut Canvas<'_>, model: &mut Model, scene: &Scene<'_>) {
    let (spec, keymap) = (model.spec(), &model.keymap.clone());
    let columns = if matches!(model.overlay, Overlay::Columns { .. }) { model.screen().columns() } else { vec![] };
    match &mut model.overlay {
        Overlay::None => {}
        Overlay::Help { pager } => ui::pane(canvas, "Help", &keys::help(spec, keymap), pager, &[], None),
        Overlay::Detail { lines, pager } => ui::pane(canvas, "Detail", lines, pager, &[], None),
        Overlay::Filter { input } => ui::prompt(canvas, "/", input, "enter keeps, esc clears"),
        Overlay::Palette { input, selected } => {
            let found = commands::found(spec, keymap, scene, input.value());
            let lines: Vec<String> = found.iter().map(Command::line).collect();
            ui::prompt(canvas, ":", input, "enter does it, ↑↓ choose, esc closes");
            ui::choices(canvas, &lines, *selected);
        }
        Overlay::Columns { selected } => {
            let line = |(i, (head, shown)): (usize, &(&str, bool))| {
                let mark = if i == *selected { ">" } else { " " };
                format!("{mark} {} {head}", if *shown { "[x]" } else { "[ ]" })
            };
            let lines: Vec<String> = columns.iter().enumerate().map(line).collect();
            let mut pager = Pager::at(selected.saturating_sub(6));
            let keys = [("space chooses    esc closes".into(), Tone::Accent)];
            ui::pane(canvas, "Columns", &lines, &mut pager, &keys, None);
        }
        Overlay::Dialog(dialog) => dialog.draw(canvas),
    }
}

fn too_small(canvas: &mut Canvas<'_>, quit: &str, scene: &Scene<'_>) {
    let area = canvas.area();
    let phase = scene.phases().iter().rfind(|p| p.state != PhaseState::Pending);
    let lines = [
        phase.map(|p| format!("{} {:?}", p.name, p.state)).unwrap_or_default(),
        format!("too small: needs {}x{}", SMALLEST.0, SMALLEST.1),
        format!("has {}x{}; {quit} leaves", area.width, area.height),
    ];
    for (y, text) in (0..area.height).zip(lines) {
        canvas.text(0, y, area.width, &text, Tone::Plain);
    }
}
