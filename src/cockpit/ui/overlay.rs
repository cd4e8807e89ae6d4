//! What lies over a screen: a pane that scrolls, a list to choose from, a line to type in.

use ratatui::layout::{Constraint, Rect};
use tui_input::Input;

use super::{
    Border, Canvas, Pager, Tone,
    text::{fitting, wrap},
};

/// Lines of a pane's text that stay, whatever stands below it.
const TEXT: usize = 2;

/// A pane with lines that scroll, fixed lines below them, and below those a line to type in.
pub(in crate::cockpit) fn pane(
    canvas: &mut Canvas<'_>,
    title: &str,
    lines: &[String],
    pager: &mut Pager,
    fixed: &[(String, Tone)],
    input: Option<&Input>,
) {
    let area = canvas.area();
    let width = area.width.saturating_sub(4).clamp(20, 110).min(area.width);
    let inside = width.saturating_sub(4);
    let room = usize::from(inside);
    let wrapped: Vec<String> = lines.iter().flat_map(|l| wrap(l, room)).collect();
    let mut below: Vec<(String, Tone)> =
        fixed.iter().flat_map(|(l, tone)| wrap(l, room).into_iter().map(|l| (l, *tone))).collect();
    below.extend(input.map(|_| ("> ".to_owned(), Tone::Bad)));
    let wanted = u16::try_from(wrapped.len() + below.len() + 2).unwrap_or(u16::MAX);
    let height = wanted.min(area.height.saturating_sub(2)).max(3).min(area.height);
    let rect = area.centered(Constraint::Length(width), Constraint::Length(height));
    canvas.clear(rect);
    let inner = canvas.frame(rect, Border::Double, title, Tone::Accent);
    // where there is no room for all, the end is what must be seen: what to type, and where
    let most_below = usize::from(inner.height).saturating_sub(TEXT).max(2);
    if below.len() > most_below {
        below.drain(..=below.len() - most_below);
        below.insert(0, ("… make the terminal larger for the rest".to_owned(), Tone::Warn));
    }
    let room = usize::from(inner.height).saturating_sub(below.len());
    let most = wrapped.len().saturating_sub(room);
    let first = pager.first(&wrapped, room);
    let x = inner.x + 1;
    for (y, (i, line)) in (inner.y..).zip(wrapped.iter().enumerate().skip(first).take(room)) {
        canvas.text(x, y, inside, line, Tone::Plain);
        if pager.found() == Some(i) {
            canvas.tint(Rect { x, y, width: inside, height: 1 }, Tone::Selected);
        }
    }
    under(canvas, rect, (first * 100).checked_div(most), pager, input.is_some());
    let top = inner.bottom().saturating_sub(u16::try_from(below.len()).unwrap_or(0)).max(inner.y);
    for (y, (line, tone)) in (top..inner.bottom()).zip(below) {
        canvas.text(x, y, inside, &line, tone);
    }
    if let Some(input) = input.filter(|_| inner.height > 0) {
        typed(canvas, x + 2, inner.bottom() - 1, inside.saturating_sub(2), input);
    }
}

/// What a pane says in the line under it: what is searched for, and how far it is scrolled, where it scrolls.
fn under(canvas: &mut Canvas<'_>, rect: Rect, scrolled: Option<usize>, pager: &Pager, is_typed_into: bool) {
    let (x, y, room) = (rect.x + 2, rect.bottom() - 1, rect.width.saturating_sub(4));
    if room < 20 {
        return;
    }
    if let Some(typed_for) = pager.typed() {
        let used = canvas.text(x, y, room, " /", Tone::Accent);
        let used = used + typed(canvas, x + used, y, room - used, typed_for);
        canvas.text(x + used, y, room - used, " ", Tone::Accent);
        return;
    }
    let missed = pager.missed().map(|text| format!(" no {text} here ")).unwrap_or_default();
    let search = if is_typed_into { "ctrl-f" } else { "/" };
    let scrolled = scrolled.map(|percent| format!(" {percent}% ↑↓ scroll, {search} searches ")).unwrap_or_default();
    canvas.line(x, y, room, &[(missed, Tone::Warn), (scrolled, Tone::Accent)]);
}

/// A line to type in, over the footer, with what ends it.
pub(in crate::cockpit) fn prompt(canvas: &mut Canvas<'_>, mark: &str, input: &Input, hint: &str) {
    let area = canvas.area();
    let y = area.bottom().saturating_sub(1);
    canvas.clear(Rect { y, height: 1, ..area });
    let mut x = area.x + canvas.line(area.x, y, area.width, &[(" ", Tone::Accent), (mark, Tone::Accent)]);
    x += typed(canvas, x, y, area.right().saturating_sub(x), input);
    canvas.text(x, y, area.right().saturating_sub(x), &format!("   {hint}"), Tone::Dim);
}

/// What was typed, with the cursor on it; what does not fit is scrolled out on the left.
fn typed(canvas: &mut Canvas<'_>, x: u16, y: u16, room: u16, input: &Input) -> u16 {
    if room < 2 {
        return 0;
    }
    let skip = input.visual_scroll(usize::from(room) - 1);
    let shown = &input.value()[fitting(input.value(), skip)..];
    let cursor = u16::try_from(input.visual_cursor().saturating_sub(skip)).unwrap_or(0);
    let used = canvas.text(x, y, room, shown, Tone::Title);
    canvas.tint(Rect { x: x + cursor, y, width: 1, height: 1 }, Tone::Selected);
    used.max(cursor + 1)
}

/// A list to choose from, above the prompt.
pub(in crate::cockpit) fn choices(canvas: &mut Canvas<'_>, lines: &[String], selected: usize) {
    let area = canvas.area();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(3));
    let rect = Rect { y: area.bottom().saturating_sub(1 + height), height, ..area };
    canvas.clear(rect);
    let skip = (selected + 1).saturating_sub(usize::from(height));
    for (y, (i, line)) in (rect.y..rect.bottom()).zip(lines.iter().enumerate().skip(skip)) {
        canvas.text(rect.x + 1, y, rect.width.saturating_sub(2), line, Tone::Plain);
        if i == selected {
            canvas.tint(Rect { y, height: 1, ..rect }, Tone::Selected);
        }
    }
}
