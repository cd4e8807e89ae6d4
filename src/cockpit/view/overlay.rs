//! What lies over a screen: dialogs, help, palette, filter, details.

use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    text::{Line, Span},
    widgets::{BorderType, Clear},
};

use super::{
    super::{
        dialog::{Dialog, Does},
        flows::{Column, FlowTable},
        input,
        model::{Model, Overlay},
        theme::{Role, Theme},
    },
    help, table,
};
use crate::domain::text::safe;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &mut Model, theme: Theme) {
    let screen = model.screen;
    match &mut model.overlay {
        Overlay::None => {}
        Overlay::Help { scroll } => pane(frame, area, "Help", &help::lines(screen), scroll, theme, &[]),
        Overlay::Detail { lines, scroll } => pane(frame, area, "Detail", lines, scroll, theme, &[]),
        Overlay::Filter { text } => prompt(frame, area, "/", text, theme),
        Overlay::Palette { text, selected } => {
            palette(frame, area, model_palette(screen, text, *selected), text, theme);
        }
        Overlay::Columns { selected } => columns(frame, area, &model.flows, *selected, theme),
        Overlay::Dialog(dialog) => draw_dialog(frame, area, dialog, theme),
    }
}

fn model_palette(screen: super::super::actions::Screen, text: &str, selected: usize) -> Vec<(String, bool)> {
    let found = input::found(screen, text);
    found.iter().enumerate().map(|(i, a)| (format!("{:<8} {}", a.keys, a.help), i == selected)).collect()
}

/// A pane with lines that can be scrolled, and fixed lines below them.
fn pane(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    lines: &[String],
    scroll: &mut u16,
    theme: Theme,
    fixed: &[(String, Role)],
) {
    let width = area.width.saturating_sub(4).clamp(20, 110).min(area.width);
    let inside = usize::from(width.saturating_sub(4));
    let wrapped: Vec<String> = lines
        .iter()
        .flat_map(|l| if l.is_empty() { vec![String::new()] } else { table::wrap(&theme.text(l), inside) })
        .collect();
    let below: Vec<(String, Role)> =
        fixed.iter().flat_map(|(l, r)| table::wrap(&theme.text(l), inside).into_iter().map(|l| (l, *r))).collect();
    let wanted = u16::try_from(wrapped.len() + below.len() + 2).unwrap_or(u16::MAX);
    let height = wanted.min(area.height.saturating_sub(2)).max(3).min(area.height);
    let rect = area.centered(Constraint::Length(width), Constraint::Length(height));
    frame.render_widget(Clear, rect);
    let block = table::frame_of(theme, BorderType::Double)
        .border_style(theme.style(Role::Accent))
        .title(Span::styled(format!(" {} ", theme.text(title)), theme.style(Role::Title)));
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    let room = usize::from(inner.height).saturating_sub(below.len());
    let most = wrapped.len().saturating_sub(room);
    *scroll = (*scroll).min(u16::try_from(most).unwrap_or(u16::MAX));
    let x = inner.x + 1;
    for (y, line) in (0..).zip(wrapped.iter().skip(usize::from(*scroll)).take(room)) {
        frame.buffer_mut().set_string(x, inner.y + y, table::cut(line, inside, theme), theme.style(Role::Plain));
    }
    if most > 0 && rect.width > 24 {
        let text = format!(" {}% ↑↓ ", usize::from(*scroll) * 100 / most);
        frame.buffer_mut().set_string(rect.x + 2, rect.bottom() - 1, theme.text(&text), theme.style(Role::Accent));
    }
    let top = inner.bottom().saturating_sub(u16::try_from(below.len()).unwrap_or(0)).max(inner.y);
    for (y, (line, role)) in (top..inner.bottom()).zip(below) {
        frame.buffer_mut().set_string(x, y, table::cut(&line, inside, theme), theme.style(role));
    }
}

fn columns(frame: &mut Frame<'_>, area: Rect, table: &FlowTable, selected: usize, theme: Theme) {
    let line = |(i, c): (usize, Column)| {
        let tick = if table.columns.contains(&c) { "[x]" } else { "[ ]" };
        format!("{} {tick} {}", if i == selected { ">" } else { " " }, c.head().0)
    };
    let lines: Vec<String> = Column::ALL.into_iter().enumerate().map(line).collect();
    let mut scroll = u16::try_from(selected.saturating_sub(6)).unwrap_or(0);
    pane(frame, area, "Columns", &lines, &mut scroll, theme, &[("space chooses    esc closes".into(), Role::Accent)]);
}

/// So many consents are shown with a number to tick them by.
const SHOWN: usize = 6;

fn draw_dialog(frame: &mut Frame<'_>, area: Rect, dialog: &mut Dialog, theme: Theme) {
    let mut fixed: Vec<(String, Role)> = Vec::new();
    if !dialog.consents.is_empty() {
        let needed = dialog.consents.iter().filter(|a| a.is_needed());
        let (all, open) = (needed.clone().count(), needed.filter(|a| !a.ticked).count());
        let (key, each) = if dialog.type_this.is_some() { ("tab", "") } else { ("c", ", its number one of them") };
        if all > 0 {
            let tick = if open == 0 { "[x]" } else { "[ ]" };
            fixed.push((
                format!("{tick} {all} needed, read above ({key} ticks all{each}; without them nodes wait)"),
                Role::Warn,
            ));
        } else {
            fixed.push(("what would get past it (its number ticks one)".into(), Role::Warn));
        }
        // room for the text above comes first: everything is listed there
        fixed.extend((1..).zip(&dialog.consents).take(SHOWN).map(|(n, a)| {
            let tick = if a.ticked { "[x]" } else { "[ ]" };
            (format!("  {n} {tick} {} {}", a.consent.kind, safe(&a.consent.object)), Role::Warn)
        }));
        if dialog.consents.len() > SHOWN {
            fixed.push((format!("      and {} more, above", dialog.consents.len() - SHOWN), Role::Warn));
        }
    }
    fixed.push(match (&dialog.type_this, dialog.does) {
        (_, Does::Nothing) => ("any key closes this".into(), Role::Dim),
        (Some(what), _) => (format!("type {what} and press enter: {}_", dialog.typed), Role::Bad),
        (None, _) => ("y yes    n, esc no    ↑↓ scroll".into(), Role::Accent),
    });
    let (title, lines) = (dialog.title.clone(), dialog.lines.clone());
    pane(frame, area, &title, &lines, &mut dialog.scroll, theme, &fixed);
}

fn prompt(frame: &mut Frame<'_>, area: Rect, mark: &str, text: &str, theme: Theme) {
    let y = area.bottom().saturating_sub(1);
    let line = Line::from(vec![
        Span::styled(format!(" {mark}"), theme.style(Role::Accent)),
        Span::styled(format!("{text}_"), theme.style(Role::Title)),
        Span::styled("   enter keeps, esc clears", theme.style(Role::Dim)),
    ]);
    frame.render_widget(Clear, Rect { y, height: 1, ..area });
    frame.buffer_mut().set_line(area.x, y, &line, area.width);
}

fn palette(frame: &mut Frame<'_>, area: Rect, found: Vec<(String, bool)>, text: &str, theme: Theme) {
    prompt(frame, area, ":", text, theme);
    let height = u16::try_from(found.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(3));
    let rect = Rect { y: area.bottom().saturating_sub(1 + height), height, ..area };
    frame.render_widget(Clear, rect);
    let selected = found.iter().position(|(_, s)| *s).unwrap_or(0);
    let skip = (selected + 1).saturating_sub(usize::from(height));
    for (y, (line, selected)) in (rect.y..rect.bottom()).zip(found.into_iter().skip(skip)) {
        let style = theme.style(if selected { Role::Selected } else { Role::Plain });
        let line = format!(
            " {:<width$}",
            table::cut(&theme.text(&line), usize::from(area.width.saturating_sub(2)), theme),
            width = usize::from(area.width)
        );
        frame.buffer_mut().set_stringn(rect.x, y, line, usize::from(area.width), style);
    }
}
