//! The themes whose colours are known: a ground of their own, and colours of the 256 that every such terminal shows
//! alike. Their contrast, and how they differ for eyes that see no red or no green, are computed in the tests.

use ratatui::style::{Color, Modifier, Style};

use super::tone::Tone;

/// A colour by its number among the 256; those from 16 on look the same everywhere.
type Number = u8;

/// The colours of a theme.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Palette {
    ground: Number,
    plain: Number,
    dim: Number,
    good: Number,
    warn: Number,
    bad: Number,
    accent: Number,
    title: Number,
    /// On a ground of their own: the text, and what is behind it.
    selected: (Number, Number),
    danger: (Number, Number),
    turn: (Number, Number),
}

pub(super) static DARK: Palette = Palette {
    ground: 234,
    plain: 252,
    dim: 246,
    good: 155,
    warn: 222,
    bad: 203,
    accent: 111,
    title: 231,
    selected: (234, 252),
    danger: (231, 124),
    turn: (16, 221),
};

pub(super) static LIGHT: Palette = Palette {
    ground: 231,
    plain: 235,
    dim: 241,
    good: 22,
    warn: 130,
    bad: 124,
    accent: 26,
    title: 16,
    selected: (231, 238),
    danger: (231, 124),
    turn: (16, 220),
};

pub(super) static HIGH_CONTRAST: Palette = Palette {
    ground: 16,
    plain: 231,
    dim: 250,
    good: 34,
    warn: 226,
    bad: 204,
    accent: 111,
    title: 231,
    selected: (16, 231),
    danger: (231, 88),
    turn: (16, 226),
};

/// Blue is good and orange is bad: the eyes that see no red or no green tell these two apart.
pub(super) static COLOUR_BLIND: Palette = Palette {
    ground: 234,
    plain: 252,
    dim: 245,
    good: 75,
    warn: 227,
    bad: 202,
    accent: 159,
    title: 231,
    selected: (234, 252),
    danger: (231, 124),
    turn: (16, 227),
};

impl Palette {
    /// The text and the ground of a tone.
    const fn pair(&self, tone: Tone) -> (Number, Number) {
        match tone {
            Tone::Plain => (self.plain, self.ground),
            Tone::Dim => (self.dim, self.ground),
            Tone::Good => (self.good, self.ground),
            Tone::Warn => (self.warn, self.ground),
            Tone::Bad => (self.bad, self.ground),
            Tone::Accent => (self.accent, self.ground),
            Tone::Title => (self.title, self.ground),
            Tone::Selected => self.selected,
            Tone::Danger => self.danger,
            Tone::Turn => self.turn,
        }
    }

    pub(super) fn style(&self, tone: Tone) -> Style {
        let (text, ground) = self.pair(tone);
        let style = Style::default().fg(Color::Indexed(text)).bg(Color::Indexed(ground));
        match tone {
            Tone::Title | Tone::Bad | Tone::Danger | Tone::Turn => style.add_modifier(Modifier::BOLD),
            _ => style,
        }
    }
}

/// Red, green and blue of a colour by its number, as xterm has them; the first 16 are the terminal's own.
pub(in crate::cockpit) const fn rgb(number: Number) -> Option<[u8; 3]> {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match number {
        0..16 => None,
        16..232 => {
            let n = (number - 16) as usize;
            Some([LEVELS[n / 36], LEVELS[n / 6 % 6], LEVELS[n % 6]])
        }
        232.. => {
            let grey = 8 + 10 * (number - 232);
            Some([grey, grey, grey])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEMES: [(&str, &Palette); 4] =
        [("dark", &DARK), ("light", &LIGHT), ("high-contrast", &HIGH_CONTRAST), ("colour-blind", &COLOUR_BLIND)];
    const TONES: [Tone; 10] = [
        Tone::Plain,
        Tone::Dim,
        Tone::Good,
        Tone::Warn,
        Tone::Bad,
        Tone::Accent,
        Tone::Title,
        Tone::Selected,
        Tone::Danger,
        Tone::Turn,
    ];
    /// What a state is said in, beside its glyph and word.
    const STATES: [Tone; 4] = [Tone::Good, Tone::Warn, Tone::Bad, Tone::Accent];

    type Matrix = [[f64; 3]; 3];

    /// How colours are seen, in linear light: Machado, Oliveira, Fernandes, "A Physiologically-based Model for
    /// Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009, table 1 at severity 1.
    const EYES: [(&str, Matrix); 3] = [
        ("usual", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "protanopia",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deuteranopia",
            [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
        ),
    ];
    /// From linear sRGB to CIE XYZ, by IEC 61966-2-1.
    const XYZ: Matrix =
        [[0.412_456, 0.357_576, 0.180_437], [0.212_673, 0.715_152, 0.072_175], [0.019_334, 0.119_192, 0.950_304]];
    const WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];

    fn linear(number: Number) -> [f64; 3] {
        rgb(number).unwrap().map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn times(matrix: &Matrix, v: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
    }

    /// The contrast of WCAG 2, of relative luminances.
    fn contrast((text, ground): (Number, Number)) -> f64 {
        let luminance = |n| times(&XYZ, linear(n))[1] + 0.05;
        let (a, b) = (luminance(text), luminance(ground));
        a.max(b) / a.min(b)
    }

    /// CIE L*a*b* of a colour as these eyes see it.
    fn lab(number: Number, eyes: &Matrix) -> [f64; 3] {
        let seen = times(&XYZ, times(eyes, linear(number)).map(|c| c.clamp(0.0, 1.0)));
        let root = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let [x, y, z] = [0, 1, 2].map(|i| root(seen[i] / WHITE[i]));
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// The colour difference of CIE 1976; 2.3 is just noticeable.
    fn difference(a: Number, b: Number, eyes: &Matrix) -> f64 {
        lab(a, eyes).iter().zip(lab(b, eyes)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn every_tone_can_be_read() {
        assert!((contrast((16, 231)) - 21.0).abs() < 0.01, "black on white");
        for (name, palette) in THEMES {
            let least = if name == "high-contrast" { 7.0 } else { 4.5 };
            for tone in TONES {
                let contrast = contrast(palette.pair(tone));
                assert!(contrast >= least, "{name}: {tone:?} {contrast:.1}");
            }
        }
    }

    #[test]
    fn states_differ_for_eyes_that_see_no_red_or_no_green() {
        let between =
            |palette: &Palette, a: Tone, b: Tone, eyes: &Matrix| difference(palette.pair(a).0, palette.pair(b).0, eyes);
        for (name, palette) in THEMES {
            let least = if matches!(name, "high-contrast" | "colour-blind") { 30.0 } else { 10.0 };
            for (eyes, matrix) in &EYES {
                for (i, a) in STATES.iter().enumerate() {
                    for b in &STATES[i + 1..] {
                        let seen = between(palette, *a, *b, matrix);
                        assert!(seen >= least, "{name}, {eyes}: {a:?} and {b:?} {seen:.0}");
                    }
                    for b in [Tone::Plain, Tone::Dim] {
                        let seen = between(palette, *a, b, matrix);
                        assert!(seen >= 10.0, "{name}, {eyes}: {a:?} and {b:?} {seen:.0}");
                    }
                }
            }
        }
    }
}
