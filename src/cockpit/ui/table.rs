//! A table. Cells are made for the rows that are visible, and for no others; the selection stays on its object.

use std::borrow::Cow;

use ratatui::layout::Rect;

use super::{
    canvas::{Border, Canvas},
    pane::Pane,
    text,
    tone::Tone,
};

/// A cell: a text and what it means.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cockpit) struct Cell<'a> {
    pub(in crate::cockpit) text: Cow<'a, str>,
    pub(in crate::cockpit) tone: Tone,
}

impl<'a> Cell<'a> {
    pub(in crate::cockpit) fn new(text: impl Into<Cow<'a, str>>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }

    pub(in crate::cockpit) fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Self::new(text, Tone::Plain)
    }

    pub(in crate::cockpit) fn dim(text: impl Into<Cow<'a, str>>) -> Self {
        Self::new(text, Tone::Dim)
    }
}

/// A column: its head, its least and its most width, and the cell that it makes of a row.
#[derive(Clone, Copy, Debug)]
pub(in crate::cockpit) struct Column<F>(
    pub(in crate::cockpit) &'static str,
    pub(in crate::cockpit) u16,
    pub(in crate::cockpit) u16,
    pub(in crate::cockpit) F,
);

impl<F> Column<F> {
    pub(in crate::cockpit) fn cell<'a, R>(&self, row: &R) -> Cell<'a>
    where
        F: Fn(&R) -> Cell<'a>,
    {
        (self.3)(row)
    }
}

/// The words of a filter; one with `!` before it must not be there.
#[derive(Clone, Debug, Default)]
pub(in crate::cockpit) struct Words(Vec<(String, bool)>);

impl Words {
    pub(in crate::cockpit) fn parse(text: &str) -> Self {
        let word = |w: &str| match w.strip_prefix('!') {
            Some(w) => (w.to_lowercase(), false),
            None => (w.to_lowercase(), true),
        };
        Self(text.split_whitespace().map(word).collect())
    }

    /// Every word is in one of the texts.
    pub(in crate::cockpit) fn match_all(&self, cells: &[Cell<'_>]) -> bool {
        self.0.iter().all(|(word, wanted)| cells.iter().any(|c| contains(&c.text, word)) == *wanted)
    }

    /// Lets everything through.
    pub(in crate::cockpit) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `word` is in lower case.
fn contains(text: &str, word: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(word);
    }
    let (text, word) = (text.as_bytes(), word.as_bytes());
    word.is_empty() || text.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

/// How a table is drawn this time.
pub(in crate::cockpit) struct Look<'a> {
    pub(in crate::cockpit) title: &'a str,
    /// It has the keys.
    pub(in crate::cockpit) focused: bool,
    /// What is said where there is no row.
    pub(in crate::cockpit) empty: &'a str,
}

/// Which rows there are, by their keys, and which one is selected.
#[derive(Clone, Debug)]
pub(in crate::cockpit) struct Table<K> {
    rows: Vec<K>,
    /// What the rows were made of: they are made again when it changes.
    stamp: Option<((u64, u64), String)>,
    selected: Option<K>,
    /// Where the selected row is.
    at: usize,
    offset: usize,
    /// Rows of the last frame.
    page: usize,
    /// Where they are.
    place: Rect,
    filter: String,
    frozen: bool,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            rows: vec![],
            stamp: None,
            selected: None,
            at: 0,
            offset: 0,
            page: 0,
            place: Rect::ZERO,
            filter: String::new(),
            frozen: false,
        }
    }
}

impl<K: Clone + PartialEq> Table<K> {
    /// Makes the rows again when what they are made of has changed, or the filter.
    pub(in crate::cockpit) fn refresh(&mut self, stamp: (u64, u64), rows: impl FnOnce(&str) -> Vec<K>) {
        if self.frozen || self.stamp.as_ref().is_some_and(|(s, filter)| *s == stamp && *filter == self.filter) {
            return;
        }
        self.set_rows(rows(&self.filter));
        self.stamp = Some((stamp, self.filter.clone()));
    }

    /// As [`Self::refresh`], of those rows whose cells match the filter.
    pub(in crate::cockpit) fn list<'a, R, F: Fn(&R) -> Cell<'a>>(
        &mut self,
        stamp: (u64, u64),
        keys: impl FnOnce() -> Vec<K>,
        columns: &[Column<F>],
        row: impl Fn(&K) -> Option<R>,
    ) {
        self.refresh(stamp, |filter| {
            let (mut keys, words) = (keys(), Words::parse(filter));
            if !words.is_empty() {
                let cells = |r: R| columns.iter().map(|c| c.cell(&r)).collect::<Vec<_>>();
                keys.retain(|k| row(k).is_some_and(|r| words.match_all(&cells(r))));
            }
            keys
        });
    }

    /// These are the rows from now on.
    pub(in crate::cockpit) fn set_rows(&mut self, rows: Vec<K>) {
        if self.frozen {
            return;
        }
        self.rows = rows;
        let last = self.rows.len().saturating_sub(1);
        self.at = match &self.selected {
            None => self.at.min(last),
            Some(key) if self.rows.get(self.at) == Some(key) => self.at,
            // an object that is gone leaves the selection where it was
            Some(key) => self.rows.iter().position(|k| k == key).unwrap_or(self.at.min(last)),
        };
    }

    /// The rows, as they are shown.
    pub(in crate::cockpit) fn rows(&self) -> &[K] {
        &self.rows
    }

    /// The selected row; the first one as long as none was selected.
    pub(in crate::cockpit) fn selected(&self) -> Option<&K> {
        self.rows.get(self.at)
    }

    /// Selects this row, where it is shown.
    pub(in crate::cockpit) fn select_key(&mut self, key: &K) -> bool {
        let at = self.rows.iter().position(|k| k == key);
        at.into_iter().for_each(|at| self.select(at));
        at.is_some()
    }

    /// Rests on this row as long as none was selected.
    pub(in crate::cockpit) fn rest_on(&mut self, key: &K) {
        if self.selected.is_none() {
            self.at = self.rows.iter().position(|k| k == key).unwrap_or(0);
        }
    }

    /// Holds the rows still.
    pub(in crate::cockpit) fn freeze(&mut self) {
        self.frozen = true;
    }

    pub(in crate::cockpit) const fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn select(&mut self, at: usize) {
        self.at = at.min(self.rows.len().saturating_sub(1));
        self.selected = self.rows.get(self.at).cloned();
    }

    /// Draws it; `row` is asked for the visible rows alone.
    pub(in crate::cockpit) fn draw<'a, 'c, R, F: Fn(&R) -> Cell<'a> + 'c>(
        &mut self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        look: &Look<'_>,
        columns: impl Iterator<Item = &'c Column<F>> + Clone,
        row: impl Fn(&K) -> Option<R>,
    ) {
        let tone = if look.focused { Tone::Accent } else { Tone::Dim };
        let inner = if self.filter.is_empty() {
            canvas.frame(area, Border::Single, look.title, tone)
        } else {
            canvas.frame(area, Border::Single, &format!("/{}  {}", self.filter, look.title), tone)
        };
        if inner.height < 2 || inner.width < 4 {
            return;
        }
        let height = usize::from(inner.height - 1);
        self.page = height;
        self.place = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
        let most = self.rows.len().saturating_sub(height);
        self.offset = self.offset.min(most).clamp((self.at + 1).saturating_sub(height), self.at);
        let seen = &self.rows[self.offset..(self.offset + height).min(self.rows.len())];
        let cells: Vec<Vec<Cell<'a>>> = seen
            .iter()
            .map(|key| row(key).map_or_else(Vec::new, |r| columns.clone().map(|c| c.cell(&r)).collect()))
            .collect();
        let widths = widths(columns.clone().map(|c| (c.0, c.1, c.2)), &cells, inner.width);
        let heads: Vec<Cell<'_>> = columns.map(|c| Cell::dim(c.0)).collect();
        put(canvas, inner, 0, &heads, &widths, false);
        if self.rows.is_empty() {
            let text = if self.filter.is_empty() { look.empty } else { "nothing matches the filter; esc clears it" };
            for (y, line) in (inner.y + 1..inner.bottom()).zip(text::wrap(text, usize::from(inner.width))) {
                canvas.text(inner.x, y, inner.width, &line, Tone::Dim);
            }
            return;
        }
        for (y, (i, cells)) in (1..).zip(cells.iter().enumerate()) {
            put(canvas, inner, y, cells, &widths, look.focused && self.offset + i == self.at);
        }
        if most > 0 {
            let text = format!(" {}/{} ", self.at + 1, self.rows.len());
            let width = Canvas::width(&text);
            if width + 2 < area.width {
                canvas.text(area.right() - width - 1, area.bottom() - 1, width, &text, tone);
            }
        }
    }
}

impl<K: Clone + PartialEq> Pane for Table<K> {
    fn step(&mut self, rows: isize) {
        self.select(self.at.saturating_add_signed(rows));
    }

    fn half_page(&mut self, down: bool) {
        let half = isize::try_from(self.page / 2).unwrap_or(1).max(1);
        self.step(if down { half } else { -half });
    }

    fn end(&mut self, last: bool) {
        self.select(if last { usize::MAX } else { 0 });
    }

    fn pin(&mut self) {
        if self.selected.is_none() {
            self.select(self.at);
        }
    }

    fn click(&mut self, column: u16, row: u16) -> bool {
        let at = self.offset + usize::from(row.saturating_sub(self.place.y));
        let is_row = self.place.contains((column, row).into()) && at < self.rows.len();
        if is_row {
            self.select(at);
        }
        is_row
    }

    fn filter(&self) -> &str {
        &self.filter
    }

    fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
    }

    fn thaw(&mut self) -> bool {
        self.stamp = None;
        std::mem::take(&mut self.frozen)
    }
}

/// Columns as wide as their cells, within their bounds; the widest ones give way first.
fn widths(
    columns: impl Iterator<Item = (&'static str, u16, u16)> + Clone,
    rows: &[Vec<Cell<'_>>],
    room: u16,
) -> Vec<u16> {
    let longest = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| text::width(&c.text)).max().unwrap_or(0);
    let mut wanted: Vec<u16> = columns
        .clone()
        .enumerate()
        .map(|(i, (head, least, most))| {
            u16::try_from(longest(i).max(text::width(head))).unwrap_or(u16::MAX).clamp(least, most)
        })
        .collect();
    let total = |w: &[u16]| w.iter().filter(|w| **w > 0).map(|w| u32::from(*w) + 1).sum::<u32>();
    let limit = u32::from(room);
    if total(&wanted) > limit && !rows.is_empty() {
        // an empty column is the first to go
        wanted.iter_mut().enumerate().filter(|(i, _)| longest(*i) == 0).for_each(|(_, w)| *w = 0);
    }
    let mut least: Vec<u16> = columns.zip(&wanted).map(|((_, least, _), wanted)| least.min(*wanted)).collect();
    // what does not fit even at its least width is left out, from the right; the others get its room
    while total(&least) > limit + 1 && least.len() > 1 {
        least.pop();
    }
    wanted.truncate(least.len());
    while total(&wanted) > limit {
        let widest = (0..wanted.len()).filter(|i| wanted[*i] > least[*i]).max_by_key(|i| wanted[*i]);
        let Some(widest) = widest else { break };
        wanted[widest] -= 1;
    }
    wanted
}

fn put(canvas: &mut Canvas<'_>, area: Rect, y: u16, cells: &[Cell<'_>], widths: &[u16], selected: bool) {
    let mut x = area.x;
    for (cell, width) in cells.iter().zip(widths).filter(|(_, w)| **w > 0) {
        if x >= area.right() {
            break;
        }
        let room = (*width).min(area.right() - x);
        canvas.name(x, area.y + y, room, &cell.text, if selected { Tone::Plain } else { cell.tone });
        x += *width + 1;
    }
    if selected {
        canvas.tint(Rect { y: area.y + y, height: 1, ..area }, Tone::Selected);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell as Counter;

    use ratatui::buffer::Buffer;

    use super::{
        super::{Colours, Theme},
        *,
    };

    type Rows = Table<usize>;
    const COLUMNS: &[Column<fn(&usize) -> Cell<'static>>] = &[Column("N", 3, 9, |n| Cell::plain(n.to_string()))];

    fn draw(table: &mut Rows, height: u16) -> usize {
        let made = Counter::new(0);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, height));
        let area = buffer.area;
        let look = Look { title: "", focused: true, empty: "" };
        let row = |k: &usize| {
            made.set(made.get() + 1);
            Some(*k)
        };
        table.draw(
            &mut Canvas::new(&mut buffer, Theme::new(Some(Colours::Terminal), false)),
            area,
            &look,
            COLUMNS.iter(),
            row,
        );
        made.get()
    }

    #[test]
    fn cells_are_made_for_visible_rows_alone() {
        let mut table = Rows::default();
        table.set_rows((0..100_000).collect());
        assert_eq!(draw(&mut table, 10), 7);
        table.end(true);
        assert_eq!(draw(&mut table, 10), 7);
    }

    #[test]
    fn the_selection_stays_on_its_object() {
        let mut table = Rows::default();
        table.set_rows(vec![1, 2, 3]);
        table.step(1);
        table.set_rows(vec![0, 1, 2, 3]);
        assert_eq!(table.selected(), Some(&2));
        table.set_rows(vec![0, 1, 3]);
        assert_eq!(table.selected(), Some(&3), "it stays where the object was");
        table.set_rows(vec![2, 0]);
        assert_eq!(table.selected(), Some(&2), "and returns with it");
    }

    #[test]
    fn half_a_page_is_half_of_what_was_drawn() {
        let mut table = Rows::default();
        table.set_rows((0..100).collect());
        draw(&mut table, 23);
        table.half_page(true);
        assert_eq!(table.selected(), Some(&10));
        draw(&mut table, 13);
        table.half_page(false);
        assert_eq!(table.selected(), Some(&5));
    }

    #[test]
    fn rows_are_made_again_only_when_what_they_are_made_of_changes() {
        let made = Counter::new(0);
        let mut table = Rows::default();
        let refresh = |table: &mut Rows, stamp| {
            table.refresh(stamp, |_| {
                made.set(made.get() + 1);
                vec![1]
            });
        };
        refresh(&mut table, (1, 0));
        refresh(&mut table, (1, 0));
        assert_eq!(made.get(), 1);
        refresh(&mut table, (1, 1));
        table.set_filter("x");
        refresh(&mut table, (1, 1));
        assert_eq!(made.get(), 3);
    }

    #[test]
    fn a_filter_knows_words_and_their_absence() {
        let cells = [Cell::plain("Worker-1"), Cell::plain("Ready")];
        for (filter, wanted) in
            [("worker ready", true), ("!ready", false), ("worker !cordoned", true), ("ünder", false)]
        {
            assert_eq!(Words::parse(filter).match_all(&cells), wanted, "{filter}");
        }
    }
}
