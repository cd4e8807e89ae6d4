//! Every action of the cockpit, once: dispatch, footer, help, palette and the README's key table read it.

use crate::domain::step::Risk;

/// The screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Phases, progress, every node's steps.
    Overview,
    /// Nodes with a detail pane.
    Nodes,
    /// Pods of Flannel, Cilium and Hubble.
    Pods,
    /// Live flows.
    Flows,
    /// Findings.
    Checks,
    /// What was done.
    Log,
}

impl Screen {
    /// In the order of their keys.
    pub const ALL: [Self; 6] = [Self::Overview, Self::Nodes, Self::Pods, Self::Flows, Self::Checks, Self::Log];

    /// The title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Nodes => "Nodes",
            Self::Pods => "CNI pods",
            Self::Flows => "Flows",
            Self::Checks => "Checks",
            Self::Log => "Log",
        }
    }
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Go on: the next phase, or the selected node.
    Advance,
    /// Take back: the last phase, or the selected node.
    RollBack,
    /// Take back everything.
    RollBackAll,
    /// Hold the migration, or let it go on.
    Pause,
    /// Arm or disarm.
    Arm,
    /// Take the lock from another engine.
    TakeOver,
    /// Log in again, with the screen put aside.
    LogIn,
    /// Show a screen.
    Show(Screen),
    /// Move the selection by so many rows.
    Move(i32),
    /// To the first row.
    First,
    /// To the last row.
    Last,
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
    /// Show or hide answers.
    Replies,
    /// Show or hide Cilium's own probes.
    Probes,
    /// Rows, or one of the counts.
    View,
    /// Sort by the next column.
    Sort,
    /// Sort the other way round.
    Turn,
    /// Choose columns.
    Columns,
    /// Write what is shown to a file, as JSON lines or as CSV.
    Export(&'static str),
    /// The palette.
    Palette,
    /// This help.
    Help,
    /// Back.
    Back,
    /// Leave.
    Quit,
}

/// An action: a key, what it is called, what it does.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// The keys, as they are written in help.
    pub keys: &'static str,
    /// A word for the footer.
    pub label: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// How much it risks.
    pub risk: Risk,
    /// What it does.
    pub does: Does,
    /// Only on these screens; on all when empty.
    pub screens: &'static [Screen],
    /// How important it is in the footer; 0 keeps it out.
    pub weight: u8,
}

const fn action(keys: &'static str, label: &'static str, help: &'static str, does: Does, weight: u8) -> Action {
    Action { keys, label, help, risk: Risk::Read, does, screens: &[], weight }
}

/// All actions.
pub const ACTIONS: &[Action] = &[
    Action {
        risk: Risk::Disruptive,
        ..action(
            "a",
            "advance",
            "Go on: the next phase, or the selected node. A dialog says first what will happen.",
            Does::Advance,
            9,
        )
    },
    Action {
        risk: Risk::Disruptive,
        ..action(
            "r",
            "roll back",
            "Take back: the last phase, or the selected node. A dialog says first what will happen.",
            Does::RollBack,
            8,
        )
    },
    Action {
        risk: Risk::Destructive,
        ..action(
            "R",
            "roll back all",
            "Take everything back and uninstall Cilium, confirmed by typing the context's name.",
            Does::RollBackAll,
            2,
        )
    },
    Action {
        risk: Risk::Reversible,
        ..action("P", "pause", "Hold the migration where it is, or let it go on.", Does::Pause, 6)
    },
    Action {
        risk: Risk::Reversible,
        ..action("w", "arm", "Allow changes from this cockpit, or go back to read-only.", Does::Arm, 5)
    },
    Action {
        risk: Risk::Reversible,
        ..action(
            "t",
            "take over",
            "Run the engine here instead of where it runs now. A dialog says first where.",
            Does::TakeOver,
            1,
        )
    },
    action("L", "", "Log in again: the screen is put aside while the credential plugin asks.", Does::LogIn, 0),
    action("1", "", "Overview: phases, progress, every node's steps.", Does::Show(Screen::Overview), 0),
    action("2", "", "Nodes: steps with their times, pods left, what blocks.", Does::Show(Screen::Nodes), 0),
    action("3", "", "CNI pods: Flannel, Cilium, operator, Hubble relay.", Does::Show(Screen::Pods), 0),
    action("4", "", "Flows: live, as Hubble sees them.", Does::Show(Screen::Flows), 0),
    action("5", "", "Checks: what preflight and verification found.", Does::Show(Screen::Checks), 0),
    action("6", "", "Log: everything that was done, with its kubectl equivalent.", Does::Show(Screen::Log), 0),
    action("tab", "focus", "To the other pane: on the Overview between phases and nodes.", Does::Focus, 4),
    action("j ↓", "", "Down.", Does::Move(1), 0),
    action("k ↑", "", "Up.", Does::Move(-1), 0),
    action("ctrl-d", "", "Half a page down.", Does::Move(10), 0),
    action("ctrl-u", "", "Half a page up.", Does::Move(-10), 0),
    action("g", "", "To the first row.", Does::First, 0),
    action("G", "", "To the last row.", Does::Last, 0),
    action("enter", "detail", "Details of the selected row.", Does::Detail, 3),
    action(
        "/",
        "filter",
        "Show only what matches. Flows know verdict=dropped src=shop/ dst=db dport=5432 not node=worker-1.",
        Does::Filter,
        7,
    ),
    Action {
        screens: &[Screen::Flows, Screen::Log],
        ..action("p", "freeze", "Hold the table still; what is new is counted.", Does::Freeze, 6)
    },
    Action {
        screens: &[Screen::Flows],
        ..action("v", "view", "Flow by flow, what fails, or counts: by connection, node, reason, port.", Does::View, 8)
    },
    Action { screens: &[Screen::Flows], ..action("x", "replies", "Show or hide answers.", Does::Replies, 3) },
    Action {
        screens: &[Screen::Flows],
        ..action("X", "", "Keep and show Cilium's own health probes from now on, or no longer.", Does::Probes, 0)
    },
    Action {
        screens: &[Screen::Flows],
        ..action("s", "sort", "Sort by the next column; after the last one the newest come first again.", Does::Sort, 3)
    },
    Action { screens: &[Screen::Flows], ..action("S", "", "Sort the other way round.", Does::Turn, 0) },
    Action { screens: &[Screen::Flows], ..action("c", "columns", "Choose the columns.", Does::Columns, 2) },
    Action {
        screens: &[Screen::Flows],
        ..action(
            "e",
            "export",
            "Write the rows (a thousand at most) to a file, as JSON lines like Hubble's own.",
            Does::Export("jsonl"),
            2,
        )
    },
    Action { screens: &[Screen::Flows], ..action("E", "", "The same as CSV.", Does::Export("csv"), 0) },
    action("y", "copy", "Copy the selected row to the clipboard (OSC 52).", Does::Copy, 2),
    action(":", "palette", "Choose an action by its name.", Does::Palette, 3),
    action("?", "help", "This help.", Does::Help, 10),
    action("esc", "", "Back: closes what is open, clears the filter.", Does::Back, 0),
    action(
        "q",
        "quit",
        "Leave. The migration stops where it is and goes on when Cutover is started again.",
        Does::Quit,
        9,
    ),
];

/// The actions of a screen.
pub fn on(screen: Screen) -> impl Iterator<Item = &'static Action> {
    ACTIONS.iter().filter(move |a| a.screens.is_empty() || a.screens.contains(&screen))
}

/// The key table of the README.
pub fn key_table() -> String {
    let mut out = String::from("| key | does | risk |\n| --- | --- | --- |\n");
    for a in ACTIONS {
        let keys: Vec<String> = a.keys.split(' ').map(|k| format!("`{k}`")).collect();
        let where_ = if a.screens.is_empty() {
            String::new()
        } else {
            format!(" ({} only)", a.screens.iter().map(|s| s.title()).collect::<Vec<_>>().join(", "))
        };
        out.push_str(&format!("| {} | {}{where_} | {} |\n", keys.join(" "), a.help, a.risk.word()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_on_one_screen() {
        for screen in Screen::ALL {
            let mut keys: Vec<&str> = on(screen).flat_map(|a| a.keys.split(' ')).collect();
            keys.sort_unstable();
            let all = keys.len();
            keys.dedup();
            assert_eq!(keys.len(), all, "{screen:?}: {keys:?}");
        }
    }
}
