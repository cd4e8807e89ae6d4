//! Colours by meaning. A state is always a glyph and a word as well as a colour.

use ratatui::style::{Color, Modifier, Style};

use super::{
    palette::{self, Palette},
    tone::Tone,
};

/// Which colours there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// The terminal's own 16, on its own ground.
    #[default]
    Terminal,
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
    /// As far from the ground as it goes.
    HighContrast,
    /// Told apart by eyes that see no red or no green.
    ColourBlind,
}

impl Colours {
    /// All of them, as they are named in the config file and on the command line.
    pub const NAMED: [(&'static str, Self); 5] = [
        ("terminal", Self::Terminal),
        ("dark", Self::Dark),
        ("light", Self::Light),
        ("high-contrast", Self::HighContrast),
        ("colour-blind", Self::ColourBlind),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find_map(|(named, colours)| (named == name).then_some(colours))
    }

    /// Those that have a ground of their own.
    const fn palette(self) -> Option<&'static Palette> {
        match self {
            Self::Terminal => None,
            Self::Dark => Some(&palette::DARK),
            Self::Light => Some(&palette::LIGHT),
            Self::HighContrast => Some(&palette::HIGH_CONTRAST),
            Self::ColourBlind => Some(&palette::COLOUR_BLIND),
        }
    }
}

/// How things look on this terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Nothing where there are none.
    colours: Option<Colours>,
    ascii: bool,
}

impl Theme {
    /// With these colours or without any, in Unicode or in plain ASCII.
    pub const fn new(colours: Option<Colours>, ascii: bool) -> Self {
        Self { colours, ascii }
    }

    /// As the environment asks: NO_COLOR, CUTOVER_ASCII, and a locale without UTF-8.
    pub fn from_environment() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|k| std::env::var(k).ok().filter(|v| !v.is_empty()));
        let utf8 = locale.is_none_or(|l| l.to_lowercase().replace('-', "").contains("utf8"));
        let colours = (!set("NO_COLOR")).then(Colours::default);
        Self { colours, ascii: set("CUTOVER_ASCII") || !utf8 }
    }

    /// The same in other colours, where there are any.
    #[must_use]
    pub fn coloured(self, colours: Option<Colours>) -> Self {
        Self { colours: self.colours.map(|usual| colours.unwrap_or(usual)), ..self }
    }

    /// The same, as a config file says it; where the environment asks for less, less it is.
    #[must_use]
    pub fn chosen(self, colour: Option<bool>, ascii: Option<bool>) -> Self {
        Self { colours: self.colours.filter(|_| colour.unwrap_or(true)), ascii: self.ascii || ascii.unwrap_or(false) }
    }

    /// What is empty has a colour, too.
    pub(super) fn has_ground(self) -> bool {
        self.colours.and_then(Colours::palette).is_some()
    }

    pub(super) const fn is_ascii(self) -> bool {
        self.ascii
    }

    pub(super) fn style(self, tone: Tone) -> Style {
        if let Some(palette) = self.colours.and_then(Colours::palette) {
            return palette.style(tone);
        }
        let style = Style::default();
        let plain = match tone {
            Tone::Plain => return style,
            Tone::Selected => return style.add_modifier(Modifier::REVERSED),
            Tone::Title | Tone::Bad | Tone::Warn => style.add_modifier(Modifier::BOLD),
            Tone::Danger | Tone::Turn => style.add_modifier(Modifier::BOLD | Modifier::REVERSED),
            Tone::Dim => style.add_modifier(Modifier::DIM),
            Tone::Good | Tone::Accent => style,
        };
        if self.colours.is_none() {
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
