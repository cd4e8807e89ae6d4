//! The lines around a screen: header, tabs and footer.

use std::borrow::Cow;

use ratatui::layout::Rect;

use super::{Canvas, Tone};

/// Text that is put together from what is fixed and what is known.
pub(in crate::cockpit) type Badge<'a> = (Cow<'a, str>, Tone);

/// What the header says, what matters most first.
pub(in crate::cockpit) struct Header<'a> {
    /// Never cut: each in words, and in fewer words for a narrow terminal.
    pub(in crate::cockpit) safety: Vec<(Badge<'a>, Cow<'static, str>)>,
    /// Shortened in its middle where it does not fit.
    pub(in crate::cockpit) name: &'a str,
    /// Left out where it does not fit behind the name.
    pub(in crate::cockpit) address: &'a str,
    /// Shown where there is room.
    pub(in crate::cockpit) more: Vec<Badge<'a>>,
}

/// Draws it: the name gives way to the safety badges, and everything else to the name.
pub(in crate::cockpit) fn header(canvas: &mut Canvas<'_>, area: Rect, header: &Header<'_>) {
    /// Less of a name is no name.
    const LEAST: u16 = 14;
    let wide: u16 = header.safety.iter().map(|((text, _), _)| Canvas::width(text)).sum();
    let short = wide + LEAST.min(Canvas::width(header.name) + 2) > area.width;
    let mut x = area.x;
    for ((text, tone), fewer) in &header.safety {
        x += canvas.text(x, area.y, area.right() - x, if short { fewer } else { text }, *tone);
    }
    let (room, more) = (area.right() - x, header.more.iter().map(|(text, _)| Canvas::width(text)).sum::<u16>());
    let (name, long) = (format!(" {} ", header.name), format!(" {} ▸ {} ", header.name, header.address));
    let fits = Canvas::width(&long).saturating_add(more) <= room;
    x += canvas.middle(x, area.y, room, if fits { &long } else { &name }, Tone::Title);
    let mut right = area.right();
    for (text, tone) in header.more.iter().rev() {
        let width = Canvas::width(text);
        if right.saturating_sub(width) >= x {
            right -= width;
            canvas.text(right, area.y, width, text, *tone);
        }
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
pub(in crate::cockpit) struct Hint<'a> {
    pub(in crate::cockpit) key: &'static str,
    pub(in crate::cockpit) label: Cow<'a, str>,
    /// The weightiest stay where there is no room for all.
    pub(in crate::cockpit) weight: u8,
    /// It does nothing now.
    pub(in crate::cockpit) off: bool,
}

/// What the keys do, in their order, as many as fit.
pub(in crate::cockpit) fn hints(canvas: &mut Canvas<'_>, area: Rect, mut hints: Vec<Hint<'_>>) {
    let width = |h: &Hint<'_>| Canvas::width(h.key) + Canvas::width(&h.label) + 3;
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
        let parts = [(" ", key), (hint.key, key), (" ", label), (&hint.label, label), (" ", label)];
        x += canvas.line(x, area.y, area.right() - x, &parts);
    }
}
