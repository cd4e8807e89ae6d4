//! Which keys work where: what dispatch, footer, help, palette and the README's key table are made of.

use std::borrow::Cow;

use super::{
    actions::{Action, CHANGES, Does, LOOKS, action},
    keymap::{self, KEPT, Keymap, YES},
    screens::{SCREENS, Spec, timeline::LEGEND},
    ui::Hint,
};
use crate::domain::effect::Risk;

/// An action for each screen: to show it.
fn shows() -> impl Iterator<Item = Action> {
    /// No keyboard has more digits to show a screen with.
    const KEYS: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    (0..).zip(SCREENS).zip(KEYS).map(|((i, screen), key)| action(key, "", screen.help, Does::Show(i), 0))
}

/// The actions of a screen as they usually are, in the order of the footer.
fn usual(screen: &'static Spec) -> impl Iterator<Item = Action> {
    let own = screen.actions.iter().copied();
    CHANGES.iter().copied().chain(shows()).chain(own).chain(LOOKS.iter().copied())
}

/// The actions of a screen with the keys that they have here, in the order of the footer.
pub(super) fn on(screen: &'static Spec, keymap: &Keymap) -> impl Iterator<Item = Action> {
    usual(screen).map(|a| keymap.apply(a))
}

/// The name of an action: of one that shows a screen, that screen's title.
pub(super) fn name(does: Does) -> Cow<'static, str> {
    match does {
        Does::Show(nth) => {
            SCREENS.get(nth).map(|s| s.title.to_lowercase().replace(' ', "-")).unwrap_or_default().into()
        }
        does => does.name().unwrap_or_default().into(),
    }
}

/// Every action once, wherever it works.
fn all() -> Vec<Action> {
    let mut all: Vec<Action> = CHANGES.iter().copied().chain(shows()).collect();
    for action in SCREENS.iter().flat_map(|s| s.actions).chain(LOOKS) {
        if all.iter().all(|a| a.does != action.does) {
            all.push(*action);
        }
    }
    all
}

/// Every action, as a config file names it: its name, its usual keys, what it does.
pub fn actions() -> Vec<(String, Vec<String>, &'static str)> {
    let keys = |a: &Action| a.keys.split(' ').map(str::to_owned).collect();
    all().iter().map(|a| (name(a.does).into_owned(), keys(a), a.help)).collect()
}

/// The keys that an operator has chosen, each list with the name of its action. What cannot be is said with its place
/// among them.
pub fn remapped(chosen: &[(String, Vec<String>)]) -> Result<Keymap, (usize, String)> {
    let mut keymap = Keymap::default();
    let all = all();
    for (nth, (wanted, keys)) in chosen.iter().enumerate() {
        let action = all.iter().find(|a| name(a.does) == *wanted).ok_or((nth, "there is no such action".to_owned()))?;
        let key = |key: &String| match keymap::written(key) {
            None => Err((nth, format!("there is no key {key:?}"))),
            Some(key) if KEPT.contains(&key.as_str()) && !action.keys.split(' ').any(|k| k == key) => {
                Err((nth, format!("{key} cannot be given to another action")))
            }
            // held down for a moment, it would open a dialog and answer it
            Some(key) if key == YES && (action.risk > Risk::Read || action.does == Does::Quit) => {
                Err((nth, format!("{key} says yes in dialogs, so it opens none")))
            }
            Some(key) => Ok(key),
        };
        let mut keys = keys.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        keys.retain(|k| !KEPT.contains(&k.as_str()));
        keymap.choose(*action, &keys);
    }
    match SCREENS.iter().find_map(|s| conflict(s, &keymap)) {
        None => Ok(keymap),
        Some((one, other, key)) => {
            let place = |does| (chosen.iter().position(|(named, _)| *named == name(does)), name(does));
            // of two that were chosen the later one is told
            let ((_, other), (nth, _)) =
                if place(one) < place(other) { (place(one), place(other)) } else { (place(other), place(one)) };
            Err((nth.unwrap_or(0), format!("{key} is the key of {other}, too")))
        }
    }
}

/// Two actions of one screen that share a key.
fn conflict(screen: &'static Spec, keymap: &Keymap) -> Option<(Does, Does, &'static str)> {
    let mut seen: Vec<(&str, Does)> = Vec::new();
    for action in on(screen, keymap) {
        for key in action.keys.split(' ').filter(|k| !k.is_empty()) {
            if let Some((_, other)) = seen.iter().find(|(k, _)| *k == key) {
                return Some((*other, action.does, key));
            }
            seen.push((key, action.does));
        }
    }
    None
}

/// The first key of an action that every screen has; where it has none, how the palette does it.
pub(super) fn key(does: Does, keymap: &Keymap) -> Cow<'static, str> {
    let action = CHANGES.iter().chain(LOOKS).find(|a| a.does == does).map(|a| keymap.apply(*a));
    match action.and_then(|a| a.keys.split(' ').find(|k| !k.is_empty())) {
        Some(key) => key.into(),
        None => format!(":{}", name(does)).into(),
    }
}

/// The lines of the help.
pub(super) fn help(screen: &'static Spec, keymap: &Keymap) -> Vec<String> {
    let mut out = vec![format!("Keys on {}", screen.title), String::new()];
    for a in on(screen, keymap) {
        let risk = if a.risk > Risk::Read { format!("  ({})", a.risk.word()) } else { String::new() };
        out.push(format!("  {:<11} {}{risk}", a.keys, a.help));
    }
    out.push(String::new());
    out.push(
        "Glyphs: ✓ done  ▶ running  ◀ rolling back  · pending  ! failed  ? waits for you; amber: your turn".into(),
    );
    out.push(LEGEND.into());
    out
}

/// The footer.
/// What `a` and `r` would do now is said in its place, and they are off where that is nothing.
pub(super) fn hints(
    (screen, keymap): (&'static Spec, &Keymap),
    writable: bool,
    (advance, roll_back): (Option<String>, Option<String>),
    turns: usize,
) -> Vec<Hint<'static>> {
    let hint = |a: Action| {
        let now = match a.does {
            Does::Advance => advance.clone(),
            Does::RollBack => roll_back.clone(),
            Does::Write => Some((if writable { "read-only" } else { "allow writes" }).to_owned()),
            _ => Some(a.label.to_owned()),
        };
        let off = now.is_none() || !writable && a.risk > Risk::Read && a.does != Does::Write;
        Hint { key: a.keys, label: now.map_or(a.label.into(), Cow::Owned), weight: a.weight, off }
    };
    on(screen, keymap)
        .filter(|a| a.weight > 0 && !a.keys.is_empty() && (turns > 0 || a.does != Does::NextTurn))
        .map(hint)
        .collect()
}

/// The titles of the screens, in the order of their keys.
pub fn titles() -> impl Iterator<Item = &'static str> {
    SCREENS.iter().map(|s| s.title)
}

/// The key table of the README.
pub fn key_table() -> String {
    let mut out = String::from("| key | does | risk |\n| --- | --- | --- |\n");
    let mut row = |a: &Action, only: &[&str]| {
        let keys: Vec<String> = a.keys.split(' ').map(|k| format!("`{k}`")).collect();
        let only = if only.is_empty() { String::new() } else { format!(" ({} only)", only.join(", ")) };
        out.push_str(&format!("| {} | {}{only} | {} |\n", keys.join(" "), a.help, a.risk.word()));
    };
    CHANGES.iter().for_each(|a| row(a, &[]));
    shows().for_each(|a| row(&a, &[]));
    let mut seen: Vec<(Does, &str)> = Vec::new();
    for a in SCREENS.iter().flat_map(|s| s.actions).chain(LOOKS) {
        if !seen.contains(&(a.does, a.help)) {
            seen.push((a.does, a.help));
            let on = SCREENS.iter().filter(|s| s.actions.iter().any(|b| (b.does, b.help) == (a.does, a.help)));
            row(a, &on.map(|s| s.title).collect::<Vec<_>>());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_on_one_screen() {
        for screen in SCREENS {
            let mut keys: Vec<&str> = usual(screen).flat_map(|a| a.keys.split(' ')).collect();
            keys.sort_unstable();
            let all = keys.len();
            keys.dedup();
            assert_eq!(keys.len(), all, "{}: {keys:?}", screen.title);
        }
    }
}
