//! From a key to what changes. Keys that change the cluster open a dialog, and nothing else.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use tokio::time::Instant;
use tui_input::{Input, InputRequest, backend::crossterm::EventHandler};

use super::{
    actions::{Action, Does},
    commands::{self, Command},
    dialogs::{self, Answer, Dialog, OnYes},
    keymap, keys,
    model::{Model, Overlay},
    request::Request,
    scene::Scene,
    ui::{Pager, terminal},
};
use crate::domain::{
    effect::Risk,
    lease::EngineState,
    text::{count, safe},
    turn::TurnOf,
};

/// Takes a key in; what the operator asks for comes out.
pub(super) fn key(model: &mut Model, scene: &Scene<'_>, key: KeyEvent, now: Instant) -> Option<Request> {
    if model.deaf_until.is_some_and(|until| now < until) {
        return None;
    }
    model.deaf_until = None;
    if model.is_too_small {
        // what a dialog would say cannot be read either
        model.leaving |= action_of(model, key).is_some_and(|a| a.does == Does::Quit) || is_control(key, 'c');
        return None;
    }
    if model.toast.as_ref().is_some_and(|t| t.bad) {
        model.toast = None;
    }
    let is_about_row = |a: &Action| a.risk > Risk::Read || a.does == Does::Detail;
    if matches!(model.overlay, Overlay::None) && action_of(model, key).as_ref().is_some_and(is_about_row) {
        model.screen().pin();
    }
    model.refresh(scene);
    if is_control(key, 'c') {
        return act(model, scene, Does::Quit, now);
    }
    if is_control(key, 'z') {
        return act(model, scene, Does::Suspend, now);
    }
    match std::mem::take(&mut model.overlay) {
        Overlay::None => action_of(model, key).and_then(|action| run(model, scene, action, now)),
        Overlay::Dialog(dialog) => in_dialog(model, dialog, key),
        Overlay::Filter { input } => {
            in_filter(model, input, key);
            None
        }
        Overlay::Palette { input, selected } => in_palette(model, scene, (input, selected), key, now),
        Overlay::Columns { selected } => {
            in_columns(model, selected, key);
            None
        }
        Overlay::Help { mut pager } => {
            model.overlay = if pager.take(key) { Overlay::Help { pager } } else { Overlay::None };
            None
        }
        Overlay::Detail { lines, mut pager } => {
            model.overlay = if pager.take(key) { Overlay::Detail { lines, pager } } else { Overlay::None };
            None
        }
    }
}

fn is_control(key: KeyEvent, letter: char) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char(letter)
}

/// Takes pasted text in: where text is typed it is a text, without what would confirm it; elsewhere it is nothing.
pub(super) fn paste(model: &mut Model, text: &str) {
    let field = match &mut model.overlay {
        _ if model.is_too_small => return,
        Overlay::Palette { input, .. } | Overlay::Filter { input } => Some(input),
        Overlay::Dialog(dialog) => dialog.input(),
        _ => None,
    };
    let Some(input) = field else {
        let many = count(text.chars().count(), "character");
        return model.say(format!("Pasted text ignored ({many}): it is no command here."));
    };
    for c in text.chars().filter(|c| !c.is_control()) {
        input.handle(InputRequest::InsertChar(c));
    }
    if let Overlay::Filter { input } = &model.overlay {
        let filter = input.value().to_owned();
        model.screen().pane().set_filter(&filter);
    }
}

/// Takes the mouse in: the wheel scrolls, a click selects a row. It answers nothing and starts nothing.
pub(super) fn mouse(model: &mut Model, scene: &Scene<'_>, event: MouseEvent) {
    /// As far as a terminal scrolls its own text.
    const ROWS: isize = 3;
    let (rows, key) = match event.kind {
        _ if model.is_too_small => return,
        MouseEventKind::ScrollDown => (ROWS, KeyCode::Down),
        MouseEventKind::ScrollUp => (-ROWS, KeyCode::Up),
        MouseEventKind::Down(MouseButton::Left) if matches!(model.overlay, Overlay::None) => {
            model.refresh(scene);
            return model.screen().click(event.column, event.row);
        }
        _ => return,
    };
    match &mut model.overlay {
        Overlay::None => model.screen().pane().step(rows),
        Overlay::Help { pager } | Overlay::Detail { pager, .. } => (0..ROWS).for_each(|_| {
            pager.take(key.into());
        }),
        Overlay::Dialog(dialog) => (0..ROWS).for_each(|_| dialog.page(key.into())),
        Overlay::Filter { .. } | Overlay::Palette { .. } | Overlay::Columns { .. } => {}
    }
}

fn action_of(model: &Model, key: KeyEvent) -> Option<Action> {
    let pressed = keymap::pressed(key)?;
    keys::on(model.spec(), &model.keymap).find(|a| a.keys.split(' ').any(|k| k == pressed))
}

/// Runs an action, unless it would change something and this cockpit may not.
fn run(model: &mut Model, scene: &Scene<'_>, action: Action, now: Instant) -> Option<Request> {
    if action.risk > Risk::Read && !model.writable && action.does != Does::Write {
        let write = keys::key(Does::Write, &model.keymap);
        let why = format!("This cockpit is read-only. Press {write} to allow changes, or start Cutover with --write.");
        open(model, Dialog::refuse("Read-only", why), now);
        return None;
    }
    act(model, scene, action.does, now)
}

fn act(model: &mut Model, scene: &Scene<'_>, does: Does, now: Instant) -> Option<Request> {
    let cluster = &model.cluster;
    let dialog = match does {
        Does::Advance => Some(dialogs::advance(cluster, scene, &model.subject(scene))),
        Does::RollBack => Some(dialogs::roll_back(cluster, scene, &model.subject(scene))),
        Does::RollBackAll => Some(dialogs::roll_back_all(cluster, scene)),
        Does::Pause => Some(dialogs::pause(cluster, scene)),
        Does::Write => Some(dialogs::write(cluster, model.writable)),
        Does::TakeOver => Some(dialogs::take_over(cluster, scene)),
        Does::Quit => dialogs::quit(scene),
        _ => None,
    };
    if let Some(dialog) = dialog {
        open(model, dialog.guarded(cluster), now);
        return None;
    }
    match does {
        Does::LogIn => model.logs_in = true,
        Does::Show(nth) => model.shown = nth,
        Does::Move(rows) => model.screen().pane().step(rows),
        Does::HalfPage(down) => model.screen().pane().half_page(down),
        Does::End(last) => model.screen().pane().end(last),
        Does::Detail => {
            let lines = model.screen().detail(scene);
            if !lines.is_empty() {
                model.overlay = Overlay::Detail { lines, pager: Pager::default() };
            }
        }
        Does::Filter => {
            let input = Input::from(model.screen().pane().filter());
            model.overlay = Overlay::Filter { input };
        }
        Does::Copy => copy(model, scene),
        Does::Palette => model.overlay = Overlay::Palette { input: Input::default(), selected: 0 },
        Does::Help => model.overlay = Overlay::Help { pager: Pager::default() },
        Does::Back => {
            let pane = model.screen().pane();
            if !pane.thaw() {
                pane.set_filter("");
            }
        }
        Does::NextTurn => model.select_next_turn(scene),
        Does::Suspend if *scene.engine == EngineState::Off => model.suspends = true,
        Does::Suspend => {
            let [quit, write] = [Does::Quit, Does::Write].map(|does| keys::key(does, &model.keymap));
            model.say(format!(
                "Not suspended: the engine runs here, and stopped it would hold the Lease and do nothing. Leave with {quit}, or {write} first.",
            ));
        }
        Does::Quit => model.leaving = true,
        Does::Advance | Does::RollBack | Does::RollBackAll | Does::Pause | Does::Write | Does::TakeOver => {}
        Does::Focus
        | Does::Freeze
        | Does::Replies
        | Does::Probes
        | Does::View
        | Does::Sort
        | Does::Turn
        | Does::Columns
        | Does::Export(_) => {
            let reaction = model.screen().act(does, scene);
            return model.react(reaction);
        }
    }
    None
}

/// Opens a dialog. One that refuses is not what the key asked for: what was typed ahead is not meant for it.
fn open(model: &mut Model, dialog: Dialog, now: Instant) {
    if dialog.is_refusal() {
        model.ignore_keys(now);
    }
    model.overlay = Overlay::Dialog(Box::new(dialog));
}

fn copy(model: &mut Model, scene: &Scene<'_>) {
    let row = model.screen().selected(scene);
    let text: Vec<&str> = row.iter().map(|(_, text)| text.as_str()).filter(|t| !t.is_empty()).collect();
    if !text.is_empty() {
        terminal::copy(&text.join("  "));
        model.say("Copied.");
    }
}

fn in_dialog(model: &mut Model, mut dialog: Box<Dialog>, key: KeyEvent) -> Option<Request> {
    match dialog.take(key) {
        Answer::No => return None,
        Answer::Open => {
            model.overlay = Overlay::Dialog(dialog);
            return None;
        }
        Answer::Yes => {}
    }
    match dialog.yes() {
        OnYes::Nothing => {
            model.say("No consent was ticked: nothing is requested.");
            None
        }
        OnYes::Leave => {
            model.leaving = true;
            None
        }
        OnYes::Send(request) => {
            match &request {
                Request::Write(writable) => model.writable = *writable,
                _ => model.busy = true,
            }
            Some(request)
        }
    }
}

fn in_columns(model: &mut Model, selected: usize, key: KeyEvent) {
    let last = model.screen().columns().len().saturating_sub(1);
    let selected = match key.code {
        KeyCode::Char('j') | KeyCode::Down => (selected + 1).min(last),
        KeyCode::Char('k') | KeyCode::Up => selected.saturating_sub(1),
        KeyCode::Char(' ') | KeyCode::Enter => {
            model.screen().toggle_column(selected);
            selected
        }
        _ => return,
    };
    model.overlay = Overlay::Columns { selected };
}

fn in_filter(model: &mut Model, mut input: Input, key: KeyEvent) {
    match key.code {
        KeyCode::Esc => model.screen().pane().set_filter(""),
        KeyCode::Enter => {}
        _ => {
            input.handle_event(&Event::Key(key));
            model.screen().pane().set_filter(input.value());
            model.overlay = Overlay::Filter { input };
        }
    }
}

fn in_palette(
    model: &mut Model,
    scene: &Scene<'_>,
    (mut input, mut selected): (Input, usize),
    key: KeyEvent,
    now: Instant,
) -> Option<Request> {
    let found = |model: &Model, input: &Input| commands::found(model.spec(), &model.keymap, scene, input.value());
    match key.code {
        KeyCode::Esc => return None,
        KeyCode::Enter => {
            match found(model, &input).into_iter().nth(selected) {
                Some(Command::Do(action)) => return run(model, scene, action, now),
                Some(Command::Select(node)) => {
                    model.select(&TurnOf::Node(node), scene);
                }
                None => model.say(format!("Nothing here is called {}.", safe(input.value()))),
            }
            return None;
        }
        KeyCode::Down => selected = (selected + 1).min(found(model, &input).len().saturating_sub(1)),
        KeyCode::Up => selected = selected.saturating_sub(1),
        _ => {
            if input.handle_event(&Event::Key(key)).is_some_and(|changed| changed.value) {
                selected = 0;
            }
        }
    }
    model.overlay = Overlay::Palette { input, selected };
    None
}
