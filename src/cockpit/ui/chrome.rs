//! The lines around a screen: header, tabs and footer.

use std::borrow::Cow;

use ratatui::layout::Rect;

use super::{Canvas, Tone};

/// Text that is put together from what is fixed and what is known.
pub(in crate::cockpit) type Badge<'a> = (Cow<'a, str>, Tone);

/// The header: `left` is never cut, `name` gives way to what stands on the right, and that to nothing but `left`.
pub(in crate::cockpit) fn badges(
    canvas: &mut Canvas<'_>,
    area: Rect,
    left: &[Badge<'_>],
    name: &str,
    right: &[Badge<'_>],
) {
    /// Less of a name is no name.
    const LEAST: u16 = 12;
    let used = canvas.line(area.x, area.y, area.width, left);
    let room = area.width - used;
    let status: u16 = right.iter().map(|(t, _)| Canvas::width(t)).sum();
    let both = room > status + LEAST.min(Canvas::width(name));
    let room = if both { room - status - 1 } else { room };
    canvas.text(area.x + used, area.y, room, name, Tone::Title);
    if both {
        canvas.line(area.right() - status, area.y, status, right);
    }
}

/// The screens with their keys, and which one is shown.
pub(in crate::cockpit) fn tabs<'a>(
    canvas: &mut Canvas<'_>,
    area: Rect,
    titles: impl Iterator<Item = &'a str>,
    shown: usize,
) {
    let mut x = area.x;
    for (i, title) in titles.enumerate() {
        if x >= area.right() {
            break;
        }
        let title = if area.width < 72 { title.split(' ').next().unwrap_or_default() } else { title };
        let tone = if i == shown { Tone::Selected } else { Tone::Dim };
        x += canvas.text(x, area.y, area.right() - x, &format!(" {} {title} ", i + 1), tone) + 1;
    }
}

/// A key in the footer.
pub(in crate::cockpit) struct Hint {
    pub(in crate::cockpit) key: &'static str,
    pub(in crate::cockpit) label: &'static str,
    /// The weightiest stay where there is no room for all.
    pub(in crate::cockpit) weight: u8,
    /// It does nothing now.
    pub(in crate::cockpit) off: bool,
}

/// What the keys do, in their order, as many as fit.
pub(in crate::cockpit) fn hints(canvas: &mut Canvas<'_>, area: Rect, mut hints: Vec<Hint>) {
    let width = |h: &Hint| Canvas::width(h.key) + Canvas::width(h.label) + 3;
    let mut order: Vec<usize> = (0..hints.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(hints[*i].weight));
    let mut left = area.width;
    for i in order {
        match left.checked_sub(width(&hints[i])) {
            Some(rest) => left = rest,
            None => hints[i].weight = 0,
        }
    }
    let mut x = area.x;
    for hint in hints.iter().filter(|h| h.weight > 0) {
        let (key, label) = if hint.off { (Tone::Dim, Tone::Dim) } else { (Tone::Accent, Tone::Plain) };
        let parts = [(" ", key), (hint.key, key), (" ", label), (hint.label, label), (" ", label)];
        x += canvas.line(x, area.y, area.right() - x, &parts);
    }
}
