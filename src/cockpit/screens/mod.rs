//! The screens. One is a file here, with its columns, rows, detail and drawing together, and a line in [`SCREENS`].

mod checks;
mod flows;
mod log;
mod node;
mod nodes;
mod overview;
mod pods;
mod steps;
mod story;
mod tail;
pub(super) mod timeline;

use std::sync::Arc;

use ratatui::layout::Rect;

use super::{
    actions::{Action, Does},
    request::Request,
    scene::Scene,
    ui::{Canvas, Cell, Column, Pane},
};
use crate::domain::{
    strategy::PhaseId,
    text::safe,
    turn::{Turn, TurnOf},
};

/// The screens in the order of their keys, which are `1` and up.
pub(super) static SCREENS: &[&Spec] =
    &[&overview::SPEC, &nodes::SPEC, &pods::SPEC, &flows::SPEC, &checks::SPEC, &log::SPEC];

/// What is said of a screen.
pub(super) struct Spec {
    /// The title.
    pub(super) title: &'static str,
    /// What it shows, for the help.
    pub(super) help: &'static str,
    /// What it is drawn from beside the facts.
    pub(super) follows: Follows,
    /// Its own actions.
    pub(super) actions: &'static [Action],
    pub(super) new: fn() -> Box<dyn Screen>,
}

/// What makes a new frame worth drawing, beside the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    Facts,
    Flows,
    Log,
}

/// Where the proof is shown once the migration is complete.
pub(super) fn proof() -> usize {
    SCREENS.iter().position(|s| std::ptr::eq(*s, &raw const checks::SPEC)).unwrap_or(0)
}

/// What the keys that change something are about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    Phase(PhaseId),
    Node(Arc<str>),
    /// A connection that fails, as `from->to:port`.
    Connection(String),
    /// Nothing is selected: why, and what to do about it.
    Nothing(&'static str),
}

impl Subject {
    /// This is what waits.
    pub(super) fn is(&self, object: &TurnOf) -> bool {
        match (object, self) {
            (TurnOf::Migration, _) => true,
            (TurnOf::Phase(phase), Self::Phase(at)) => phase == at,
            (TurnOf::Node(node), Self::Node(at)) => node == at,
            (TurnOf::Connection(edge), Self::Connection(at)) => edge == at,
            _ => false,
        }
    }
}

/// What waits for the operator as the line above the screen says it, by its place: the selected one, else the first.
pub(super) fn announced<'a>(scene: &Scene<'a>, subject: &Subject) -> Option<(usize, &'a Turn)> {
    let turns = scene.turns();
    let selected = turns.iter().position(|t| subject.is(&t.object)).unwrap_or(0);
    turns.get(selected).map(|turn| (selected, turn)).filter(|_| !scene.is_stranded())
}

/// What an action of a screen leads to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reaction {
    Nothing,
    /// Something to say in the footer.
    Say(&'static str),
    /// Something to be carried out.
    Send(Request),
    /// The columns are to be chosen.
    Choose,
}

/// A screen with what it remembers: what is selected, filtered, held still.
pub(super) trait Screen: Send {
    /// Brings the rows up to date.
    fn refresh(&mut self, scene: &Scene<'_>);

    /// Draws it; its rows are up to date.
    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>);

    /// The table that has the keys.
    fn pane(&mut self) -> &mut dyn Pane;

    /// Selects the row that was drawn there.
    fn click(&mut self, column: u16, row: u16) {
        self.pane().click(column, row);
    }

    /// An action is about what the last frame showed as selected: rows may float meanwhile.
    fn pin(&mut self) {
        self.pane().pin();
    }

    /// The selected row: the head and the text of each cell.
    fn selected(&self, scene: &Scene<'_>) -> Vec<(&'static str, String)>;

    /// Everything about the selected row.
    fn detail(&self, scene: &Scene<'_>) -> Vec<String> {
        lines(self.selected(scene))
    }

    /// What `a` and `r` are about.
    fn subject(&self, _scene: &Scene<'_>) -> Subject {
        Subject::Nothing("Nothing on this screen can be moved. Select a phase (1) or a node (2); ! finds what waits.")
    }

    /// Selects this, where the screen shows it.
    fn select(&mut self, _object: &TurnOf, _scene: &Scene<'_>) -> bool {
        false
    }

    /// Does what only this screen knows.
    fn act(&mut self, _does: Does, _scene: &Scene<'_>) -> Reaction {
        Reaction::Nothing
    }

    /// Columns that can be chosen, and whether they are shown.
    fn columns(&self) -> Vec<(&'static str, bool)> {
        vec![]
    }

    /// Shows or hides one of them.
    fn toggle_column(&mut self, _nth: usize) {}
}

/// The heads and cells of a row, safe to leave the screen.
fn cells<'a, 'c, R, F: Fn(&R) -> Cell<'a> + 'c>(
    columns: impl Iterator<Item = &'c Column<F>>,
    row: Option<R>,
) -> Vec<(&'static str, String)> {
    let Some(row) = row else { return vec![] };
    columns.map(|c| (c.0, safe(&c.cell(&row).text).into_owned())).collect()
}

/// A row as lines, one for each cell that says something.
fn lines(cells: Vec<(&'static str, String)>) -> Vec<String> {
    let cells = cells.into_iter().filter(|(_, text)| !text.is_empty());
    cells.map(|(head, text)| format!("{head:<12} {text}")).collect()
}
