//! From a key to what changes. Keys that change the cluster open a dialog, and nothing else.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest, backend::crossterm::EventHandler};

use super::{
    actions::{Action, Does},
    dialogs::{self, Dialog, OnYes},
    keys,
    model::{Model, Overlay},
    request::Request,
    scene::Scene,
    ui::{Scroll, terminal},
};
use crate::domain::effect::Risk;

/// Takes a key in; what the operator asks for comes out.
pub(super) fn key(model: &mut Model, scene: &Scene<'_>, key: KeyEvent) -> Option<Request> {
    if model.toast.as_ref().is_some_and(|t| t.bad) {
        model.toast = None;
    }
    // an action is about the rows as they are now
    model.refresh(scene);
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        return act(model, scene, Does::Quit);
    }
    match std::mem::take(&mut model.overlay) {
        Overlay::None => action_of(model, key).and_then(|action| run(model, scene, action)),
        Overlay::Dialog(dialog) => in_dialog(model, dialog, key),
        Overlay::Filter { input } => {
            in_filter(model, input, key);
            None
        }
        Overlay::Palette { input, selected } => in_palette(model, scene, input, selected, key),
        Overlay::Columns { selected } => {
            in_columns(model, selected, key);
            None
        }
        Overlay::Help { scroll } => {
            model.overlay = scrolled(scroll, key).map_or(Overlay::None, |scroll| Overlay::Help { scroll });
            None
        }
        Overlay::Detail { lines, scroll } => {
            model.overlay = scrolled(scroll, key).map_or(Overlay::None, |scroll| Overlay::Detail { lines, scroll });
            None
        }
    }
}

/// Takes pasted text in: a filter or the palette may be pasted, but neither keys nor a confirmation.
pub(super) fn paste(model: &mut Model, text: &str) {
    let type_in = |input: &mut Input| {
        for c in text.chars().filter(|c| !c.is_control()) {
            input.handle(InputRequest::InsertChar(c));
        }
    };
    match &mut model.overlay {
        Overlay::Palette { input, .. } => type_in(input),
        Overlay::Filter { input } => {
            type_in(input);
            let filter = input.value().to_owned();
            model.screen().pane().set_filter(&filter);
        }
        _ => model.say("Pasted text is not taken for keys."),
    }
}

fn action_of(model: &Model, key: KeyEvent) -> Option<Action> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let name = match key.code {
        KeyCode::Char(c) if control => format!("ctrl-{c}"),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Down => "↓".into(),
        KeyCode::Up => "↑".into(),
        KeyCode::Enter => "enter".into(),
        KeyCode::Esc => "esc".into(),
        KeyCode::Tab | KeyCode::BackTab => "tab".into(),
        KeyCode::PageDown => "ctrl-d".into(),
        KeyCode::PageUp => "ctrl-u".into(),
        KeyCode::Home => "g".into(),
        KeyCode::End => "G".into(),
        _ => return None,
    };
    keys::on(model.spec()).find(|a| a.keys.split(' ').any(|k| k == name))
}

fn scrolled(scroll: Scroll, key: KeyEvent) -> Option<Scroll> {
    match key.code {
        KeyCode::Char('j') | KeyCode::Down => Some(scroll.saturating_add(1)),
        KeyCode::Char('k') | KeyCode::Up => Some(scroll.saturating_sub(1)),
        KeyCode::PageDown | KeyCode::Char('d') => Some(scroll.saturating_add(10)),
        KeyCode::PageUp | KeyCode::Char('u') => Some(scroll.saturating_sub(10)),
        KeyCode::Char('g') => Some(0),
        _ => None,
    }
}

/// Runs an action, unless it would change something and this cockpit may not.
fn run(model: &mut Model, scene: &Scene<'_>, action: Action) -> Option<Request> {
    if action.risk > Risk::Read && !model.writable && action.does != Does::Write {
        let why = "This cockpit is read-only. Press w to allow changes, or start Cutover with --write.";
        model.overlay = open(Dialog::refuse("Read-only", why));
        return None;
    }
    act(model, scene, action.does)
}

fn act(model: &mut Model, scene: &Scene<'_>, does: Does) -> Option<Request> {
    match does {
        Does::Advance => {
            model.overlay = open(match model.screen().node() {
                Some(node) => dialogs::advance_node(&model.cluster, scene, &node),
                None => dialogs::advance_phase(&model.cluster, scene),
            });
        }
        Does::RollBack => {
            model.overlay = open(match model.screen().node() {
                Some(node) => dialogs::roll_back_node(&model.cluster, scene, &node),
                None => dialogs::roll_back_phase(&model.cluster, scene),
            });
        }
        Does::RollBackAll => model.overlay = open(dialogs::roll_back_all(&model.cluster, scene)),
        Does::Pause => model.overlay = open(dialogs::pause(&model.cluster, scene)),
        Does::Write => model.overlay = open(dialogs::write(&model.cluster, model.writable)),
        Does::TakeOver => model.overlay = open(dialogs::take_over(&model.cluster, scene)),
        Does::LogIn => model.logs_in = true,
        Does::Show(nth) => model.shown = nth,
        Does::Move(rows) => model.screen().pane().step(rows),
        Does::HalfPage(down) => model.screen().pane().half_page(down),
        Does::End(last) => model.screen().pane().end(last),
        Does::Detail => {
            let lines = model.screen().detail(scene);
            if !lines.is_empty() {
                model.overlay = Overlay::Detail { lines, scroll: 0 };
            }
        }
        Does::Filter => {
            let input = Input::from(model.screen().pane().filter());
            model.overlay = Overlay::Filter { input };
        }
        Does::Copy => copy(model, scene),
        Does::Palette => model.overlay = Overlay::Palette { input: Input::default(), selected: 0 },
        Does::Help => model.overlay = Overlay::Help { scroll: 0 },
        Does::Back => {
            let pane = model.screen().pane();
            if !pane.thaw() {
                pane.set_filter("");
            }
        }
        Does::Quit => match dialogs::quit(scene) {
            Some(dialog) => model.overlay = open(dialog),
            None => model.leaving = true,
        },
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

fn open(dialog: Dialog) -> Overlay {
    Overlay::Dialog(Box::new(dialog))
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
    let scrolls = matches!(key.code, KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown);
    if key.code == KeyCode::Esc || dialog.is_refusal() && !scrolls {
        return None;
    }
    let mut yes = false;
    match key.code {
        KeyCode::Down | KeyCode::Up | KeyCode::PageDown | KeyCode::PageUp => {
            dialog.scroll = scrolled(dialog.scroll, key).unwrap_or(dialog.scroll);
        }
        KeyCode::Tab if dialog.asks_consents() => dialog.tick_needed(),
        KeyCode::Enter if dialog.is_typed() => yes = dialog.is_confirmed(),
        _ if dialog.is_typed() => drop(dialog.input().handle_event(&Event::Key(key))),
        KeyCode::Char('j' | 'k') => dialog.scroll = scrolled(dialog.scroll, key).unwrap_or(dialog.scroll),
        KeyCode::Char('c') if dialog.asks_consents() => dialog.tick_needed(),
        KeyCode::Char(digit @ '1'..='9') => dialog.tick(usize::from(digit as u8 - b'1')),
        KeyCode::Char('y') => yes = true,
        KeyCode::Char('n' | 'q') => return None,
        _ => {}
    }
    if !yes {
        model.overlay = Overlay::Dialog(dialog);
        return None;
    }
    match dialog.yes() {
        OnYes::Nothing => None,
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
    mut input: Input,
    mut selected: usize,
    key: KeyEvent,
) -> Option<Request> {
    let last = |input: &Input| keys::found(model.spec(), input.value()).len().saturating_sub(1);
    match key.code {
        KeyCode::Esc => return None,
        KeyCode::Enter => {
            let chosen = keys::found(model.spec(), input.value()).get(selected).copied();
            return chosen.and_then(|action| run(model, scene, action));
        }
        KeyCode::Down => selected = (selected + 1).min(last(&input)),
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
