//! Whether the API server answers at all: a watch that is silent looks the same whether its server lives or not.

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    cluster::{identity, store::FactStore},
    domain::{
        facts::{Freshness, Source},
        problem::Problem,
    },
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause before the next question.
const PAUSE: Duration = Duration::from_secs(3);
/// The steps of the latency that is shown, in milliseconds.
const STEPS: [u32; 8] = [10, 25, 50, 100, 250, 500, 1_000, 2_500];

/// Asks for the version now and then, and whether it is still the same cluster that answers. `heard` gets the API
/// server's time with every answer.
pub(super) async fn watch(client: Client, store: FactStore, heard: impl Fn(Timestamp)) {
    let mut known = None;
    loop {
        let asked = Instant::now();
        match timeout(PATIENCE, version(&client)).await {
            Ok(Ok(_)) if is_another(&client, &mut known).await => store.broken(Source::ApiServer, another()),
            Ok(Ok(date)) => {
                let took = asked.elapsed().as_millis();
                let latency = STEPS.into_iter().find(|l| took < u128::from(*l));
                store.freshness(Source::ApiServer, Freshness::Live);
                date.iter().for_each(|d| heard(*d));
                let failing = etcd_fails(&client).await;
                store.fold(|f| {
                    let off = date.map_or(f.clock_off, |d| skew(f.clock_off, d));
                    let changes = (f.etcd_failing, f.latency, f.clock_off) != (failing, latency, off);
                    (f.etcd_failing, f.latency, f.clock_off) = (failing, latency, off);
                    changes
                });
            }
            Ok(Err(e)) => store.broken(Source::ApiServer, e.into()),
            Err(_) => store.broken(Source::ApiServer, silent()),
        }
        sleep(PAUSE).await;
    }
}

/// Does another cluster answer than the one that answered first?
async fn is_another(client: &Client, known: &mut Option<String>) -> bool {
    match (timeout(PATIENCE, identity::of(client)).await.ok().flatten(), known) {
        (Some(now), Some(known)) => now != *known,
        (now, known @ None) => {
            *known = now;
            false
        }
        (None, Some(_)) => false,
    }
}

fn another() -> Problem {
    let remedy = "Nothing is done on it. See what the address leads to, and start Cutover again.";
    Problem::new(
        Source::ApiServer.word(),
        "another cluster answers than at the start (UID of namespace kube-system)",
        remedy,
    )
}

fn silent() -> Problem {
    Problem::new(Source::ApiServer.word(), format!("no answer within {} s", PATIENCE.as_secs()), "")
}

/// The API server's time, as it says with every answer.
async fn version(client: &Client) -> kube::Result<Option<Timestamp>> {
    let request = http::Request::get("/version").body(kube::client::Body::empty()).map_err(kube::Error::HttpError)?;
    let answer = client.send(request).await?;
    let date = answer.headers().get(http::header::DATE).and_then(|d| d.to_str().ok());
    let date = date.and_then(|d| jiff::fmt::rfc2822::parse(d).ok()).map(|z| z.timestamp());
    let (status, body) = (answer.status(), answer.into_body().collect_bytes().await?);
    if status.is_success() {
        return Ok(date);
    }
    let said = String::from_utf8_lossy(&body).into_owned();
    Err(kube::Error::Api(kube::core::Status::failure(&said, "").with_code(status.as_u16()).boxed()))
}

/// The API server's own check of its etcd. It answers without 200 when any of its checks fails, with the same text.
async fn etcd_fails(client: &Client) -> bool {
    let Ok(request) = http::Request::get("/readyz?verbose").body(Vec::new()) else { return false };
    let said = match timeout(PATIENCE, client.request_text(request)).await {
        Ok(Ok(text)) => text,
        Ok(Err(kube::Error::Api(status))) => status.message,
        _ => return false,
    };
    said.lines().any(|l| l.starts_with("[-]etcd"))
}

/// Seconds by which this machine's clock is ahead of the server's: 0 where that is little, unchanged by a second.
fn skew(known: i64, theirs: Timestamp) -> i64 {
    let off = Timestamp::now().duration_since(theirs).as_secs();
    let off = if off.abs() < 5 { 0 } else { off };
    if (known - off).abs() > 1 { off } else { known }
}
