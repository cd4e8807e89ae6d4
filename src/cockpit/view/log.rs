//! The log: newest first.

use ratatui::{Frame, layout::Rect};

use super::{
    super::{Scene, model::Model, rows, theme::Theme},
    table::{self, Look},
};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &mut Model, scene: &Scene<'_>, theme: Theme) {
    let mut title = format!("Log ({})", rows::count(scene.log.len(), "line"));
    if model.frozen.contains_key("log") {
        title.push_str(&format!(" — FROZEN, {} new", rows::newer(model, scene, "log")));
    }
    let empty = "nothing was done from here yet";
    table::draw(frame, area, model, scene, theme, &Look { table: "log", title, focused: true, empty });
}
