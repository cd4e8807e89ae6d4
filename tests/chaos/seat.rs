//! A seat with an engine: the real one, with the real watches and the real hands, before a cluster in this process.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use cutover::{
    cluster::{
        apply::KubeCluster,
        audit::Audit,
        helm::Helm,
        port::{Cluster, Permit, RequestError},
        store::FactStore,
        watch as watches,
    },
    domain::{
        api::{Migration, MigrationStatus, NodeMigration, NodeMigrationStatus},
        audit::{Actor, Anchor},
        effect::Effect,
        lease::EngineState,
        lock::Claim,
        problem::Problem,
    },
    engine::{Engine, Journal, SystemClock},
    sim::local::{self, Local},
};
use kube::Client;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use crate::wire::{Wire, Wired};

/// Who sits there, and what is wrong with it.
pub struct Seat {
    pub name: &'static str,
    pub wire: Arc<Wire>,
    pub state: Arc<Machine>,
    pub take_over: watch::Sender<u32>,
    running: Option<Running>,
    lives: u32,
    audit: std::path::PathBuf,
}

struct Running {
    stop: watch::Sender<bool>,
    engine: JoinHandle<()>,
    watches: JoinSet<()>,
    said: JoinHandle<()>,
    store: FactStore,
}

/// What a machine does to its programs.
#[derive(Default)]
pub struct Machine {
    asleep: AtomicBool,
    /// Milliseconds by which its clock is wrong.
    off: AtomicI64,
    pub disk_full: AtomicBool,
}

impl Machine {
    pub fn sleep(&self, asleep: bool) {
        self.asleep.store(asleep, Ordering::Relaxed);
    }

    pub fn set_clock(&self, off: i64) {
        self.off.store(off, Ordering::Relaxed);
    }

    /// Does nothing while the machine sleeps.
    pub fn awake<F: Future>(self: &Arc<Self>, inner: F) -> Awake<F> {
        Awake { machine: Arc::clone(self), inner: Box::pin(inner), look: None }
    }
}

/// A future that is not polled while its machine sleeps.
pub struct Awake<F> {
    machine: Arc<Machine>,
    inner: Pin<Box<F>>,
    look: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<F: Future> Future for Awake<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        while self.machine.asleep.load(Ordering::Relaxed) {
            let look = self.look.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(200))));
            if look.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.look = None;
        }
        self.inner.as_mut().poll(cx)
    }
}

/// The hands, with helm done in this process, and a disk that may be full.
#[derive(Clone)]
struct Sim {
    hands: KubeCluster,
    helm: Client,
    machine: Arc<Machine>,
}

impl Cluster for Sim {
    async fn lease(&self) -> Result<Option<Claim>, RequestError> {
        self.hands.lease().await
    }

    async fn write_lease(&self, claim: &Claim) -> Result<Claim, RequestError> {
        self.hands.write_lease(claim).await
    }

    async fn write_migration(&self, seen: &Migration, status: &MigrationStatus) -> Result<Migration, RequestError> {
        self.hands.write_migration(seen, status).await
    }

    async fn write_node(
        &self,
        seen: &NodeMigration,
        status: &NodeMigrationStatus,
    ) -> Result<NodeMigration, RequestError> {
        self.hands.write_node(seen, status).await
    }

    async fn apply(
        &self,
        effect: &Effect,
        permit: Permit,
        limit: Duration,
        lines: mpsc::Sender<String>,
    ) -> Result<(), Problem> {
        let refused = |message: String| Problem::new(effect.object(), message, "Nothing was changed.");
        if self.machine.disk_full.load(Ordering::Relaxed) {
            return Err(refused("the audit log could not be written: no space left on device".into()));
        }
        let work = async {
            match effect {
                Effect::Helm(release) => local::upgrade(&self.helm, release).await.map_err(refused),
                Effect::Uninstall { namespace } => local::uninstall(&self.helm, namespace).await.map_err(refused),
                _ => self.hands.apply(effect, permit, limit, lines).await,
            }
        };
        self.machine.awake(work).await
    }

    fn audited(&self) -> Option<Anchor> {
        self.hands.audited()
    }

    fn tell(&self, _: &NodeMigration, _: &'static str, _: String, _: bool) {}

    fn has_ended(&self, _: &Claim) -> bool {
        // another machine's: only its silence tells
        false
    }
}

impl Seat {
    pub fn new(name: &'static str, wire: Wire, folder: &std::path::Path) -> Self {
        Self {
            name,
            wire: Arc::new(wire),
            state: Arc::default(),
            take_over: watch::Sender::new(0),
            running: None,
            lives: 0,
            audit: folder.join(format!("{name}.jsonl")),
        }
    }

    pub fn audit_log(&self) -> String {
        std::fs::read_to_string(&self.audit).unwrap_or_default()
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Starts the program anew.
    pub fn start(&mut self, cluster: &Local, began: Instant) {
        if self.running.is_some() {
            return;
        }
        self.lives += 1;
        let process = format!("{}-{}", self.name, self.lives);
        let client = Client::new(Wired::new(Arc::clone(&self.wire), process.clone(), cluster.service()), "default");
        let store = FactStore::default();
        store.change(|f| {
            f.surroundings.helm = Some(Ok("v4.3.1".into()));
            f.surroundings.service_address = "10.233.0.1".parse().ok();
            f.surroundings.server_version = "v1.33.1".into();
        });
        let off = jiff::SignedDuration::from_millis(self.state.off.load(Ordering::Relaxed));
        let up = move || began.elapsed() + Duration::from_secs(1_000);
        let clock = Arc::new(SystemClock::of(cutover::sim::clock::now() + off, up));
        let heard = Arc::clone(&clock);
        let watches = watches::start(&client, &store, move |theirs| heard.hear(theirs));
        let audit = Audit::open(&self.audit, Actor::default()).unwrap();
        let hands = KubeCluster {
            client: client.clone(),
            helm: Helm::none(),
            store: store.clone(),
            namespace: "kube-system".into(),
            audit,
        };
        let journal = Journal::default();
        let mut lines = journal.listen();
        let (name, loud) = (self.name, std::env::var_os("CUTOVER_CHAOS_LOUD").is_some());
        let start = began;
        let said = tokio::spawn(async move {
            while let Ok(line) = lines.recv().await {
                if loud {
                    println!(
                        "{:>9.3} {name} {:?} {}: {}",
                        start.elapsed().as_secs_f64(),
                        line.kind,
                        line.object,
                        line.text
                    );
                }
            }
        });
        let engine = Engine {
            cluster: Sim { hands, helm: client, machine: Arc::clone(&self.state) },
            store: store.clone(),
            journal,
            clock,
            identity: self.name.into(),
            process,
            state: watch::Sender::new(EngineState::Off),
            take_over: self.take_over.subscribe(),
            turns: Arc::default(),
        };
        let (stop, stopped) = watch::channel(false);
        let engine = tokio::spawn(self.state.awake(engine.run(stopped)));
        self.running = Some(Running { stop, engine, watches, said, store });
    }

    /// kill -9: what was on its way is on its way, and nobody waits for it.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.engine.abort();
            running.watches.abort_all();
            running.said.abort();
        }
    }

    /// Told to stop, as by Ctrl-C.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(true);
            let _ = running.engine.await;
            running.said.abort();
        }
    }

    /// What its engine waits for, when a run does not end.
    pub fn standing(&self) -> String {
        let Some(running) = &self.running else { return format!("{}: not running", self.name) };
        let facts = running.store.read();
        let waiting = facts.migration.as_ref().and_then(|m| m.status.as_ref()).map(|s| (s.phase, s.waiting.clone()));
        let nodes: Vec<String> = facts
            .node_migrations
            .iter()
            .filter_map(|(n, r)| Some((n, r.status.as_ref()?)))
            .map(|(n, s)| {
                format!("{n} {} {:?} {:?}", s.step, s.waiting, s.last_error.as_ref().map(|e| &e.problem.message))
            })
            .collect();
        format!("{}: {waiting:?} stale {:?} {}", self.name, facts.stale(), nodes.join("; "))
    }
}
