//! A client of Hubble's relay: streams flows and reconnects when the stream ends.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use jiff::Timestamp;
use tokio::time::{Instant, interval, timeout};

use super::{
    channel::{Dial, NoChannel, ask},
    intake::Intake,
    nodes::Nodes,
    shared::Flows,
    window::Stream,
    wire::{GetFlowsRequest, masked},
};

/// How far back the first stream begins, so that the screen is not empty at the start.
const BACK: Duration = Duration::from_secs(60);
/// How long the first stream waits for names.
const NAMES_WITHIN: Duration = Duration::from_secs(3);

/// Streams flows for ever; reconnects when a stream ends, with or without an error.
pub async fn follow(dial: Dial, flows: Flows) {
    let mut intake = Intake::default();
    // flows that arrive before the first directory would stay without names
    let mut known = flows.directories();
    let _ = timeout(NAMES_WITHIN, known.wait_for(|d| !d.is_empty())).await;
    let mut pause = Duration::from_millis(500);
    let mut since = Timestamp::now().checked_sub(BACK).ok();
    loop {
        let began = Instant::now();
        let ended = round(&dial, &flows, &mut intake, since).await;
        if began.elapsed() > Duration::from_secs(30) {
            pause = Duration::from_millis(500);
        }
        flows.change(|w| w.missed(0));
        since = intake.since(Timestamp::now()).or(since);
        match ended {
            Ok(()) => flows.stream(Stream::Retrying("the relay ended the stream".into())),
            Err(NoChannel::Absent(why)) => flows.stream(Stream::None(why)),
            Err(NoChannel::Failed(why)) => flows.stream(Stream::Retrying(why)),
            Err(NoChannel::TooLarge(why)) => {
                since = Some(Timestamp::now());
                flows.change(|w| w.unread += 1);
                flows.stream(Stream::Retrying(why));
            }
        }
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// One stream, from its beginning to its end.
async fn round(dial: &Dial, flows: &Flows, intake: &mut Intake, since: Option<Timestamp>) -> Result<(), NoChannel> {
    let late = || NoChannel::Failed("no answer within 15 s".into());
    let channel = timeout(Duration::from_secs(15), dial()).await.map_err(|_| late())??;
    // `number: 1` makes the relay's sorting buffer as small as possible, so that flows come at once; `since` says
    // where the stream begins
    let request =
        masked(GetFlowsRequest { number: 1, follow: true, since: since.map(Into::into), ..Default::default() });
    let messages = timeout(Duration::from_secs(15), ask(channel.clone(), request)).await.map_err(|_| late())??;
    flows.stream(Stream::Live);
    let mut batches = std::pin::pin!(messages.ready_chunks(512));
    let mut directory = flows.directories();
    directory.mark_changed();
    let mut second = interval(Duration::from_secs(1));
    let mut nodes = Nodes::new(channel);
    loop {
        tokio::select! {
            batch = batches.next() => {
                let Some(batch) = batch else { return Ok(()) };
                if directory.has_changed().unwrap_or(false) {
                    intake.know(Arc::clone(&directory.borrow_and_update()));
                }
                let mut failed = None;
                let now = Timestamp::now();
                flows.change(|w| for message in batch {
                    match message {
                        Ok(message) => intake.take(&message, w, now),
                        Err(status) => failed = Some(status.into()),
                    }
                });
                if let Some(why) = failed {
                    return Err(why);
                }
            }
            _ = second.tick() => {
                let now = Timestamp::now();
                let overdue = flows.window.write().unwrap_or_else(PoisonError::into_inner).tick(now);
                if overdue {
                    flows.change(|_| ());
                }
            }
            answer = nodes.next() => nodes.judge(answer, flows)?,
        }
    }
}
