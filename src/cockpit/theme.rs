//! Colours by meaning, and glyphs. State is always a glyph and a word as well as a colour.

use std::borrow::Cow;

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Dim,
    Good,
    Warn,
    Bad,
    Accent,
    Title,
    Selected,
    Danger,
}

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    colour: bool,
    ascii: bool,
}

impl Theme {
    /// As given.
    pub const fn new(colour: bool, ascii: bool) -> Self {
        Self { colour, ascii }
    }

    /// As the environment asks: NO_COLOR, CUTOVER_ASCII, and a locale without UTF-8.
    pub fn from_environment() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|k| std::env::var(k).ok().filter(|v| !v.is_empty()));
        let utf8 = locale.is_none_or(|l| l.to_lowercase().replace('-', "").contains("utf8"));
        Self { colour: !set("NO_COLOR"), ascii: set("CUTOVER_ASCII") || !utf8 }
    }

    pub(super) fn style(self, role: Role) -> Style {
        let style = Style::default();
        let plain = match role {
            Role::Plain => return style,
            Role::Selected => return style.add_modifier(Modifier::REVERSED),
            Role::Title => style.add_modifier(Modifier::BOLD),
            Role::Bad | Role::Warn => style.add_modifier(Modifier::BOLD),
            Role::Danger => style.add_modifier(Modifier::BOLD | Modifier::REVERSED),
            Role::Dim => style.add_modifier(Modifier::DIM),
            Role::Good | Role::Accent => style,
        };
        if !self.colour {
            return plain;
        }
        match role {
            Role::Good => style.fg(Color::Green),
            Role::Warn => style.fg(Color::Yellow),
            Role::Bad => plain.fg(Color::Red),
            Role::Accent => style.fg(Color::Cyan),
            Role::Dim => style.fg(Color::DarkGray),
            Role::Danger => style.fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
            Role::Plain | Role::Title | Role::Selected => plain,
        }
    }

    /// The same text in plain ASCII where that is all the terminal has.
    pub(super) fn text(self, text: &str) -> Cow<'_, str> {
        if !self.ascii || text.is_ascii() {
            return Cow::Owned(text.to_owned());
        }
        let ascii = text.chars().map(|c| match c {
            '✓' => '+',
            '▶' | '▸' => '>',
            '◀' => '<',
            '·' | '…' => '.',
            '✗' => 'x',
            '●' => '*',
            '○' => 'o',
            '◐' => '~',
            '█' => '#',
            '░' => '-',
            '→' => '>',
            '—' => '-',
            '↓' => 'v',
            '↑' => '^',
            c if c.is_ascii() => c,
            _ => '?',
        });
        Cow::Owned(ascii.collect())
    }

    pub(super) const fn is_ascii(self) -> bool {
        self.ascii
    }
}
