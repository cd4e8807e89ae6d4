//! `cutover engine`: the engine without an operator, in the cluster or outside.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::Args;
use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};

use super::{
    Exit, Global,
    interrupt::{interrupted, until_ended},
    output,
    progress::note,
    session::{Failed, Session},
};
use crate::{
    cluster::{audit::Audit, health, store::FactStore},
    domain::{
        facts::Facts,
        lease::EngineState,
        log::{Entry, Kind},
        metrics::{Counts, render},
        text::safe,
    },
};

/// Run the engine until it is stopped: it carries out what is approved.
#[derive(Args, Debug)]
pub(super) struct Engine {
    /// Serve /healthz, /readyz and /metrics at this address, as 0.0.0.0:10471
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Take the lease from the engine that holds it
    #[arg(long)]
    take_over: bool,
}

impl Engine {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let session = Session::connected(global, in_pod).await?;
        session.ask_around().await;
        let _watching = session.watch_flows(global)?;
        let audit = session.audit()?.clone();
        audit.mirror(output::line);
        let (stop, stopped) = watch::channel(false);
        let (engine, mut roles) = session.start_engine(audit.clone(), stopped);
        if self.take_over {
            session.take_over().await?;
        }
        let state = Arc::new(State {
            store: session.store.clone(),
            audit,
            counts: Mutex::default(),
            role: Mutex::default(),
            turning: AtomicBool::new(true),
        });
        let server = match self.listen {
            None => None,
            Some(at) => {
                let (address, task) = health::serve(at, Arc::clone(&state))
                    .await
                    .map_err(|e| Failed::new(Exit::Usage, format!("cannot listen at {at}: {e}")))?;
                output::note(&format!("health and metrics at http://{address}"));
                Some(task)
            }
        };
        let mut lines = session.journal.listen();
        let mut interrupt = std::pin::pin!(interrupted());
        let mut turned = (0, Instant::now());
        let mut look = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = &mut interrupt => break,
                line = lines.recv() => match line {
                    Ok(entry) => { state.count(&entry); note(&entry); }
                    Err(broadcast::error::RecvError::Lagged(n)) => output::note(&format!("({n} lines not shown)")),
                    Err(broadcast::error::RecvError::Closed) => break,
                },
                Ok(()) = roles.changed() => state.now(roles.borrow_and_update().clone()),
                _ = look.tick() => {
                    let now = session.turns.load(Ordering::Relaxed);
                    if now != turned.0 {
                        turned = (now, Instant::now());
                    }
                    state.turning.store(!engine.is_finished() && turned.1.elapsed() < STILL, Ordering::Relaxed);
                }
            }
        }
        let _ = stop.send(true);
        until_ended(engine, output::note).await;
        if let Some(task) = server {
            task.abort();
        }
        Ok(Exit::Done)
    }
}

/// A loop without a round for this long hangs: the slowest round writes records for some seconds each.
const STILL: Duration = Duration::from_secs(240);

struct State {
    store: FactStore,
    audit: Audit,
    counts: Mutex<Counts>,
    role: Mutex<EngineState>,
    turning: AtomicBool,
}

impl State {
    fn now(&self, role: EngineState) {
        let mut last = self.role.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.lock_lost += u64::from(*last == EngineState::Acting);
        counts.acting = role == EngineState::Acting;
        output::note(&role.words());
        *last = role;
    }

    fn count(&self, entry: &Entry) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match entry.kind {
            Kind::Done => counts.done += 1,
            Kind::Failed => counts.failed += 1,
            Kind::Waiting => counts.waited += 1,
            _ => {}
        }
    }
}

impl health::Report for State {
    fn is_alive(&self) -> bool {
        self.turning.load(Ordering::Relaxed)
    }

    fn not_ready(&self) -> Option<String> {
        let facts: &Facts = &self.store.read();
        let stale = facts.stale();
        if !stale.is_empty() {
            return Some(format!("stale: {}", stale.join(", ")));
        }
        match &*self.role.lock().unwrap_or_else(PoisonError::into_inner) {
            EngineState::LeaseUnknown(why) | EngineState::Unauthorized(why) => Some(safe(why).into_owned()),
            _ => None,
        }
    }

    fn metrics(&self) -> String {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        counts.audit_lines = self.audit.end().lines;
        render(&self.store.read(), &counts)
    }
}
