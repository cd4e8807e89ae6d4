//! Nodes, with a detail of the selected one beside the table where there is room.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Span,
    widgets::BorderType,
};

use super::{
    super::{
        Scene,
        model::Model,
        rows,
        theme::{Role, Theme},
    },
    frame::why_empty,
    node,
    table::{self, Look},
};
use crate::domain::facts::Source;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &mut Model, scene: &Scene<'_>, theme: Theme) {
    let rows = rows::of(model, scene, "nodes");
    let selected = model.table("nodes").selected.or_else(|| rows.first().map(|r| r.key.clone()));
    let (list, detail) = if area.width >= 120 {
        let [list, detail] = area.layout(&Layout::horizontal([Constraint::Percentage(58), Constraint::Fill(1)]));
        (list, Some(detail))
    } else if area.height >= 20 {
        let [list, detail] = area.layout(&Layout::vertical([Constraint::Fill(1), Constraint::Length(area.height / 2)]));
        (list, Some(detail))
    } else {
        (area, None)
    };
    let empty = why_empty(scene.facts, Source::Nodes).unwrap_or_else(|| "no nodes".into());
    let look =
        Look { table: "nodes", title: format!("Nodes ({})", scene.facts.nodes.len()), focused: true, empty: &empty };
    table::draw(frame, list, model, scene, theme, &look);
    let (Some(area), Some(name)) = (detail, selected) else { return };
    let block = table::frame_of(theme, BorderType::Rounded)
        .border_style(theme.style(Role::Dim))
        .title(Span::styled(format!(" {name} "), theme.style(Role::Title)));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let lines =
        node::lines(scene, &name).into_iter().flat_map(|l| table::wrap(&theme.text(&l), usize::from(inner.width)));
    for (y, line) in (0..inner.height).zip(lines) {
        frame.buffer_mut().set_string(
            inner.x,
            inner.y + y,
            table::cut(&line, usize::from(inner.width), theme),
            theme.style(Role::Plain),
        );
    }
}
