//! Colours by meaning. A state is always a glyph and a word as well as a colour.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cockpit) enum Tone {
    Plain,
    Dim,
    Good,
    Warn,
    Bad,
    Accent,
    Title,
    Selected,
    Danger,
    /// It waits for the operator: no normal work looks like it.
    Turn,
}

/// How things look on this terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    colour: bool,
    ascii: bool,
}

impl Theme {
    /// With or without colours, in Unicode or in plain ASCII.
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

    /// The same, as a config file says it; where the environment asks for less, less it is.
    #[must_use]
    pub fn chosen(self, colour: Option<bool>, ascii: Option<bool>) -> Self {
        Self { colour: self.colour && colour.unwrap_or(true), ascii: self.ascii || ascii.unwrap_or(false) }
    }

    pub(super) const fn is_ascii(self) -> bool {
        self.ascii
    }

    pub(super) fn style(self, tone: Tone) -> Style {
        let style = Style::default();
        let plain = match tone {
            Tone::Plain => return style,
            Tone::Selected => return style.add_modifier(Modifier::REVERSED),
            Tone::Title | Tone::Bad | Tone::Warn => style.add_modifier(Modifier::BOLD),
            Tone::Danger | Tone::Turn => style.add_modifier(Modifier::BOLD | Modifier::REVERSED),
            Tone::Dim => style.add_modifier(Modifier::DIM),
            Tone::Good | Tone::Accent => style,
        };
        if !self.colour {
            return plain;
        }
        match tone {
            Tone::Good => style.fg(Color::Green),
            Tone::Warn => style.fg(Color::Yellow),
            Tone::Bad => plain.fg(Color::Red),
            Tone::Accent => style.fg(Color::Cyan),
            Tone::Dim => style.fg(Color::DarkGray),
            Tone::Danger => style.fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Turn => style.fg(Color::Black).bg(Color::Yellow).add_modifier(Modifier::BOLD),
            Tone::Plain | Tone::Title | Tone::Selected => plain,
        }
    }
}

/// The glyph that stands for a character on a terminal that knows only ASCII.
pub(super) const fn ascii(c: char) -> char {
    match c {
        '✓' => '+',
        '▶' | '▸' | '→' => '>',
        '◀' => '<',
        '·' | '…' => '.',
        '✗' => 'x',
        '●' => '*',
        '○' => 'o',
        '◐' => '~',
        '█' => '#',
        '░' | '—' => '-',
        '▒' | '▅' | '▆' => '=',
        '▁' => '_',
        '▂' => '.',
        '▃' | '▄' => '-',
        '▇' => '%',
        '↓' => 'v',
        '↑' => '^',
        c if c.is_ascii() => c,
        _ => '?',
    }
}
