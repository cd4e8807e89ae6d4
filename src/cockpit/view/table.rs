//! A table: only the rows that are visible are drawn; the selection stays on its object.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Block, BorderType},
};
use unicode_width::UnicodeWidthStr;

use super::super::{
    Scene,
    model::Model,
    rows::{self, Row},
    theme::{Role, Theme},
};

/// A column: title, least width, most width.
pub(super) type Column = (&'static str, u16, u16);

/// The columns of a table, as they are chosen.
pub(in super::super) fn heads(model: &Model, table: &str) -> Vec<Column> {
    if table == "flows" { model.flows.heads() } else { head_of(table).iter().map(|(_, c)| *c).collect() }
}

/// The columns of a table.
fn head_of(table: &str) -> &'static [(&'static str, Column)] {
    macro_rules! columns {
        ($(($name:literal, $min:literal, $max:literal)),* $(,)?) => { &[$(($name, ($name, $min, $max))),*] };
    }
    match table {
        "phases" => columns![("", 1, 1), ("PHASE", 9, 9), ("STATE", 14, 14), ("TIME", 7, 7), ("", 10, 200)],
        "overview nodes" => {
            columns![("NODE", 8, 30), ("CNI", 7, 7), ("STEPS", 8, 8), ("STEP", 10, 10), ("WAITING", 10, 200)]
        }
        "nodes" => columns![
            ("NODE", 8, 30),
            ("READY", 8, 8),
            ("CORDON", 8, 8),
            ("CNI", 7, 7),
            ("STEP", 10, 10),
            ("PODS", 4, 4),
            ("WAITING", 8, 200)
        ],
        "pods" => columns![
            ("WHAT", 15, 15),
            ("POD", 16, 40),
            ("NODE", 8, 24),
            ("STATE", 11, 11),
            ("RST", 3, 3),
            ("VERSION", 8, 14),
            ("REASON", 6, 60)
        ],
        "checks" => columns![
            ("", 1, 1),
            ("", 7, 7),
            ("CHECK", 8, 12),
            ("OBJECT", 12, 40),
            ("FOUND", 20, 90),
            ("WHAT TO DO", 10, 200)
        ],
        _ => columns![("TIME", 8, 8), ("", 6, 6), ("OBJECT", 14, 44), ("WHAT", 16, 70), ("KUBECTL", 10, 200)],
    }
}

/// What a table is drawn with.
pub(super) struct Look<'a> {
    pub(super) table: &'static str,
    pub(super) title: String,
    pub(super) focused: bool,
    pub(super) empty: &'a str,
}

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &mut Model,
    scene: &Scene<'_>,
    theme: Theme,
    look: &Look<'_>,
) {
    let mut rows = rows::of(model, scene, look.table);
    let state = model.table(look.table);
    let filter = if state.filter.is_empty() { String::new() } else { format!(" /{} ", state.filter) };
    let style = theme.style(if look.focused { Role::Accent } else { Role::Dim });
    let title = theme.text(&format!(" {}{filter} ", look.title)).into_owned();
    let block =
        frame_of(theme, BorderType::Rounded).border_style(style).title(Span::styled(title, theme.style(Role::Title)));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if inner.height < 2 || inner.width < 4 {
        return;
    }
    let columns = heads(model, look.table);
    let height = usize::from(inner.height - 1);
    let selected = rows.iter().position(|r| Some(&r.key) == state.selected.as_ref()).unwrap_or(0);
    let offset =
        state.offset.min(rows.len().saturating_sub(height)).clamp((selected + 1).saturating_sub(height), selected);
    let seen = offset..(offset + height).min(rows.len());
    for row in &mut rows[seen.clone()] {
        model.flows.fill(scene, row);
    }
    let widths = widths(&columns, if look.table == "flows" { &rows[seen] } else { &rows }, inner.width);
    let titles: Vec<(String, Role)> = columns.iter().map(|(t, ..)| ((*t).to_owned(), Role::Dim)).collect();
    put(frame, inner, 0, &titles, &widths, theme, false);
    if rows.is_empty() {
        let text = if state.filter.is_empty() { look.empty } else { "nothing matches the filter; esc clears it" };
        paragraph(frame, Rect { y: inner.y + 1, height: inner.height - 1, ..inner }, text, theme);
        return;
    }
    model.page = height;
    model.table_mut(look.table).offset = offset;
    for (y, (i, row)) in (1..).zip(rows.iter().enumerate().skip(offset).take(height)) {
        put(frame, inner, y, &row.cells, &widths, theme, look.focused && i == selected);
    }
    if rows.len() > height {
        let text = format!(" {}/{} ", selected + 1, rows.len());
        let width = u16::try_from(text.width()).unwrap_or(0);
        if width + 2 < area.width {
            frame.buffer_mut().set_string(area.right() - width - 1, area.bottom() - 1, text, style);
        }
    }
}

/// A frame, of plain ASCII where that is all the terminal has.
pub(super) fn frame_of(theme: Theme, border: BorderType) -> Block<'static> {
    let block = Block::bordered().border_type(border);
    if theme.is_ascii() { block.border_set(ASCII) } else { block }
}

const ASCII: ratatui::symbols::border::Set<'static> = ratatui::symbols::border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Columns as wide as their cells, within their limits; the last ones give way first.
fn widths(columns: &[Column], rows: &[Row], width: u16) -> Vec<u16> {
    let mut wanted: Vec<u16> = columns
        .iter()
        .enumerate()
        .map(|(i, (title, min, max))| {
            let longest = rows
                .iter()
                .filter_map(|r| r.cells.get(i))
                .map(|(c, _)| c.width())
                .max()
                .unwrap_or(0)
                .max(title.width());
            u16::try_from(longest).unwrap_or(u16::MAX).clamp(*min, *max)
        })
        .collect();
    let total = |w: &[u16]| w.iter().filter(|w| **w > 0).map(|w| u32::from(*w) + 1).sum::<u32>();
    let limit = u32::from(width);
    if total(&wanted) > limit {
        // a column in which nothing stands is the first to go
        for (i, width) in wanted.iter_mut().enumerate() {
            if !rows.is_empty() && rows.iter().all(|r| r.cells.get(i).is_none_or(|(c, _)| c.is_empty())) {
                *width = 0;
            }
        }
    }
    // the widest column gives way first, as long as it has more than it needs
    while total(&wanted) > limit {
        let widest = (0..wanted.len()).filter(|i| wanted[*i] > columns[*i].1).max_by_key(|i| wanted[*i]);
        let Some(widest) = widest else { break };
        wanted[widest] -= 1;
    }
    // what does not fit even then is left out, from the right
    while total(&wanted) > limit + 1 && wanted.len() > 1 {
        wanted.pop();
    }
    wanted
}

fn put(
    frame: &mut Frame<'_>,
    area: Rect,
    y: u16,
    cells: &[(String, Role)],
    widths: &[u16],
    theme: Theme,
    selected: bool,
) {
    let mut spans = Vec::with_capacity(cells.len() * 2);
    for ((text, role), width) in cells.iter().zip(widths).filter(|(_, w)| **w > 0) {
        let cut = cut_cell(&theme.text(text), usize::from(*width), theme);
        let pad = usize::from(*width).saturating_sub(cut.width()) + 1;
        let style = if selected { theme.style(Role::Selected) } else { theme.style(*role) };
        spans.push(Span::styled(cut, style));
        spans.push(Span::styled(
            " ".repeat(pad),
            if selected { theme.style(Role::Selected) } else { theme.style(Role::Plain) },
        ));
    }
    let line = Line::from(spans);
    frame.buffer_mut().set_line(area.x, area.y + y, &line, area.width);
    if selected {
        let rest = Rect { y: area.y + y, height: 1, ..area };
        frame.buffer_mut().set_style(rest, theme.style(Role::Selected));
    }
}

/// Of `namespace/name` the name is what is looked for: it stays, and the namespace is cut.
fn cut_cell(text: &str, width: usize, theme: Theme) -> String {
    let name = text.rsplit_once('/').filter(|_| !text.contains(' ')).map(|(_, name)| name);
    match name {
        Some(name) if text.width() > width && width > 4 => {
            let tail: String = if name.width() < width {
                let skip = text.chars().count().saturating_sub(width - 1);
                text.chars().skip(skip).collect()
            } else {
                return cut(name, width, theme);
            };
            format!("{}{tail}", if theme.is_ascii() { '~' } else { '…' })
        }
        _ => cut(text, width, theme),
    }
}

/// Cuts a text to a width, and shows that it did.
pub(super) fn cut(text: &str, width: usize, theme: Theme) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        let mut grown = out.clone();
        grown.push(c);
        if grown.width() + 1 > width {
            break;
        }
        out = grown;
    }
    if width > 0 {
        out.push(if theme.is_ascii() { '~' } else { '…' });
    }
    out
}

/// A text with line breaks where it needs them.
pub(super) fn paragraph(frame: &mut Frame<'_>, area: Rect, text: &str, theme: Theme) {
    let lines = wrap(&theme.text(text), usize::from(area.width));
    for (y, line) in (0..area.height).zip(lines) {
        frame.buffer_mut().set_line(area.x, area.y + y, &Line::styled(line, theme.style(Role::Dim)), area.width);
    }
}

/// Breaks a text at spaces; the indentation of its first line is kept.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let indent = text.len() - text.trim_start().len();
    let indent = " ".repeat(indent.min(width / 2));
    let mut lines = vec![indent.clone()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |l| l.width());
        let empty = lines.last().is_none_or(|l| l.trim().is_empty());
        if !empty && last + 1 + word.width() > width {
            lines.push(format!("{indent}{}", if indent.is_empty() { "" } else { "  " }));
        }
        if let Some(line) = lines.last_mut() {
            if !line.trim().is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
