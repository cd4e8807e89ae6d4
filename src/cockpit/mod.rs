//! The cockpit: a model, keys that change it, and a view that draws it. It knows no client: facts, flows and the
//! log are shared with it, requests go out through a channel.
//!
//! Its rooms, of which each uses only those before it:
//!
//! ```text
//! ui         tables, panes, lines, the terminal: how anything is drawn
//! actions    what keys can do        keymap    which keys do it
//! request    what is asked for
//! outlook    what is worked out beside the screen
//! scene      what a frame is drawn from
//! screens    one file a screen       dialogs   one file a dialog
//! model      what is remembered
//! keys, commands, view, typing, input
//! ```

mod actions;
mod commands;
mod components;
mod dialogs;
mod events;
mod input;
mod keymap;
mod keys;
mod model;
mod outlook;
mod request;
mod scene;
mod screens;
pub mod screenshot;
mod summary;
mod typing;
mod ui;
mod view;

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, interval, sleep_until},
};

use crate::{
    domain::{api::Migration, facts::Facts, lease::EngineState, log::Log},
    hubble::window::Window,
};
use events::Events;
use typing::Typing;
use ui::{
    Canvas,
    terminal::{self, Asked},
};

pub use keymap::Keymap;
pub use keys::{actions, key_table, remapped, titles};
pub use model::Model;
pub use outlook::Outlook;
pub use request::{Request, words};
pub use scene::{ClusterName, Scene};
pub use summary::summary;
pub use ui::{Colours, Theme};

/// How often it is seen whether the terminal is still there.
const GLANCE: Duration = Duration::from_secs(2);
/// The shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(33);

/// Everything that comes in, and the way out.
pub struct Feed {
    /// The facts.
    pub facts: Arc<RwLock<Facts>>,
    /// Changes when they do.
    pub facts_changed: watch::Receiver<u64>,
    /// The flows.
    pub window: Arc<RwLock<Window>>,
    /// Changes when they do.
    pub flows_changed: watch::Receiver<u64>,
    /// The log.
    pub log: Arc<Mutex<Log>>,
    /// Changes when it does.
    pub log_changed: watch::Receiver<u64>,
    /// What the engine of this cockpit does.
    pub engine: watch::Receiver<EngineState>,
    /// The Migration that the first request would create.
    pub proposed: Migration,
    /// Requests go out here.
    pub requests: mpsc::Sender<Request>,
    /// What became of them.
    pub answers: mpsc::Receiver<Result<String, String>>,
}

/// Presses one key, as tests and pictures do; a line break is enter, a tab itself, and another
/// control character its letter with ctrl.
pub fn press(model: &mut Model, scene: &Scene<'_>, key: char, now: Instant) -> Option<Request> {
    let key = match key {
        '\n' => KeyEvent::from(KeyCode::Enter),
        '\t' => KeyEvent::from(KeyCode::Tab),
        c @ '\x01'..='\x1a' => KeyEvent::new(KeyCode::Char((c as u8 + b'`').into()), KeyModifiers::CONTROL),
        '\x1b' => KeyEvent::from(KeyCode::Esc),
        c => KeyEvent::from(KeyCode::Char(c)),
    };
    input::key(model, scene, key, now)
}

/// Pastes a text, as a terminal with bracketed paste does.
pub fn paste(model: &mut Model, text: &str) {
    input::paste(model, text);
}

/// Takes what the mouse does.
pub fn mouse(model: &mut Model, scene: &Scene<'_>, event: MouseEvent) {
    input::mouse(model, scene, event);
}

/// What is asked of the terminal beside its screen.
#[derive(Clone, Copy, Debug)]
pub struct Extras {
    /// Ring when something begins to wait for the operator.
    pub bell: bool,
    /// Take the mouse: the terminal's own selection needs shift then.
    pub mouse: bool,
}

/// Runs the cockpit until the operator leaves it.
///
/// # Errors
/// When the terminal cannot be used from the start; one that is lost later ends the cockpit.
pub async fn run(mut feed: Feed, model: Model, theme: Theme, extras: Extras) -> std::io::Result<()> {
    let outlooks = watch::Sender::new(Arc::default());
    let mut outlook = outlooks.subscribe();
    let keeper = outlook::keep(Arc::clone(&feed.facts), feed.facts_changed.clone(), feed.proposed.clone(), outlooks);
    tokio::select! {
        result = feed.show(model, theme, extras, &mut outlook) => result,
        () = keeper => Err(std::io::Error::other("the facts ended before the cockpit")),
    }
}

impl Feed {
    async fn show(
        &mut self,
        mut model: Model,
        theme: Theme,
        Extras { bell, mouse }: Extras,
        outlook: &mut watch::Receiver<Arc<Outlook>>,
    ) -> std::io::Result<()> {
        let mut terminal = terminal::Guard::enter(mouse)?;
        let mut events = Events::new();
        let mut signals = terminal::Signals::new()?;
        let (mut dirty, mut urgent) = (true, true);
        let mut next_frame = Instant::now();
        let (mut typing, mut waiting) = (Typing::default(), 0);
        let mut glance = interval(GLANCE);
        loop {
            if dirty && (urgent || Instant::now() >= next_frame) {
                let outlook = Arc::clone(&outlook.borrow_and_update());
                let shown = self.with_scene(&outlook, |scene| {
                    terminal.draw(|buffer| view::draw(&mut Canvas::new(buffer, theme), &mut model, scene))?;
                    terminal.name(view::title(&model, scene))?;
                    let before = std::mem::replace(&mut waiting, view::waiting(scene));
                    if bell && waiting > before { terminal.ring() } else { Ok(()) }
                });
                if shown.is_err() {
                    // the terminal is gone: the caller stops the engine and releases the Lease
                    break;
                }
                next_frame = Instant::now() + FRAME;
                (dirty, urgent) = (false, false);
            }
            let deadline = model.deadline(Instant::now());
            tokio::select! {
                biased;
                asked = signals.asked() => match asked {
                    Asked::End => break,
                    // as ctrl-z does it, which the terminal no longer turns into the signal
                    Asked::Stop => {
                        let key = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
                        let outlook = Arc::clone(&outlook.borrow());
                        self.react(&Event::Key(key), &mut model, &outlook);
                        (dirty, urgent) = (true, true);
                    }
                },
                batch = events.next() => match batch {
                    Some((at, batch)) => {
                        let outlook = Arc::clone(&outlook.borrow());
                        for event in typing.sort(batch, at) {
                            if self.react(&event, &mut model, &outlook) {
                                (dirty, urgent) = (true, true);
                            }
                        }
                    }
                    None => break,
                },
                _ = glance.tick() => if terminal::is_lost() {
                    break;
                },
                Some(answer) = self.answers.recv() => {
                    model.answered(answer);
                    (dirty, urgent) = (true, true);
                }
                Ok(()) = self.facts_changed.changed() => dirty = true,
                Ok(()) = outlook.changed() => dirty = true,
                Ok(()) = self.engine.changed() => dirty = true,
                // what no visible screen shows needs no frame
                Ok(()) = self.log_changed.changed() => dirty |= model.shows_log(),
                Ok(()) = self.flows_changed.changed() => dirty |= model.shows_flows(),
                () = sleep_until(next_frame), if dirty => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && !dirty => dirty = true,
            }
            if model.leaving {
                break;
            }
            let (logs_in, suspends) = (std::mem::take(&mut model.logs_in), std::mem::take(&mut model.suspends));
            if logs_in || suspends {
                // a plugin may ask and print as it likes, and so may a shell: the terminal is theirs meanwhile
                events.stop().await;
                drop(terminal);
                if suspends {
                    terminal::stop();
                } else {
                    let answer = self.log_in().await;
                    model.answered(answer);
                }
                terminal = terminal::Guard::enter(mouse)?;
                events = Events::new();
                (dirty, urgent) = (true, true);
            }
        }
        Ok(())
    }

    async fn log_in(&mut self) -> Result<String, String> {
        let gone = || Err("the login could not be started".to_owned());
        if self.requests.send(Request::LogIn).await.is_err() {
            return gone();
        }
        self.answers.recv().await.unwrap_or_else(gone)
    }

    /// Everything as it is now, held still while `look` looks at it.
    fn with_scene<T>(&self, outlook: &Outlook, look: impl FnOnce(&Scene<'_>) -> T) -> T {
        let facts = self.facts.read().unwrap_or_else(PoisonError::into_inner);
        let window = self.window.read().unwrap_or_else(PoisonError::into_inner);
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        look(&Scene {
            facts: &facts,
            revision: *self.facts_changed.borrow(),
            migration: facts.migration.as_deref().unwrap_or(&self.proposed),
            outlook,
            window: &window,
            log: &log,
            engine: &self.engine.borrow().clone(),
            now: Timestamp::now(),
        })
    }

    /// Takes a key in. True when there is something new to draw.
    fn react(&self, event: &Event, model: &mut Model, outlook: &Outlook) -> bool {
        match event {
            Event::Key(key) => {
                let request = self.with_scene(outlook, |scene| input::key(model, scene, *key, Instant::now()));
                // a full channel means that earlier requests are still being carried out
                if let Some(request) = request
                    && self.requests.try_send(request).is_err()
                {
                    model.answered(Err("the last request is still being carried out".into()));
                }
                true
            }
            Event::Paste(text) => {
                input::paste(model, text);
                true
            }
            Event::Mouse(event) => {
                self.with_scene(outlook, |scene| input::mouse(model, scene, *event));
                true
            }
            Event::Resize(..) => true,
            _ => false,
        }
    }
}
