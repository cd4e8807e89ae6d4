//! kill -9 at every edge of every write that moves a migration on: each node, each step, forward and back, before
//! the write is sent, without an answer, and answered with nothing after it. The end is the same as without.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub, dead_code, reason = "tests")]

mod support;

use cutover::{
    domain::audit,
    sim::{Embedded, Settings, clock::Pace, world},
};
use serde_json::Value;
use support::{
    crash::{Boots, at_rest, to_the_end},
    proxy::{self, Edge, Proxy},
};

struct Ends {
    forward: Value,
    back: Value,
    cuts: usize,
}

fn arguments(words: &[&str], log: &std::path::Path) -> Vec<String> {
    let mut all: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
    all.extend(["--yes", "--confirm-context", proxy::CONTEXT].map(str::to_owned));
    all.extend(["--audit-log".into(), log.join("audit.jsonl").to_string_lossy().into_owned()]);
    if words[0] == "run" {
        all.extend(["--observe".into(), "0".into()]);
        all.extend(world::CONSENTS.iter().flat_map(|c| ["--consent".to_owned(), (*c).to_owned()]));
    }
    all
}

/// How the cluster is moved.
#[derive(Clone, Copy)]
struct Way {
    arguments: &'static [&'static str],
    /// The way back reboots every node, too.
    reboots_back: bool,
    /// Fewer writes than this would show nothing.
    places: usize,
}

const ROLLING: Way = Way { arguments: &[], reboots_back: false, places: 60 };
const OUTAGE: Way = Way {
    arguments: &["--strategy", "downtime", "--cilium-version", "1.12.19", "--encryption", "ipsec"],
    reboots_back: true,
    places: 40,
};

/// There and back, killed `most` times at this edge.
async fn there_and_back(way: Way, edge: Edge, most: usize) -> Ends {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 3, pace: Pace::MAX }, folder.path()).await.unwrap();
    let client = cluster.client().unwrap();
    let (boots, watch) = Boots::watch(&client);
    let mut proxy = Proxy::start(client.clone(), &cluster.helm, folder.path(), edge, most).await;
    let (_, kills) = to_the_end(
        &mut proxy,
        &arguments(&[&["run", "--until", "verify"], way.arguments].concat(), folder.path()),
        folder.path(),
    )
    .await;
    let forward = at_rest(&client).await;
    let reboots = boots.counts();
    assert!(reboots.values().all(|n| *n == 1), "{edge:?}: {reboots:?}");
    let (_, more) = to_the_end(&mut proxy, &arguments(&["rollback"], folder.path()), folder.path()).await;
    let back = at_rest(&client).await;
    // without an outage the way back restarts what there is, and reboots nothing
    let once_more = usize::from(way.reboots_back);
    assert!(boots.counts().iter().all(|(node, n)| *n == reboots[node] + once_more), "{edge:?}: {:?}", boots.counts());
    watch.abort();
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let request = http::Request::get("/apis/cutover.dev/v1alpha1/migrations/cutover").body(Vec::new()).unwrap();
    let migration: Value = client.request(request).await.unwrap();
    let anchors: Vec<audit::Anchor> = serde_json::from_value(migration["status"]["audit"].clone()).unwrap();
    let verified = audit::verify(&text, &anchors).unwrap();
    println!(
        "{edge:?}: killed {} times at {} places of {} writes; {} lines in the audit log, {} effects of unknown outcome",
        kills + more,
        proxy.cuts(),
        proxy.writes(),
        verified.whole.end.lines,
        verified.whole.open.len()
    );
    // of every life at most what was on its way is unknown: five evictions and their like at once
    assert!(verified.whole.open.len() <= (kills + more) * 8, "{} unknown", verified.whole.open.len());
    assert!(kills + more > 0 || verified.whole.open.is_empty(), "unknown without any crash: {:?}", verified.whole.open);
    Ends { forward, back, cuts: proxy.cuts() }
}

async fn at_every(way: Way, edge: Edge) {
    let (calm, crashed) = tokio::join!(there_and_back(way, edge, 0), there_and_back(way, edge, usize::MAX));
    assert_eq!(calm.cuts, 0);
    assert!(crashed.cuts >= way.places, "only {} places", crashed.cuts);
    assert_eq!(crashed.forward, calm.forward, "{edge:?}: forward, the end is another one");
    assert_eq!(crashed.back, calm.back, "{edge:?}: back, the end is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_every_write() {
    at_every(ROLLING, Edge::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_without_an_answer_to_every_write() {
    at_every(ROLLING, Edge::Unanswered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_every_answer() {
    at_every(ROLLING, Edge::Answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_every_answer_in_an_outage() {
    at_every(OUTAGE, Edge::Answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_without_an_answer_in_an_outage() {
    at_every(OUTAGE, Edge::Unanswered).await;
}
