//! Printing. Whatever is printed is escaped for a terminal here. A closed pipe is no error; a full disk is one.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    sync::OnceLock,
};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::Exit;
use crate::domain::{
    api::{Finding, Migration, NodeMigration, Severity},
    facts::Facts,
    text::{self, safe},
};

/// Why standard output has not taken everything.
static LOST: OnceLock<String> = OnceLock::new();

fn kept(result: io::Result<()>) {
    if let Err(e) = result.or_else(|e| if e.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(e) }) {
        let _ = LOST.set(e.to_string());
    }
}

/// Prints lines to standard output.
pub(super) fn line(text: &str) {
    let mut out = io::stdout().lock();
    text.split('\n').for_each(|line| kept(writeln!(out, "{}", safe(line))));
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

/// Prints a line to standard error.
pub(super) fn error(text: &str) {
    let mark = if io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        "\x1b[31merror:\x1b[0m"
    } else {
        "error:"
    };
    let _ = writeln!(io::stderr().lock(), "{mark} {}", safe(text));
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

/// Prints a table with columns as wide as their cells.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) {
    let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| safe(c).into_owned()).collect()).collect();
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(i, h)| rows.iter().filter_map(|r| r.get(i)).map(|c| c.width()).max().unwrap_or(0).max(h.width()))
        .collect();
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 3));
        }
        line(text.trim_end());
    };
    print(&mut head.iter().copied());
    for row in &rows {
        print(&mut row.iter().map(String::as_str));
    }
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
    line(&format!(
        "migration: {}   nodes on Cilium: {}   approved: {}",
        status.phase, status.progress, migration.spec.approved
    ));
    if !status.waiting.is_empty() {
        line(&format!("waiting: {}", safe(&status.waiting.message)));
    }
    line("");
    let rows: Vec<Vec<String>> = status
        .phases
        .iter()
        .map(|p| vec![p.name.to_string(), format!("{:?}", p.state), p.waiting.message.clone()])
        .collect();
    table(&["PHASE", "STATE", ""], &rows);
    line("");
    let rows: Vec<Vec<String>> = facts
        .node_migrations
        .iter()
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
