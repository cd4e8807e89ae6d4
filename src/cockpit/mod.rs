//! The cockpit: a model, keys that change it, and a view that draws it. It knows no client: facts,
//! flows and the log are shared with it, wishes go out by a channel.

pub mod actions;
mod dialog;
mod flows;
mod input;
mod model;
mod rows;
pub mod screenshot;
mod summary;
mod terminal;
mod theme;
mod view;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use crossterm::event::{Event, EventStream, KeyCode, KeyEvent};
use futures::StreamExt;
use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use crate::{
    domain::{
        api::{Finding, Migration},
        checks,
        decide::{Decision, decide},
        facts::Facts,
        intent::Intent,
        log::Entry,
        rolling::View,
    },
    hubble::window::Window,
};

pub use model::{ClusterName, Model};
pub use summary::summary;
pub use theme::Theme;

/// The shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(33);

/// What the operator wishes; the program around the cockpit carries it out.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// May change the cluster from now on, or no longer.
    Arm(bool),
    /// Change `spec`, in this order. The Migration is created if there is none.
    Change(Vec<Intent>),
    /// Take the lock from whoever has it.
    TakeOver,
    /// Ask the operator for credentials, on the bare terminal.
    LogIn,
    /// Keep Cilium's own probes like other flows, or no longer.
    Probes(bool),
    /// Write these lines to a file whose name ends like this.
    Export(&'static str, Vec<String>),
}

/// Who runs the engine, as the header says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EngineState {
    /// Not here: nothing is changed from this cockpit.
    #[default]
    Off,
    /// Here.
    Here,
    /// Elsewhere: by whom.
    Elsewhere(String),
    /// Here, as soon as whoever had the lock has to have noticed that it was taken.
    TakingOver,
    /// The API server does not accept the credentials any more.
    Unauthorized(String),
    /// The lock could not be had; why.
    LeaseUnknown(String),
}

/// Everything that comes in, and the way out.
pub struct Feed {
    /// The facts.
    pub facts: Arc<RwLock<Facts>>,
    /// Told when they change.
    pub facts_changed: watch::Receiver<u64>,
    /// The flows.
    pub window: Arc<RwLock<Window>>,
    /// Told when they change.
    pub flows_changed: watch::Receiver<u64>,
    /// The log.
    pub log: Arc<Mutex<VecDeque<Entry>>>,
    /// Told when it changes.
    pub log_changed: watch::Receiver<u64>,
    /// Who runs the engine.
    pub engine: watch::Receiver<EngineState>,
    /// The Migration that the first wish would create.
    pub proposed: Migration,
    /// Wishes go out here.
    pub wishes: mpsc::Sender<Wish>,
    /// What became of them.
    pub answers: mpsc::Receiver<Result<String, String>>,
}

/// Presses one key, as tests and pictures do; a line break is enter.
pub fn press(model: &mut Model, scene: &Scene<'_>, key: char) -> Vec<Wish> {
    let code = if key == '\n' { KeyCode::Enter } else { KeyCode::Char(key) };
    input::key(model, scene, KeyEvent::from(code))
}

/// What a frame is drawn from.
pub struct Scene<'a> {
    /// What is known.
    pub facts: &'a Facts,
    /// The Migration that there is, or the one that would be created.
    pub migration: &'a Migration,
    /// What preflight finds while there is no Migration.
    pub preflight: &'a [Finding],
    /// What would be decided from it now: who waits for whom.
    pub decision: Option<&'a Decision>,
    /// The flows.
    pub window: &'a Window,
    /// The log.
    pub log: &'a VecDeque<Entry>,
    /// Who runs the engine.
    pub engine: &'a EngineState,
    /// The time.
    pub now: Timestamp,
}

/// Runs the cockpit until the operator leaves it.
///
/// # Errors
/// When the terminal cannot be used.
pub async fn run(mut feed: Feed, mut model: Model, theme: Theme) -> std::io::Result<Model> {
    let mut terminal = terminal::Guard::enter()?;
    let mut events = EventStream::new();
    let mut signals = terminal::Signals::new()?;
    let (mut dirty, mut urgent) = (true, true);
    let mut next_frame = Instant::now();
    let mut decision = Remembered::default();
    loop {
        if dirty && (urgent || Instant::now() >= next_frame) {
            feed.draw(&mut terminal, &mut model, theme, &mut decision)?;
            next_frame = Instant::now() + FRAME;
            (dirty, urgent) = (false, false);
        }
        let deadline = model.deadline(Instant::now());
        tokio::select! {
            biased;
            () = signals.asked_to_end() => break,
            event = events.next() => match event {
                Some(Ok(event)) => {
                    if feed.react(&event, &mut model, &mut decision) {
                        (dirty, urgent) = (true, true);
                    }
                }
                Some(Err(_)) | None => break,
            },
            Some(answer) = feed.answers.recv() => {
                model.answered(answer);
                (dirty, urgent) = (true, true);
            }
            Ok(()) = feed.facts_changed.changed() => dirty = true,
            Ok(()) = feed.engine.changed() => dirty = true,
            // what no visible screen shows needs no frame
            Ok(()) = feed.log_changed.changed() => dirty |= model.shows_log(),
            Ok(()) = feed.flows_changed.changed() => dirty |= model.shows_flows(),
            () = sleep_until(next_frame), if dirty => {}
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => dirty = true,
        }
        if model.leaves() {
            break;
        }
        if std::mem::take(&mut model.logs_in) {
            // the plugin may ask and print as it likes: nothing of ours is on the terminal meanwhile
            drop(events);
            drop(terminal);
            let said = feed.log_in().await;
            terminal = terminal::Guard::enter()?;
            events = EventStream::new();
            model.answered(said);
            (dirty, urgent) = (true, true);
        }
    }
    drop(terminal);
    Ok(model)
}

/// The last decision, and the state of the facts that it was made of.
#[derive(Default)]
struct Remembered {
    revision: Option<u64>,
    at: Option<Timestamp>,
    decision: Option<Decision>,
    preflight: Vec<Finding>,
}

impl Remembered {
    /// Decides anew when the facts have changed, or a second has passed.
    fn refresh(&mut self, facts: &Facts, proposed: &Migration, revision: u64, now: Timestamp) {
        if self.revision == Some(revision) && self.at.is_some_and(|at| now.duration_since(at).as_secs() < 1) {
            return;
        }
        let preflight = match &facts.migration {
            Some(_) => vec![],
            // what has not been listed yet would look as if it were not there
            None if !facts.is_known() => vec![],
            None => checks::preflight(&View::read_only(facts, proposed, now)),
        };
        let decision = facts.migration.as_ref().map(|m| decide(View::read_only(facts, m, now)));
        *self = Self { revision: Some(revision), at: Some(now), decision, preflight };
    }
}

impl Feed {
    async fn log_in(&mut self) -> Result<String, String> {
        let gone = || Err("nobody carries it out".to_owned());
        if self.wishes.send(Wish::LogIn).await.is_err() {
            return gone();
        }
        self.answers.recv().await.unwrap_or_else(gone)
    }

    /// Everything as it is now, held still while `look` looks at it.
    fn with_scene<T>(&self, last: &mut Remembered, look: impl FnOnce(&Scene<'_>) -> T) -> T {
        let facts = self.facts.read().unwrap_or_else(PoisonError::into_inner);
        let window = self.window.read().unwrap_or_else(PoisonError::into_inner);
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let (engine, now) = (self.engine.borrow().clone(), Timestamp::now());
        last.refresh(&facts, &self.proposed, *self.facts_changed.borrow(), now);
        look(&Scene {
            facts: &facts,
            migration: facts.migration.as_deref().unwrap_or(&self.proposed),
            preflight: &last.preflight,
            decision: last.decision.as_ref(),
            window: &window,
            log: &log,
            engine: &engine,
            now,
        })
    }

    fn draw(
        &self,
        terminal: &mut terminal::Guard,
        model: &mut Model,
        theme: Theme,
        last: &mut Remembered,
    ) -> std::io::Result<()> {
        self.with_scene(last, |scene| {
            model.look_at(scene);
            terminal.draw(|frame| view::draw(frame, model, scene, theme))
        })
    }

    /// Takes a key in. True when there is something new to draw.
    fn react(&self, event: &Event, model: &mut Model, last: &mut Remembered) -> bool {
        match event {
            Event::Key(key) if key.is_press() => {
                for wish in self.with_scene(last, |scene| input::key(model, scene, *key)) {
                    // a full channel means that the last wishes are still being carried out
                    if self.wishes.try_send(wish).is_err() {
                        model.answered(Err("the last wish is still being carried out".into()));
                    }
                }
                true
            }
            Event::Resize(..) => true,
            _ => false,
        }
    }
}
