//! Whole migrations with the real engine, in a time of their own, while everything goes wrong.
//!
//! Each run is made of a seed: a small cluster (the embedded API server and its kubelets, Flannel and Cilium, in
//! this process), two machines from which engines may run, a goal, and faults. Whatever happens, the rules that
//! never break hold for every change that arrives, and once the faults are over the goal is reached.
//!
//! `CUTOVER_CHAOS_RUNS=20000` makes a longer run, `CUTOVER_CHAOS_SEED=17` one run again, `CUTOVER_CHAOS_LOUD=1` with
//! everything that its engines say. What a seed fixes is the schedule, down to which request is hit; which of two
//! tasks that wake in the same millisecond goes first is tokio's, so a seed is played five times.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub, dead_code, reason = "tests")]

mod faults;
mod observer;
mod seat;
mod wire;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cutover::{
    domain::{
        api::{Migration, MigrationSpec},
        audit,
    },
    sim::{clock::Pace, local::Local, world},
};
use faults::{Fault, Stage, classes};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use observer::{Observer, get};
use seat::Seat;
use serde_json::{Value, json};
use tokio::time::Instant;
use wire::Wire;

/// How many runs are part of the tests.
const RUNS: u64 = 2_000;
/// How long a run may take after its faults are over, in its own time.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Where a run is to end, and by which way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Goal {
    Forward,
    /// Rolled back from wherever it was.
    BackAfter(u64),
    /// Forward, back, and forward again.
    ThereAndBack(u64),
}

#[derive(Debug)]
struct Plan {
    seed: u64,
    goal: Goal,
    restart_by: &'static str,
    faults: Vec<Fault>,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let goal = match rng.u32(..4) {
            0 => Goal::BackAfter(rng.u64(500..9_000)),
            1 => Goal::ThereAndBack(rng.u64(500..9_000)),
            _ => Goal::Forward,
        };
        let restart_by = if rng.bool() { "reboot" } else { "pods" };
        let mut faults: Vec<Fault> = (0..rng.usize(1..7)).map(|_| Fault::random(&mut rng)).collect();
        faults.sort_by_key(|f| f.at);
        Self { seed, goal, restart_by, faults }
    }
}

fn spec(restart_by: &str) -> MigrationSpec {
    let consents: Vec<Value> = world::FEW_CONSENTS
        .iter()
        .map(|c| c.split_once(':').unwrap())
        .map(|(kind, object)| json!({"kind": kind, "object": object, "by": "test", "at": "2026-01-01T00:00:00Z"}))
        .collect();
    serde_json::from_value(json!({
        "cilium": {"version": "1.15.19", "chart": "cilium/cilium", "namespace": "kube-system", "podCidr": "10.245.0.0/16",
            "maskSize": 24, "tunnelPort": 8473, "values": {}},
        "restartBy": restart_by, "observeSeconds": 0, "consents": consents,
    }))
    .unwrap()
}

/// One run. What went wrong, if anything did.
fn run(plan: &Plan) -> Result<u64, String> {
    fastrand::seed(plan.seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(play(plan))
}

async fn play(plan: &Plan) -> Result<u64, String> {
    let cluster = Local::start(3, pace()).await?;
    let client = cluster.client();
    let folder = tempfile::Builder::new().tempdir_in(memory()).map_err(|e| e.to_string())?;
    cutover::cluster::records::install_definitions(&client).await.map_err(|p| p.to_string())?;
    cutover::cluster::records::create_migration(&client, spec(plan.restart_by)).await.map_err(|p| p.to_string())?;
    let migrations: Api<Migration> = Api::all(client.clone());
    let want = async |wish: Value| {
        let _ = migrations.patch("cutover", &PatchParams::default(), &Patch::Merge(&json!({"spec": wish}))).await;
    };
    want(json!({"approved": "Verify"})).await;
    let observer = Arc::new(Observer::default());
    observer.consents(&world::FEW_CONSENTS);
    let nodes = world::node_names(3);
    let began = Instant::now();
    let stage = Stage { cluster: &cluster, client: &client, observer: &observer, nodes: &nodes, began };
    let mut seats = ["a", "b"].map(|name| {
        let seed = plan.seed ^ u64::from(name.as_bytes()[0]);
        Seat::new(name, Wire::new(name, seed, Arc::clone(&observer)), folder.path())
    });
    seats[0].start(&cluster, began);
    let (mut waiting, mut on): (Vec<&Fault>, Vec<&Fault>) = (plan.faults.iter().collect(), vec![]);
    let (mut turned, mut tick) = (0, 0_u64);
    let mut server = cluster.service();
    let mut over: Option<Instant> = None;
    loop {
        let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        while waiting.first().is_some_and(|f| f.at <= now) {
            let fault = waiting.remove(0);
            stage.begin(fault, &mut seats).await;
            on.push(fault);
        }
        for fault in &on {
            stage.during(fault, tick).await;
        }
        let (still, ended): (Vec<&Fault>, Vec<&Fault>) = on.into_iter().partition(|f| f.at + f.lasts > now);
        for fault in ended {
            stage.end(fault, &mut seats).await;
        }
        on = still;
        match plan.goal {
            Goal::BackAfter(at) | Goal::ThereAndBack(at) if turned == 0 && now >= at => {
                want(json!({"target": "Flannel"})).await;
                turned = 1;
            }
            Goal::ThereAndBack(at) if turned == 1 && now >= at + 6_000 => {
                want(json!({"target": "Cilium", "approved": "Verify"})).await;
                turned = 2;
            }
            _ => {}
        }
        if tick.is_multiple_of(50) {
            operator(&stage, &mut server).await;
            // whoever's laptop it is, somebody has an engine running
            if !seats.iter().any(Seat::is_running) {
                seats[0].start(&cluster, began);
            }
        }
        let broken = observer.broken();
        if !broken.is_empty() {
            return Err(broken.join("\n"));
        }
        let goal = match plan.goal {
            Goal::Forward => "Complete",
            Goal::BackAfter(_) if turned == 1 => "RolledBack",
            Goal::ThereAndBack(_) if turned == 2 => "Complete",
            _ => "",
        };
        if waiting.is_empty() && on.is_empty() {
            let began = *over.get_or_insert_with(Instant::now);
            let migration = get(&mut server, "/apis/cutover.dev/v1alpha1/migrations/cutover").await;
            if migration["status"]["phase"] == goal && restless(&mut server).await.is_empty() {
                break;
            }
            if began.elapsed() > PATIENCE {
                let standing: Vec<String> = seats.iter().map(Seat::standing).collect();
                let restless = restless(&mut server).await;
                return Err(format!(
                    "{goal} is not reached an hour after the last fault\n{}\n{restless:?}",
                    standing.join("\n")
                ));
            }
        }
        // once nothing goes wrong any more there is no hurry
        tick += 1;
        let pause = if over.is_some_and(|o| o.elapsed() > Duration::from_secs(20)) { 1_000 } else { 100 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    for seat in &mut seats {
        seat.stop().await;
    }
    let wrong = left_behind(&cluster, &nodes, &mut server, plan.goal).await;
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let migration = get(&mut server, "/apis/cutover.dev/v1alpha1/migrations/cutover").await;
    let anchors =
        serde_json::from_value::<Vec<audit::Anchor>>(migration["status"]["audit"].clone()).unwrap_or_default();
    for seat in &seats {
        audit::verify(&seat.audit_log(), &anchors).map_err(|e| format!("the audit log of {}: {e}", seat.name))?;
    }
    Ok(observer.changes())
}

/// As slow as that a migration takes about as long as its faults.
fn pace() -> Pace {
    "100".parse().unwrap()
}

/// Logs go where a sync costs nothing.
fn memory() -> std::path::PathBuf {
    let shm = std::path::PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}

/// Pods that are a task's, that end, or that are not ready.
async fn restless(server: &mut cutover::sim::local::LocalService) -> Vec<String> {
    let pods = get(server, "/api/v1/pods").await;
    let rests = |p: &Value| {
        !p["metadata"]["name"].as_str().unwrap_or_default().starts_with("cutover-")
            && p["metadata"]["deletionTimestamp"].is_null()
            && p["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    let pods = pods["items"].as_array().into_iter().flatten().filter(|p| !rests(p));
    pods.map(|p| format!("{} on {} {}", p["metadata"]["name"], p["spec"]["nodeName"], p["status"])).collect()
}

/// What an operator does who looks now and then: answers what has run out of time.
async fn operator(stage: &Stage<'_>, server: &mut cutover::sim::local::LocalService) {
    let records = get(server, "/apis/cutover.dev/v1alpha1/nodemigrations").await;
    for record in records["items"].as_array().into_iter().flatten() {
        let status = &record["status"];
        let asks =
            status["drain"]["paused"] == true || (status["step"] == "Restart" && status["lastError"].is_object());
        let (wanted, answered) =
            (record["spec"]["retries"].as_i64().unwrap_or(0), status["observedRetries"].as_i64().unwrap_or(0));
        if asks && wanted <= answered {
            let name = record["metadata"]["name"].as_str().unwrap_or_default();
            stage.merge("NodeMigration", name, &json!({"spec": {"retries": answered + 1}})).await;
        }
    }
}

/// Everything that is not as a run without faults leaves it.
async fn left_behind(
    cluster: &Local,
    nodes: &[String],
    server: &mut cutover::sim::local::LocalService,
    goal: Goal,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let forward = !matches!(goal, Goal::BackAfter(_));
    for name in nodes {
        let node = get(server, &format!("/api/v1/nodes/{name}")).await;
        if node["spec"]["unschedulable"] == true {
            wrong.push(format!("{name} is still cordoned"));
        }
        let taints = node["spec"]["taints"].to_string();
        if taints.contains("cutover.dev/") {
            wrong.push(format!("{name} still has the taint"));
        }
        let notes = node["metadata"]["annotations"].to_string();
        if notes.contains("cutover.dev/cordoned") {
            wrong.push(format!("{name} still has the mark of a cordon"));
        }
        let confs: Vec<String> =
            cluster.cni_configs(name).into_iter().filter(|c| !c.ends_with(".cilium_bak")).collect();
        let wanted = if forward { "05-cilium.conflist" } else { "10-flannel.conflist" };
        if confs != [wanted] {
            wrong.push(format!("{name} has the CNI configs {}", confs.join(", ")));
        }
    }
    let pods = get(server, "/api/v1/pods").await;
    for pod in pods["items"].as_array().into_iter().flatten() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let ip = pod["status"]["podIP"].as_str().unwrap_or_default();
        if pod["spec"]["hostNetwork"] != true && ip.starts_with("10.245.") != forward {
            wrong.push(format!("{name} has the address {ip}"));
        }
    }
    let budgets = get(server, "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web").await;
    if budgets["spec"]["minAvailable"] != 1 {
        wrong.push(format!("the budget web asks for {}", budgets["spec"]["minAvailable"]));
    }
    wrong
}

#[test]
fn schedules() {
    let one = std::env::var("CUTOVER_CHAOS_SEED").ok().and_then(|s| s.parse::<u64>().ok());
    let runs = std::env::var("CUTOVER_CHAOS_RUNS").ok().and_then(|s| s.parse().ok()).unwrap_or(RUNS);
    let from = std::env::var("CUTOVER_CHAOS_FIRST").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let first = one.unwrap_or(from);
    let last = one.map_or(runs, |s| s + 1);
    let (next, changes) = (AtomicU64::new(first), AtomicU64::new(0));
    let (counts, failed) = (Mutex::new(BTreeMap::<&str, u64>::new()), Mutex::new(Vec::<(u64, String)>::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last || failed.lock().unwrap().len() >= 10 {
                        return;
                    }
                    let plan = Plan::of(seed);
                    for fault in &plan.faults {
                        *counts.lock().unwrap().entry(fault.class).or_default() += 1;
                    }
                    let again = if one.is_some() { 5 } else { 1 };
                    match (0..again)
                        .map(|_| run(&plan))
                        .reduce(|a, b| a.and_then(|n| b.map(|m| n + m)))
                        .unwrap_or(Ok(0))
                    {
                        Ok(n) => drop(changes.fetch_add(n, Ordering::Relaxed)),
                        Err(why) => failed.lock().unwrap().push((seed, format!("{why}\n{plan:#?}"))),
                    }
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    println!(
        "{} runs, {} changes seen by the observer, {} faults:",
        last - first,
        changes.into_inner(),
        counts.values().sum::<u64>()
    );
    for (class, n) in &counts {
        println!("  {n:>6}  {class}");
    }
    let failed = failed.into_inner().unwrap();
    let told: Vec<String> = failed.iter().map(|(seed, why)| format!("CUTOVER_CHAOS_SEED={seed}\n{why}")).collect();
    assert!(failed.is_empty(), "{} runs went wrong:\n{}", failed.len(), told.join("\n\n"));
    if one.is_none() && last - first >= 500 {
        assert_eq!(counts.len(), classes().len(), "every class was injected");
    }
}
