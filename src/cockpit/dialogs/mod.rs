//! Dialogs: what exactly will happen, before it does. Each is a file; what they share is here.

mod consents;
mod node;
mod pause;
mod phase;
mod quit;
mod roll_back;
mod take_over;
mod write;

use tui_input::Input;

pub(super) use consents::Asked;
pub(super) use node::{advance as advance_node, roll_back as roll_back_node};
pub(super) use pause::pause;
pub(super) use phase::advance as advance_phase;
pub(super) use quit::quit;
pub(super) use roll_back::{everything as roll_back_all, phase as roll_back_phase};
pub(super) use take_over::take_over;
pub(super) use write::write;

use super::{
    request::Request,
    scene::{ClusterName, Scene},
    ui::{Canvas, Scroll, Tone, pane},
};
use crate::domain::{
    api::Consent,
    intent::Intent,
    plan::Planned,
    text::{count, safe},
};

/// A question with everything that follows from a yes.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    title: String,
    lines: Vec<String>,
    /// Consents that nodes need, and those that override what blocks: given only when they are ticked.
    consents: Vec<Asked>,
    /// What has to be typed; nothing where a key is enough.
    type_this: Option<String>,
    typed: Input,
    pub(super) scroll: Scroll,
    on_yes: OnYes,
}

/// What a yes leads to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum OnYes {
    Send(Request),
    Leave,
    /// There is nothing to say yes to.
    Nothing,
}

impl Dialog {
    fn new(title: impl Into<String>, lines: Vec<String>, on_yes: OnYes) -> Self {
        let typed = Input::default();
        Self { title: title.into(), lines, consents: vec![], type_this: None, typed, scroll: 0, on_yes }
    }

    /// A question about changes of `spec`.
    fn change(title: impl Into<String>, lines: Vec<String>, intents: Vec<Intent>) -> Self {
        Self::new(title, lines, OnYes::Send(Request::Change(intents)))
    }

    /// Says what cannot be done now, and why.
    pub(super) fn refuse(title: &str, why: impl Into<String>) -> Self {
        Self::new(title, vec![why.into()], OnYes::Nothing)
    }

    /// It only says something: any key closes it.
    pub(super) fn is_refusal(&self) -> bool {
        self.on_yes == OnYes::Nothing
    }

    /// What has to be typed.
    pub(super) const fn is_typed(&self) -> bool {
        self.type_this.is_some()
    }

    /// What is typed into.
    pub(super) const fn input(&mut self) -> &mut Input {
        &mut self.typed
    }

    /// What had to be typed was typed.
    pub(super) fn is_confirmed(&self) -> bool {
        self.type_this.as_deref() == Some(self.typed.value())
    }

    /// Ticks every consent that is needed, or none of them.
    pub(super) fn tick_needed(&mut self) {
        let all = self.consents.iter().all(|a| a.ticked || !a.is_needed());
        self.consents.iter_mut().filter(|a| a.is_needed()).for_each(|a| a.ticked = !all);
    }

    /// Ticks the nth consent.
    pub(super) fn tick(&mut self, nth: usize) {
        if let Some(asked) = self.consents.get_mut(nth) {
            asked.ticked = !asked.ticked;
        }
    }

    pub(super) const fn asks_consents(&self) -> bool {
        !self.consents.is_empty()
    }

    /// What follows from a yes: consents that were ticked go before the change that needs them.
    pub(super) fn yes(self) -> OnYes {
        let ticked: Vec<Consent> = self.consents.into_iter().filter(|a| a.ticked).map(|a| a.consent).collect();
        match self.on_yes {
            OnYes::Send(Request::Change(intents)) if !ticked.is_empty() => {
                OnYes::Send(Request::Change(std::iter::once(Intent::Consent(ticked)).chain(intents).collect()))
            }
            on_yes => on_yes,
        }
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>) {
        let mut fixed = consents::choices(&self.consents, self.type_this.is_some());
        match (&self.type_this, &self.on_yes) {
            (_, OnYes::Nothing) => fixed.push(("any key closes this".into(), Tone::Dim)),
            (Some(what), _) => fixed.push((format!("type {what} and press enter:"), Tone::Bad)),
            (None, _) => fixed.push(("y yes    n, esc no    ↑↓ scroll".into(), Tone::Accent)),
        }
        let input = self.type_this.as_ref().map(|_| &self.typed);
        pane(canvas, &self.title, &self.lines, &mut self.scroll, &fixed, input);
    }
}

/// Which cluster a dialog is about: its first line.
fn cluster(name: &ClusterName) -> String {
    let production = if name.production { "  PRODUCTION" } else { "" };
    format!("cluster   {} at {}{production}", name.context, name.server)
}

/// What will be changed, as a preview says it.
fn preview(plan: &[Planned]) -> Vec<String> {
    if plan.is_empty() {
        return vec![];
    }
    let mut lines = vec![String::new(), format!("{}, and what you would type instead:", count(plan.len(), "change"))];
    for p in plan {
        let step = p.step.map(|s| format!("{s:<9}")).unwrap_or_default();
        let only_if = p.only_if.map(|c| format!(" (only if {c})")).unwrap_or_default();
        lines.push(format!("  {step}{} {}{only_if}", p.object, p.effect));
        lines.extend(p.kubectl.iter().map(|k| format!("      $ {}", safe(k))));
    }
    lines
}

/// The requests that a yes sends.
fn requests(scene: &Scene<'_>, intents: &[Intent]) -> Vec<String> {
    let what = if intents.len() == 1 { "This sends one request:" } else { "This sends these requests:" };
    let mut lines = vec![String::new(), what.to_owned()];
    lines.extend(intents.iter().map(|i| format!("  $ {}", i.kubectl(scene.migration))));
    lines
}
