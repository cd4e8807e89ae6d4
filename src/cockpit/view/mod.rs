//! The view: a function of model and scene.
//!
//! ```text
//! header   cluster, mode, freshness
//! tabs     1 Overview  2 Nodes  …
//! screen
//! footer   what keys do here, or what was just said
//! ```

mod checks;
mod flows;
mod frame;
mod help;
mod log;
mod node;
mod nodes;
mod overlay;
mod overview;
mod pods;
mod table;

use ratatui::{
    Frame,
    layout::{Constraint, Layout},
    text::Line,
};

pub(super) use node::lines as node_lines;
pub(super) use table::heads;

use super::{
    Scene,
    actions::Screen,
    model::Model,
    rows,
    theme::{Role, Theme},
};

/// Below this only the most important line is shown.
const SMALLEST: (u16, u16) = (40, 10);

/// Draws a frame.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model, scene: &Scene<'_>, theme: Theme) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(frame, scene, theme);
    }
    let [header, tabs, body, footer] = area.layout(&Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ]));
    frame::header(frame, header, model, scene, theme);
    frame::tabs(frame, tabs, model, theme);
    match model.screen {
        Screen::Overview => overview::draw(frame, body, model, scene, theme),
        Screen::Nodes => nodes::draw(frame, body, model, scene, theme),
        Screen::Pods => pods::draw(frame, body, model, scene, theme),
        Screen::Flows => flows::draw(frame, body, model, scene, theme),
        Screen::Checks => checks::draw(frame, body, model, scene, theme),
        Screen::Log => log::draw(frame, body, model, scene, theme),
    }
    frame::footer(frame, footer, model, theme);
    overlay::draw(frame, area, model, theme);
}

fn too_small(frame: &mut Frame<'_>, scene: &Scene<'_>, theme: Theme) {
    let area = frame.area();
    let phase = rows::phase_states(scene).into_iter().rfind(|p| p.state != crate::domain::api::PhaseState::Pending);
    let phase = phase.map(|p| format!("{} {:?}", p.name, p.state)).unwrap_or_default();
    let lines = [
        phase,
        format!("too small: {}x{} wanted", SMALLEST.0, SMALLEST.1),
        format!("have {}x{}; q leaves", area.width, area.height),
    ];
    for (y, text) in (0..area.height).zip(lines) {
        let line = Line::styled(theme.text(&text).into_owned(), theme.style(Role::Plain));
        frame.buffer_mut().set_line(0, y, &line, area.width);
    }
}
