//! The cockpit: its inputs wired to the cluster, its requests carried out.

use std::{
    io::{IsTerminal, Write},
    path::Path,
};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use futures::FutureExt;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    Arguments, Exit, Global, Wanted,
    config::Screen,
    output,
    run::has_begun,
    session::{Failed, Session},
};
use crate::{
    cluster::records,
    cockpit::{self, ClusterName, Colours, Extras, Feed, Model, Request, Theme, summary},
    domain::{
        api::{MIGRATION, Migration, MigrationSpec},
        intent::Intent,
        lease::EngineState,
        log::Kind,
    },
    hubble::{capture, packed::unpacked, shared::Flows},
};

/// How the cockpit looks and sounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looks {
    theme: Theme,
    extras: Extras,
}

impl Looks {
    /// As the command line, the environment and the config file ask.
    pub(super) fn of(arguments: &Arguments, screen: &Screen) -> Self {
        let theme = Theme::from_environment().chosen(screen.colour, screen.ascii);
        let extras = Extras { bell: arguments.bell || screen.bell, mouse: screen.mouse };
        Self { theme: theme.coloured(arguments.theme.or(screen.theme)), extras }
    }
}

/// Reads the name of a theme.
pub(super) fn colours() -> impl TypedValueParser<Value = Colours> {
    PossibleValuesParser::new(Colours::NAMED.map(|(name, _)| name))
        .map(|name| Colours::named(&name).unwrap_or_default())
}

/// The cockpit cannot be shown without a terminal.
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
    looks: Looks,
) -> Result<Exit, Failed> {
    let spec = wanted.spec()?;
    needs_terminal()?;
    let session = Session::begin(global).await.map_err(|failed| match capture {
        Some(path) => Failed {
            message: format!("{}. Without a cluster: cutover flows --input {}", failed.message, path.display()),
            ..failed
        },
        None => failed,
    })?;
    if write {
        session.may_change()?;
    }
    session.journal.say(
        Kind::Note,
        "cockpit",
        format!("{} at {}", session.connection.context, session.connection.server),
    );
    let watching = match capture {
        Some(path) => {
            let end = replay(path, &session.flows)?;
            let said = session.flows.change(|w| w.facts(end));
            session.store.change(|f| f.flows = said);
            None
        }
        None => Some(session.watch_flows(global)?),
    };
    let watching_engine = session.watch_engine();
    let flows = &session.flows;
    let (requests, requested) = mpsc::channel(8);
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
        requests,
        answers,
    };
    let name = ClusterName {
        context: session.connection.context.clone(),
        server: session.connection.server.clone(),
        production: session.connection.marks.production,
        confirms_by_name: session.guard.is_by_name(),
    };
    let mut writer = SpecWriter { session: &session, spec, engine, running: None };
    let model = Model::new(name, write).with_keys(global.settings.keymap.clone());
    let (proposed, answer_to) = (feed.proposed.clone(), answer.clone());
    let work = async {
        session.ask_around().await;
        if write && let Err(why) = writer.start_engine() {
            let _ = answer.send(Err(why)).await;
        }
        let carries_out = writer.carry_out(requested, answer);
        let (asks, says) = (Box::pin(session.ask_proposed(&proposed)), Box::pin(frozen(&session, wanted, &answer_to)));
        tokio::join!(carries_out, asks, says);
    };
    let screen = cockpit::run(feed, model, looks.theme, looks.extras);
    // requests are carried out beside the screen, never in front of it
    let result = tokio::select! {
        result = screen => result,
        // the writer ends only after the screen, and then the select has ended, too
        () = work => Err(std::io::Error::other("the cockpit lost what carries its requests out")),
    };
    drop((watching, watching_engine));
    writer.stop_engine().await;
    result.map_err(|e| Failed::new(Exit::Failed, format!("the terminal cannot be used: {e}")))?;
    let text = summary(&session.store.read(), &session.connection.context);
    output::line(text.trim_end());
    Ok(Exit::Done)
}

/// Arguments that cannot be had any more are named, not passed over.
async fn frozen(session: &Session, wanted: &Wanted, answer: &mpsc::Sender<Result<String, String>>) {
    session.store.until(|f| f.stale().is_empty()).await;
    let refused = {
        let facts = session.store.read();
        let Some(migration) = &facts.migration else { return };
        wanted.changes(&migration.spec, has_begun(&facts, migration)).err()
    };
    if let Some(Failed { message, .. }) = refused {
        session.journal.say(Kind::Warning, "migration/cutover", message.clone());
        let _ = answer.send(Err(message)).await;
    }
}

/// Replays a capture instead of live flows.
fn replay(path: &Path, flows: &Flows) -> Result<jiff::Timestamp, Failed> {
    let failed = |why: String| Failed::new(Exit::Usage, format!("capture {}: {why}", path.display()));
    let file = std::fs::File::open(path).map_err(|e| failed(e.to_string()))?;
    let from = unpacked(file).map_err(|e| failed(e.to_string()))?;
    let (read, end) = capture::replay(from, flows).map_err(|e| failed(e.to_string()))?;
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

/// Carries requests out.
struct SpecWriter<'a> {
    session: &'a Session,
    spec: MigrationSpec,
    engine: watch::Sender<EngineState>,
    running: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl SpecWriter<'_> {
    async fn carry_out(
        &mut self,
        mut requested: mpsc::Receiver<Request>,
        answer: mpsc::Sender<Result<String, String>>,
    ) {
        while let Some(request) = requested.recv().await {
            let said = match request {
                Request::Write(true) => {
                    self.start_engine().map(|()| "Changes allowed: what is approved is carried out.".into())
                }
                Request::Write(false) => {
                    self.stop_engine().await;
                    Ok("Read-only.".into())
                }
                Request::TakeOver => self.take_over().await,
                Request::LogIn => {
                    let logged_in = self.session.connection.log_in().await;
                    logged_in.map(|()| "Logged in.".into()).map_err(|e| e.to_string())
                }
                Request::Change(intents) => self.change(&intents).await,
                Request::Probes(keep) => {
                    self.session.flows.change(|w| w.keep_probes = keep);
                    Ok(if keep {
                        "Cilium's own probes are kept from now on."
                    } else {
                        "Cilium's own probes are hidden."
                    }
                    .into())
                }
                Request::Export(form, lines) => export(form, &lines),
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
            self.session.journal.say(Kind::Request, "migration", cockpit::words(std::slice::from_ref(intent)));
        }
        Ok(format!("Requested: {}.", cockpit::words(intents)))
    }

    async fn take_over(&mut self) -> Result<String, String> {
        self.start_engine()?;
        self.session.take_over().await.map_err(|f| f.message)?;
        Ok("The lease is taken; the other engine has some seconds to notice.".into())
    }

    /// Without an audit log there is no engine: what cannot be written down is not done.
    fn start_engine(&mut self) -> Result<(), String> {
        if self.running.is_some() {
            return Ok(());
        }
        let audit = self.session.audit().map_err(|f| f.message)?.clone();
        let (stop, stopped) = watch::channel(false);
        let (task, mut states) = self.session.start_engine(audit, stopped);
        let engine = self.engine.clone();
        tokio::spawn(async move {
            while states.changed().await.is_ok() {
                engine.send_replace(states.borrow_and_update().clone());
            }
            engine.send_replace(EngineState::Off);
        });
        self.running = Some((stop, task));
        Ok(())
    }

    async fn stop_engine(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            let _ = stop.send(true);
            let _ = task.await;
        }
    }
}
