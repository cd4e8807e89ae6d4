//! Which keys work where: what dispatch, footer, help, palette and the README's key table are made of.

use std::borrow::Cow;

use super::{
    actions::{Action, CHANGES, Does, LOOKS, action},
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

/// The actions of a screen, in the order of the footer.
pub(super) fn on(screen: &'static Spec) -> impl Iterator<Item = Action> {
    let own = screen.actions.iter().copied();
    CHANGES.iter().copied().chain(shows()).chain(own).chain(LOOKS.iter().copied())
}

/// The lines of the help.
pub(super) fn help(screen: &'static Spec) -> Vec<String> {
    let mut out = vec![format!("Keys on {}", screen.title), String::new()];
    for a in on(screen) {
        let risk = if a.risk > Risk::Read { format!("  ({})", a.risk.word()) } else { String::new() };
        out.push(format!("  {:<8} {}{risk}", a.keys, a.help));
    }
    out.push(String::new());
    out.push(
        "Glyphs: ✓ done  ▶ running  ◀ rolling back  · pending  ! failed  ? waits for you; amber: your turn".into(),
    );
    out.push(LEGEND.into());
    out
}

/// The actions that a palette's text finds.
pub(super) fn found(screen: &'static Spec, text: &str) -> Vec<Action> {
    let text = text.to_lowercase();
    on(screen)
        .filter(|a| !matches!(a.does, Does::Move(_) | Does::Palette))
        .filter(|a| a.help.to_lowercase().contains(&text) || a.label.contains(&text))
        .collect()
}

/// The footer.
/// What `a` and `r` would do now is said in its place, and they are off where that is nothing.
pub(super) fn hints(
    screen: &'static Spec,
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
    on(screen).filter(|a| a.weight > 0 && (turns > 0 || a.does != Does::NextTurn)).map(hint).collect()
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
    for a in SCREENS.iter().flat_map(|s| s.actions) {
        if !seen.contains(&(a.does, a.help)) {
            seen.push((a.does, a.help));
            let on = SCREENS.iter().filter(|s| s.actions.iter().any(|b| (b.does, b.help) == (a.does, a.help)));
            row(a, &on.map(|s| s.title).collect::<Vec<_>>());
        }
    }
    LOOKS.iter().for_each(|a| row(a, &[]));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_on_one_screen() {
        for screen in SCREENS {
            let mut keys: Vec<&str> = on(screen).flat_map(|a| a.keys.split(' ')).collect();
            keys.sort_unstable();
            let all = keys.len();
            keys.dedup();
            assert_eq!(keys.len(), all, "{}: {keys:?}", screen.title);
        }
    }
}
