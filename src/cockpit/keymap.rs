//! Keys: how they are written, and which of them an operator has chosen for other actions than usual.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::actions::{Action, Does};

/// Every overlay relies on these: they stay with their actions, and are no other's.
pub(super) const KEPT: [&str; 4] = ["esc", "enter", "ctrl-c", "ctrl-z"];

/// Says yes in dialogs that need no more.
pub(super) const YES: &str = "y";

/// Keys with a name: as they are typed into a config file, and as they are shown.
const NAMED: [(&str, &str); 13] = [
    ("down", "↓"),
    ("up", "↑"),
    ("left", "left"),
    ("right", "right"),
    ("tab", "tab"),
    ("space", "space"),
    ("pgdn", "pgdn"),
    ("pgup", "pgup"),
    ("home", "home"),
    ("end", "end"),
    ("esc", "esc"),
    ("enter", "enter"),
    ("delete", "delete"),
];

/// With ctrl these are backspace, tab and enter to a terminal.
const SAME: [char; 3] = ['h', 'i', 'm'];

/// Which keys an operator has chosen; all others are as usual.
#[derive(Clone, Debug, Default)]
pub struct Keymap(Vec<(Does, &'static str)>);

impl Keymap {
    /// Gives an action these keys instead of its usual ones. They are kept for the life of the program, as those are.
    pub(super) fn choose(&mut self, action: Action, keys: &[String]) {
        let kept = action.keys.split(' ').filter(|k| KEPT.contains(k));
        let keys: Vec<&str> = kept.chain(keys.iter().map(String::as_str)).collect();
        self.0.push((action.does, keys.join(" ").leak()));
    }

    /// The action with the keys that it has here.
    pub(super) fn apply(&self, action: Action) -> Action {
        let chosen = self.0.iter().find(|(does, _)| *does == action.does);
        chosen.map_or(action, |(_, keys)| Action { keys, ..action })
    }
}

/// A key as it is shown, from how an operator writes it; nothing where there is no such key, or a terminal cannot tell
/// it from another one.
pub(super) fn written(key: &str) -> Option<String> {
    let mut letters = key.chars();
    match (letters.next(), letters.next()) {
        (Some(c), None) if !c.is_whitespace() && !c.is_control() => return Some(c.to_string()),
        _ => {}
    }
    if let Some((_, shown)) = NAMED.iter().find(|(name, _)| *name == key) {
        return Some((*shown).to_owned());
    }
    let letter = key.strip_prefix("ctrl-").filter(|c| c.len() == 1).and_then(|c| c.chars().next());
    let control = letter.is_some_and(|c| c.is_ascii_lowercase() && !SAME.contains(&c));
    let function = (1..=12).any(|n| key == format!("f{n}"));
    (control || function).then(|| key.to_owned())
}

/// A key as it is shown, from what the terminal says.
pub(super) fn pressed(key: KeyEvent) -> Option<String> {
    let named = |name: &str| written(name);
    match key.code {
        KeyCode::Char(' ') => named("space"),
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => Some(format!("ctrl-{c}")),
        KeyCode::Char(c) => Some(c.to_string()),
        KeyCode::F(n) => Some(format!("f{n}")),
        KeyCode::Down => named("down"),
        KeyCode::Up => named("up"),
        KeyCode::Left => named("left"),
        KeyCode::Right => named("right"),
        KeyCode::Enter => named("enter"),
        KeyCode::Esc => named("esc"),
        KeyCode::Tab | KeyCode::BackTab => named("tab"),
        KeyCode::PageDown => named("pgdn"),
        KeyCode::PageUp => named("pgup"),
        KeyCode::Home => named("home"),
        KeyCode::End => named("end"),
        KeyCode::Delete => named("delete"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_it_is_pressed() {
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        for (key, wanted) in [
            ("a", KeyEvent::from(KeyCode::Char('a'))),
            ("ü", KeyEvent::from(KeyCode::Char('ü'))),
            ("down", KeyEvent::from(KeyCode::Down)),
            ("↓", KeyEvent::from(KeyCode::Down)),
            ("space", KeyEvent::from(KeyCode::Char(' '))),
            ("ctrl-x", control('x')),
            ("f12", KeyEvent::from(KeyCode::F(12))),
        ] {
            assert!(written(key).is_some() && written(key) == pressed(wanted), "{key}");
        }
        // ctrl-i is a tab to a terminal, ctrl-m an enter
        for key in ["", "ab", " ", "ctrl-i", "ctrl-m", "ctrl-h", "ctrl-A", "ctrl-", "f13", "alt-a"] {
            assert_eq!(written(key), None, "{key}");
        }
    }
}
