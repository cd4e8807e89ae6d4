//! Where a frame is drawn. Every text goes through here, so that nothing that a cluster says acts on the terminal.

use std::borrow::Cow;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    widgets::{Block, BorderType, Widget},
};

use super::{
    glyphs,
    text::{self, Cut},
    theme::Theme,
    tone::Tone,
};
use crate::domain::text::safe;

/// Which frame is drawn around something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cockpit) enum Border {
    /// Around a part of a screen.
    Single,
    /// Around what lies over a screen.
    Double,
}

/// A buffer, drawn on by meaning.
pub(in crate::cockpit) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: Theme,
}

impl<'a> Canvas<'a> {
    pub(in crate::cockpit) fn new(buffer: &'a mut Buffer, theme: Theme) -> Self {
        let mut canvas = Self { buffer, theme };
        canvas.paint(canvas.area());
        canvas
    }

    pub(in crate::cockpit) const fn area(&self) -> Rect {
        self.buffer.area
    }

    /// Writes a text into at most `room` columns; a mark shows that some is missing. Gives the columns that it took.
    pub(in crate::cockpit) fn text(&mut self, x: u16, y: u16, room: u16, text: &str, tone: Tone) -> u16 {
        self.write((x, y), room, text, text::cut, self.theme.style(tone))
    }

    /// As [`Self::text`], where of `namespace/name` the name stays.
    pub(super) fn name(&mut self, x: u16, y: u16, room: u16, text: &str, tone: Tone) -> u16 {
        self.write((x, y), room, text, text::cut_name, self.theme.style(tone))
    }

    /// As [`Self::text`], where both ends stay and the middle is cut.
    pub(super) fn middle(&mut self, x: u16, y: u16, room: u16, text: &str, tone: Tone) -> u16 {
        let shown = self.shown(text).into_owned();
        match text::ends(&shown, usize::from(room)) {
            Some((head, tail)) => self.line(x, y, room, &[(head, tone), (self.mark(), tone), (tail, tone)]),
            None => self.text(x, y, room, &shown, tone),
        }
    }

    /// Writes texts one after the other. Gives the columns that they took.
    pub(in crate::cockpit) fn line<T: AsRef<str>>(&mut self, x: u16, y: u16, room: u16, parts: &[(T, Tone)]) -> u16 {
        let mut used = 0;
        for (text, tone) in parts {
            if used >= room {
                break;
            }
            used += self.text(x + used, y, room - used, text.as_ref(), *tone);
        }
        used
    }

    /// How wide a text is drawn here.
    pub(in crate::cockpit) fn width(text: &str) -> u16 {
        u16::try_from(text::width(text)).unwrap_or(u16::MAX)
    }

    /// Gives everything in an area this meaning.
    pub(in crate::cockpit) fn tint(&mut self, area: Rect, tone: Tone) {
        self.buffer.set_style(area, self.theme.style(tone));
    }

    /// Empties an area.
    pub(in crate::cockpit) fn clear(&mut self, area: Rect) {
        let area = self.buffer.area.intersection(area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.buffer[(x, y)].reset();
            }
        }
        self.paint(area);
    }

    /// Gives an empty area the ground of the theme, where it has one.
    fn paint(&mut self, area: Rect) {
        if self.theme.has_ground() {
            self.tint(area, Tone::Plain);
        }
    }

    /// Draws a frame with a title; gives what is inside.
    pub(in crate::cockpit) fn frame(&mut self, area: Rect, border: Border, title: &str, tone: Tone) -> Rect {
        let kind = if border == Border::Single { BorderType::Rounded } else { BorderType::Double };
        let mut block = Block::bordered().border_type(kind).border_style(self.theme.style(tone));
        if self.theme.is_ascii() {
            block = block.border_set(glyphs::FRAME);
        }
        let inner = block.inner(area);
        block.render(area, self.buffer);
        if !title.is_empty() && area.width > 4 && area.height > 0 {
            let (x, room) = (area.x + 1, area.width - 2);
            let used = self.line(x, area.y, room.saturating_sub(1), &[(" ", Tone::Title), (title, Tone::Title)]);
            self.text(x + used, area.y, 1, " ", Tone::Title);
        }
        inner
    }

    fn write(
        &mut self,
        at: (u16, u16),
        room: u16,
        text: &str,
        cut: for<'t> fn(&'t str, usize) -> Cut<'t>,
        style: Style,
    ) -> u16 {
        let (x, y) = at;
        let area = self.buffer.area;
        if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
            return 0;
        }
        let room = usize::from(room.min(area.right() - x));
        let text = self.shown(text);

        match cut(&text, room) {
            Cut::Whole(text) => self.put(x, y, text, style),
            Cut::Head(_) | Cut::Tail(_) if room == 0 => 0,
            Cut::Head(text) => {
                let used = self.put(x, y, text, style);
                used + self.put(x + used, y, self.mark(), style)
            }
            Cut::Tail(text) => {
                let used = self.put(x, y, self.mark(), style);
                used + self.put(x + used, y, text, style)
            }
        }
    }

    const fn mark(&self) -> &'static str {
        if self.theme.is_ascii() { glyphs::CUT } else { "…" }
    }

    /// The text as it may be drawn: escaped, and in plain ASCII where that is all that the terminal has.
    fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if is_plain(text) {
            return Cow::Borrowed(text);
        }
        let safe = safe(text);
        if self.theme.is_ascii() && !safe.is_ascii() {
            Cow::Owned(safe.chars().map(glyphs::ascii).collect())
        } else {
            safe
        }
    }

    fn put(&mut self, x: u16, y: u16, text: &str, style: Style) -> u16 {
        if !is_plain(text) {
            return self.buffer.set_stringn(x, y, text, usize::MAX, style).0 - x;
        }
        let start = self.buffer.index_of(x, y);
        for (cell, c) in self.buffer.content[start..][..text.len()].iter_mut().zip(text.chars()) {
            cell.set_char(c).set_style(style);
        }
        u16::try_from(text.len()).unwrap_or(u16::MAX)
    }
}

/// Printable ASCII: one byte is one cell.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~'))
}
