//! Screens as pictures: the same facts, drawn in four sizes, with and without colour, in ASCII.
//! `INSTA_UPDATE=always cargo test --test screens` takes new pictures; look at them before committing.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

#[path = "support/fixture.rs"]
mod fixture;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use cutover::{
    cockpit::{
        ClusterName, Colours, Model, Outlook, Request, Scene, Theme, actions, key_table, mouse, paste, press, remapped,
        screenshot, titles,
    },
    domain::{
        api::{Consent, ConsentKind, FlowTrouble, MIGRATION, Migration, NodeMigrationStatus, Target},
        checks::verification,
        evidence::Moved,
        facts::Facts,
        guard::{Class, Edge, Trouble},
        intent::Intent,
        lease::{EngineState, Holder},
        log::{Entry, Kind, Log},
        reason::{Reason, Waiting},
        steps::NodeStep,
        view::View,
    },
    hubble::window::Window,
};
use ratatui::{buffer::Buffer, style::Color};

/// What an operator does: a key, so many milliseconds after what was before, or a paste.
#[derive(Clone, Copy)]
enum Act<'a> {
    Press(char, u64),
    Paste(&'a str),
}

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
        let typed: Vec<Act<'_>> = keys.chars().map(|key| Act::Press(key, 1_000)).collect();
        self.acted(&typed, size, theme, engine, (writable, "prod-eu"))
    }

    /// The frame after all of this, and what it asked for.
    fn acted(
        &self,
        acts: &[Act<'_>],
        size: (u16, u16),
        theme: Theme,
        engine: &EngineState,
        (writable, context): (bool, &str),
    ) -> (Buffer, Vec<Request>) {
        self.modelled(acts, size, theme, engine, context, |name| Model::new(name, writable))
    }

    /// The same of a cockpit of one's own.
    fn modelled(
        &self,
        acts: &[Act<'_>],
        size: (u16, u16),
        theme: Theme,
        engine: &EngineState,
        context: &str,
        model: impl FnOnce(ClusterName) -> Model,
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
        let name = ClusterName {
            context: context.into(),
            server: "https://api.eu.example:6443/".into(),
            production: true,
            confirms_by_name: false,
        };
        let mut model = model(name);
        let mut frame = screenshot::frame(size.0, size.1, &mut model, &scene, theme);
        let mut requests = Vec::new();
        let mut clock = Instant::now();
        for act in acts {
            match act {
                Act::Press(key, pause) => {
                    clock += Duration::from_millis(*pause);
                    requests.extend(press(&mut model, &scene, *key, clock.into()));
                }
                Act::Paste(text) => paste(&mut model, text),
            }
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

const COLOUR: Theme = Theme::new(Some(Colours::Terminal), false);

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
        ("node-consents", "2a"),
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
    let mono = shown.draw("2j", (80, 24), Theme::new(None, false));
    insta::assert_snapshot!("mono-styles", styles(&mono));
    let plain = styles(&mono);
    assert!(!plain.contains("Red") && !plain.contains("Green"), "NO_COLOR means no colour");
    assert!(plain.contains("REVERSED"), "the selection is seen without colour");
    for keys in ["1", "2", "2v", "4", "5", "?"] {
        let ascii = text(&shown.draw(keys, (100, 30), Theme::new(Some(Colours::Terminal), true)));
        assert!(ascii.is_ascii(), "{ascii}");
    }
    let ascii = text(&shown.draw("1", (100, 30), Theme::new(Some(Colours::Terminal), true)));
    assert!(ascii.contains("|x Preflight") && ascii.contains('=') && !ascii.contains("|+"), "{ascii}");
    insta::assert_snapshot!("colour-styles", styles(&shown.draw("1", (80, 24), COLOUR)));
}

/// A theme with a ground of its own colours every cell, so that its contrast is what was computed.
#[test]
fn a_theme_with_a_ground_of_its_own_leaves_no_cell_to_the_terminal() {
    let shown = Shown::midway();
    for (name, colours) in Colours::NAMED.into_iter().filter(|(_, colours)| *colours != Colours::Terminal) {
        for keys in ["1", "2", "4", "5", "6", "?", "P", "R", "4c", ":", "4/x"] {
            let frame = shown.draw(keys, (100, 30), Theme::new(Some(colours), false));
            let bare = frame.content.iter().find(|c| c.fg == Color::Reset || c.bg == Color::Reset);
            assert!(bare.is_none(), "{name}, {keys}: {bare:?}");
        }
        let small = shown.draw("", (20, 5), Theme::new(Some(colours), false));
        assert!(small.content.iter().all(|c| c.bg != Color::Reset), "{name}");
        let mono = Theme::new(None, false).coloured(Some(colours));
        assert_eq!(
            styles(&shown.draw("2", (80, 24), mono)),
            styles(&shown.draw("2", (80, 24), Theme::new(None, false)))
        );
    }
}

#[test]
fn every_size_from_one_cell_up_is_drawn() {
    let shown = Shown::midway();
    let screens: Vec<String> = titles().enumerate().map(|(i, _)| (i + 1).to_string()).collect();
    for keys in screens.iter().map(String::as_str).chain(["?", ":", "2a", "2v", "R", "4v", "4/x"]) {
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
    const CTRL_U: char = '\x15';
    const CTRL_W: char = '\x17';
    let shown = Shown::midway();
    let filter = text(&shown.draw(&format!("2/worker nothing{CTRL_W}-3{CTRL_A}!"), (80, 24), COLOUR));
    assert!(filter.contains("/!worker -3 "), "{filter}");
    let palette = text(&shown.draw(&format!(":back rol{CTRL_W}all"), (80, 24), COLOUR));
    assert!(palette.contains("roll-back-all") && !palette.contains("pause"), "{palette}");
    let cleared = text(&shown.draw(&format!("2/nothing{CTRL_U}worker-1"), (80, 24), COLOUR));
    assert!(cleared.contains("/worker-1 ") && cleared.contains("worker-1 Ready"), "{cleared}");
    let typed = format!("Rprod-us{CTRL_U}u{CTRL_A}prod-e\n");
    assert_eq!(asked(&shown, &typed), [Request::Change(vec![Intent::RollBackAll])]);
    let typed = format!("Reu{CTRL_A}prod-\n");
    assert_eq!(asked(&shown, &typed), [Request::Change(vec![Intent::RollBackAll])]);
}

/// The first line of a frame.
fn header(shown: &Shown, context: &str, width: u16, engine: &EngineState, writable: bool) -> String {
    let frame = shown.acted(&[], (width, 24), COLOUR, engine, (writable, context)).0;
    text(&frame).lines().next().unwrap().to_owned()
}

#[test]
fn what_keeps_from_harm_is_never_cut_from_the_header() {
    let mut shown = Shown::midway();
    fixture::migration(&mut shown.facts).spec.paused = true;
    let elsewhere = EngineState::Elsewhere("ada@ops-2/4711".into());
    let long = "arn:aws:eks:eu-central-1:123456789012:cluster/prod-payments-eu";
    for (engine, holder, writable, wide, short) in [
        (&EngineState::Acting, Holder::Unknown, true, "engine: here ", "here "),
        (&EngineState::TakingOver, Holder::Unknown, true, "engine: taking over ", "taking over "),
        (&elsewhere, Holder::Unknown, true, "engine: ada@ops-2/4711 ", "elsewhere "),
        (&EngineState::Unauthorized("401".into()), Holder::Unknown, true, "LOG IN AGAIN (L) ", "LOG IN (L) "),
        (&EngineState::LeaseUnknown("late".into()), Holder::Unknown, true, "engine: NO LEASE ", "NO LEASE "),
        (&EngineState::Off, Holder::Unknown, false, "engine: unknown ", "engine? "),
        (&EngineState::Off, Holder::None, false, "engine: none, nothing will move ", "NO ENGINE "),
        (&EngineState::Off, Holder::Renewing("ada@ops-2/4711".into()), false, "engine: ada@ops-2/4711 ", "elsewhere "),
        (&EngineState::Off, Holder::Silent("ada".into()), false, "engine: ada is silent, nothing", "SILENT ENGINE "),
    ] {
        shown.facts.engine = holder;
        for context in ["prod-eu", long] {
            for width in [40, 60, 80, 100, 160] {
                let line = header(&shown, context, width, engine, writable);
                let mode = if writable {
                    [" PROD  WRITE  PAUSED ", " PROD  RW  PAUSED "]
                } else {
                    [" PROD  READ-ONLY  PAUSED ", " PROD  RO  PAUSED "]
                };
                let starts =
                    |mode: &str, engine: &str| line.starts_with(&format!("{mode}{engine}")) && line.contains('●');
                assert!(starts(mode[0], wide) || width <= 80 && starts(mode[1], short), "{width}: {line}");
            }
            let line = header(&shown, context, 100, engine, writable);
            assert!(line.contains("prod-eu") || line.contains("ar") && line.contains("-eu"), "{line}");
        }
    }
}

/// The fixture with another status of worker-2.
fn with(change: impl FnOnce(&mut NodeMigrationStatus)) -> Shown {
    let mut shown = Shown::midway();
    change(fixture::status(&mut shown.facts, "worker-2"));
    shown
}

fn waiting_for(reason: Reason, message: &str) -> Shown {
    with(|s| s.waiting = Waiting::new(reason, message))
}

#[test]
fn what_nobody_carries_out_does_not_run() {
    let mut shown = Shown::midway();
    shown.facts.engine = Holder::None;
    let seen = text(&shown.drawn("", (80, 24), COLOUR, &EngineState::Off, false).0);
    assert!(seen.contains("engine: none, nothing will move") && seen.contains("no engine"), "{seen}");
    assert!(seen.contains("Your turn: no engine runs, nothing will move. Press w"), "{seen}");
    assert!(!seen.contains("running") && !seen.contains('▶'), "{seen}");
    shown.facts.engine = Holder::Renewing("ada@ops-2/4711".into());
    let seen = text(&shown.drawn("", (80, 24), COLOUR, &EngineState::Off, false).0);
    assert!(seen.contains("running") && !seen.contains("Your turn"), "{seen}");
}

#[test]
fn what_waits_for_the_operator_looks_like_nothing_else() {
    let mut broken = Shown::midway();
    let status = fixture::migration(&mut broken.facts).status.as_mut().unwrap();
    status.waiting.reason = Reason::FlowsFailing;
    status.flows = vec![FlowTrouble {
        edge: "shop/web->shop/db:5432".into(),
        node: "worker-1".into(),
        why: "policy denied".into(),
        since: fixture::at(150),
        agreed: false,
    }];
    let mut held = with(|s| (s.step, s.direction) = (NodeStep::RolledBack, Target::Flannel));
    fixture::record(&mut held.facts, "worker-2").spec.target = Target::Flannel;
    for (name, shown, wanted) in [
        (
            "paused-drain",
            waiting_for(Reason::DrainPaused, "drain timed out after 6 s: 2 pods left"),
            "node worker-2: press ! and then a to resume it",
        ),
        (
            "consent",
            waiting_for(Reason::NeedsConsent, "needs consent DeleteBarePod:batch/import"),
            "node worker-2: press ! and then a for the consents",
        ),
        ("broken-flow", broken, "connection shop/web->shop/db:5432: press ! and then a for the"),
        ("held", held, "node worker-2: press ! and then a to release it"),
    ] {
        let frame = shown.draw("", (80, 24), COLOUR);
        let seen = text(&frame);
        assert!(seen.contains(&format!("Your turn: {wanted}")), "{name}: {seen}");
        assert!(seen.contains("your turn") && !seen.contains("running") && !seen.contains("so far,"), "{name}: {seen}");
        assert!(styles(&frame).contains("Black Yellow"), "{name}: amber");
        insta::assert_snapshot!(format!("turn-{name}"), text(&shown.draw("!", (80, 24), COLOUR)));
    }
    let normal = Shown::midway().draw("", (80, 24), COLOUR);
    assert!(!styles(&normal).contains("Black Yellow") && text(&normal).contains("so far, about"), "normal work");
}

#[test]
fn a_paste_is_no_command() {
    let shown = Shown::midway();
    let after = |acts: &[Act<'_>]| {
        let (frame, asked) = shown.acted(acts, (80, 24), COLOUR, &EngineState::Acting, (true, "prod-eu"));
        (text(&frame), asked)
    };
    let (seen, asked) = after(&[Act::Paste("kubectl -n gateway apply -y\n")]);
    assert!(seen.contains("Pasted text ignored (28 characters)") && asked.is_empty(), "{seen}");
    let (seen, asked) = after(&[Act::Press('P', 1), Act::Paste("y")]);
    assert!(seen.contains("Pause migration?") && asked.is_empty(), "{seen}");
    // where text is typed it is a text, and what would confirm it is left out
    let name = [Act::Press('R', 1), Act::Paste("prod\u{7}-eu\n")];
    let (seen, asked) = after(&name);
    assert!(seen.contains("> prod-eu") && asked.is_empty(), "{seen}");
    let (_, asked) = after(&[&name[..], &[Act::Press('\n', 500)]].concat());
    assert_eq!(asked, [Request::Change(vec![Intent::RollBackAll])]);
}

#[test]
fn what_is_typed_into_a_refusal_does_nothing() {
    let shown = Shown::midway();
    let after = |keys: &str, pause| {
        let acts: Vec<Act<'_>> =
            keys.chars().enumerate().map(|(i, c)| Act::Press(c, if i == 0 { 900 } else { pause })).collect();
        let (frame, asked) = shown.acted(&acts, (80, 24), COLOUR, &EngineState::Acting, (true, "prod-payments"));
        (text(&frame), asked)
    };
    // Finalize is not the next one: the dialog that asks for the name does not come
    let (seen, asked) = after("japrod-paymentsry", 400);
    assert!(seen.contains("Not yet") && asked.is_empty(), "{seen}");
    // typed ahead, the enter at its end comes while the dialog has just opened
    let (seen, asked) = after("ja\n", 100);
    assert!(seen.contains("Not yet") && asked.is_empty(), "{seen}");
    let (seen, _) = after("ja\n", 400);
    assert!(!seen.contains("Not yet"), "{seen}");
}

#[test]
fn no_single_letter_reboots_a_node() {
    let mut shown = Shown::midway();
    fixture::migration(&mut shown.facts).spec.approved = fixture::phase_named("Install");
    let seen = text(&shown.draw("a", (80, 40), COLOUR));
    insta::assert_snapshot!("migrate-dialog", &seen);
    insta::assert_snapshot!("node-dialog", text(&shown.draw("2ja", (80, 40), COLOUR)));
    assert!(
        seen.contains("REBOOTS   3 nodes, 1 of the control plane") && seen.contains("type reboot and press enter"),
        "{seen}"
    );
    assert!(asked(&shown, "ay\n").is_empty());
    assert_eq!(asked(&shown, "areboot\n"), [Request::Change(vec![Intent::Approve(fixture::phase_named("Migrate"))])]);
    let node = Intent::Node { node: "worker-3".into(), target: Target::Cilium };
    assert!(asked(&shown, "2jay").is_empty());
    assert_eq!(asked(&shown, "2jareboot\n"), [Request::Change(vec![node])]);
    let back = Intent::Node { node: "worker-1".into(), target: Target::Flannel };
    assert!(asked(&shown, "2Gry").is_empty());
    assert_eq!(asked(&shown, "2Grrestart\n"), [Request::Change(vec![back])]);
}

#[test]
fn keys_act_on_what_is_selected_or_say_that_nothing_is() {
    let shown = Shown::midway();
    for (keys, wanted) in [
        ("2/nosuch\nr", "No node is selected"),
        ("2/nosuch\na", "No node is selected"),
        ("3a", "Nothing on this screen can be moved"),
        ("4a", "No connection is selected"),
        ("5a", "This finding is not about a node"),
        ("6r", "Nothing on this screen can be moved"),
        // Preflight is done, Migrate is at work and Finalize not due
        ("gka", "Preflight is done"),
        ("ja", "Migrate is not done"),
        ("jr", "Finalize is not approved"),
    ] {
        let seen = text(&shown.draw(keys, (80, 24), COLOUR));
        let flat = seen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(wanted) || seen.contains(wanted), "{keys}: {seen}");
        assert!(asked(&shown, &format!("{keys}y")).is_empty(), "{keys}");
    }
    let paused = waiting_for(Reason::DrainPaused, "drain timed out");
    assert!(text(&paused.draw("!", (120, 24), COLOUR)).lines().last().unwrap().contains("a resume worker-2"));
    for (keys, wanted) in [("2", "r roll back worker-2"), ("", "r roll back Migrate")] {
        let seen = text(&shown.draw(keys, (120, 24), COLOUR));
        assert!(seen.lines().last().unwrap().contains(wanted), "{keys}: {seen}");
    }
}

#[test]
fn what_cannot_be_read_is_not_acted_on() {
    let shown = Shown::midway();
    for keys in ["Py", "a", "Rprod-eu\n", "w"] {
        let (frame, asked) = shown.drawn(keys, (30, 8), COLOUR, &EngineState::Acting, true);
        assert!(text(&frame).contains("too small") && asked.is_empty(), "{keys}");
    }
}

#[test]
fn a_node_that_another_actor_cordoned_can_be_taken_by_a_consent() {
    let shown = with(|s| {
        s.step = NodeStep::Pending;
        s.waiting = Waiting::new(Reason::CordonedByOthers, "was cordoned by another actor").on("node/worker-2");
    });
    let asked = asked(&shown, "!a\t \tconsent\n");
    let [Request::Change(intents)] = asked.as_slice() else { panic!("{asked:?}") };
    let [Intent::Consent(given)] = intents.as_slice() else { panic!("{intents:?}") };
    assert_eq!((given[0].kind, given[0].object.as_str()), (ConsentKind::TakeCordoned, "node/worker-2"));
}

/// A pod that is deleted on a node that was not moved comes back on Flannel, and a bare one not at all.
#[test]
fn verification_tells_to_delete_only_what_comes_back_on_cilium() {
    let mut facts = fixture::midway();
    for (name, node, owner) in
        [("old", "worker-1", Some(("Deployment", "old"))), ("bare", "worker-1", None), ("waits", "worker-3", None)]
    {
        let pod = fixture::pod("shop", name, node, "10.233.65.40", owner);
        facts.pods.insert(pod.key.clone(), pod);
    }
    let migration = facts.migration.clone().unwrap();
    let found = verification(&View::read_only(&facts, &migration, fixture::at(155)));
    let about = |object: &str| found.iter().find(|f| f.check == "addresses" && f.object == object);
    assert!(about("pod/shop/old").unwrap().remedy.starts_with("Delete the pod"));
    assert!(about("pod/shop/bare").unwrap().remedy.starts_with("A bare pod"));
    assert!(about("pod/shop/waits").is_none(), "its node was not moved");
    assert!(about("node/worker-3").unwrap().message.starts_with("not moved yet: 2 pods"));
}

#[test]
fn a_rollback_that_is_requested_shows_at_once() {
    let mut shown = Shown::midway();
    fixture::record(&mut shown.facts, "worker-1").spec.target = Target::Flannel;
    let seen = text(&shown.draw("2", (100, 30), COLOUR));
    assert!(seen.contains("rollback requested"), "{seen}");
    let again = text(&shown.draw("2r", (100, 30), COLOUR));
    assert!(again.contains("is requested already"), "{again}");
}

#[test]
fn what_was_taken_back_is_not_ticked_off() {
    let shown = with(|s| (s.step, s.direction) = (NodeStep::RolledBack, Target::Flannel));
    let seen = text(&shown.draw("", (100, 30), COLOUR));
    let row = seen.lines().find(|l| l.contains("│worker-2")).unwrap();
    assert!(row.contains("RolledBack") && !row.contains('✓'), "{row}");
}

#[test]
fn an_observed_node_is_not_offered_another_reboot() {
    let shown = with(|s| {
        s.step = fixture::step_named("Observe");
        s.waiting = Waiting::new(Reason::Observing, "observed for 30s");
    });
    let seen = text(&shown.draw("2a", (100, 30), COLOUR));
    assert!(seen.contains("worker-2 is on Cilium and is observed") && asked(&shown, "2areboot\n").is_empty(), "{seen}");
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

/// One table: what works, the footer, the help, the line for the operator and the palette know the same keys.
#[test]
fn keys_that_were_chosen_work_and_are_shown_everywhere() {
    let shown = waiting_for(Reason::DrainPaused, "drain timed out");
    let chosen = [("advance", "z"), ("roll-back-all", "x"), ("replies", "f2"), ("your-turn", "ctrl-n"), ("help", "ä")];
    let chosen = chosen.map(|(name, key)| (name.to_owned(), vec![key.to_owned()]));
    let after = |keys: &str| {
        let model = |name| Model::new(name, true).with_keys(remapped(&chosen).unwrap());
        let typed: Vec<Act<'_>> = keys.chars().map(|key| Act::Press(key, 1_000)).collect();
        let (frame, asked) = shown.modelled(&typed, (120, 40), COLOUR, &EngineState::Acting, "prod-eu", model);
        (text(&frame), asked)
    };
    let (seen, _) = after("");
    assert!(seen.contains("node worker-2: press ctrl-n and then z to resume it"), "{seen}");
    assert!(seen.lines().last().unwrap().contains("z advance") && seen.contains("ä help"), "{seen}");
    let (seen, _) = after("\x0e");
    assert!(seen.contains("z resume worker-2"), "{seen}");
    let (seen, _) = after("ä");
    assert!(
        seen.contains("  z           Advance the selected") && seen.contains("  x           Roll everything"),
        "{seen}"
    );
    assert!(after(":roll-back-all").0.contains("roll-back-all  x           Roll everything back"));
    // what was there before does nothing
    let (seen, asked) = after("R?a");
    assert!(!seen.contains("Roll everything") && !seen.contains("Keys on") && asked.is_empty(), "{seen}");
    // and no key confirms what a dialog confirms by a typed name
    assert!(after("xxy\n").1.is_empty() && after("xx").0.contains("> x"));
    assert_eq!(after("xprod-eu\n").1, [Request::Change(vec![Intent::RollBackAll])]);
}

#[test]
fn the_palette_knows_actions_screens_and_nodes_by_name() {
    let shown = Shown::midway();
    for (keys, wanted) in [
        (":", "enter does it"),
        (":pause\n", "Pause migration?"),
        (":nodes\n", "READY"),
        (":flo\n", "VERDICT"),
        (":roll back all\n", "type prod-eu and press enter"),
        (":worker-1\n", "r roll back worker-1"),
        ("4:wkr1\n", "r roll back worker-1"),
        (":nosuch\n", "Nothing here is called nosuch."),
    ] {
        let (seen, asked) = shown.drawn(keys, (120, 40), COLOUR, &EngineState::Acting, true);
        assert!(text(&seen).contains(wanted) && asked.is_empty(), "{keys}: {}", text(&seen));
    }
    let leaves = text(&shown.draw(":q", (120, 40), COLOUR));
    assert!(leaves.contains("quit           q"), "{leaves}");
    // what a cockpit may not do it may not do by name
    let (seen, asked) = shown.drawn(":pause\n", (120, 40), COLOUR, &EngineState::Off, false);
    assert!(text(&seen).contains("This cockpit is read-only") && asked.is_empty());
}

#[test]
fn a_wrong_name_is_not_met_with_silence() {
    let shown = Shown::midway();
    let (frame, asked) = shown.drawn("Rprod-us\n", (100, 30), COLOUR, &EngineState::Acting, true);
    let seen = text(&frame);
    assert!(seen.contains("\"prod-us\" is not prod-eu: nothing is requested.") && asked.is_empty(), "{seen}");
    assert!(!text(&shown.draw("Rprod-us\nx", (100, 30), COLOUR)).contains("nothing is requested"));
}

#[test]
fn dialogs_and_help_are_paged_and_searched() {
    const CTRL_F: char = '\x06';
    let shown = Shown::midway();
    let last = text(&shown.draw("?G", (80, 24), COLOUR));
    assert!(last.contains("Glyphs:") && last.contains("100%"), "{last}");
    let found = text(&shown.draw("?/suspend\n", (80, 24), COLOUR));
    assert!(found.contains("ctrl-z") && !found.contains("no suspend here"), "{found}");
    assert!(text(&shown.draw("?/nosuch\n", (80, 24), COLOUR)).contains("no nosuch here"));
    // in what is typed a slash is a letter, and the search confirms nothing
    let (frame, asked) = shown.drawn(&format!("R{CTRL_F}uninstall\n"), (80, 24), COLOUR, &EngineState::Acting, true);
    let seen = text(&frame);
    assert!(seen.contains("ninstall") && asked.is_empty() && seen.contains("> "), "{seen}");
    assert!(text(&shown.draw("R/", (80, 24), COLOUR)).contains("> /"));
    // what does not scroll does not say that it would
    assert!(text(&shown.draw("R", (80, 24), COLOUR)).contains("scroll"));
    assert!(!text(&shown.draw("P", (80, 24), COLOUR)).contains("scroll"));
}

#[test]
fn a_field_that_no_filter_has_keeps_the_rows() {
    let shown = Shown::midway();
    let rows = |keys: &str| {
        let seen = text(&shown.draw(keys, (160, 30), COLOUR));
        let table: Vec<String> = seen.lines().skip(3).take(20).map(str::to_owned).collect();
        (table, seen)
    };
    let (dropped, _) = rows("4/verdict=dropped\n");
    let (all, _) = rows("4");
    let (kept, seen) = rows("4/verdict=dropped nosuch=1\n");
    assert!(dropped != all && kept == dropped, "{seen}");
    assert!(seen.contains("nosuch"), "{seen}");
}

#[test]
fn every_consent_can_be_ticked_however_many_there_are() {
    let mut shown = Shown::midway();
    fixture::migration(&mut shown.facts).spec.approved = fixture::phase_named("Install");
    for i in 0..12 {
        let pod = fixture::pod("shop", &format!("bare-{i:02}"), "worker-3", &format!("10.233.66.{i}"), None);
        shown.facts.pods.insert(pod.key.clone(), pod);
    }
    let asked = asked(&shown, "2jja\tG \treboot\n");
    let [Request::Change(intents)] = asked.as_slice() else { panic!("{asked:?}") };
    let [Intent::Consent(given), _] = intents.as_slice() else { panic!("{intents:?}") };
    assert_eq!(given.len(), 1, "{given:?}");
}

/// What watches report without a change that is shown costs the terminal nothing; a second costs it its clocks.
#[test]
fn a_quiet_cockpit_writes_nothing() {
    let shown = Shown::midway();
    let proposed = Migration::new(MIGRATION, fixture::spec());
    let outlook = Outlook::of(&shown.facts, &proposed, fixture::at(155));
    for nth in 0..titles().count() {
        let mut model = Model::new(ClusterName::default(), true);
        let mut frame = |revision: u64, seconds: i64, key: Option<char>| {
            let scene = Scene {
                facts: &shown.facts,
                revision,
                migration: shown.facts.migration.as_deref().unwrap(),
                outlook: &outlook,
                window: &shown.window,
                log: &shown.log,
                engine: &EngineState::Acting,
                now: fixture::at(seconds),
            };
            key.into_iter().for_each(|key| drop(press(&mut model, &scene, key, Instant::now().into())));
            screenshot::frame(160, 48, &mut model, &scene, COLOUR)
        };
        let first = frame(1, 155, char::from_digit(u32::try_from(nth).unwrap() + 1, 10));
        let quiet = (2..100).map(|revision| (revision, 155));
        let later = (100..110).map(|revision| (revision, 56 + i64::try_from(revision).unwrap()));
        let frames: Vec<Buffer> =
            quiet.chain(later).map(|(revision, seconds)| frame(revision, seconds, None)).collect();
        let sent = screenshot::written(std::iter::once(first).chain(frames)).unwrap();
        assert!(sent[0] > 1_000, "screen {nth}: {sent:?}");
        assert!(sent[1..99].iter().all(|bytes| *bytes == 0), "screen {nth}: {sent:?}");
        assert!(sent[99..].iter().all(|bytes| *bytes < 400), "screen {nth}: {sent:?}");
    }
}

#[test]
fn the_mouse_scrolls_and_selects_and_answers_nothing() {
    let shown = Shown::midway();
    let proposed = Migration::new(MIGRATION, fixture::spec());
    let outlook = Outlook::of(&shown.facts, &proposed, fixture::at(155));
    let scene = Scene {
        facts: &shown.facts,
        revision: 1,
        migration: shown.facts.migration.as_deref().unwrap(),
        outlook: &outlook,
        window: &shown.window,
        log: &shown.log,
        engine: &EngineState::Acting,
        now: fixture::at(155),
    };
    let after = |keys: &str, kind: MouseEventKind, (column, row): (u16, u16)| {
        let mut model = Model::new(ClusterName::default(), true);
        for key in keys.chars() {
            drop(screenshot::frame(120, 24, &mut model, &scene, COLOUR));
            drop(press(&mut model, &scene, key, Instant::now().into()));
        }
        drop(screenshot::frame(120, 24, &mut model, &scene, COLOUR));
        mouse(&mut model, &scene, MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
        text(&screenshot::frame(120, 24, &mut model, &scene, COLOUR))
    };
    let row = |seen: &str, name: &str| u16::try_from(seen.lines().position(|l| l.contains(name)).unwrap()).unwrap();
    let click = MouseEventKind::Down(MouseButton::Left);
    let nodes = text(&shown.draw("2", (120, 24), COLOUR));
    assert!(after("2", click, (3, row(&nodes, "│worker-3"))).contains("╭ worker-3 "));
    let overview = text(&shown.draw("1", (120, 24), COLOUR));
    assert!(after("1", click, (3, row(&overview, "│worker-1"))).contains("r roll back worker-1"), "the other table");
    assert!(after("2", MouseEventKind::ScrollDown, (3, 5)).contains("╭ worker-1 "));
    assert!(after("?", MouseEventKind::ScrollDown, (3, 5)) != after("?", MouseEventKind::ScrollUp, (3, 5)));
    assert!(after("P", click, (60, 12)).contains("Pause migration?"));
}

#[test]
fn every_action_has_a_name_of_its_own() {
    let mut names: Vec<String> = actions().into_iter().map(|(name, ..)| name).collect();
    let many = names.len();
    assert!(names.iter().all(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), many);
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
            press(&mut model, &scene, key, Instant::now().into());
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

/// A frame without its borders and line breaks: a text that is wrapped reads on.
fn flat(frame: &str) -> String {
    let inside = frame.replace(['│', '╭', '╮', '╰', '╯', '─'], " ");
    inside.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_row_that_is_cut_is_read_in_full_below_its_table() {
    let mut shown = Shown::midway();
    let finding = &mut fixture::migration(&mut shown.facts).status.as_mut().unwrap().findings[0];
    finding.message = format!("Flannel ignores 9 NetworkPolicies: {}", ["shop/db-from-api,"; 9].join(" "));
    finding.remedy = "They are enforced all at once by the phase Finalize. Read them before you approve it.".into();
    let message = finding.message.clone();
    let edge = |from: &str| Edge { from: from.into(), to: "shop/database".into(), port: 5432, protocol: "TCP" };
    shown.facts.flows.troubles = vec![Trouble {
        edge: edge("infra-argocd/argocd-application-controller"),
        node: "worker-1".into(),
        why: "stale or unroutable address".into(),
        class: Class::Stop,
        since: fixture::at(95),
        last: fixture::at(150),
        failed: 4,
        worked: 0,
        worked_before: true,
    }];
    for (keys, wanted) in [
        ("5", message.as_str()),
        ("5", "→ They are enforced all at once by the phase Finalize. Read them before you approve it."),
        ("6", "evict: The disruption budget web needs 4 healthy pods and has 4 currently."),
        ("6j", "$ kubectl create --raw /api/v1/namespaces/shop/pods/web-worker-2/eviction -f - # Eviction"),
        ("4v", "infra-argocd/argocd-application-controller->shop/database:5432"),
        ("4v", "stale or unroutable address"),
        ("4v", "blocking: 4 failed and 0 worked in the last 1m, as worker-1 saw it"),
        ("4v", "It worked before, and does not hold the next node yet."),
    ] {
        let seen = text(&shown.draw(keys, (80, 24), COLOUR));
        assert!(flat(&seen).contains(wanted), "{keys}: {wanted}: {seen}");
    }
    insta::assert_snapshot!("failing", text(&shown.draw("4v", (80, 24), COLOUR)));
    let small = text(&shown.draw("5", (60, 14), COLOUR));
    assert!(small.contains("enter: all of it"), "what does not fit is not cut in silence: {small}");
}

/// The fixture with ten more workers, all of them queued.
fn with_a_queue() -> Shown {
    let mut shown = Shown::midway();
    fixture::status(&mut shown.facts, "worker-3").waiting = Waiting::new(Reason::Queued, "queued behind worker-2");
    for i in 10..20 {
        let name = format!("worker-{i}");
        shown.facts.nodes.insert(name.as_str().into(), fixture::node(&name, i));
        let mut record = fixture::record(&mut shown.facts, "worker-3").clone();
        record.metadata.name = Some(name.clone());
        let message = format!("queued behind worker-2, said {i} times");
        record.status.as_mut().unwrap().waiting = Waiting::new(Reason::Queued, message);
        shown.facts.node_migrations.insert(name.as_str().into(), record.into());
    }
    shown
}

#[test]
fn what_is_at_work_or_waits_comes_first_and_the_queue_is_quiet() {
    let mut shown = with_a_queue();
    fixture::status(&mut shown.facts, "worker-19").waiting = Waiting::new(Reason::NeedsConsent, "needs consent X");
    for keys in ["1", "2"] {
        let seen = text(&shown.draw(keys, (80, 48), COLOUR));
        let rows: Vec<&str> = seen
            .lines()
            .filter_map(|l| l.strip_prefix('│')?.split_whitespace().next())
            .filter(|w| w.starts_with("worker-") || w.starts_with("cp-"))
            .collect();
        assert_eq!(rows[..3], ["worker-19", "worker-2", "worker-3"], "{seen}");
        assert_eq!(rows.last(), Some(&"worker-1"), "what is done comes last: {seen}");
        assert_eq!(seen.matches("queued behind").count(), 1, "{seen}");
    }
    // the selection stays on its node wherever that goes
    let seen = text(&shown.draw("2Gr", (80, 48), COLOUR));
    assert!(seen.contains("Roll worker-1 back to Flannel"), "{seen}");
}

#[test]
fn a_reason_is_said_once() {
    let consent = "needs consent DeleteBarePod:batch/import";
    let waits = waiting_for(Reason::NeedsConsent, consent);
    let normal = Shown::midway();
    let draining = "1 pod left; shop/web-worker-2 waits: budget shop/web needs 4 healthy pods and has 4";
    for (shown, keys, said, start) in [
        (&waits, "1", consent, "needs consent"),
        (&waits, "2", consent, "needs consent"),
        (&normal, "1", draining, "1 pod left"),
    ] {
        let seen = text(&shown.draw(keys, (80, 24), COLOUR));
        assert!(flat(&seen).contains(said), "in full: {seen}");
        assert_eq!(flat(&seen).matches(start).count(), 1, "{keys}: {seen}");
    }
    let seen = text(&normal.draw("1", (80, 24), COLOUR));
    assert!(seen.contains("left") && seen.contains("1 of 4 nodes done"), "the estimate is not cut: {seen}");
}

#[test]
fn the_line_above_the_screen_is_about_what_is_selected() {
    let mut shown = waiting_for(Reason::NeedsConsent, "needs consent DeleteBarePod:batch/import");
    fixture::status(&mut shown.facts, "worker-3").waiting = Waiting::new(Reason::NeedsConsent, "needs consent Other");
    for (keys, wanted) in [
        ("2", "Your turn (1 of 2): node worker-2: press a for the consents. needs consent DeleteBarePod:batch/import"),
        ("2j", "Your turn (2 of 2): node worker-3: press a for the consents. needs consent Other"),
        ("!!", "Your turn (2 of 2): node worker-3: press a for the consents. needs consent Other"),
    ] {
        let seen = text(&shown.draw(keys, (80, 24), COLOUR));
        assert!(flat(&seen).contains(wanted), "{keys}: {seen}");
    }
}

#[test]
fn an_observation_counts_down() {
    let observed = |reason| {
        with(|s| {
            (s.step, s.since) = (fixture::step_named("Observe"), Some(fixture::at(140)));
            s.waiting = Waiting::new(reason, "as the engine wrote it");
        })
    };
    for (reason, wanted) in
        [(Reason::Observing, "observed, 15s left"), (Reason::FlowsObserved, "watching its flows, 15s so far")]
    {
        let seen = text(&observed(reason).draw("2", (100, 30), COLOUR));
        assert!(seen.contains(wanted), "{seen}");
    }
}

#[test]
fn flows_and_drops_of_the_last_seconds_are_drawn_where_there_is_room() {
    let shown = Shown::midway();
    let of = |size, theme| {
        let seen = text(&shown.draw("1", size, theme));
        seen.lines().find(|l| l.contains("drops")).map(str::to_owned)
    };
    let line = of((100, 30), COLOUR).unwrap();
    // one flow in each of the last five seconds, the fifth a probe; the fourth was dropped
    assert!(line.starts_with(" flows ") && line.contains("▁████▁ 0/s") && line.contains("▁█▁ 0/s"), "{line}");
    let ascii = of((100, 30), Theme::new(None, true)).unwrap();
    assert!(ascii.contains("_====_ 0/s"), "{ascii}");
    assert_eq!(of((80, 24), COLOUR), None, "the nodes need the line");
}

#[test]
fn a_timeline_shows_when_each_node_began_and_how_long_its_steps_took() {
    let shown = Shown::midway();
    for size in [(80, 24), (160, 48)] {
        let seen = text(&shown.draw("2v", size, COLOUR));
        insta::assert_snapshot!(format!("timeline-{}x{}", size.0, size.1), &seen);
        assert!(seen.contains("Timeline (4): 14:14:05 to 14:15:55, 1m 50s"), "{seen}");
        let of = |node: &str| seen.lines().find(|l| l.starts_with(&format!("│{node}"))).unwrap().to_owned();
        let count = |node, glyph| of(node).matches(glyph).count();
        // 12 s of Drain and 33 s of Restart out, 30 s observed; worker-2 is out since its Cordon
        let (out, observed) = (count("worker-1", '█'), count("worker-1", '▒'));
        assert!(out > observed && observed * 4 > out * 2, "{seen}");
        assert!(of("worker-1").contains("14:14:05 1m 33s") && of("worker-2").contains("14:15:38 17s"), "{seen}");
        assert_eq!(count("worker-3", '█') + count("worker-3", '░'), 0, "it has not begun: {seen}");
    }
    let seen = text(&shown.draw("2v", (80, 24), COLOUR));
    assert!(flat(&seen).contains("began 14:14:05: Check 0s, Drain 12s, Restart 33s, Observe 30s"), "{seen}");
    let ascii = text(&shown.draw("2v", (80, 24), Theme::new(None, true)));
    assert!(ascii.contains("D====") && ascii.contains("O::::") && ascii.contains("_ in service"), "{ascii}");
    assert!(text(&shown.draw("2?", (100, 80), COLOUR)).contains("Timeline: ░ in service"));
    let again = text(&shown.draw("2vv", (80, 24), COLOUR));
    assert!(again.contains("WAITING FOR"), "{again}");
}

#[test]
fn a_nodes_story_has_its_times_its_consents_and_its_connections_before_and_since() {
    let mut shown = with(|_| ());
    let status = fixture::status(&mut shown.facts, "worker-1");
    status.evidence.reboot_asked = Some(fixture::at(70));
    status.evidence.moved = vec![Moved { workload: "shop/Deployment/web".into(), ready: 3 }];
    let (fails, works, gone) = ("shop/web->shop/db:5432", "shop/web->kube-apiserver:443", "shop/web->shop/cache:6379");
    status.evidence.baseline_connections = [works, gone, fails].map(Into::into).into();
    let given = |object: &str| Consent {
        kind: ConsentKind::InterruptSingleReplica,
        object: object.into(),
        by: "ada".into(),
        at: fixture::at(40),
    };
    let spec = &mut fixture::migration(&mut shown.facts).spec;
    spec.consents = vec![given("shop/Deployment/web"), given("shop/Deployment/other")];
    let edge = |to: &str, port| Edge { from: "shop/web".into(), to: to.into(), port, protocol: "TCP" };
    let flows = &mut shown.facts.flows;
    flows.troubles = vec![Trouble {
        edge: edge("shop/db", 5432),
        node: "worker-1".into(),
        why: "policy denied".into(),
        class: Class::Stop,
        since: fixture::at(120),
        last: fixture::at(150),
        failed: 9,
        worked: 0,
        worked_before: true,
    }];
    let working = vec![edge("kube-apiserver", 443), edge("shop/queue", 5672)];
    flows.working = std::sync::Arc::new([("shop/web".into(), working)].into());
    let seen = text(&shown.draw("2G\n", (120, 70), COLOUR));
    for wanted in [
        "✓ Drain     14:14:06  12s",
        "reboot requested at 14:14:30",
        "shop/Deployment/web, 3 ready before",
        "InterruptSingleReplica:shop/Deployment/web by ada at 2026-09-21 14:14:00 UTC",
        "connections of its pods: 3 before the move, and since then:",
        "✗ shop/web->shop/db:5432  fails: policy denied",
        "? shop/web->shop/cache:6379  no longer seen from here",
        "+ shop/web->shop/queue:5672  not seen before",
        "✓ shop/web->kube-apiserver:443  no failure seen",
    ] {
        assert!(seen.contains(wanted), "{wanted}: {seen}");
    }
    assert!(!seen.contains("Deployment/other"), "a consent for something else: {seen}");
    let at = |what: &str| seen.find(what).unwrap();
    assert!(at("✗ shop/web") < at("? shop/web") && at("? shop/web") < at("✓ shop/web"), "what fails comes first");
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

#[test]
fn only_a_key_alone_answers_a_dialog() {
    let shown = Shown::midway();
    // ctrl-y, ctrl-n, ctrl-q
    for chord in ['\x19', '\x0e', '\x11'] {
        let (buffer, sent) = shown.drawn(&format!("P{chord}"), (100, 30), COLOUR, &EngineState::Acting, true);
        assert!(text(&buffer).contains("Pause migration?") && sent.is_empty(), "{chord:?}");
    }
    assert_eq!(shown.drawn("Py", (100, 30), COLOUR, &EngineState::Acting, true).1.len(), 1);
}

#[test]
fn what_has_to_be_typed_is_seen_on_the_smallest_screen_too() {
    let shown = Shown::midway();
    let seen = text(&shown.draw("2ja", (40, 10), COLOUR));
    assert!(seen.contains("type consent") && seen.contains("make the terminal larger"), "{seen}");
    assert!(seen.contains("cluster"), "and some of what it is about: {seen}");
}

#[test]
fn an_action_is_about_the_row_that_was_seen_as_selected() {
    let mut shown = Shown::midway();
    let name = ClusterName { context: "prod-eu".into(), ..ClusterName::default() };
    let mut model = Model::new(name, true);
    let dialog = |shown: &Shown, model: &mut Model, keys: &str| {
        let migration = shown.facts.migration.as_deref().unwrap();
        let outlook = Outlook::of(&shown.facts, migration, fixture::at(155));
        let scene = Scene {
            facts: &shown.facts,
            revision: 1,
            migration,
            outlook: &outlook,
            window: &shown.window,
            log: &shown.log,
            engine: &EngineState::Acting,
            now: fixture::at(155),
        };
        for key in keys.chars() {
            drop(press(model, &scene, key, Instant::now().into()));
        }
        text(&screenshot::frame(100, 30, model, &scene, COLOUR))
    };
    let first = dialog(&shown, &mut model, "2");
    assert!(first.contains("roll back worker-2"), "{first}");
    // another node fails, and floats to the top
    let failing = fixture::status(&mut shown.facts, "worker-2").waiting.clone();
    let done = fixture::status(&mut shown.facts, "worker-1");
    done.step = fixture::step_named("Check");
    done.waiting = Waiting::new(Reason::NeedsConsent, "needs consent");
    fixture::status(&mut shown.facts, "worker-2").waiting = failing;
    let asked = dialog(&shown, &mut model, "r");
    assert!(asked.contains("Roll worker-2 back"), "{asked}");
}
