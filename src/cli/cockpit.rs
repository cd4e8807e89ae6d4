//! The cockpit: its inputs wired to the cluster, its wishes carried out.

use std::{
    io::{IsTerminal, Write},
    path::Path,
};

use futures::FutureExt;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    Exit, Global, Wanted,
    session::{Failed, Session},
};
use crate::{
    cluster::records,
    cockpit::{self, ClusterName, EngineState, Feed, Model, Theme, Wish, summary},
    domain::{
        api::{MIGRATION, Migration, MigrationSpec},
        guard::FlowFacts,
        intent::Intent,
        log::Kind,
    },
    engine::Role,
    hubble::{capture, shared::Flows},
};

/// Without a terminal there is no cockpit.
pub(super) fn needs_terminal() -> Result<(), Failed> {
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failed::new(
        Exit::Usage,
        "the cockpit needs a terminal. Without one use `cutover run`, `status` or `demo --headless`",
    ))
}

pub(super) async fn open(
    global: &Global,
    wanted: &Wanted,
    write: bool,
    capture: Option<&Path>,
) -> Result<Exit, Failed> {
    let spec = wanted.spec()?;
    needs_terminal()?;
    let session = Session::begin(global).await?;
    session.journal.say(
        Kind::Note,
        "cockpit",
        format!("{} at {}", session.connection.context, session.connection.server),
    );
    let watching = match capture {
        Some(path) => {
            let end = replay(path, &session.flows)?;
            let said = session.flows.change(|w| w.facts(end, true, &FlowFacts::default()));
            session.store.change(|f| f.flows = said);
            None
        }
        None => Some(session.watch_flows(global)?),
    };
    let flows = &session.flows;
    let (wishes, wished) = mpsc::channel(8);
    let (answer, answers) = mpsc::channel(8);
    let engine = watch::Sender::new(EngineState::Off);
    let feed = Feed {
        facts: session.store.shared(),
        facts_changed: session.store.changes(),
        window: flows.window.clone(),
        flows_changed: flows.changes(),
        log: session.journal.kept(),
        log_changed: session.journal.changes(),
        engine: engine.subscribe(),
        proposed: Migration::new(MIGRATION, spec.clone()),
        wishes,
        answers,
    };
    let name = ClusterName {
        context: session.connection.context.clone(),
        server: session.connection.server.clone(),
        production: session.connection.marks.production,
    };
    let mut crew = SpecWriter { session: &session, spec, engine, running: None };
    let model = Model::new(name, write);
    let work = async {
        session.ask_around().await;
        if write {
            let armed = crew.arm().map(|()| String::new());
            if armed.is_err() {
                let _ = answer.send(armed).await;
            }
        }
        crew.carry_out(wished, answer).await;
    };
    let screen = cockpit::run(feed, model, Theme::from_environment());
    // wishes are carried out beside the screen, never in front of it
    let result = tokio::select! {
        result = screen => result,
        () = work => unreachable_screen(),
    };
    drop(watching);
    crew.disarm().await;
    let model = result.map_err(|e| Failed::new(Exit::Failed, format!("the terminal cannot be used: {e}")))?;
    drop(model);
    let text = summary(&session.store.read(), &session.connection.context);
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(Exit::Done)
}

/// A capture instead of what is live.
fn replay(path: &Path, flows: &Flows) -> Result<jiff::Timestamp, Failed> {
    let failed = |why: String| Failed::new(Exit::Usage, format!("capture {}: {why}", path.display()));
    let file = std::fs::File::open(path).map_err(|e| failed(e.to_string()))?;
    let (read, end) = capture::replay(std::io::BufReader::new(file), flows).map_err(|e| failed(e.to_string()))?;
    match read.first_bad {
        Some(why) if read.messages == 0 => Err(failed(format!("none of its lines is a flow of Hubble's: {why}"))),
        _ => Ok(end),
    }
}

/// Writes flows to a new file in the working directory.
fn export(form: &str, lines: &[String]) -> Result<String, String> {
    let name = format!("cutover-flows-{}.{form}", jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S"));
    let mut file = std::fs::File::create_new(&name).map_err(|e| format!("{name} cannot be written: {e}"))?;
    file.write_all((lines.join("\n") + "\n").as_bytes()).map_err(|e| format!("{name} was not written whole: {e}"))?;
    Ok(format!("{} in {name}", crate::domain::text::count(lines.len(), "line")))
}

/// The crew ends only when the cockpit has gone, and then the select has ended, too.
fn unreachable_screen() -> std::io::Result<Model> {
    Err(std::io::Error::other("the cockpit was left without its crew"))
}

/// Carries wishes out.
struct SpecWriter<'a> {
    session: &'a Session,
    spec: MigrationSpec,
    engine: watch::Sender<EngineState>,
    running: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl SpecWriter<'_> {
    async fn carry_out(&mut self, mut wished: mpsc::Receiver<Wish>, answer: mpsc::Sender<Result<String, String>>) {
        while let Some(wish) = wished.recv().await {
            let said = match wish {
                Wish::Arm(true) => self.arm().map(|()| "Armed: what is approved is carried out.".into()),
                Wish::Arm(false) => {
                    self.disarm().await;
                    Ok("Read-only.".into())
                }
                Wish::TakeOver => {
                    let armed = self.arm();
                    let said = self.session.take_over().await.map_err(|f| f.message);
                    armed.and(said).map(|()| "The lock is taken; the other engine has some seconds to notice.".into())
                }
                Wish::LogIn => {
                    let logged_in = self.session.connection.log_in().await;
                    logged_in.map(|()| "Logged in.".into()).map_err(|e| e.to_string())
                }
                Wish::Change(intents) => self.change(&intents).await,
                Wish::Probes(keep) => {
                    self.session.flows.change(|w| w.keep_probes = keep);
                    Ok(if keep {
                        "Cilium's own probes are kept from now on."
                    } else {
                        "Cilium's own probes are hidden."
                    }
                    .into())
                }
                Wish::Export(form, lines) => export(form, &lines),
            };
            if answer.send(said).await.is_err() {
                return;
            }
        }
    }

    async fn change(&mut self, intents: &[Intent]) -> Result<String, String> {
        let client = &self.session.connection.write;
        let audit = self.session.audit().map_err(|f| f.message)?;
        if self.session.store.read().migration.is_none() {
            let begin = async {
                records::install_definitions(client).await?;
                records::create_migration(client, self.spec.clone()).await
            };
            audit.request("migration/cutover", "what is wanted", begin.boxed()).await.map_err(|p| p.to_string())?;
        }
        for intent in intents {
            records::carry_out(client, audit, intent).await.map_err(|p| p.to_string())?;
            self.session.journal.say(Kind::Wish, "migration", intent.kubectl());
        }
        Ok("Wished.".into())
    }

    /// What cannot be written down is not done: without an audit log there is no engine.
    fn arm(&mut self) -> Result<(), String> {
        if self.running.is_some() {
            return Ok(());
        }
        let audit = self.session.audit().map_err(|f| f.message)?.clone();
        let (stop, stopped) = watch::channel(false);
        let (task, mut roles) = self.session.start_engine(audit, stopped);
        let engine = self.engine.clone();
        tokio::spawn(async move {
            while roles.changed().await.is_ok() {
                let state = match roles.borrow_and_update().clone() {
                    Role::Starting => EngineState::Off,
                    Role::Acting => EngineState::Here,
                    Role::Watching(who) => EngineState::Elsewhere(who),
                    Role::TakingOver => EngineState::TakingOver,
                    Role::Unauthorized(why) => EngineState::Unauthorized(why),
                    Role::LeaseUnknown(why) => EngineState::LeaseUnknown(why),
                };
                engine.send_replace(state);
            }
            engine.send_replace(EngineState::Off);
        });
        self.running = Some((stop, task));
        Ok(())
    }

    async fn disarm(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            let _ = stop.send(true);
            let _ = task.await;
        }
    }
}
