//! How many flows a core takes in, and what that costs beside Hubble's own program.
//!
//! `cargo bench --bench flows` prints figures and judges nothing. Where `hubble` is at hand (`HUBBLE=program`, else in
//! PATH) both programs read the same stream, one after the other, in the same run.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs, reason = "a bench")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    process::{Command, Stdio},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use cutover::{
    cockpit::{ClusterName, Model, Outlook, Scene, Theme, screenshot},
    domain::{facts::Facts, lease::EngineState, log::Log},
    hubble::{
        capture,
        filter::Filter,
        intake::Intake,
        window::{Stream as State, Window},
        wire::{GET_FLOWS, GetFlowsRequest, GetFlowsResponse, Item, Time},
    },
};
use futures::{Stream, future::BoxFuture};
use jiff::Timestamp;
use prost::Message;
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, ServerStreamingService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

/// Flows of a run.
const FLOWS: u32 = 1_000_000;

fn recorded() -> Vec<GetFlowsResponse> {
    let mut all = Vec::new();
    for text in [include_str!("../tests/flows/mixed.jsonl"), include_str!("../tests/flows/final.jsonl")] {
        capture::read(text.as_bytes(), |m| all.push(m)).unwrap();
    }
    all
}

/// The nth flow of a stream: one that was recorded, between one of 3,000 pairs of workloads, at its own time.
fn nth(recorded: &[GetFlowsResponse], n: u32, whole: bool) -> GetFlowsResponse {
    let mut message = recorded[usize::try_from(n).unwrap() % recorded.len()].clone();
    let time = Time::from(Timestamp::from_nanosecond(1_790_000_000_000_000_000 + i128::from(n) * 5_000).unwrap());
    message.time = Some(time);
    if let Some(Item::Flow(flow)) = &mut message.item {
        flow.time = Some(time);
        flow.uuid = format!("{n:08x}-d276-4df3-b54d-5c8d3e0b1a77");
        for (end, many) in [(&mut flow.source, 60), (&mut flow.destination, 50)] {
            if let Some(end) = end {
                if !end.pod_name.is_empty() {
                    end.pod_name = format!("app-{}-7bbf79967d-nxlvj", n % many);
                    end.workloads.clear();
                }
                if !whole {
                    end.labels.clear();
                }
            }
        }
        if !whole {
            flow.summary.clear();
        }
    }
    message
}

fn in_process(recorded: &[GetFlowsResponse]) {
    let messages: Vec<Bytes> = (0..FLOWS).map(|n| Bytes::from(nth(recorded, n, false).encode_to_vec())).collect();
    let size = messages.iter().map(Bytes::len).sum::<usize>() / messages.len();
    let before = resident("self");
    let (mut window, mut intake) = (Window::default(), Intake::default());
    window.stream = State::Live;
    let began = Instant::now();
    for batch in messages.chunks(512) {
        let now = Timestamp::now();
        for message in batch {
            intake.take(message, &mut window, now);
        }
    }
    let took = began.elapsed();
    let all = window.counts.all;
    assert_eq!(all.flows, u64::from(FLOWS));
    println!(
        "taken in, counted and kept on one core: {} flows a second ({size} B each)",
        per_second(messages.len(), took)
    );
    println!(
        "  {} rows kept, {} shed, {} probes, {} edges; {} KiB more memory",
        window.len(),
        window.shed(),
        all.probes,
        window.counts.edges.len(),
        resident("self").saturating_sub(before)
    );
    let filter = Filter::parse("verdict=dropped src=test/* dport=8080 not dst=world").unwrap();
    let began = Instant::now();
    let (mut found, rounds) = (0, 100);
    for _ in 0..rounds {
        found += window.newest().filter(|(_, row)| filter.matches(row)).count();
    }
    println!("filtered: {} rows a second ({found} found)", per_second(rounds * window.len(), began.elapsed()));
    frames(&window);
}

fn frames(window: &Window) {
    let facts = Facts::default();
    let (log, outlook) = (Log::default(), Outlook::default());
    let spec = serde_json::json!({"cilium": {"version": "1.15.19", "chart": "x", "podCidr": "10.245.0.0/16"}});
    let migration = cutover::domain::api::Migration::new("cutover", serde_json::from_value(spec).unwrap());
    let scene = Scene {
        facts: &facts,
        revision: 1,
        migration: &migration,
        outlook: &outlook,
        window,
        log: &log,
        engine: &EngineState::Acting,
        now: Timestamp::now(),
    };
    for (width, height) in [(80, 24), (160, 48)] {
        let mut model = Model::new(ClusterName::default(), false);
        cutover::cockpit::press(&mut model, &scene, '4', tokio::time::Instant::now());
        let mut times: Vec<Duration> = (0..300)
            .map(|_| {
                let began = Instant::now();
                screenshot::frame(width, height, &mut model, &scene, Theme::from_environment());
                began.elapsed()
            })
            .collect();
        times.sort();
        println!("frame {width}x{height} with a full flow table, its terminal made anew: median {:?}", times[150]);
    }
}

fn per_second(n: usize, took: Duration) -> u64 {
    u64::try_from(n as u128 * 1_000_000 / took.as_micros().max(1)).unwrap()
}

/// Kibibytes that a process has in memory.
fn resident(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:") || l.starts_with("VmRSS:"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// CPU time that a process has used, user and system; a clock tick has 10 ms.
fn used(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

fn child(name: &str, mut command: Command) {
    let Ok(mut child) = command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn() else {
        println!("{name}: not at hand");
        return;
    };
    let began = Instant::now();
    let (mut cpu, mut memory) = (Duration::ZERO, 0);
    while child.try_wait().unwrap().is_none() {
        cpu = used(child.id()).unwrap_or(cpu);
        memory = resident(&child.id().to_string()).max(memory);
        std::thread::sleep(Duration::from_millis(5));
    }
    println!(
        "{name}: {:.2} s of CPU a million flows, {:.2} s of time, {} MiB at most",
        cpu.as_secs_f64() * 1e6 / f64::from(FLOWS),
        began.elapsed().as_secs_f64(),
        memory / 1024
    );
}

#[derive(Clone)]
struct Relay;

impl NamedService for Relay {
    const NAME: &'static str = "observer.Observer";
}

impl tower::Service<http::Request<Body>> for Relay {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != GET_FLOWS {
                return Ok(Status::unimplemented("flows only").into_http());
            }
            Ok(Grpc::new(ProstCodec::default()).server_streaming(Self, request).await)
        })
    }
}

impl ServerStreamingService<GetFlowsRequest> for Relay {
    type Response = GetFlowsResponse;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<GetFlowsResponse, Status>> + Send>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<GetFlowsRequest>) -> Self::Future {
        let whole = request.into_inner().field_mask.is_none();
        let recorded = recorded();
        let flows = futures::stream::iter((0..FLOWS).map(move |n| Ok(nth(&recorded, n, whole))));
        Box::pin(async move { Ok(Response::new(Box::pin(flows) as Pin<Box<dyn Stream<Item = _> + Send>>)) })
    }
}

fn serve() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            Server::builder().add_service(Relay).serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
    });
    address
}

fn main() {
    in_process(&recorded());
    let address = serve().to_string();
    let last = FLOWS.to_string();
    let ours = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.env("KUBECONFIG", "/nonexistent").args(["flows", "--probes", "--last", &last, "--hubble", &address]);
        command.args(arguments);
        command
    };
    child("cutover flows -o json", ours(&["-o", "json"]));
    child("cutover flows", ours(&[]));
    let hubble = || {
        let mut command = Command::new(std::env::var_os("HUBBLE").unwrap_or_else(|| "hubble".into()));
        command.args(["observe", "--server", &address, "--last", &last]);
        command
    };
    let mut json = hubble();
    json.args(["-o", "json"]);
    child("hubble observe -o json", json);
    child("hubble observe", hubble());
}
