//! Screens as pictures: the same facts, drawn in four sizes, with and without colour, in ASCII.
//! `INSTA_UPDATE=always cargo test --test screens` takes new pictures; look at them before committing.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

#[path = "support/fixture.rs"]
mod fixture;

use std::{collections::VecDeque, fs, path::Path};

use cutover::{
    cockpit::{
        ClusterName, EngineState, Model, Scene, Theme,
        actions::{Screen, key_table},
        screenshot,
    },
    domain::{
        api::{MIGRATION, Migration},
        checks,
        facts::Facts,
        rolling::View,
    },
    hubble::window::Window,
};
use ratatui::buffer::Buffer;

struct Shown {
    facts: Facts,
    window: Window,
    log: VecDeque<cutover::domain::log::Entry>,
}

impl Shown {
    fn midway() -> Self {
        Self { facts: fixture::midway(), window: fixture::flows(), log: fixture::log() }
    }

    fn draw(&self, keys: &str, size: (u16, u16), theme: Theme) -> Buffer {
        let proposed = Migration::new(MIGRATION, fixture::spec());
        let now = fixture::at(155);
        let preflight = match self.facts.migration {
            Some(_) => vec![],
            None => checks::preflight(&View::read_only(&self.facts, &proposed, now)),
        };
        let scene = Scene {
            facts: &self.facts,
            migration: self.facts.migration.as_ref().unwrap_or(&proposed),
            preflight: &preflight,
            decision: None,
            window: &self.window,
            log: &self.log,
            engine: &EngineState::Here,
            now,
        };
        let name =
            ClusterName { context: "prod-eu".into(), server: "https://api.eu.example:6443/".into(), production: true };
        let mut model = Model::new(name, true);
        for key in keys.chars() {
            cutover::cockpit::press(&mut model, &scene, key);
        }
        screenshot::frame(size.0, size.1, &mut model, &scene, theme)
    }
}

fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Colours and modifiers, run by run: what a picture in text does not show.
fn styles(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut last = None;
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let style = (cell.fg, cell.bg, cell.modifier);
            if last != Some(style) {
                out.push_str(&format!("{y},{x} {:?} {:?} {:?}\n", style.0, style.1, style.2));
                last = Some(style);
            }
        }
    }
    out
}

const COLOUR: Theme = Theme::new(true, false);

#[test]
fn every_screen_in_four_sizes() {
    let shown = Shown::midway();
    for (i, screen) in Screen::ALL.iter().enumerate() {
        for size in [(80, 24), (160, 48), (100, 30), (60, 14)] {
            let name = format!("{}-{}x{}", screen.title().replace(' ', "-"), size.0, size.1);
            insta::assert_snapshot!(name, text(&shown.draw(&(i + 1).to_string(), size, COLOUR)));
        }
    }
}

#[test]
fn what_lies_over_a_screen() {
    let shown = Shown::midway();
    for (name, keys) in [
        ("help", "?"),
        ("palette", ":roll"),
        ("node-dialog", "2ja"),
        ("rollback-all", "R"),
        ("filter", "4/verdict=dropped"),
        ("pause", "P"),
    ] {
        insta::assert_snapshot!(name, text(&shown.draw(keys, (80, 24), COLOUR)));
    }
    let before = Shown { facts: fixture::before(), window: Window::default(), log: VecDeque::new() };
    insta::assert_snapshot!("before", text(&before.draw("", (80, 24), COLOUR)));
    insta::assert_snapshot!("before-install", text(&before.draw("a", (80, 30), COLOUR)));
}

#[test]
fn without_colour_and_without_unicode() {
    let shown = Shown::midway();
    let mono = shown.draw("2j", (80, 24), Theme::new(false, false));
    insta::assert_snapshot!("mono-styles", styles(&mono));
    let plain = styles(&mono);
    assert!(!plain.contains("Red") && !plain.contains("Green"), "NO_COLOR means no colour");
    assert!(plain.contains("REVERSED"), "the selection is seen without colour");
    for keys in ["1", "2", "4", "5", "?"] {
        let ascii = text(&shown.draw(keys, (100, 30), Theme::new(true, true)));
        assert!(ascii.is_ascii(), "{ascii}");
    }
    insta::assert_snapshot!("colour-styles", styles(&shown.draw("1", (80, 24), COLOUR)));
}

#[test]
fn every_size_from_one_cell_up_is_drawn() {
    let shown = Shown::midway();
    for keys in ["1", "2", "3", "4", "5", "6", "?", ":", "2a", "R", "4/x"] {
        for width in [1, 2, 3, 5, 10, 20, 39, 40, 41, 60, 80, 119, 120, 200] {
            for height in [1, 2, 3, 5, 9, 10, 11, 15, 24, 60] {
                shown.draw(keys, (width, height), COLOUR);
            }
        }
    }
}

/// Names from a cluster cannot act on the terminal.
#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let mut shown = Shown::midway();
    let mut facts = shown.facts.clone();
    let node = facts.nodes.get_mut("worker-1").unwrap();
    node.kubelet = "v1\x1b]0;owned\x07\u{202e}".into();
    let (key, value, effect) = ("a\x1b[2J".into(), "b\u{9b}31m".into(), "NoSchedule".into());
    node.taints = vec![cutover::domain::placement::Taint { key, value, effect }];
    shown.facts = facts;
    for keys in ["1", "2", "2\n"] {
        for c in text(&shown.draw(keys, (120, 40), COLOUR)).chars() {
            assert!(c == '\n' || !c.is_control(), "{c:?} on the screen");
            assert!(c != '\u{202e}');
        }
    }
}

fn compare(path: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
        fs::write(&path, now).unwrap();
    }
    let then = fs::read_to_string(&path).unwrap_or_default();
    assert!(then == now, "{} is not what the program draws; INSTA_UPDATE=always makes it anew", path.display());
}

#[test]
fn the_readmes_picture_is_drawn_by_the_program() {
    compare("assets/cockpit.svg", &screenshot::svg(&Shown::midway().draw("", (110, 30), COLOUR)));
}

#[test]
fn the_readmes_key_table_is_the_programs() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (head, rest) = readme.split_once("<!-- keys -->\n").unwrap();
    let (_, tail) = rest.split_once("<!-- /keys -->").unwrap();
    compare("README.md", &format!("{head}<!-- keys -->\n{}<!-- /keys -->{tail}", key_table()));
}
