//! How the cost grows with the cluster: memory, one decision, preflight, what the cockpit works out beside the screen,
//! a frame of every screen. Each is printed with the ratio to its budget.
//!
//! `cargo bench --bench scale` prints one line a measure and judges nothing. The clusters are served page by page by
//! an API server that exists in this program alone, and read through the watches that Cutover uses. A measure that
//! takes too long is skipped, with a line that says so; the whole ends within two minutes.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub, reason = "a bench")]

mod cluster;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use cluster::Size;
use cutover::{
    cluster::{store::FactStore, watch},
    cockpit::{ClusterName, Colours, Model, Outlook, Scene, Theme, press, screenshot, titles},
    domain::{
        api::{Migration, NodeMigration},
        checks,
        decide::decide,
        facts::{Admission, Facts, TaskPods},
        lease::EngineState,
        log::Log,
        view::View,
    },
    hubble::window::Window,
};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

const SIZES: [Size; 3] =
    [Size { nodes: 12, pods: 60 }, Size { nodes: 500, pods: 5_000 }, Size { nodes: 5_000, pods: 150_000 }];
/// Terminals that frames are drawn for.
const TERMINALS: [(u16, u16); 2] = [(80, 24), (160, 48)];
/// What one measure may take.
const LIMIT: Duration = Duration::from_secs(10);
/// What reading a cluster may take.
const READING: Duration = Duration::from_secs(60);
/// What all of it may take.
const TOTAL: Duration = Duration::from_secs(115);
/// A measure is repeated for so long, but at least three times.
const REPEAT: Duration = Duration::from_millis(300);

/// What is measured, in this order.
fn measures() -> Vec<String> {
    let frames =
        TERMINALS.iter().flat_map(|(w, h)| titles().map(move |s| format!("frame {} {w}x{h}", s.replace(' ', "-"))));
    ["memory", "decision", "preflight", "outlook"].map(str::to_owned).into_iter().chain(frames).collect()
}

/// The budget of the design, in microseconds, or in KiB for memory.
fn budget(measure: &str, size: Size) -> Option<f64> {
    let large = size == SIZES[2];
    Some(match measure {
        "memory" if large => 300.0 * 1024.0,
        "memory" => 60.0 * 1024.0,
        "preflight" if large => 5_000_000.0,
        "preflight" => 100_000.0,
        "decision" if large => 40_000.0,
        "decision" => 2_000.0,
        m if m.starts_with("frame") => {
            let frame = if m.ends_with("80x24") { 150.0 } else { 350.0 };
            if large { 3.0 * frame } else { frame }
        }
        _ => return None,
    })
}

fn shown(measure: &str, value: f64) -> String {
    match measure {
        "memory" => format!("{:.1} MiB", value / 1024.0),
        _ if value >= 1e6 => format!("{:.2} s", value / 1e6),
        _ if value >= 1e3 => format!("{:.2} ms", value / 1e3),
        _ => format!("{value:.0} µs"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == "--measure") {
        let numbers: Vec<usize> = arguments[at + 1..].iter().map(|n| n.parse().unwrap()).collect();
        return measure(Size { nodes: numbers[0], pods: numbers[1] }, numbers[2]);
    }
    let began = Instant::now();
    for size in SIZES {
        let (mut next, all) = (0, measures());
        while next < all.len() {
            next = watch_over(size, next, &all, TOTAL.saturating_sub(began.elapsed()));
        }
    }
}

/// Runs the measures of a size from one on in a process of their own. Returns the one to begin with again.
fn watch_over(size: Size, from: usize, all: &[String], left: Duration) -> usize {
    let line = |name: &str, text: &str| println!("{:>5} nodes {:>7} pods  {name:<26} {text}", size.nodes, size.pods);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--measure", &size.nodes.to_string(), &size.pods.to_string(), &from.to_string()]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (sender, receiver) = mpsc::channel();
    let output = child.stdout.take().unwrap();
    std::thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).for_each(|l| drop(sender.send(l))));
    let end = Instant::now() + left;
    let mut next = from;
    while next < all.len() {
        let name = &all[next];
        let limit = if next == from { READING } else { LIMIT };
        let limit = limit.min(end.saturating_duration_since(Instant::now()));
        let value = receiver.recv_timeout(limit).ok().and_then(|l| l.parse::<f64>().ok());
        next += 1;
        let Some(value) = value else {
            line(name, &format!("not measured: more than {limit:.0?}"));
            break;
        };
        let ratio = budget(name, size).map(|b| format!("{:6.2} of {}", value / b, shown(name, b)));
        line(name, &format!("{:>10}  {}", shown(name, value), ratio.unwrap_or_default()));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    next
}

/// Measures, and prints a number for each.
fn measure(size: Size, from: usize) {
    let facts = facts(size);
    let memory = resident();
    let now = Timestamp::now();
    let migration = facts.migration.as_ref().unwrap();
    let mut outlook = None;
    for name in &measures()[from..] {
        let value = match name.as_str() {
            "memory" => memory,
            "decision" => median(|| drop(decide(View::read_only(&facts, migration, now)))),
            "preflight" => median(|| drop(checks::preflight(&View::read_only(&facts, migration, now)))),
            "outlook" => median(|| outlook = Some(Outlook::of(&facts, migration, now))),
            // where it took too long, the frames are drawn with one that knows nothing
            frame => frames(frame, &facts, outlook.get_or_insert_default(), now),
        };
        println!("{value}");
    }
}

/// The cluster as the watches fold it.
fn facts(size: Size) -> Facts {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = FactStore::default();
    runtime.block_on(async {
        let _watches = watch::start(&cluster::client(size), &store, |_| ());
        let all = |f: &Facts| {
            f.stale().is_empty() && f.node_migrations.len() == size.nodes && f.cilium_ranges.len() == size.nodes
        };
        store.until(all).await;
    });
    drop(runtime);
    store.change(|f| f.surroundings.helm = Some(Ok("v4.0.0".into())));
    let mut facts = std::mem::take(&mut *store.shared().write().unwrap());
    assert_eq!((facts.nodes.len(), facts.pods.len()), (size.nodes, size.pods));
    let answers = ["look", "restore", "probe"].map(|task| (task, Admission::Allowed)).into();
    facts.task_pods = TaskPods { namespace: "kube-system".into(), is_missing: false, answers };
    write_down(&mut facts);
    facts
}

/// Writes down what is decided first, as an engine does: the rounds after that find every node where it is.
fn write_down(facts: &mut Facts) {
    let migration = facts.migration.clone().unwrap();
    let decision = decide(View::read_only(facts, &migration, Timestamp::now()));
    for (node, changed) in decision.nodes {
        let record =
            NodeMigration { status: Some(changed.status), ..NodeMigration::clone(&facts.node_migrations[&node]) };
        facts.node_migrations.insert(node, record.into());
    }
    let status = Some(decision.migration);
    facts.migration = Some(Migration { status, ..Migration::clone(&migration) }.into());
}

/// The time of a frame of a screen. All that this bench knows of the cockpit is here.
fn frames(name: &str, facts: &Facts, outlook: &Outlook, now: Timestamp) -> f64 {
    let at = measures().iter().filter(|m| m.starts_with("frame")).position(|m| m == name).unwrap();
    let (width, height) = TERMINALS[at / titles().count()];
    let (window, log) = (Window::default(), Log::default());
    let scene = Scene {
        facts,
        revision: 1,
        migration: facts.migration.as_ref().unwrap(),
        outlook,
        window: &window,
        log: &log,
        engine: &EngineState::Acting,
        now,
    };
    let mut model = Model::new(ClusterName::default(), true);
    press(
        &mut model,
        &scene,
        char::from_digit(u32::try_from(at % titles().count() + 1).unwrap(), 10).unwrap(),
        tokio::time::Instant::now(),
    );
    median(|| drop(screenshot::frame(width, height, &mut model, &scene, Theme::new(Some(Colours::Terminal), false))))
}

/// Microseconds of a core that something takes, as the median of many; what else runs on the machine does not count.
fn median(mut run: impl FnMut()) -> f64 {
    let (began, mut times) = (Instant::now(), vec![]);
    while times.len() < 3 || began.elapsed() < REPEAT {
        let began = cpu();
        run();
        times.push(cpu().checked_sub(began).unwrap());
    }
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// The time for which this thread had a core.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// KiB of memory that this process has.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0.0)
}
