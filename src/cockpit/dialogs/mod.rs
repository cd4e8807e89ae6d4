//! Dialogs: what exactly will happen, before it does. Each is a file; what they share is here.

mod consents;
mod give;
mod node;
mod pause;
mod phase;
mod quit;
mod roll_back;
mod take_over;
mod write;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, backend::crossterm::EventHandler};

pub(super) use consents::Asked;
pub(super) use pause::pause;
pub(super) use quit::quit;
pub(super) use roll_back::everything as roll_back_all;
pub(super) use take_over::take_over;
pub(super) use write::write;

use super::{
    request::Request,
    scene::{ClusterName, Scene},
    screens::Subject,
    ui::{Canvas, Pager, Tone, pane},
};
use crate::domain::{
    api::Consent,
    effect::Risk,
    intent::Intent,
    plan::Planned,
    text::{count, safe},
    totals::Totals,
};

/// `a`: what is selected goes on.
pub(super) fn advance(name: &ClusterName, scene: &Scene<'_>, subject: &Subject) -> Dialog {
    match subject {
        Subject::Phase(phase) => phase::advance(name, scene, *phase),
        Subject::Node(node) => node::advance(name, scene, node),
        Subject::Connection(edge) => give::connection(name, scene, edge),
        Subject::Nothing(why) => Dialog::refuse("Nothing is selected", *why),
    }
}

/// `r`: what is selected is rolled back.
pub(super) fn roll_back(name: &ClusterName, scene: &Scene<'_>, subject: &Subject) -> Dialog {
    match subject {
        Subject::Phase(phase) => roll_back::phase(name, scene, *phase),
        Subject::Node(node) => node::roll_back(name, scene, node),
        Subject::Connection(_) => {
            Dialog::refuse("Nothing to roll back", "A connection is selected. Select a node (2).")
        }
        Subject::Nothing(why) => Dialog::refuse("Nothing is selected", *why),
    }
}

/// What `a` and `r` would do now, in a few words. Cheap: it is asked for every frame.
pub(super) fn offers(scene: &Scene<'_>, subject: &Subject) -> (Option<String>, Option<String>) {
    match subject {
        Subject::Phase(phase) => (phase::offer(scene, *phase), roll_back::offer(scene, *phase)),
        Subject::Node(node) => node::offers(scene, node),
        Subject::Connection(_) => (Some("accept".into()), None),
        Subject::Nothing(_) => (None, None),
    }
}

/// A question with everything that follows from a yes.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    title: String,
    lines: Vec<String>,
    /// Consents that nodes need, and those that override what blocks: given only when they are ticked.
    consents: Vec<Asked>,
    /// The consent that the keys are about; nothing while they are about the dialog as a whole.
    at: Option<usize>,
    /// What has to be typed; nothing where a key is enough.
    type_this: Option<String>,
    typed: Input,
    /// What was typed and entered is something else.
    is_wrong: bool,
    pager: Pager,
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

/// What a key in a dialog comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Open,
    No,
    Yes,
}

impl Dialog {
    fn new(title: impl Into<String>, lines: Vec<String>, on_yes: OnYes) -> Self {
        let (typed, pager) = (Input::default(), Pager::default());
        let title = title.into();
        Self { title, lines, consents: vec![], at: None, type_this: None, typed, is_wrong: false, pager, on_yes }
    }

    /// A question about changes of `spec`.
    fn change(title: impl Into<String>, lines: Vec<String>, intents: Vec<Intent>) -> Self {
        Self::new(title, lines, OnYes::Send(Request::Change(intents)))
    }

    /// Says what cannot be done now, and why.
    pub(super) fn refuse(title: &str, why: impl Into<String>) -> Self {
        Self::new(title, vec![why.into()], OnYes::Nothing)
    }

    /// The same, asking for these consents.
    fn asking(self, consents: Vec<Asked>) -> Self {
        Self { consents, ..self }
    }

    /// The same, confirmed as what it does deserves: no single letter restarts a pod or reboots a node.
    fn confirmed_for(self, name: &ClusterName, plan: &[Planned]) -> Self {
        let type_this = match plan.iter().map(|p| p.risk).max() {
            Some(Risk::Destructive) => Some(name.context.clone()),
            Some(Risk::Reboot) => Some("reboot".into()),
            Some(Risk::Disruptive) => Some("restart".into()),
            _ => None,
        };
        Self { type_this, ..self }
    }

    /// The same, confirmed by typing this whatever it does.
    fn confirmed_by(self, word: &str) -> Self {
        Self { type_this: Some(word.to_owned()), ..self }
    }

    /// The same; where the context asks for it, its name confirms every change but a pause, which has to be quick.
    pub(super) fn guarded(self, name: &ClusterName) -> Self {
        let changes = match &self.on_yes {
            OnYes::Send(Request::Change(intents)) => intents.iter().any(|i| *i != Intent::Pause(true)),
            OnYes::Send(Request::TakeOver) => true,
            _ => false,
        };
        if changes && name.confirms_by_name { self.confirmed_by(&name.context) } else { self }
    }

    /// It only says something.
    pub(super) fn is_refusal(&self) -> bool {
        self.on_yes == OnYes::Nothing
    }

    /// What is typed into, while the keys are a text.
    pub(super) fn input(&mut self) -> Option<&mut Input> {
        let is_text = self.type_this.is_some() && self.at.is_none() && !self.pager.is_typed_into();
        is_text.then_some(&mut self.typed)
    }

    /// Takes a key.
    pub(super) fn take(&mut self, key: KeyEvent) -> Answer {
        let last = self.consents.len().saturating_sub(1);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_chord = key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match key.code {
            _ if self.pager.is_typed_into() => self.page(key),
            KeyCode::Esc => return Answer::No,
            KeyCode::Enter if self.is_refusal() => return Answer::No,
            KeyCode::Tab | KeyCode::BackTab if !self.consents.is_empty() => {
                self.at = if self.at.is_none() { Some(0) } else { None };
            }
            KeyCode::Enter if self.input().is_some() => {
                if self.type_this.as_deref() == Some(self.typed.value()) {
                    return Answer::Yes;
                }
                self.is_wrong = true;
            }
            KeyCode::Char('f') if control => self.page(key),
            // an answer is a key alone: one that is held down with ctrl may have opened this
            KeyCode::Char('y' | 'n' | 'q' | 'c' | '1'..='9') if is_chord && self.input().is_none() => {}
            KeyCode::Down | KeyCode::Up | KeyCode::PageDown | KeyCode::PageUp if self.at.is_none() => {
                self.page(key);
            }
            // in what was typed they move the cursor
            KeyCode::Home | KeyCode::End if self.at.is_none() && self.typed.value().is_empty() => {
                self.page(key);
            }
            _ if self.is_refusal() => self.page(key),
            _ if self.input().is_some() => {
                self.typed.handle_event(&Event::Key(key));
                self.is_wrong = false;
            }
            KeyCode::Home | KeyCode::Char('g') if self.at.is_some() => self.at = Some(0),
            KeyCode::End | KeyCode::Char('G') if self.at.is_some() => self.at = Some(last),
            KeyCode::Down | KeyCode::Char('j') if self.at.is_some() => self.at = self.at.map(|at| (at + 1).min(last)),
            KeyCode::Up | KeyCode::Char('k') if self.at.is_some() => self.at = self.at.map(|at| at.saturating_sub(1)),
            KeyCode::Char(' ') | KeyCode::Enter => self.at.into_iter().for_each(|at| self.tick(at)),
            KeyCode::Char('c') => self.tick_needed(),
            KeyCode::Char(digit @ '1'..='9') => self.tick(usize::from(digit as u8 - b'1')),
            KeyCode::Char('y') if self.type_this.is_none() => return Answer::Yes,
            KeyCode::Char('n' | 'q') if self.type_this.is_none() => return Answer::No,
            _ => self.page(key),
        }
        Answer::Open
    }

    /// Scrolls, whatever else the keys are about.
    pub(super) fn page(&mut self, key: KeyEvent) {
        self.pager.take(key);
    }

    /// Ticks every consent that is needed, or none of them.
    fn tick_needed(&mut self) {
        let all = self.consents.iter().all(|a| a.ticked || !a.is_needed());
        self.consents.iter_mut().filter(|a| a.is_needed()).for_each(|a| a.ticked = !all);
    }

    fn tick(&mut self, nth: usize) {
        if let Some(asked) = self.consents.get_mut(nth) {
            asked.ticked = !asked.ticked;
        }
    }

    /// What follows from a yes: consents that were ticked go before the change that needs them.
    pub(super) fn yes(self) -> OnYes {
        let ticked: Vec<Consent> = self.consents.into_iter().filter(|a| a.ticked).map(|a| a.consent).collect();
        match self.on_yes {
            OnYes::Send(Request::Change(mut intents)) => {
                if !ticked.is_empty() {
                    intents.insert(0, Intent::Consent(ticked));
                }
                if intents.is_empty() { OnYes::Nothing } else { OnYes::Send(Request::Change(intents)) }
            }
            on_yes => on_yes,
        }
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>) {
        let by_digits = self.at.is_some() || self.type_this.is_none();
        let mut fixed = consents::choices(&self.consents, self.at, by_digits);
        match (&self.type_this, &self.on_yes) {
            (_, OnYes::Nothing) => fixed.push(("enter, esc close this".into(), Tone::Dim)),
            (Some(what), _) => {
                if self.is_wrong {
                    let typed = self.typed.value();
                    fixed.push((format!("{typed:?} is not {what}: nothing is requested."), Tone::Warn));
                }
                fixed.push((format!("type {what} and press enter (esc: no):"), Tone::Bad));
            }
            (None, _) => fixed.push(("y yes    n, esc no".into(), Tone::Accent)),
        }
        let input = self.type_this.as_ref().map(|_| &self.typed);
        pane(canvas, &self.title, &self.lines, &mut self.pager, &fixed, input);
    }
}

/// Which cluster a dialog is about: its first line.
fn cluster(name: &ClusterName) -> String {
    let production = if name.production { "  PRODUCTION" } else { "" };
    format!("cluster   {} at {}{production}", name.context, name.server)
}

/// What will hurt, before anything else: nodes that reboot, pods that are evicted, what is hard to undo.
fn hurts(scene: &Scene<'_>, plan: &[Planned]) -> Vec<String> {
    let totals = Totals::of(&scene.view(), plan);
    let mut lines = Vec::new();
    if totals.reboots > 0 {
        let masters = totals.control_plane_reboots;
        let which = if masters > 0 { format!(", {masters} of the control plane") } else { String::new() };
        let most = scene.migration.spec.nodes.max_unavailable;
        let at_once = if totals.reboots > 1 { format!(" (maxUnavailable {most})") } else { String::new() };
        lines.push(format!("REBOOTS   {}{which}{at_once}", count(totals.reboots, "node")));
    }
    for (label, many) in [("EVICTS", totals.evictions), ("DELETES", totals.deletions)] {
        if many > 0 {
            lines.push(format!("{label:<9} {}, of those that are there now", count(many, "pod")));
        }
    }
    if totals.hard_to_undo > 0 {
        lines.push(format!("LASTING   {}, {}", count(totals.hard_to_undo, "change"), Risk::Destructive.word()));
    }
    lines
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::strategy::PhaseId;

    #[test]
    fn a_context_that_asks_for_its_name_gets_it_for_every_change_but_a_pause() {
        let asks = |confirms_by_name, on_yes: OnYes| {
            let (context, server) = ("prod".to_owned(), String::new());
            let name = ClusterName { context, server, production: false, confirms_by_name };
            Dialog::new("Really?", vec![], on_yes).guarded(&name).type_this
        };
        let change = |intent| OnYes::Send(Request::Change(vec![intent]));
        let approve = || change(Intent::Approve(PhaseId::default()));
        let name = Some("prod".to_owned());
        assert_eq!((asks(true, approve()), asks(false, approve())), (name.clone(), None));
        assert_eq!(asks(true, OnYes::Send(Request::TakeOver)), name);
        assert_eq!(asks(true, change(Intent::Pause(false))), name);
        for harmless in [change(Intent::Pause(true)), OnYes::Leave, OnYes::Nothing, OnYes::Send(Request::Write(false))]
        {
            assert_eq!(asks(true, harmless), None);
        }
    }
}
