//! Hubble's relay, over gRPC like the real one.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use async_stream::stream;
use futures::{Stream, future::BoxFuture};
use tokio::{net::TcpListener, sync::broadcast, task::JoinSet};
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, ServerStreamingService, UnaryService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::hubble::wire::{
    GET_FLOWS, GetFlowsRequest, GetFlowsResponse, Item, NodeStatus, SERVER_STATUS, ServerStatusRequest,
    ServerStatusResponse,
};

/// Flows that a ring of an agent holds (Cilium's default).
const RING: usize = 4_095;

/// What was seen lately, and what is seen now.
#[derive(Clone)]
pub struct Seen {
    ring: Arc<Mutex<VecDeque<GetFlowsResponse>>>,
    live: broadcast::Sender<GetFlowsResponse>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { ring: Arc::default(), live: broadcast::channel(8_192).0 }
    }
}

impl Seen {
    pub(super) fn push(&self, flow: GetFlowsResponse) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == RING {
            ring.pop_front();
        }
        ring.push_back(flow.clone());
        drop(ring);
        // nobody following is no failure
        let _ = self.live.send(flow);
    }
}

/// Serves on a free port of loopback.
pub(super) async fn serve(seen: Seen, tasks: &mut JoinSet<()>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        let server = Server::builder().add_service(Observer { seen }).serve_with_incoming(TcpIncoming::from(listener));
        if let Err(e) = server.await {
            tracing::error!("the embedded Hubble relay ended: {e}");
        }
    });
    Ok(address)
}

#[derive(Clone)]
struct Observer {
    seen: Seen,
}

impl NamedService for Observer {
    const NAME: &'static str = "observer.Observer";
}

impl Service<http::Request<Body>> for Observer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                GET_FLOWS => Grpc::new(ProstCodec::default()).server_streaming(this, request).await,
                SERVER_STATUS => Grpc::new(ProstCodec::default()).unary(this, request).await,
                _ => Status::unimplemented("unknown method").into_http(),
            })
        })
    }
}

impl ServerStreamingService<GetFlowsRequest> for Observer {
    type Response = GetFlowsResponse;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<GetFlowsResponse, Status>> + Send>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<GetFlowsRequest>) -> Self::Future {
        let (ring, mut live) = (Arc::clone(&self.seen.ring), self.seen.live.subscribe());
        let asked = request.into_inner();
        Box::pin(async move {
            let number = usize::try_from(asked.number).unwrap_or(usize::MAX);
            let past: Vec<GetFlowsResponse> = {
                let ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
                ring.iter().skip(ring.len().saturating_sub(number)).cloned().collect()
            };
            let flows = stream! {
                // the first word of a relay is which nodes it is connected to
                yield Ok(GetFlowsResponse { item: Some(Item::NodeStatus(NodeStatus { state: 1, nodes: vec![], message: String::new() })), ..GetFlowsResponse::default() });
                for flow in past {
                    yield Ok(flow);
                }
                loop {
                    if !asked.follow {
                        break;
                    }
                    match live.recv().await {
                        Ok(flow) => yield Ok(flow),
                        Err(broadcast::error::RecvError::Lagged(n)) => {
                            let lost = crate::hubble::wire::Lost { source: 3, count: n };
                            yield Ok(GetFlowsResponse { item: Some(Item::Lost(lost)), ..GetFlowsResponse::default() });
                        }
                        Err(broadcast::error::RecvError::Closed) => break,
                    }
                }
            };
            Ok(Response::new(Box::pin(flows) as Pin<Box<dyn Stream<Item = _> + Send>>))
        })
    }
}

impl UnaryService<ServerStatusRequest> for Observer {
    type Response = ServerStatusResponse;
    type Future = BoxFuture<'static, Result<Response<ServerStatusResponse>, Status>>;

    fn call(&mut self, _: Request<ServerStatusRequest>) -> Self::Future {
        let held = self.seen.ring.lock().unwrap_or_else(PoisonError::into_inner).len();
        Box::pin(async move {
            let num_flows = u64::try_from(held).unwrap_or(0);
            Ok(Response::new(ServerStatusResponse {
                num_flows,
                max_flows: RING as u64,
                version: "v1.15.19".into(),
                ..ServerStatusResponse::default()
            }))
        })
    }
}
