//! Tells typing from text that a terminal without bracketed paste sends as keys.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tokio::time::{Duration, Instant};

/// A person needs longer than this for two different letters.
const TYPED: Duration = Duration::from_millis(20);
/// A slow link delivers a paste in parts: it ends with a pause of this length.
const PAUSE: Duration = Duration::from_millis(300);

/// What was typed last.
#[derive(Debug, Default)]
pub(super) struct Typing {
    last: Option<(char, Instant)>,
    /// The last letter was part of a paste.
    pasting: bool,
}

impl Typing {
    /// Takes what arrived at once. Letters that no person types so fast come out as the paste that they are; one key
    /// that is held down is no paste.
    pub(super) fn sort(&mut self, batch: Vec<Event>, at: Instant) -> Vec<Event> {
        let (mut sorted, mut run) = (Vec::new(), Vec::new());
        for event in batch {
            match &event {
                Event::Key(key) if !key.is_press() => {}
                Event::Key(key) if letter(key).is_some() => run.push(*key),
                Event::Key(_) | Event::Paste(_) => {
                    self.end(&mut run, at, &mut sorted);
                    sorted.push(event);
                }
                _ => sorted.push(event),
            }
        }
        self.end(&mut run, at, &mut sorted);
        sorted
    }

    fn end(&mut self, run: &mut Vec<KeyEvent>, at: Instant, sorted: &mut Vec<Event>) {
        let text: String = run.iter().filter_map(letter).collect();
        let (Some(first), Some(last)) = (text.chars().next(), text.chars().last()) else { return };
        let follows = self.last.is_some_and(|(before, then)| {
            let limit = if self.pasting { PAUSE } else { TYPED };
            at.saturating_duration_since(then) < limit && (self.pasting || before != first)
        });
        self.pasting = follows || text.chars().any(|c| c != first);
        self.last = Some((last, at));
        if self.pasting {
            sorted.push(Event::Paste(text));
            run.clear();
        } else {
            sorted.extend(run.drain(..).map(Event::Key));
        }
    }
}

/// The letter that a key stands for in a text.
fn letter(key: &KeyEvent) -> Option<char> {
    match key.code {
        _ if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => None,
        KeyCode::Char(c) => Some(c),
        KeyCode::Enter => Some('\n'),
        KeyCode::Tab => Some('\t'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches with the milliseconds before each: a paste stands in brackets, a key that is no letter is `^`.
    fn sorted(batches: &[(u64, &str)]) -> String {
        let (mut typing, mut at, mut out) = (Typing::default(), Instant::now(), String::new());
        for (pause, keys) in batches {
            at += Duration::from_millis(*pause);
            let code = |c| match c {
                '^' => KeyCode::Up,
                '\n' => KeyCode::Enter,
                c => KeyCode::Char(c),
            };
            let batch = keys.chars().map(|c| Event::Key(KeyEvent::from(code(c)))).collect();
            for event in typing.sort(batch, at) {
                match event {
                    Event::Paste(text) => out.push_str(&format!("[{text}]")),
                    Event::Key(key) => out.push(letter(&key).unwrap_or('^')),
                    _ => {}
                }
            }
        }
        out
    }

    #[test]
    fn letters_that_no_person_types_so_fast_are_a_paste() {
        for (batches, wanted) in [
            (&[(0, "a"), (90, "y")][..], "ay"),
            (&[(0, "ay")], "[ay]"),
            (&[(0, "y\n")], "[y\n]"),
            (&[(0, "kubectl -n gateway")], "[kubectl -n gateway]"),
            // one by one, as a slow line delivers them: the first may open a dialog, and nothing answers it
            (&[(0, "a"), (3, "y")], "a[y]"),
            (&[(0, "gat"), (40, "e"), (200, "way")], "[gat][e][way]"),
            (&[(0, "gat"), (400, "y")], "[gat]y"),
            // a key that is held down, and keys that are no text
            (&[(0, "jjjj"), (5, "j")], "jjjjj"),
            (&[(0, "^^j^")], "^^j^"),
            (&[(0, "^ay^y")], "^[ay]^[y]"),
        ] {
            assert_eq!(sorted(batches), wanted, "{batches:?}");
        }
    }
}
