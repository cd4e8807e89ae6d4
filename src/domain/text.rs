//! Text for people: escaping what a cluster says, and durations.

use std::{borrow::Cow, fmt::Write, time::Duration};

/// Makes text from a cluster safe for a terminal: control characters (C0, DEL, C1), bidirectional
/// overrides, zero-width and line separators are shown by their code instead of acting. Escaped, not
/// removed: removal can change what a text says.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_active(c) {
            let _ = write!(out, "<U+{:04X}>", c as u32);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// JSON in which what could act on a terminal is escaped as JSON escapes it.
pub fn json(value: &serde_json::Value) -> String {
    json_escaped(&format!("{value:#}"))
}

/// The same in one line.
pub fn json_line(value: &serde_json::Value) -> String {
    json_escaped(&value.to_string())
}

fn json_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_active(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(out, "\\u{unit:04x}"));
        } else {
            out.push(c);
        }
    }
    out
}

fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c as u32, 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x2069 | 0xFEFF | 0xE0000..=0xE007F)
}

/// A duration in at most two units: `4s`, `2m 5s`, `3h 10m`.
pub fn duration(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 if s.is_multiple_of(60) => format!("{}m", s / 60),
        60..3600 => format!("{}m {}s", s / 60, s % 60),
        _ if s % 3600 < 60 => format!("{}h", s / 3600),
        _ => format!("{}h {}m", s / 3600, s % 3600 / 60),
    }
}

/// A duration that is told while it goes on: it changes seldom, so that what is written down does, too.
pub fn about(d: Duration) -> String {
    match d.as_secs() {
        s @ 0..60 => format!("{}s", s / 15 * 15),
        s @ 60..3600 => format!("{}m", s / 60),
        s => format!("{}h", s / 3600),
    }
}

/// The time between two moments; zero when the clock went back.
pub fn between(from: jiff::Timestamp, to: jiff::Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// `1 pod`, `2 pods`, `2 policies`, `2 addresses`.
pub fn count(n: usize, what: &str) -> String {
    match what.strip_suffix('y') {
        _ if n == 1 => format!("1 {what}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{n} {stem}ies"),
        _ if what.ends_with('s') => format!("{n} {what}es"),
        _ => format!("{n} {what}s"),
    }
}

/// An image without its tag and digest: `quay.io/cilium/cilium`.
pub fn image_path(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    match image.rsplit_once(':') {
        // a port has a path behind it
        Some((path, tag)) if !tag.contains('/') => path,
        _ => image,
    }
}

/// The last part of an image's path: `cilium`.
pub fn image_name(image: &str) -> &str {
    image_path(image).rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through() {
        for (given, wanted) in [
            ("plain", "plain"),
            ("a\x1b[31mb", "a<U+001B>[31mb"),
            ("a\rb\nc", "a<U+000D>b<U+000A>c"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("user\u{202e}cod.exe", "user<U+202E>cod.exe"),
            ("\u{7f}", "<U+007F>"),
        ] {
            assert_eq!(safe(given), wanted);
        }
    }

    #[test]
    fn images_lose_their_tag_and_keep_the_registrys_port() {
        for (given, path, name) in [
            ("quay.io/cilium/cilium:v1.15.19@sha256:ab", "quay.io/cilium/cilium", "cilium"),
            ("registry:5000/etcd", "registry:5000/etcd", "etcd"),
            ("registry:5000/a/kured:1.16.0", "registry:5000/a/kured", "kured"),
            ("busybox", "busybox", "busybox"),
        ] {
            assert_eq!((image_path(given), image_name(given)), (path, name));
        }
    }

    #[test]
    fn counts_know_the_plural() {
        for (n, what, wanted) in [
            (1, "pod", "1 pod"),
            (0, "pod", "0 pods"),
            (2, "network policy", "2 network policies"),
            (3, "address", "3 addresses"),
        ] {
            assert_eq!(count(n, what), wanted);
        }
    }

    #[test]
    fn durations_have_at_most_two_units() {
        for (s, wanted) in [(4, "4s"), (60, "1m"), (125, "2m 5s"), (3600, "1h"), (11_400, "3h 10m")] {
            assert_eq!(duration(Duration::from_secs(s)), wanted);
        }
    }
}
