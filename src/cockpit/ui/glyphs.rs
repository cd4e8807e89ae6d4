//! Glyphs in plain ASCII. Each stands for one thing alone, and none for what frames and cuts are drawn with.

use ratatui::symbols::border;

/// The frame around anything.
pub(super) const FRAME: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Where a text was cut.
pub(super) const CUT: &str = "~";

/// What stands for a glyph. An arrow within a text points as the one of what is running does.
const GLYPHS: [(char, char); 17] = [
    ('✓', 'x'),
    ('✗', '#'),
    ('▶', '>'),
    ('◀', '<'),
    ('·', '.'),
    ('●', '*'),
    ('○', 'o'),
    ('◐', '%'),
    ('█', '='),
    ('░', '_'),
    ('▒', ':'),
    ('∎', '&'),
    ('▸', '@'),
    ('↓', 'v'),
    ('↑', '^'),
    ('…', '~'),
    ('→', '>'),
];

/// The character that stands for another one on a terminal that knows only ASCII.
pub(super) fn ascii(c: char) -> char {
    match c {
        c if c.is_ascii() => c,
        '—' | '–' => '-',
        // a bar of a sparkline, in eighths of its height; the lowest stands for nothing, as in a bar of progress
        '▁' => '_',
        '▂'..='▇' => char::from_digit(c as u32 - '▁' as u32 + 1, 10).unwrap_or('?'),
        c => GLYPHS.iter().find(|(glyph, _)| *glyph == c).map_or('?', |(_, ascii)| *ascii),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_glyph_stands_for_two_things() {
        let frame = [FRAME.top_left, FRAME.vertical_left, FRAME.horizontal_top];
        // `!` and `?` are the same in both: failed, and waits for the operator
        let mut used: Vec<char> = frame.iter().flat_map(|f| f.chars()).chain("!?".chars()).collect();
        for (glyph, ascii) in GLYPHS.iter().filter(|(glyph, _)| *glyph != '→') {
            assert!(ascii.is_ascii() && !used.contains(ascii), "{glyph} and something else are {ascii}");
            used.push(*ascii);
        }
        assert_eq!(ascii('…').to_string(), CUT);
    }
}
