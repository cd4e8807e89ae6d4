//! The log, newest first.

use std::collections::BTreeMap;

use ratatui::layout::Rect;

use super::{Follows, Reaction, Screen, Spec, tail::Tail};
use crate::{
    cockpit::{
        actions::{Does, FREEZE},
        scene::Scene,
        ui::{Canvas, Cell, Column, Look, Pane, Table, Tone, Words, beneath, detail},
    },
    domain::{
        log::{Entry, Kind},
        text::count,
    },
};

pub(super) static SPEC: Spec = Spec {
    title: "Log",
    help: "Log: everything that was done, with its kubectl equivalent.",
    follows: Follows::Log,
    actions: &[FREEZE],
    new: || Box::new(Log::default()),
};

#[derive(Default)]
struct Log {
    table: Table<u64>,
    tail: Tail,
    /// Lines of the table that is held still: they may have left the log.
    held: BTreeMap<u64, Entry>,
    /// The number of the next line when it was.
    held_at: u64,
}

const COLUMNS: &[Column<for<'a> fn(&&'a Entry) -> Cell<'a>>] = &[
    Column("TIME", 8, 8, |e| Cell::dim(e.at.strftime("%H:%M:%S").to_string())),
    Column("TYPE", 7, 7, |e| Cell::new(look(e.kind).0, look(e.kind).1)),
    Column("OBJECT", 14, 44, |e| Cell::plain(&*e.object)),
    Column("MESSAGE", 30, 90, |e| match look(e.kind).1 {
        bad @ Tone::Bad => Cell::new(&*e.text, bad),
        _ => Cell::plain(&*e.text),
    }),
    // the pane below has it in full: part of a command is of no use
    Column("KUBECTL", 60, 200, |e| match &*e.kubectl {
        [one] => Cell::dim(&**one),
        many => Cell::dim(many.join("; ")),
    }),
];

/// What happened and how it is typed, in full.
fn text(entry: &Entry) -> Vec<(String, Tone)> {
    let mut lines = vec![(entry.text.clone(), look(entry.kind).1)];
    lines.extend(entry.kubectl.iter().map(|command| (format!("  $ {command}"), Tone::Plain)));
    lines
}

const fn look(kind: Kind) -> (&'static str, Tone) {
    match kind {
        Kind::Begin => ("started", Tone::Plain),
        Kind::Done => ("done", Tone::Plain),
        Kind::Failed => ("FAILED", Tone::Bad),
        Kind::Waiting => ("waiting", Tone::Warn),
        Kind::Step => ("step", Tone::Accent),
        Kind::Output => ("output", Tone::Dim),
        Kind::Request => ("request", Tone::Accent),
        Kind::Warning => ("WARNING", Tone::Warn),
        Kind::Note => ("note", Tone::Dim),
    }
}

impl Log {
    fn line<'a>(&'a self, scene: &Scene<'a>, number: u64) -> Option<&'a Entry> {
        self.held.get(&number).or_else(|| scene.log.line(number))
    }
}

impl Screen for Log {
    fn refresh(&mut self, scene: &Scene<'_>) {
        if self.table.is_frozen() {
            return;
        }
        self.held.clear();
        let words = Words::parse(self.table.filter());
        let shown = |number| {
            let Some(entry) = scene.log.line(number).filter(|e| e.kind != Kind::Done) else { return false };
            words.is_empty() || words.match_all(&COLUMNS.iter().map(|c| c.cell(&entry)).collect::<Vec<_>>())
        };
        if self.tail.follow(self.table.filter(), scene.log.numbers(), shown) {
            self.table.set_rows(self.tail.numbers().rev().collect());
        }
    }

    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>) {
        let numbers = scene.log.numbers();
        let lines = usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX);
        let mut title = format!("Log ({})", count(lines, "line"));
        if self.table.is_frozen() {
            title.push_str(&format!(" — FROZEN, {} new", numbers.end - self.held_at));
        }
        let Self { table, held, .. } = self;
        let look = Look { title: &title, focused: true, empty: "nothing was done from here yet" };
        let line = |n: &u64| held.get(n).or_else(|| scene.log.line(*n));
        let (list, below) = beneath(area);
        table.draw(canvas, list, &look, COLUMNS.iter(), line);
        if let (Some(area), Some(entry)) = (below, table.selected().and_then(line)) {
            let title = format!("{}, {}", entry.object, entry.at.strftime("%F %T UTC"));
            detail(canvas, area, &title, &text(entry));
        }
    }

    fn pane(&mut self) -> &mut dyn Pane {
        &mut self.table
    }

    fn selected(&self, scene: &Scene<'_>) -> Vec<(&'static str, String)> {
        super::cells(COLUMNS.iter(), self.table.selected().and_then(|n| self.line(scene, *n)))
    }

    fn act(&mut self, does: Does, scene: &Scene<'_>) -> Reaction {
        if does == Does::Freeze && !self.table.thaw() {
            self.held_at = scene.log.numbers().end;
            let lines = self.table.rows().iter().filter_map(|n| Some((*n, scene.log.line(*n)?.clone())));
            self.held = lines.collect();
            self.table.freeze();
        }
        Reaction::Nothing
    }
}
