//! How far a pane is scrolled, and what is searched for in it.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, backend::crossterm::EventHandler};

/// What the keys of a pane have come to; the last frame keeps it within what there is.
#[derive(Clone, Debug, Default)]
pub(in crate::cockpit) struct Pager {
    /// The first line that is shown.
    at: usize,
    /// How many lines the last frame had room for.
    page: usize,
    /// What is being typed to search for.
    typed: Option<Input>,
    sought: String,
    found: Option<usize>,
    seek: Option<Seek>,
}

/// Where to search from the line that was found last.
#[derive(Clone, Copy, Debug)]
enum Seek {
    Here,
    After,
    Before,
}

impl Pager {
    /// Scrolled to this line.
    pub(in crate::cockpit) fn at(line: usize) -> Self {
        Self { at: line, ..Self::default() }
    }

    /// A text is being typed: every key is for it.
    pub(in crate::cockpit) const fn is_typed_into(&self) -> bool {
        self.typed.is_some()
    }

    /// Takes a key that scrolls or searches; false for any other.
    pub(in crate::cockpit) fn take(&mut self, key: KeyEvent) -> bool {
        if self.typed.is_some() {
            self.search(key);
            return true;
        }
        let page = self.page.saturating_sub(1).max(1);
        match key.code {
            KeyCode::Char('/') => self.typed = Some(Input::default()),
            KeyCode::Char('f') if key.modifiers.contains(KeyModifiers::CONTROL) => self.typed = Some(Input::default()),
            KeyCode::Char('n') => self.seek = Some(Seek::After),
            KeyCode::Char('N') => self.seek = Some(Seek::Before),
            KeyCode::Char('j') | KeyCode::Down => self.at = self.at.saturating_add(1),
            KeyCode::Char('k') | KeyCode::Up => self.at = self.at.saturating_sub(1),
            KeyCode::Char('d') | KeyCode::PageDown => self.at = self.at.saturating_add(page),
            KeyCode::Char('u') | KeyCode::PageUp => self.at = self.at.saturating_sub(page),
            KeyCode::Char('g') | KeyCode::Home => self.at = 0,
            KeyCode::Char('G') | KeyCode::End => self.at = usize::MAX,
            _ => return false,
        }
        true
    }

    fn search(&mut self, key: KeyEvent) {
        let Some(input) = &mut self.typed else { return };
        match key.code {
            KeyCode::Esc => {
                *self = Self { at: self.at, page: self.page, ..Self::default() };
            }
            KeyCode::Enter => {
                // nothing typed: the last search goes on
                self.seek = if input.value().is_empty() { Some(Seek::After) } else { self.seek };
                self.typed = None;
            }
            _ => {
                if input.handle_event(&Event::Key(key)).is_some_and(|changed| changed.value) {
                    self.sought = input.value().to_lowercase();
                    self.seek = Some(Seek::Here);
                }
            }
        }
    }

    /// The first of these lines that is shown where so many have room; what is searched for comes into view.
    pub(super) fn first(&mut self, lines: &[String], room: usize) -> usize {
        self.page = room;
        if let Some(seek) = self.seek.take().filter(|_| !self.sought.is_empty()) {
            let (many, from) = (lines.len(), self.found.unwrap_or(self.at).min(lines.len()));
            let line = |i: usize| match seek {
                Seek::Here => (from + i) % many,
                Seek::After => (from + i + 1) % many,
                Seek::Before => (from + 2 * many - i - 1) % many,
            };
            self.found = (0..many).map(line).find(|i| lines[*i].to_lowercase().contains(&self.sought));
            if let Some(found) = self.found.filter(|f| !(self.at..self.at.saturating_add(room)).contains(f)) {
                self.at = found.saturating_sub(room / 3);
            }
        }
        self.at = self.at.min(lines.len().saturating_sub(room));
        self.at
    }

    /// The line that was found.
    pub(super) const fn found(&self) -> Option<usize> {
        self.found
    }

    /// What is searched for and is not there.
    pub(super) fn missed(&self) -> Option<&str> {
        (self.found.is_none() && !self.sought.is_empty()).then_some(&*self.sought)
    }

    pub(super) const fn typed(&self) -> Option<&Input> {
        self.typed.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of a hundred lines that is shown, and the one that was found, after these keys.
    fn after(keys: &str) -> (usize, Option<usize>) {
        let lines: Vec<String> = (0..100).map(|i| format!("Line {i}")).collect();
        let mut pager = Pager::default();
        let mut first = pager.first(&lines, 10);
        for key in keys.chars() {
            let code = match key {
                '\n' => KeyCode::Enter,
                '\x1b' => KeyCode::Esc,
                c => KeyCode::Char(c),
            };
            assert!(pager.take(KeyEvent::from(code)), "{key:?}");
            first = pager.first(&lines, 10);
        }
        (first, pager.found())
    }

    #[test]
    fn keys_scroll_and_search() {
        for (keys, wanted) in [
            ("jjk", (1, None)),
            ("d", (9, None)),
            ("G", (90, None)),
            ("Gu", (81, None)),
            ("Gg", (0, None)),
            ("/line 4", (0, Some(4))),
            ("/LINE 4", (0, Some(4))),
            ("/line 50\n", (47, Some(50))),
            ("/9\nn", (16, Some(19))),
            ("/9\nN", (90, Some(99))),
            ("/9\n/\n", (16, Some(19))),
            ("/99\nn", (90, Some(99))),
            ("/nosuch\n", (0, None)),
            ("/line 50\x1b", (47, None)),
        ] {
            assert_eq!(after(keys), wanted, "{keys:?}");
        }
    }
}
