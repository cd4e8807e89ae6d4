//! What the palette finds: actions and screens by their names, nodes by theirs.

use std::sync::Arc;

use super::{
    actions::{Action, Does},
    keymap::Keymap,
    keys,
    scene::Scene,
    screens::Spec,
};

/// What can be chosen.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Do(Action),
    /// To select this node.
    Select(Arc<str>),
}

impl Command {
    /// Its line in the list.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Do(action) => format!("{:<14} {:<11} {}", keys::name(action.does), action.keys, action.help),
            Self::Select(node) => format!("{node:<14} {:<11} Select this node.", ""),
        }
    }
}

/// How a name fits what was typed; the best comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Whole,
    Start,
    Within,
    /// Its letters are there, in their order.
    Letters,
    /// The text is in its help, not in its name.
    Help,
}

fn fit(name: &str, typed: &str) -> Option<Fit> {
    let mut rest = name.chars();
    if name == typed {
        Some(Fit::Whole)
    } else if name.starts_with(typed) {
        Some(Fit::Start)
    } else if name.contains(typed) {
        Some(Fit::Within)
    } else {
        typed.chars().all(|t| rest.any(|c| c == t)).then_some(Fit::Letters)
    }
}

/// What the typed text finds, the best first; nothing typed finds every action.
pub(super) fn found(screen: &'static Spec, keymap: &Keymap, scene: &Scene<'_>, typed: &str) -> Vec<Command> {
    let typed = typed.trim().to_lowercase();
    let actions = keys::on(screen, keymap).filter(|a| !matches!(a.does, Does::Move(_) | Does::Palette));
    if typed.is_empty() {
        return actions.map(Command::Do).collect();
    }
    let hyphened = typed.split_whitespace().collect::<Vec<_>>().join("-");
    let said = |help: &str| help.to_lowercase().contains(&typed).then_some(Fit::Help);
    let actions = actions.filter_map(|a| Some((fit(&keys::name(a.does), &hyphened).or_else(|| said(a.help))?, a)));
    let nodes = scene.outlook.order.iter().filter_map(|n| Some((fit(&n.to_lowercase(), &typed)?, Arc::clone(n))));
    let mut found: Vec<(Fit, Command)> = actions.map(|(fit, a)| (fit, Command::Do(a))).collect();
    found.extend(nodes.map(|(fit, n)| (fit, Command::Select(n))));
    found.sort_by_key(|(fit, _)| *fit);
    found.into_iter().map(|(_, command)| command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_fits_best_comes_first() {
        for (typed, wanted) in [
            ("roll-back", &["roll-back", "roll-back-all"][..]),
            ("back", &["roll-back-all", "roll-back"]),
            ("ro", &["roll-back-all", "roll-back", "probes"]),
            ("rba", &["roll-back-all", "roll-back"]),
            ("q", &["quit"]),
            ("xyz", &[]),
        ] {
            let names = ["quit", "probes", "roll-back-all", "roll-back", "your-turn"];
            let mut found: Vec<(Fit, &str)> = names.into_iter().filter_map(|n| Some((fit(n, typed)?, n))).collect();
            found.sort_by_key(|(fit, _)| *fit);
            assert_eq!(found.into_iter().map(|(_, n)| n).collect::<Vec<_>>(), wanted, "{typed}");
        }
    }
}
