//! From a key to what changes. Keys that change the cluster open a dialog, and nothing else.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    Scene, Wish,
    actions::{self, Action, Does, Screen},
    dialog::{self, Dialog},
    flows::Column,
    model::{Focus, Model, Overlay, TableState},
    rows, terminal,
};
use crate::{
    domain::{api::Target, step::Risk},
    hubble::export,
};

/// Takes a key in; what the operator wishes comes out.
pub(super) fn key(model: &mut Model, scene: &Scene<'_>, key: KeyEvent) -> Vec<Wish> {
    if model.toast.as_ref().is_some_and(|t| t.bad) {
        model.toast = None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if control && key.code == KeyCode::Char('c') {
        return act(model, scene, Does::Quit);
    }
    match std::mem::take(&mut model.overlay) {
        Overlay::None => {}
        Overlay::Dialog(dialog) => return in_dialog(model, *dialog, key),
        Overlay::Filter { text } => {
            in_filter(model, text, key);
            return vec![];
        }
        Overlay::Palette { text, selected } => return in_palette(model, scene, text, selected, key),
        Overlay::Columns { selected } => {
            in_columns(model, selected, key);
            return vec![];
        }
        Overlay::Help { scroll } => {
            model.overlay = scrolled(scroll, key).map_or(Overlay::None, |scroll| Overlay::Help { scroll });
            return vec![];
        }
        Overlay::Detail { lines, scroll } => {
            model.overlay = scrolled(scroll, key).map_or(Overlay::None, |scroll| Overlay::Detail { lines, scroll });
            return vec![];
        }
    }
    match action_of(model.screen, key) {
        Some(action) => act(model, scene, action.does),
        None => vec![],
    }
}

fn action_of(screen: Screen, key: KeyEvent) -> Option<&'static Action> {
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
    actions::on(screen).find(|a| a.keys.split(' ').any(|k| k == name))
}

fn scrolled(scroll: u16, key: KeyEvent) -> Option<u16> {
    match key.code {
        KeyCode::Char('j') | KeyCode::Down => Some(scroll.saturating_add(1)),
        KeyCode::Char('k') | KeyCode::Up => Some(scroll.saturating_sub(1)),
        KeyCode::PageDown | KeyCode::Char('d') => Some(scroll.saturating_add(10)),
        KeyCode::PageUp | KeyCode::Char('u') => Some(scroll.saturating_sub(10)),
        KeyCode::Char('g') => Some(0),
        _ => None,
    }
}

fn act(model: &mut Model, scene: &Scene<'_>, does: Does) -> Vec<Wish> {
    let risky = actions::ACTIONS.iter().any(|a| a.does == does && a.risk > Risk::Read);
    if risky && !model.armed && does != Does::Arm {
        model.overlay = open(Dialog::refuse(
            "Read-only",
            "This cockpit only looks. Press w to allow changes, or start Cutover with --write.",
        ));
        return vec![];
    }
    match does {
        Does::Advance | Does::RollBack => {
            let target = if does == Does::Advance { Target::Cilium } else { Target::Flannel };
            model.overlay = open(match (selected_node(model, scene), does) {
                (Some(node), _) => dialog::node(model, scene, &node, target),
                (None, Does::Advance) => dialog::advance_phase(model, scene),
                (None, _) => dialog::roll_back_phase(model, scene),
            });
        }
        Does::RollBackAll => model.overlay = open(dialog::roll_back_all(model, scene)),
        Does::Pause => model.overlay = open(dialog::pause(model, scene)),
        Does::Arm => model.overlay = open(dialog::arm(model)),
        Does::TakeOver => model.overlay = open(dialog::take_over(model, scene)),
        Does::LogIn => model.logs_in = true,
        Does::Show(screen) => {
            model.screen = screen;
            model.focus = Focus::First;
        }
        Does::Move(by) => step(model, scene, by),
        Does::First => step(model, scene, i32::MIN),
        Does::Last => step(model, scene, i32::MAX),
        Does::Focus => model.focus = if model.focus == Focus::First { Focus::Second } else { Focus::First },
        Does::Detail => {
            let lines = rows::detail(model, scene);
            if !lines.is_empty() {
                model.overlay = Overlay::Detail { lines, scroll: 0 };
            }
        }
        Does::Filter => model.overlay = Overlay::Filter { text: model.table(model.active_table()).filter },
        Does::Freeze => freeze(model, scene),
        Does::Replies => model.flows.hide_replies = !model.flows.hide_replies,
        Does::Probes => return vec![Wish::Probes(!scene.window.keep_probes)],
        Does::View => {
            model.frozen.remove("flows");
            model.flows.held.clear();
            model.flows.view = model.flows.view.next();
            *model.table_mut("flows") = TableState { filter: model.table("flows").filter, ..TableState::default() };
        }
        Does::Sort => model.flows.sort_next(),
        Does::Turn => model.flows.sort_turned(),
        Does::Columns => model.overlay = Overlay::Columns { selected: 0 },
        Does::Export(form) => return export(model, scene, form),
        Does::Copy => copy(model, scene),
        Does::Palette => model.overlay = Overlay::Palette { text: String::new(), selected: 0 },
        Does::Help => model.overlay = Overlay::Help { scroll: 0 },
        Does::Back => {
            let table = model.active_table();
            if thaw(model, table).is_none() {
                model.table_mut(table).filter.clear();
            }
        }
        Does::Quit => match dialog::quit(scene) {
            Some(dialog) => model.overlay = open(dialog),
            None => model.leaving = true,
        },
    }
    vec![]
}

fn open(dialog: Dialog) -> Overlay {
    Overlay::Dialog(Box::new(dialog))
}

/// The node that `a` and `r` are about; none on the Overview while the phases have the focus.
fn selected_node(model: &Model, scene: &Scene<'_>) -> Option<String> {
    let table = match (model.screen, model.focus) {
        (Screen::Overview, Focus::Second) | (Screen::Nodes, _) => model.active_table(),
        _ => return None,
    };
    let rows = rows::of(model, scene, table);
    let selected = model.table(table).selected;
    rows.iter().find(|r| Some(&r.key) == selected.as_ref()).or_else(|| rows.first()).map(|r| r.key.clone())
}

fn step(model: &mut Model, scene: &Scene<'_>, by: i32) {
    let table = model.active_table();
    let rows = rows::of(model, scene, table);
    let state = model.table(table);
    let at = rows.iter().position(|r| Some(&r.key) == state.selected.as_ref()).unwrap_or(0);
    let last = rows.len().saturating_sub(1);
    let to = i64::try_from(at).unwrap_or(0).saturating_add(i64::from(by));
    let to = usize::try_from(to.max(0)).unwrap_or(0).min(last);
    model.table_mut(table).selected = rows.get(to).map(|r| r.key.clone());
}

fn freeze(model: &mut Model, scene: &Scene<'_>) {
    let table = model.active_table();
    if thaw(model, table).is_some() {
        return;
    }
    let rows = rows::of(model, scene, table);
    let seen = rows::newer(model, scene, table);
    if table == "flows" {
        let held = rows.iter().filter_map(|r| Some((r.key.parse().ok()?, model.flows.flow(scene, &r.key)?.clone())));
        let held: BTreeMap<u64, _> = held.collect();
        model.flows.held = held;
    }
    model.frozen.insert(table, (rows, seen));
}

fn thaw(model: &mut Model, table: &str) -> Option<()> {
    model.flows.held.clear();
    model.frozen.remove(table).map(|_| ())
}

/// What is shown, as lines of a file.
fn export(model: &mut Model, scene: &Scene<'_>, form: &'static str) -> Vec<Wish> {
    let rows = rows::of(model, scene, "flows");
    let flows = rows.iter().rev().filter_map(|r| model.flows.flow(scene, &r.key));
    let lines: Vec<String> = if form == "csv" {
        std::iter::once(export::csv_head()).chain(flows.map(export::csv)).collect()
    } else {
        flows.filter_map(export::json).collect()
    };
    if lines.len() <= usize::from(form == "csv") {
        model.say("Nothing is shown that could be written.");
        return vec![];
    }
    model.busy = true;
    vec![Wish::Export(form, lines)]
}

fn copy(model: &mut Model, scene: &Scene<'_>) {
    let table = model.active_table();
    let rows = rows::of(model, scene, table);
    let selected = model.table(table).selected;
    let row = rows.iter().find(|r| Some(&r.key) == selected.as_ref()).or_else(|| rows.first());
    let mut row = row.cloned();
    if let Some(row) = &mut row {
        model.flows.fill(scene, row);
        let text: Vec<&str> = row.cells.iter().map(|(c, _)| c.as_str()).filter(|c| !c.is_empty()).collect();
        terminal::copy(&text.join("  "));
        model.say("Copied.");
    }
}

fn in_dialog(model: &mut Model, mut dialog: Dialog, key: KeyEvent) -> Vec<Wish> {
    if key.code == KeyCode::Esc
        || dialog.does == dialog::Does::Nothing && !matches!(key.code, KeyCode::Up | KeyCode::Down)
    {
        return vec![];
    }
    let confirmed = match (&dialog.type_this, key.code) {
        (_, KeyCode::Down) | (None, KeyCode::Char('j')) => {
            dialog.scroll = dialog.scroll.saturating_add(1);
            false
        }
        (_, KeyCode::Up) | (None, KeyCode::Char('k')) => {
            dialog.scroll = dialog.scroll.saturating_sub(1);
            false
        }
        (_, KeyCode::PageDown) => {
            dialog.scroll = dialog.scroll.saturating_add(10);
            false
        }
        (_, KeyCode::PageUp) => {
            dialog.scroll = dialog.scroll.saturating_sub(10);
            false
        }
        (_, KeyCode::Tab) | (None, KeyCode::Char('c')) if !dialog.consents.is_empty() => {
            dialog.tick_needed();
            false
        }
        (None, KeyCode::Char(digit @ '1'..='9')) if !dialog.consents.is_empty() => {
            dialog.tick(usize::try_from(u32::from(digit) - u32::from('1')).unwrap_or(0));
            false
        }
        (Some(wanted), KeyCode::Enter) => *wanted == dialog.typed,
        (Some(_), KeyCode::Char(c)) => {
            dialog.typed.push(c);
            false
        }
        (Some(_), KeyCode::Backspace) => {
            dialog.typed.pop();
            false
        }
        (None, KeyCode::Char('y')) => true,
        (None, KeyCode::Char('n' | 'q')) => return vec![],
        _ => false,
    };
    if !confirmed {
        model.overlay = open(dialog);
        return vec![];
    }
    match dialog.does {
        dialog::Does::Change => {
            model.busy = true;
            vec![Wish::Change(dialog.changes())]
        }
        dialog::Does::Arm | dialog::Does::Disarm => {
            model.armed = dialog.does == dialog::Does::Arm;
            vec![Wish::Arm(model.armed)]
        }
        dialog::Does::TakeOver => vec![Wish::TakeOver],
        dialog::Does::Quit => {
            model.leaving = true;
            vec![]
        }
        dialog::Does::Nothing => vec![],
    }
}

fn in_columns(model: &mut Model, selected: usize, key: KeyEvent) {
    let last = Column::ALL.len() - 1;
    let selected = match key.code {
        KeyCode::Char('j') | KeyCode::Down => (selected + 1).min(last),
        KeyCode::Char('k') | KeyCode::Up => selected.saturating_sub(1),
        KeyCode::Char(' ') | KeyCode::Enter => {
            model.flows.toggle(Column::ALL[selected]);
            selected
        }
        _ => return,
    };
    model.overlay = Overlay::Columns { selected };
}

fn in_filter(model: &mut Model, mut text: String, key: KeyEvent) {
    let table = model.active_table();
    match key.code {
        KeyCode::Esc => {
            model.table_mut(table).filter.clear();
            return;
        }
        KeyCode::Enter => return,
        KeyCode::Backspace => drop(text.pop()),
        KeyCode::Char(c) => text.push(c),
        _ => {}
    }
    model.table_mut(table).filter.clone_from(&text);
    model.overlay = Overlay::Filter { text };
}

/// The actions that a palette's text finds.
pub(super) fn found(screen: Screen, text: &str) -> Vec<&'static Action> {
    let text = text.to_lowercase();
    actions::on(screen)
        .filter(|a| !matches!(a.does, Does::Move(_) | Does::Palette))
        .filter(|a| a.help.to_lowercase().contains(&text) || a.label.contains(&text))
        .collect()
}

fn in_palette(model: &mut Model, scene: &Scene<'_>, mut text: String, mut selected: usize, key: KeyEvent) -> Vec<Wish> {
    match key.code {
        KeyCode::Esc => return vec![],
        KeyCode::Enter => {
            return found(model.screen, &text).get(selected).map(|a| act(model, scene, a.does)).unwrap_or_default();
        }
        KeyCode::Down => selected += 1,
        KeyCode::Up => selected = selected.saturating_sub(1),
        KeyCode::Backspace => {
            text.pop();
            selected = 0;
        }
        KeyCode::Char(c) => {
            text.push(c);
            selected = 0;
        }
        _ => {}
    }
    selected = selected.min(found(model.screen, &text).len().saturating_sub(1));
    model.overlay = Overlay::Palette { text, selected };
    vec![]
}
