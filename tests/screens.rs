//! Screens as pictures: the same facts, drawn in four sizes, with and without colour, in ASCII.
//! `INSTA_UPDATE=always cargo test --test screens` takes new pictures; look at them before committing.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

#[path = "support/fixture.rs"]
mod fixture;

use std::{fs, path::Path};

use cutover::{
    cockpit::{ClusterName, Model, Outlook, Request, Scene, Theme, key_table, press, screenshot, titles},
    domain::{
        api::{MIGRATION, Migration},
        facts::Facts,
        intent::Intent,
        lease::EngineState,
        log::{Entry, Kind, Log},
    },
    hubble::window::Window,
};
use ratatui::buffer::Buffer;

struct Shown {
    facts: Facts,
    window: Window,
    log: Log,
}

impl Shown {
    fn midway() -> Self {
        Self { facts: fixture::midway(), window: fixture::flows(), log: fixture::log() }
    }

    fn draw(&self, keys: &str, size: (u16, u16), theme: Theme) -> Buffer {
        self.drawn(keys, size, theme, &EngineState::Acting, true).0
    }

    /// The frame after these keys, and what they asked for.
    fn drawn(
        &self,
        keys: &str,
        size: (u16, u16),
        theme: Theme,
        engine: &EngineState,
        writable: bool,
    ) -> (Buffer, Vec<Request>) {
        let proposed = Migration::new(MIGRATION, fixture::spec());
        let now = fixture::at(155);
        let outlook = Outlook::of(&self.facts, &proposed, now);
        let scene = Scene {
            facts: &self.facts,
            revision: 1,
            migration: self.facts.migration.as_deref().unwrap_or(&proposed),
            outlook: &outlook,
            window: &self.window,
            log: &self.log,
            engine,
            now,
        };
        let name =
            ClusterName { context: "prod-eu".into(), server: "https://api.eu.example:6443/".into(), production: true };
        let mut model = Model::new(name, writable);
        let mut frame = screenshot::frame(size.0, size.1, &mut model, &scene, theme);
        let mut requests = Vec::new();
        for key in keys.chars() {
            requests.extend(press(&mut model, &scene, key));
            frame = screenshot::frame(size.0, size.1, &mut model, &scene, theme);
        }
        (frame, requests)
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
    for (i, title) in titles().enumerate() {
        for size in [(80, 24), (160, 48), (100, 30), (60, 14)] {
            let name = format!("{}-{}x{}", title.replace(' ', "-"), size.0, size.1);
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
    let before = Shown { facts: fixture::before(), window: Window::default(), log: Log::default() };
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
    node.taints = vec![cutover::domain::facts::Taint { key, value, effect }];
    shown.facts = facts;
    for keys in ["1", "2", "2\n"] {
        for c in text(&shown.draw(keys, (120, 40), COLOUR)).chars() {
            assert!(c == '\n' || !c.is_control(), "{c:?} on the screen");
            assert!(c != '\u{202e}');
        }
    }
}

fn asked(shown: &Shown, keys: &str) -> Vec<Request> {
    shown.drawn(keys, (80, 24), COLOUR, &EngineState::Acting, true).1
}

#[test]
fn a_yes_sends_what_the_dialog_said() {
    let before = Shown { facts: fixture::before(), window: Window::default(), log: Log::default() };
    assert_eq!(asked(&before, "ay"), [Request::Change(vec![Intent::Approve(fixture::phase_named("Install"))])]);
    assert!(asked(&before, "an").is_empty());
    let midway = Shown::midway();
    assert_eq!(asked(&midway, "Py"), [Request::Change(vec![Intent::Pause(true)])]);
    assert_eq!(asked(&midway, "Rprod-eu\n"), [Request::Change(vec![Intent::RollBackAll])]);
    assert!(asked(&midway, "Rprod-us\ny").is_empty(), "the name of another context confirms nothing");
    assert!(asked(&midway, "Ry\n").is_empty(), "a key is not enough");
}

/// The same keys move and delete in every text that is typed.
#[test]
fn text_is_edited_in_filter_palette_and_dialog_alike() {
    const CTRL_A: char = '\x01';
    const CTRL_W: char = '\x17';
    let shown = Shown::midway();
    let filter = text(&shown.draw(&format!("2/worker nothing{CTRL_W}-3{CTRL_A}!"), (80, 24), COLOUR));
    assert!(filter.contains("/!worker -3 "), "{filter}");
    let palette = text(&shown.draw(&format!(":back rol{CTRL_W}all"), (80, 24), COLOUR));
    assert!(palette.contains("Roll everything back"), "{palette}");
    let typed = format!("Reu{CTRL_A}prod-\n");
    assert_eq!(asked(&shown, &typed), [Request::Change(vec![Intent::RollBackAll])]);
}

#[test]
fn who_runs_the_engine_is_never_cut() {
    let shown = Shown::midway();
    let elsewhere = EngineState::Elsewhere("ada@ops-2/4711".into());
    for (engine, writable, wanted) in [
        (&EngineState::Acting, true, " PROD  WRITE engine: here  prod-eu"),
        (&EngineState::Off, true, " PROD  WRITE engine: starting  prod-eu"),
        (&EngineState::Off, false, " PROD  READ-ONLY  prod-eu"),
        (&EngineState::TakingOver, true, " PROD  WRITE engine: taking over "),
        (&elsewhere, true, " PROD  WRITE engine: ada@ops-2/4711 "),
        (&EngineState::Unauthorized("401".into()), true, " PROD  WRITE LOG IN AGAIN "),
        (&EngineState::LeaseUnknown("timeout".into()), true, " PROD  WRITE engine: NO LEASE "),
    ] {
        for width in [40, 60, 80, 160] {
            let header = text(&shown.drawn("", (width, 24), COLOUR, engine, writable).0);
            let width = usize::from(width);
            let wanted: String = wanted.chars().take(width).collect();
            assert!(header.lines().next().unwrap().starts_with(wanted.trim_end()), "{width}: {header}");
        }
    }
}

#[test]
fn a_clock_that_is_off_is_shown() {
    let mut shown = Shown::midway();
    for (off, wanted) in [(40, "clock 40 s ahead"), (-7, "clock 7 s behind")] {
        shown.facts.clock_off = off;
        let drawn = text(&shown.draw("", (100, 24), COLOUR));
        assert!(drawn.contains(wanted), "{drawn}");
    }
}

#[test]
fn half_a_page_is_half_of_what_is_drawn() {
    const CTRL_D: char = '\x04';
    let mut shown = Shown::midway();
    for i in 0..200 {
        let name = format!("z-{i:03}");
        shown.facts.nodes.insert(name.as_str().into(), fixture::node(&name, i % 90));
    }
    for (size, wanted) in [((80, 24), "5/204"), ((80, 48), "11/204")] {
        let drawn = text(&shown.draw(&format!("2{CTRL_D}"), size, COLOUR));
        assert!(drawn.contains(wanted), "{size:?}: {drawn}");
    }
}

/// A row that is held still is there even after it has left the log.
#[test]
fn what_is_held_still_stays() {
    let shown = Shown::midway();
    let proposed = Migration::new(MIGRATION, fixture::spec());
    let outlook = Outlook::of(&shown.facts, &proposed, fixture::at(155));
    let mut model = Model::new(ClusterName::default(), false);
    let mut log = shown.log.clone();
    let mut drawn = |log: &Log, keys: &str| {
        let scene = Scene {
            facts: &shown.facts,
            revision: 1,
            migration: &proposed,
            outlook: &outlook,
            window: &shown.window,
            log,
            engine: &EngineState::Off,
            now: fixture::at(155),
        };
        for key in keys.chars() {
            press(&mut model, &scene, key);
        }
        text(&screenshot::frame(100, 12, &mut model, &scene, COLOUR))
    };
    assert!(drawn(&log, "6p").contains("FROZEN, 0 new"));
    for i in 0..20 {
        log.add(Entry::new(fixture::at(160), Kind::Note, "node/worker-9", format!("line {i}")), 10);
    }
    let held = drawn(&log, "");
    assert!(held.contains("Cordon → Drain") && held.contains("FROZEN, 20 new"), "{held}");
    let live = drawn(&log, "p");
    assert!(!live.contains("Cordon → Drain") && live.contains("line 19"), "{live}");
}

fn compare(path: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
        fs::write(&path, now).unwrap();
    }
    let then = fs::read_to_string(&path).unwrap_or_default();
    assert!(then == now, "{} is not what the program draws; INSTA_UPDATE=always writes it again", path.display());
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
