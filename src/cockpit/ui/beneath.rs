//! A pane below a table: what its columns have no room for, of the selected row.

use ratatui::layout::{Constraint, Layout, Rect};

use super::{
    canvas::{Border, Canvas},
    text::wrap,
    tone::Tone,
};

/// Below this the table needs every line.
const LEAST: u16 = 11;
/// The most lines that the pane takes: the table is what is looked at.
const MOST: u16 = 12;

/// Divides an area between a table and the pane below it, which is there only where both have room. Its height does not
/// depend on the row, so that nothing jumps while rows are stepped through.
pub(in crate::cockpit) fn beneath(area: Rect) -> (Rect, Option<Rect>) {
    if area.height < LEAST {
        return (area, None);
    }
    let height = (area.height * 2 / 5).clamp(5, MOST);
    let [table, pane] = area.layout(&Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]));
    (table, Some(pane))
}

/// Draws the pane; where it is too small, it says which key shows the rest.
pub(in crate::cockpit) fn detail(canvas: &mut Canvas<'_>, area: Rect, title: &str, lines: &[(String, Tone)]) {
    const MORE: &str = " enter: all of it ";
    let inner = canvas.frame(area, Border::Single, title, Tone::Dim);
    let width = usize::from(inner.width);
    let mut wrapped = lines.iter().flat_map(|(l, tone)| wrap(l, width).into_iter().map(|l| (l, *tone)));
    for (y, (line, tone)) in (inner.y..inner.bottom()).zip(wrapped.by_ref()) {
        canvas.text(inner.x, y, inner.width, &line, tone);
    }
    let room = Canvas::width(MORE);
    if wrapped.next().is_some() && room + 2 < area.width {
        canvas.text(area.right() - room - 1, area.bottom() - 1, room, MORE, Tone::Accent);
    }
}
