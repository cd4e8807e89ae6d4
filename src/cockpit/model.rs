//! What the cockpit remembers: which screen is shown, what lies over it, what was just said.

use tokio::time::{Duration, Instant};
use tui_input::Input;

use super::{
    dialogs::Dialog,
    keymap::Keymap,
    request::Request,
    scene::{ClusterName, Scene},
    screens::{Follows, Reaction, SCREENS, Screen, Spec, Subject, proof},
    ui::Pager,
};
use crate::domain::{api::Stage, turn::TurnOf};

/// How long keys are ignored after something opened by itself.
const SETTLES: Duration = Duration::from_millis(300);

/// What lies over the screen.
#[derive(Clone, Debug, Default)]
pub(super) enum Overlay {
    #[default]
    None,
    Help {
        pager: Pager,
    },
    Palette {
        input: Input,
        selected: usize,
    },
    Filter {
        input: Input,
    },
    Detail {
        lines: Vec<String>,
        pager: Pager,
    },
    Columns {
        selected: usize,
    },
    Dialog(Box<Dialog>),
}

/// A short message over the footer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Toast {
    pub(super) text: String,
    pub(super) bad: bool,
    pub(super) until: Option<Instant>,
}

/// What the cockpit remembers.
#[expect(clippy::struct_excessive_bools, reason = "independent switches of an operator, not one state in disguise")]
pub struct Model {
    pub(super) cluster: ClusterName,
    /// Changes may be made from here.
    pub(super) writable: bool,
    pub(super) keymap: Keymap,
    /// The screen that is shown, by its place in [`SCREENS`].
    pub(super) shown: usize,
    screens: Vec<Box<dyn Screen>>,
    pub(super) overlay: Overlay,
    pub(super) toast: Option<Toast>,
    /// A request is being carried out.
    pub(super) busy: bool,
    pub(super) leaving: bool,
    /// The operator wants to log in.
    pub(super) logs_in: bool,
    /// The operator wants the terminal back for a while.
    pub(super) suspends: bool,
    /// The last frame had no room for a screen: what cannot be seen is not acted on.
    pub(super) is_too_small: bool,
    /// Keys before this moment were meant for what was there before.
    pub(super) deaf_until: Option<Instant>,
    /// Which of the things that wait for the operator was selected last.
    next_turn: usize,
    was_complete: Option<bool>,
    /// When a clock on the screen shows another second.
    next_second: Option<Instant>,
}

impl Model {
    /// A cockpit that has just been opened.
    pub fn new(cluster: ClusterName, writable: bool) -> Self {
        Self {
            cluster,
            writable,
            keymap: Keymap::default(),
            shown: 0,
            screens: SCREENS.iter().map(|s| (s.new)()).collect(),
            overlay: Overlay::None,
            toast: None,
            busy: false,
            leaving: false,
            logs_in: false,
            suspends: false,
            is_too_small: false,
            deaf_until: None,
            next_turn: 0,
            was_complete: None,
            next_second: None,
        }
    }

    /// The same with other keys than usual.
    #[must_use]
    pub fn with_keys(self, keymap: Keymap) -> Self {
        Self { keymap, ..self }
    }

    pub(super) fn spec(&self) -> &'static Spec {
        SCREENS[self.shown]
    }

    pub(super) fn screen(&mut self) -> &mut dyn Screen {
        &mut *self.screens[self.shown]
    }

    /// What the keys that change something are about.
    pub(super) fn subject(&self, scene: &Scene<'_>) -> Subject {
        self.screens[self.shown].subject(scene)
    }

    pub(super) fn shows_log(&self) -> bool {
        self.spec().follows == Follows::Log
    }

    pub(super) fn shows_flows(&self) -> bool {
        self.spec().follows == Follows::Flows
    }

    /// When something on the screen changes by the clock alone.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let toast = self.toast.as_ref().and_then(|t| t.until).filter(|t| *t > now);
        toast.into_iter().chain(self.next_second).min()
    }

    /// Something came by itself under the operator's hands: keys of the next moment were not meant for it.
    pub(super) fn ignore_keys(&mut self, now: Instant) {
        self.deaf_until = Some(now + SETTLES);
    }

    /// Selects the next thing that waits for the operator, on whichever screen shows it.
    pub(super) fn select_next_turn(&mut self, scene: &Scene<'_>) {
        let turns = scene.turns();
        let Some(turn) = turns.get(self.next_turn % turns.len().max(1)) else {
            return self.say("Nothing waits for you.");
        };
        self.next_turn = (self.next_turn + 1) % turns.len();
        let found = self.select(&turn.object, scene)
            || match (&turn.object, scene.stage()) {
                // what another engine has seen fail is in no table here: its phase asks for the consent
                (TurnOf::Connection(_), Stage::At(phase)) => self.select(&TurnOf::Phase(phase), scene),
                _ => false,
            };
        if !found {
            self.say(format!("{}: {}", turn.object, turn.message));
        }
    }

    /// Selects an object on whichever screen shows it; the one that is shown comes first. False where none does.
    pub(super) fn select(&mut self, object: &TurnOf, scene: &Scene<'_>) -> bool {
        let mut order = std::iter::once(self.shown).chain(0..self.screens.len());
        let found = order.find(|i| self.screens[*i].select(object, scene));
        self.shown = found.unwrap_or(self.shown);
        found.is_some()
    }

    /// A request was carried out, or not.
    pub(super) fn answered(&mut self, answer: Result<String, String>) {
        self.busy = false;
        match answer {
            Ok(text) => self.say(text),
            // an error stays until the next key
            Err(text) => self.toast = Some(Toast { text, bad: true, until: None }),
        }
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        let until = Instant::now() + Duration::from_secs(5);
        self.toast = Some(Toast { text: text.into(), bad: false, until: Some(until) });
    }

    /// Takes over what an action of the screen leads to.
    pub(super) fn react(&mut self, reaction: Reaction) -> Option<Request> {
        match reaction {
            Reaction::Nothing => {}
            Reaction::Say(text) => self.say(text),
            Reaction::Choose => self.overlay = Overlay::Columns { selected: 0 },
            Reaction::Send(request) => {
                self.busy = true;
                return Some(request);
            }
        }
        None
    }

    /// Brings what is shown up to date, and moves to the proof once the migration is complete.
    pub(super) fn refresh(&mut self, scene: &Scene<'_>) {
        if self.toast.as_ref().and_then(|t| t.until).is_some_and(|t| t <= Instant::now()) {
            self.toast = None;
        }
        let complete = scene.stage() == Stage::Complete;
        if self.was_complete == Some(false) && complete {
            self.say("The migration is complete: the proof is on the screen Checks (5).");
            // what the operator is about is not taken away
            if matches!(self.overlay, Overlay::None) {
                self.shown = proof();
                self.ignore_keys(Instant::now());
            }
        }
        self.was_complete = Some(complete);
        // it is there although nothing else changes
        let runs = scene.status().is_some_and(|s| s.started_at.is_some() && s.finished_at.is_none());
        let shows_clock = runs && self.spec().follows == Follows::Facts;
        self.next_second = shows_clock.then(|| Instant::now() + Duration::from_secs(1));
        self.screen().refresh(scene);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        cockpit::Outlook,
        domain::{api::Migration, facts::Facts, lease::EngineState, log::Log},
        hubble::window::Window,
    };

    #[test]
    fn a_clock_on_the_screen_is_drawn_again_after_a_second_and_nothing_else_is() {
        let ticks = |status: serde_json::Value, shown: usize| {
            let spec = json!({ "cilium": { "version": "1.15.19", "chart": "cilium", "podCidr": "10.245.0.0/16" } });
            let migration = json!({ "apiVersion": "cutover.dev/v1alpha1", "kind": "Migration",
                "metadata": { "name": "cutover" }, "spec": spec, "status": status });
            let migration: Migration = serde_json::from_value(migration).expect("a Migration");
            let facts = Facts { migration: Some(migration.clone().into()), ..Facts::default() };
            let mut model = Model::new(ClusterName::default(), false);
            model.shown = shown;
            model.refresh(&Scene {
                facts: &facts,
                revision: 1,
                migration: &migration,
                outlook: &Outlook::default(),
                window: &Window::default(),
                log: &Log::default(),
                engine: &EngineState::Off,
                now: jiff::Timestamp::UNIX_EPOCH,
            });
            model.deadline(Instant::now()).is_some()
        };
        let (began, ended) = ("2026-11-28T01:00:00Z", "2026-11-28T02:00:00Z");
        assert!(ticks(json!({ "startedAt": began }), 0));
        assert!(!ticks(json!({}), 0), "it has not begun");
        assert!(!ticks(json!({ "startedAt": began, "finishedAt": ended }), 0), "it is over");
        assert!(!ticks(json!({ "startedAt": began }), proof() + 1), "the log has no clock");
    }
}
