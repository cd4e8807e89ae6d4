//! A workstation: the real engine with the real watches and requests, before a cluster in this process.

use std::{
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex,
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
        facts::Admission,
        lease::EngineState,
        lock::Claim,
        problem::Problem,
    },
    engine::{Engine, Journal, SystemClock},
    sim::local::{self, Local},
};
use kube::{Client, ResourceExt};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use crate::{
    overtaken::OvertakenClock,
    wire::{Transport, Wire},
};

pub struct Workstation {
    pub name: &'static str,
    pub wire: Arc<Wire>,
    pub machine: Arc<Machine>,
    pub take_over: watch::Sender<u32>,
    running: Option<Running>,
    /// How often the program was started.
    starts: u32,
    audit: PathBuf,
}

struct Running {
    stop: watch::Sender<bool>,
    engine: JoinHandle<()>,
    watches: JoinSet<()>,
    journal: JoinHandle<()>,
    store: FactStore,
}

/// What a machine does to its programs.
#[derive(Default)]
pub struct Machine {
    asleep: AtomicBool,
    /// Milliseconds by which its clock is wrong.
    off: AtomicI64,
    disk_full: AtomicBool,
    /// Percentage of decisions that are overtaken, and the node whose record is changed then.
    overtakes: Mutex<(u32, String)>,
}

impl Machine {
    pub fn sleep(&self, asleep: bool) {
        self.asleep.store(asleep, Ordering::Relaxed);
    }

    pub fn set_clock(&self, off: i64) {
        self.off.store(off, Ordering::Relaxed);
    }

    pub fn fill_disk(&self, full: bool) {
        self.disk_full.store(full, Ordering::Relaxed);
    }

    pub fn overtake(&self, share: u32, node: &str) {
        *self.overtakes.lock().unwrap() = (share, node.to_owned());
    }

    /// The node whose record overtakes this decision, if it is to be overtaken.
    pub fn overtakes(&self) -> Option<String> {
        let (share, node) = &*self.overtakes.lock().unwrap();
        (fastrand::u32(..100) < *share).then(|| node.clone())
    }

    /// Makes no progress while the machine sleeps.
    fn awake<F: Future>(self: &Arc<Self>, inner: F) -> Awake<F> {
        Awake { machine: Arc::clone(self), inner: Box::pin(inner), pause: None }
    }
}

/// A future that is not polled while its machine sleeps.
struct Awake<F> {
    machine: Arc<Machine>,
    inner: Pin<Box<F>>,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<F: Future> Future for Awake<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        while self.machine.asleep.load(Ordering::Relaxed) {
            let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(200))));
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        self.inner.as_mut().poll(cx)
    }
}

/// The real requests, with helm in this process, and a disk that may be full.
#[derive(Clone)]
struct ChaosCluster {
    kube: KubeCluster,
    helm: Client,
    machine: Arc<Machine>,
    clock: Arc<OvertakenClock>,
    wire: Arc<Wire>,
}

impl ChaosCluster {
    /// A status belongs to the version that it was decided on, whatever has arrived since.
    fn judge(&self, kind: &str, seen: &impl ResourceExt, decided: bool) {
        let (name, version) = (seen.name_any(), seen.resource_version().unwrap_or_default());
        if decided && !self.clock.decided_on(&name, &version) {
            self.wire.observer.breaks(format!(
                "a status was written over version {version} of {kind}/{name}, and decided on another one"
            ));
        }
    }
}

impl Cluster for ChaosCluster {
    async fn lease(&self) -> Result<Option<Claim>, RequestError> {
        self.kube.lease().await
    }

    async fn write_lease(&self, claim: &Claim) -> Result<Claim, RequestError> {
        self.kube.write_lease(claim).await
    }

    async fn write_migration(&self, seen: &Migration, status: &MigrationStatus) -> Result<Migration, RequestError> {
        // the last anchor of the audit log is written into the status as it is
        let rest = |s: &MigrationStatus| MigrationStatus { audit: vec![], epoch: 0, ..s.clone() };
        let decided = seen.status.as_ref().map(rest) != Some(rest(status));
        self.judge("Migration", seen, decided);
        self.kube.write_migration(seen, status).await
    }

    async fn write_node(
        &self,
        seen: &NodeMigration,
        status: &NodeMigrationStatus,
    ) -> Result<NodeMigration, RequestError> {
        self.judge("NodeMigration", seen, true);
        self.kube.write_node(seen, status).await
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
                _ => self.kube.apply(effect, permit, limit, lines).await,
            }
        };
        self.machine.awake(work).await
    }

    fn audited(&self) -> Option<Anchor> {
        self.kube.audited()
    }

    fn tell(&self, _: &NodeMigration, _: &'static str, _: String, _: bool) {}

    fn has_ended(&self, _: &Claim) -> bool {
        // the process of another machine: its silence is the only sign
        false
    }
}

impl Workstation {
    pub fn new(name: &'static str, wire: Wire, folder: &Path) -> Self {
        Self {
            name,
            wire: Arc::new(wire),
            machine: Arc::default(),
            take_over: watch::Sender::new(0),
            running: None,
            starts: 0,
            audit: folder.join(format!("{name}.jsonl")),
        }
    }

    pub fn audit_log(&self) -> String {
        std::fs::read_to_string(&self.audit).unwrap_or_default()
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Starts the program, unless it runs.
    pub fn start(&mut self, cluster: &Local, began: Instant) {
        if self.running.is_some() {
            return;
        }
        self.starts += 1;
        let process = format!("{}-{}", self.name, self.starts);
        let transport = Transport::new(Arc::clone(&self.wire), process.clone(), cluster.service());
        let client = Client::new(transport, "default");
        let store = FactStore::default();
        store.change(|f| {
            f.surroundings.helm = Some(Ok("v4.3.1".into()));
            f.surroundings.service_address = "10.233.0.1".parse().ok();
            f.surroundings.server_version = "v1.33.1".into();
            // here the namespace has no label of Pod Security: see tests/it/admission.rs
            f.task_pods.namespace = "kube-system".into();
            f.task_pods.answers = ["look", "restore", "probe"].map(|task| (task, Admission::Allowed)).into();
        });
        let off = jiff::SignedDuration::from_millis(self.machine.off.load(Ordering::Relaxed));
        let up = move || began.elapsed() + Duration::from_secs(1_000);
        let time = Arc::new(SystemClock::of(cutover::sim::clock::now() + off, up));
        let heard = Arc::clone(&time);
        let watches = watches::start(&client, &store, move |theirs| heard.hear(theirs));
        let clock = Arc::new(OvertakenClock::new(time, store.clone(), cluster.service(), Arc::clone(&self.machine)));
        let kube = KubeCluster {
            client: client.clone(),
            helm: Helm::none(),
            store: store.clone(),
            namespace: "kube-system".into(),
            audit: Audit::open(&self.audit, Actor::default()).unwrap(),
        };
        let journal = Journal::default();
        let printed = self.print(&journal, began);
        let engine = Engine {
            cluster: ChaosCluster {
                kube,
                helm: client,
                machine: Arc::clone(&self.machine),
                clock: Arc::clone(&clock),
                wire: Arc::clone(&self.wire),
            },
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
        let engine = tokio::spawn(self.machine.awake(engine.run(stopped)));
        self.running = Some(Running { stop, engine, watches, journal: printed, store });
    }

    /// Prints what the engine says, where that is asked for.
    fn print(&self, journal: &Journal, began: Instant) -> JoinHandle<()> {
        let (mut lines, name) = (journal.listen(), self.name);
        let loud = std::env::var_os("CUTOVER_CHAOS_LOUD").is_some();
        tokio::spawn(async move {
            while let Ok(line) = lines.recv().await {
                if loud {
                    let second = began.elapsed().as_secs_f64();
                    println!("{second:>9.3} {name} {:?} {}: {}", line.kind, line.object, line.text);
                }
            }
        })
    }

    /// kill -9: requests on their way stay on their way, and nobody waits for their answers.
    pub async fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.engine.abort();
            running.journal.abort();
            running.watches.shutdown().await;
            // on several threads it may still be at work
            let _ = running.engine.await;
        }
    }

    pub async fn restart(&mut self, cluster: &Local, began: Instant) {
        self.kill().await;
        self.start(cluster, began);
    }

    /// Stops the program as Ctrl-C does.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(true);
            let _ = running.engine.await;
            running.journal.abort();
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
