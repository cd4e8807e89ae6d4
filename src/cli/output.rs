//! Printing. Whatever is printed is escaped for a terminal here. A closed pipe is no error; a full disk is one.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    sync::{Mutex, OnceLock, PoisonError},
};

use crossterm::{
    cursor::MoveTo,
    style::Print,
    terminal::{Clear, ClearType},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::Exit;
use crate::domain::{
    api::{Finding, Migration, NodeMigration, Severity},
    facts::Facts,
    text::{self, safe},
    view::View,
};

/// Why standard output has not taken everything.
static LOST: OnceLock<String> = OnceLock::new();

fn kept(result: io::Result<()>) {
    if let Err(e) = result.or_else(|e| if e.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(e) }) {
        let _ = LOST.set(e.to_string());
    }
}

/// Rows that are left of a picture on the terminal; nothing while none is drawn.
static ROWS: Mutex<Option<usize>> = Mutex::new(None);

/// Prints lines to standard output.
pub(super) fn line(text: &str) {
    let mut rows = ROWS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = io::stdout().lock();
    for line in text.split('\n') {
        let line = safe(line);
        let Some(left) = rows.as_mut() else {
            kept(writeln!(out, "{line}"));
            continue;
        };
        let columns = terminal().map_or(1, |(columns, _)| columns);
        let Some(rest) = left.checked_sub(line.width().div_ceil(columns).max(1)) else {
            *left = 0;
            return;
        };
        *left = rest;
        kept(crossterm::queue!(out, Print(line), Clear(ClearType::UntilNewLine)).and_then(|()| writeln!(out)));
    }
}

/// Draws a picture in the place of the one before; what the terminal has no rows for is left out.
pub(super) fn picture(print: impl FnOnce()) {
    let rows = |rows| *ROWS.lock().unwrap_or_else(PoisonError::into_inner) = rows;
    kept(crossterm::execute!(io::stdout(), MoveTo(0, 0)));
    rows(terminal().map(|(_, rows)| rows - 1));
    print();
    rows(None);
    kept(crossterm::execute!(io::stdout(), Clear(ClearType::FromCursorDown)));
}

/// The exit code, once everything that was printed has arrived.
pub(super) fn end(exit: Exit) -> Exit {
    kept(io::stdout().flush());
    match LOST.get() {
        Some(why) if exit == Exit::Done => {
            error(&format!("standard output was not written to the end: {why}"));
            Exit::Failed
        }
        _ => exit,
    }
}

/// Prints a line to standard error; on a terminal it is wrapped.
pub(super) fn error(text: &str) {
    let on_terminal = io::stderr().is_terminal();
    let mark = if on_terminal && std::env::var_os("NO_COLOR").is_none() { "\x1b[31merror:\x1b[0m" } else { "error:" };
    let room = on_terminal.then(crossterm::terminal::size).and_then(Result::ok).map_or(usize::MAX, |s| s.0.into());
    let lines = wrapped(&safe(text), room.saturating_sub("error: ".len()).max(20));
    let _ = writeln!(io::stderr().lock(), "{mark} {}", lines.join("\n       "));
}

/// Prints a note to standard error.
pub(super) fn note(text: &str) {
    let mut out = io::stderr().lock();
    text.split('\n').for_each(|line| _ = writeln!(out, "{}", safe(line)));
}

/// The objects as the API has them.
pub(super) fn objects(migration: Option<&Migration>, nodes: &[&NodeMigration]) -> Value {
    json!({"migration": migration, "nodes": nodes})
}

/// The objects from the facts.
pub(super) fn objects_of(facts: &Facts) -> Value {
    let nodes: Vec<&NodeMigration> = facts.node_migrations.values().map(|n| &**n).collect();
    objects(facts.migration.as_deref(), &nodes)
}

/// Prints JSON.
pub(super) fn json(value: &Value) {
    line(&text::json(value));
}

/// Prints JSON in one line.
pub(super) fn json_line(value: &Value) {
    line(&text::json_line(value));
}

/// Prints JSON in one line to standard error.
pub(super) fn json_note(value: &Value) {
    note(&text::json_line(value));
}

/// Columns and rows of the terminal that is written to; nothing where it is none.
pub(super) fn terminal() -> Option<(usize, usize)> {
    let size = io::stdout().is_terminal().then(crossterm::terminal::size)?.ok()?;
    Some((usize::from(size.0).max(1), usize::from(size.1).max(1)))
}

/// A picture is being drawn, which may have too few rows.
pub(super) fn is_picture() -> bool {
    ROWS.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Clears the terminal before the first picture.
pub(super) fn clear() {
    kept(crossterm::execute!(io::stdout(), Clear(ClearType::All)));
}

/// Breaks a text into lines of at most so many columns, at spaces where there are any.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut();
        match last {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Prints a text that may be long: on a terminal it is wrapped, and what follows its first line is indented.
pub(super) fn paragraph(text: &str, indent: usize) {
    let Some((columns, _)) = terminal() else { return line(text) };
    let text = safe(text);
    let body = text.trim_start();
    let before = text.len() - body.len();
    let mut room = wrapped(body, columns.saturating_sub(indent.max(before)).max(20)).into_iter();
    if let Some(first) = room.next() {
        line(&format!("{}{first}", " ".repeat(before)));
    }
    room.for_each(|rest| line(&format!("{}{rest}", " ".repeat(indent))));
}

/// Prints a table with columns as wide as their cells. On a terminal the last column is wrapped; where the others leave
/// it too little room, it has lines of its own.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) {
    let columns = terminal().map(|(columns, _)| columns);
    laid_out(head, rows, columns).iter().for_each(|l| line(l));
}

/// The narrowest that a last column may become before it has lines of its own.
const NARROW: usize = 32;

fn laid_out(head: &[&str], rows: &[Vec<String>], columns: Option<usize>) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| safe(c).into_owned()).collect()).collect();
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(i, h)| rows.iter().filter_map(|r| r.get(i)).map(|c| c.width()).max().unwrap_or(0).max(h.width()))
        .collect();
    let (last, others) = widths.split_last().map_or((0, 0), |(last, w)| (*last, w.iter().map(|w| w + 3).sum()));
    let (room, indent) = match columns {
        Some(columns) if others + last > columns => match columns.checked_sub(others).filter(|r| *r >= NARROW) {
            Some(room) => (room, others),
            None => (columns.saturating_sub(4).max(NARROW), 4),
        },
        _ => (usize::MAX, others),
    };
    let mut lines = Vec::new();
    let mut print = |cells: &[&str]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&widths).take(widths.len().saturating_sub(1)) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 3));
        }
        let tail = cells.get(widths.len().saturating_sub(1)).copied().unwrap_or_default();
        let mut tail = wrapped(tail, room).into_iter();
        if indent == others {
            text.push_str(&tail.next().unwrap_or_default());
        }
        if !text.trim().is_empty() || cells.iter().all(|c| c.is_empty()) {
            lines.push(text.trim_end().to_owned());
        }
        lines.extend(tail.filter(|t| !t.is_empty()).map(|t| format!("{}{t}", " ".repeat(indent))));
    };
    print(head);
    for row in &rows {
        print(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
    lines
}

/// Prints findings.
pub(super) fn findings(findings: &[Finding]) {
    let mut rows = Vec::new();
    for f in findings {
        let word = match f.severity {
            Severity::Pass => "ok",
            Severity::Info => "info",
            Severity::Unknown => "?",
            Severity::Warn => "WARN",
            Severity::Block => "BLOCK",
        };
        rows.push(vec![word.into(), f.check.clone(), f.object.clone(), f.message.clone()]);
        if !f.remedy.is_empty() {
            rows.push(vec![String::new(), String::new(), String::new(), format!("→ {}", f.remedy)]);
        }
    }
    table(&["", "CHECK", "OBJECT", "FOUND"], &rows);
}

/// Prints the state of phases and nodes.
pub(super) fn standing(facts: &Facts) {
    let Some(migration) = &facts.migration else {
        line("There is no Migration on this cluster.");
        return;
    };
    let status = migration.status.clone().unwrap_or_default();
    line(&format!("approved  up to {}", migration.spec.approved));
    if !status.waiting.is_empty() {
        paragraph(&format!("waits     {}", status.waiting.message), 10);
    }
    line("");
    let rows: Vec<Vec<String>> = status
        .phases
        .iter()
        .map(|p| vec![p.name.to_string(), format!("{:?}", p.state), p.waiting.message.clone()])
        .collect();
    table(&["PHASE", "STATE", ""], &rows);
    let view = View::read_only(facts, migration, Timestamp::now());
    let mut records: Vec<_> = facts.node_migrations.iter().collect();
    let order: Vec<_> = view.nodes_in_order().into_iter().map(|n| n.name.clone()).collect();
    records.sort_by_key(|(name, _)| order.iter().position(|n| n == *name).unwrap_or(usize::MAX));
    if records.is_empty() {
        return;
    }
    line("");
    let rows: Vec<Vec<String>> = records
        .into_iter()
        .map(|(name, record)| {
            let s = record.status.clone().unwrap_or_default();
            let error =
                s.last_error.map(|e| format!("{}. {}", e.problem.message, e.problem.remedy)).unwrap_or_default();
            let said = if error.is_empty() { s.waiting.message } else { error };
            vec![name.to_string(), s.direction.name().into(), s.step.to_string(), s.attempt.to_string(), said]
        })
        .collect();
    table(&["NODE", "TOWARDS", "STEP", "ATTEMPT", "WAITING"], &rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_to_the_terminal_and_is_whole_elsewhere() {
        let rows = [
            vec!["worker-1".into(), "Drain".into(), "evicting shop/web, which has a budget that allows none".into()],
            vec!["worker-12".into(), "Pending".into(), String::new()],
        ];
        let head = ["NODE", "STEP", "WAITING"];
        assert_eq!(
            laid_out(&head, &rows, Some(54)),
            [
                "NODE        STEP      WAITING",
                "worker-1    Drain     evicting shop/web, which has a",
                "                      budget that allows none",
                "worker-12   Pending"
            ]
        );
        assert_eq!(
            laid_out(&head, &rows, Some(40)),
            [
                "NODE        STEP",
                "    WAITING",
                "worker-1    Drain",
                "    evicting shop/web, which has a",
                "    budget that allows none",
                "worker-12   Pending"
            ]
        );
        let whole = "worker-1    Drain     evicting shop/web, which has a budget that allows none";
        assert_eq!(laid_out(&head, &rows, None)[1], whole);
        assert_eq!(laid_out(&head, &rows, Some(80))[1], whole);
    }
}
