//! Every action that all screens know. A screen lists its own beside its columns; dispatch, footer, help, palette,
//! read-only mode and the README's key table read both.

use crate::domain::effect::Risk;

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Advance: the next phase, or the selected node.
    Advance,
    /// Roll back: the last phase, or the selected node.
    RollBack,
    /// Roll everything back.
    RollBackAll,
    /// Pause the migration, or resume it.
    Pause,
    /// Allow changes from this cockpit, or go back to read-only.
    Write,
    /// Take the lease from another engine.
    TakeOver,
    /// Log in again, with the screen put aside.
    LogIn,
    /// Show the screen at this position.
    Show(usize),
    /// Move the selection by this many rows.
    Move(isize),
    /// Move it by half a page: down, or up.
    HalfPage(bool),
    /// To the last row, or to the first.
    End(bool),
    /// To the other pane.
    Focus,
    /// Details of the selected row.
    Detail,
    /// Filter the table.
    Filter,
    /// Hold the table still.
    Freeze,
    /// Copy the selected row.
    Copy,
    /// Show or hide replies.
    Replies,
    /// Show or hide Cilium's own probes.
    Probes,
    /// The next way to look at what the screen shows.
    View,
    /// Sort by the next column.
    Sort,
    /// Sort in the opposite order.
    Turn,
    /// Choose columns.
    Columns,
    /// Write what is shown to a file, as JSON lines or as CSV.
    Export(&'static str),
    /// The palette.
    Palette,
    /// The help.
    Help,
    /// Close what is open, else clear the filter.
    Back,
    /// Select the next thing that waits for the operator.
    NextTurn,
    /// Give the terminal back for a while.
    Suspend,
    /// Leave.
    Quit,
}

impl Does {
    /// The name by which a config file and the palette know it; it stays. A screen is known by its title.
    pub(super) fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Advance => "advance",
            Self::RollBack => "roll-back",
            Self::RollBackAll => "roll-back-all",
            Self::Pause => "pause",
            Self::Write => "write",
            Self::TakeOver => "take-over",
            Self::LogIn => "log-in",
            Self::Show(_) => return None,
            Self::Move(1..) => "down",
            Self::Move(_) => "up",
            Self::HalfPage(true) => "half-page-down",
            Self::HalfPage(false) => "half-page-up",
            Self::End(false) => "first",
            Self::End(true) => "last",
            Self::Focus => "focus",
            Self::Detail => "detail",
            Self::Filter => "filter",
            Self::Freeze => "freeze",
            Self::Copy => "copy",
            Self::Replies => "replies",
            Self::Probes => "probes",
            Self::View => "view",
            Self::Sort => "sort",
            Self::Turn => "reverse",
            Self::Columns => "columns",
            Self::Export("csv") => "export-csv",
            Self::Export(_) => "export",
            Self::Palette => "palette",
            Self::Help => "help",
            Self::Back => "back",
            Self::NextTurn => "your-turn",
            Self::Suspend => "suspend",
            Self::Quit => "quit",
        })
    }
}

/// An action: its keys, its words, what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Action {
    /// The keys, as help shows them, with a space between two.
    pub(super) keys: &'static str,
    /// A word for the footer; empty keeps it out.
    pub(super) label: &'static str,
    /// A sentence for the help.
    pub(super) help: &'static str,
    /// What can go wrong.
    pub(super) risk: Risk,
    /// What it does.
    pub(super) does: Does,
    /// How important it is in the footer.
    pub(super) weight: u8,
}

pub(super) const fn action(
    keys: &'static str,
    label: &'static str,
    help: &'static str,
    does: Does,
    weight: u8,
) -> Action {
    Action { keys, label, help, risk: Risk::Read, does, weight }
}

const fn risky(risk: Risk, action: Action) -> Action {
    Action { risk, ..action }
}

/// Actions that change the migration, and who runs it.
pub(super) const CHANGES: &[Action] = &[
    risky(
        Risk::Disruptive,
        action(
            "a",
            "advance",
            "Advance the selected phase, node or connection: approve, move, resume, release, consent. A dialog shows first what will happen.",
            Does::Advance,
            9,
        ),
    ),
    risky(
        Risk::Disruptive,
        action(
            "r",
            "roll back",
            "Roll back the selected phase with those after it, or the selected node. A dialog shows first what will happen.",
            Does::RollBack,
            8,
        ),
    ),
    risky(
        Risk::Destructive,
        action(
            "R",
            "roll back all",
            "Roll everything back and uninstall Cilium, confirmed by typing the context's name.",
            Does::RollBackAll,
            2,
        ),
    ),
    risky(Risk::Reversible, action("P", "pause", "Pause the migration where it is, or resume it.", Does::Pause, 6)),
    risky(
        Risk::Reversible,
        action("w", "write", "Allow changes from this cockpit, or go back to read-only.", Does::Write, 5),
    ),
    risky(
        Risk::Reversible,
        action(
            "t",
            "take over",
            "Run the engine here instead of where it runs now. A dialog shows first where that is.",
            Does::TakeOver,
            1,
        ),
    ),
    action("L", "", "Log in again: the screen is put aside while the credential plugin asks.", Does::LogIn, 0),
];

/// Holds a table still whose rows come by themselves.
pub(super) const FREEZE: Action = action("p", "freeze", "Hold the table still; new rows are counted.", Does::Freeze, 6);

/// Actions that only look.
pub(super) const LOOKS: &[Action] = &[
    action("j ↓", "", "Down.", Does::Move(1), 0),
    action("k ↑", "", "Up.", Does::Move(-1), 0),
    action("ctrl-d pgdn", "", "Half a page down.", Does::HalfPage(true), 0),
    action("ctrl-u pgup", "", "Half a page up.", Does::HalfPage(false), 0),
    action("g home", "", "To the first row.", Does::End(false), 0),
    action("G end", "", "To the last row.", Does::End(true), 0),
    action("enter", "detail", "Details of the selected row.", Does::Detail, 3),
    action(
        "/",
        "filter",
        "Show only what matches. Flows know verdict=dropped src=shop/ dst=db dport=5432 not node=worker-1.",
        Does::Filter,
        7,
    ),
    action("!", "your turn", "Select the next thing that waits for you.", Does::NextTurn, 7),
    action("y", "copy", "Copy the selected row to the clipboard (OSC 52).", Does::Copy, 2),
    action(":", "palette", "Do an action, show a screen or select a node by its name.", Does::Palette, 3),
    action("?", "help", "This help.", Does::Help, 10),
    action(
        "ctrl-z",
        "",
        "Suspend, back with fg. Not while the engine runs here: a stopped engine holds the Lease and does nothing.",
        Does::Suspend,
        0,
    ),
    action("esc", "", "Back: closes what is open, clears the filter.", Does::Back, 0),
    action(
        "q",
        "quit",
        "Leave. The migration stops where it is and continues when Cutover is started again.",
        Does::Quit,
        9,
    ),
];
