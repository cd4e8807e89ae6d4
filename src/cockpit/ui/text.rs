//! Cutting and wrapping by the width on a terminal, without a copy for each character.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How wide a text is drawn.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// What of a text fits, and on which side some is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut<'a> {
    Whole(&'a str),
    /// The beginning; the rest is missing.
    Head(&'a str),
    /// The end; what stands before it is missing.
    Tail(&'a str),
}

/// The beginning of a text that fits a width together with the mark of the cut.
pub(super) fn cut(text: &str, room: usize) -> Cut<'_> {
    if width(text) <= room { Cut::Whole(text) } else { Cut::Head(&text[..fitting(text, room.saturating_sub(1))]) }
}

/// An operator looks for the name in `namespace/name`: it stays, and the namespace is cut.
pub(super) fn cut_name(text: &str, room: usize) -> Cut<'_> {
    let whole = cut(text, room);
    if room <= 4 || matches!(whole, Cut::Whole(_)) || text.contains(' ') {
        return whole;
    }
    match text.rsplit_once('/') {
        Some((_, name)) if width(name) < room => {
            let mut missing = width(text) - (room - 1);
            let tail = text.char_indices().find(|(_, c)| {
                let over = missing > 0;
                missing = missing.saturating_sub(c.width().unwrap_or(0));
                !over
            });
            Cut::Tail(tail.map_or("", |(at, _)| &text[at..]))
        }
        Some((_, name)) => cut(name, room),
        None => whole,
    }
}

/// The beginning and the end of a text that fit a width with a mark between them: of a long name both tell something.
pub(super) fn ends(text: &str, room: usize) -> Option<(&str, &str)> {
    let room = room.checked_sub(1).filter(|room| width(text) > *room + 1)?;
    let tail = room / 2;
    let mut missing = width(text) - tail;
    let from = text.char_indices().find(|(_, c)| {
        let over = missing > 0;
        missing = missing.saturating_sub(c.width().unwrap_or(0));
        !over
    });
    Some((&text[..fitting(text, room - tail)], from.map_or("", |(at, _)| &text[at..])))
}

/// How many bytes of a text fit a width.
pub(super) fn fitting(text: &str, room: usize) -> usize {
    if text.is_ascii() {
        return room.min(text.len());
    }
    let mut left = room;
    text.char_indices()
        .find(|(_, c)| match left.checked_sub(c.width().unwrap_or(0)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
        .map_or(text.len(), |(at, _)| at)
}

/// Breaks a text at spaces. What follows the first line hangs under the text after a label (`node      worker-1`),
/// else it is indented a little more. A word that is longer than a line is broken, never cut: an operator may want
/// to type it.
pub(in crate::cockpit) fn wrap(text: &str, room: usize) -> Vec<String> {
    if width(text) <= room {
        return vec![text.to_owned()];
    }
    let hang = hanging(text).min(room / 2);
    let mut lines = Vec::new();
    let (mut line, mut used, mut margin) = (String::new(), 0, 0);
    for mut word in words(text) {
        loop {
            // a long word is not measured as a whole for each of its lines
            let fits = used <= room && fitting(word, room - used) == word.len();
            if fits || room <= hang {
                line.push_str(word);
                used += width(word);
                break;
            }
            if used == margin {
                word = word.trim_start();
                let at = fitting(word, room - used).max(word.chars().next().map_or(0, char::len_utf8));
                line.push_str(&word[..at]);
                word = &word[at..];
            }
            lines.push(std::mem::replace(&mut line, " ".repeat(hang)));
            (used, margin) = (hang, hang);
            word = word.trim_start();
            if word.is_empty() {
                break;
            }
        }
    }
    lines.push(line);
    lines
}

/// The words of a text, each with the spaces before it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.len() - rest.trim_start().len();
        let end = rest[start..].find(' ').map_or(rest.len(), |at| start + at);
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Where the lines after the first one begin.
fn hanging(text: &str) -> usize {
    let indent = text.len() - text.trim_start().len();
    let label = text[indent..].split("  ").next().unwrap_or_default();
    let after = &text[indent + label.len()..];
    let gap = after.len() - after.trim_start().len();
    match (gap, indent) {
        (2.., _) if label.len() < 12 && !label.trim().contains("  ") => indent + width(label) + gap,
        (_, 0) => 0,
        _ => indent + 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_what_an_operator_looks_for() {
        assert_eq!(cut("worker-1", 8), Cut::Whole("worker-1"));
        assert_eq!(cut("worker-1", 5), Cut::Head("work"));
        assert_eq!(cut("über-knoten", 5), Cut::Head("über"));
        assert_eq!(cut("x", 0), Cut::Head(""));
        assert_eq!(cut_name("infra-monitoring/prometheus", 15), Cut::Tail("ing/prometheus"));
        assert_eq!(cut_name("infra/argocd-application-controller", 12), Cut::Head("argocd-appl"));
        assert_eq!(cut_name("not a/name", 5), Cut::Head("not "));
    }

    #[test]
    fn of_a_long_name_both_ends_stay() {
        assert_eq!(ends("prod-eu", 7), None);
        assert_eq!(ends("arn:aws:eks:eu:1234:cluster/prod", 13), Some(("arn:aw", "r/prod")));
        assert_eq!(ends("über-größe", 5), Some(("üb", "ße")));
        assert_eq!(ends("x", 0), None);
    }

    #[test]
    fn lines_are_broken_at_spaces_and_keep_their_indentation() {
        assert_eq!(wrap("one two three", 20), ["one two three"]);
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("  one two three", 9), ["  one two", "    three"]);
        assert_eq!(wrap("node   one two three", 14), ["node   one two", "       three"]);
        assert_eq!(wrap("  a    one two three", 14), ["  a    one two", "       three"]);
        assert_eq!(wrap("", 9), [""]);
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken_and_nothing_of_it_is_lost() {
        assert_eq!(wrap("a 0123456789 b", 6), ["a", "012345", "6789 b"]);
        assert_eq!(wrap("  $ 0123456789", 8), ["  $", "    0123", "    4567", "    89"]);
        for room in 0..20 {
            let lines = wrap("  pod/shop/web ünïcödé 0123456789012345", room).concat().replace(' ', "");
            assert_eq!(lines, "pod/shop/webünïcödé0123456789012345", "at {room}");
        }
    }
}
