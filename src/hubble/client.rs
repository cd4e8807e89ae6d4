//! A client of Hubble's relay: asks for flows, and asks again when the stream ends.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::{StreamExt, future::BoxFuture};
use jiff::Timestamp;
use prost_types::FieldMask;
use tokio::{sync::watch, time::timeout};
use tonic::{
    Request,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use super::{
    flow::Row,
    window::{Stream, Window},
    wire::{FIELDS, GET_FLOWS, GetFlowsRequest, GetFlowsResponse, Item},
};

/// How a channel to the relay is had: the cluster layer knows.
pub type Dial = Arc<dyn Fn() -> BoxFuture<'static, Result<Channel, String>> + Send + Sync>;

/// The window, shared with whoever draws it.
#[derive(Clone)]
pub struct Flows {
    /// The window itself.
    pub window: Arc<RwLock<Window>>,
    changed: watch::Sender<u64>,
}

impl Default for Flows {
    fn default() -> Self {
        Self { window: Arc::default(), changed: watch::Sender::new(0) }
    }
}

impl Flows {
    /// Told when flows have come.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn change(&self, f: impl FnOnce(&mut Window)) {
        f(&mut self.window.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_modify(|n| *n += 1);
    }

    /// Says how the stream is.
    pub fn stream(&self, stream: Stream) {
        self.change(|w| w.stream = stream);
    }
}

/// A channel to `host:port`, in plain text.
pub fn dial_address(address: String) -> Dial {
    Arc::new(move || {
        let address = address.clone();
        Box::pin(async move {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))
                .map_err(|e| format!("{address} is no address: {e}"))?;
            endpoint
                .connect_timeout(Duration::from_secs(5))
                .connect()
                .await
                .map_err(|e| format!("{address} does not answer: {}", root(&e)))
        })
    })
}

fn root(error: &dyn std::error::Error) -> String {
    let mut last = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        last = cause.to_string();
        next = cause.source();
    }
    last
}

/// Follows the flows for ever. A stream that ends, with or without an error, is asked for again.
pub async fn follow(dial: Dial, flows: Flows) {
    let mut pause = Duration::from_millis(500);
    loop {
        let began = Timestamp::now();
        let why = match stream(&dial, &flows).await {
            Ok(()) => "the relay ended the stream".to_owned(),
            Err(why) => why,
        };
        if Timestamp::now().duration_since(began).as_secs() > 30 {
            pause = Duration::from_millis(500);
        }
        flows.stream(Stream::Retrying(why));
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}

async fn stream(dial: &Dial, flows: &Flows) -> Result<(), String> {
    let channel = timeout(Duration::from_secs(10), dial()).await.map_err(|_| "no answer within 10 s".to_owned())??;
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|e| root(&e))?;
    // one flow from before makes the relay's sorting buffer as small as it gets, so that flows come at once
    let request = GetFlowsRequest {
        number: 1,
        follow: true,
        since: None,
        field_mask: Some(FieldMask { paths: FIELDS.iter().map(|f| (*f).to_owned()).collect() }),
    };
    let codec: ProstCodec<GetFlowsRequest, GetFlowsResponse> = ProstCodec::default();
    let path = http::uri::PathAndQuery::from_static(GET_FLOWS);
    let answer = grpc.server_streaming(Request::new(request), path, codec).await.map_err(|s| status(&s))?;
    flows.stream(Stream::Live);
    let mut batches = answer.into_inner().ready_chunks(512);
    while let Some(batch) = batches.next().await {
        let mut rows = Vec::with_capacity(batch.len());
        let (mut lost, mut failed) = (0, None);
        for item in batch {
            match item {
                Ok(GetFlowsResponse { item: Some(Item::Flow(flow)), node_name, .. }) => {
                    rows.extend(Row::read(&flow, &node_name));
                }
                Ok(GetFlowsResponse { item: Some(Item::Lost(l)), .. }) => lost += l.count,
                Ok(_) => {}
                Err(s) => failed = Some(status(&s)),
            }
        }
        flows.change(|w| {
            w.lost += lost;
            rows.into_iter().for_each(|r| w.push(r));
        });
        if let Some(why) = failed {
            return Err(why);
        }
    }
    Ok(())
}

fn status(status: &tonic::Status) -> String {
    match status.code() {
        tonic::Code::Unimplemented => "this is no Hubble relay".into(),
        code => format!("{code:?}: {}", status.message()),
    }
}
