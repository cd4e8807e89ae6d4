//! Hubble's relay over gRPC: past and live flows, field masks, filters, and the state of its connections to nodes. It
//! serves while its pod is ready.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use async_stream::stream;
use futures::{Stream, future::BoxFuture};
use tokio::{
    net::TcpListener,
    sync::{broadcast, watch},
    task::JoinSet,
};
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, ServerStreamingService, UnaryService},
    transport::{Server, ServerTlsConfig, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::hubble::wire::{
    Endpoint, Flow, FlowFilter, GET_FLOWS, GET_NODES, GetFlowsRequest, GetFlowsResponse, GetNodesRequest,
    GetNodesResponse, Item, LostEvent, Node, NodeStatusEvent, Protocol, SERVER_STATUS, ServerStatusRequest,
    ServerStatusResponse, Time,
};

/// Size of an agent's ring buffer (Cilium's default).
const RING: usize = 4_095;

/// The relay's connection to a node.
#[derive(Clone, Debug, Default)]
struct Connection {
    connected: bool,
    seen: u64,
}

/// The flows of all nodes, past and live.
#[derive(Clone)]
pub struct Seen {
    ring: Arc<Mutex<VecDeque<GetFlowsResponse>>>,
    live: broadcast::Sender<GetFlowsResponse>,
    nodes: Arc<Mutex<BTreeMap<String, Connection>>>,
    up: watch::Sender<bool>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            ring: Arc::default(),
            live: broadcast::channel(8_192).0,
            nodes: Arc::default(),
            up: watch::Sender::new(false),
        }
    }
}

impl Seen {
    /// Adds a flow; it is lost if the relay is not connected to its node.
    pub fn push(&self, flow: GetFlowsResponse) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = nodes.entry(flow.node_name.clone()).or_default();
        connection.seen += 1;
        if !connection.connected || !*self.up.borrow() {
            return;
        }
        drop(nodes);
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == RING {
            ring.pop_front();
        }
        ring.push_back(flow.clone());
        drop(ring);
        // an error only says that there is no subscriber
        let _ = self.live.send(flow);
    }

    /// Sets the state: whether the relay is up, its nodes, and those whose agents are ready.
    pub fn set_state(&self, up: bool, nodes: Vec<String>, ready: &[String]) {
        let mut connections = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|n, _| nodes.contains(n));
        for node in nodes {
            let connected = ready.contains(&node);
            connections.entry(node).or_default().connected = connected;
        }
        drop(connections);
        self.up.send_if_modified(|was| std::mem::replace(was, up) != up);
    }

    fn states(&self) -> Vec<(String, Connection)> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().map(|(n, h)| (n.clone(), h.clone())).collect()
    }

    fn is_up(&self) -> Result<(), Status> {
        if *self.up.borrow() { Ok(()) } else { Err(Status::unavailable("no pod of hubble-relay is ready")) }
    }
}

/// Serves on a free port of loopback.
///
/// # Errors
/// When there is none, or the certificates cannot be used.
pub async fn serve(seen: Seen, tls: Option<ServerTlsConfig>, tasks: &mut JoinSet<()>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls).map_err(std::io::Error::other)?;
    }
    let server = server.add_service(Observer { seen }).serve_with_incoming(TcpIncoming::from(listener));
    tasks.spawn(async move {
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
                SERVER_STATUS => Grpc::new(ProstCodec::default()).unary(Statuses(this.seen), request).await,
                GET_NODES => Grpc::new(ProstCodec::default()).unary(Nodes(this.seen), request).await,
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
        let (seen, mut live) = (self.seen.clone(), self.seen.live.subscribe());
        let asked = request.into_inner();
        Box::pin(async move {
            seen.is_up()?;
            if asked.first && asked.follow {
                return Err(Status::invalid_argument("first has to go without follow"));
            }
            let past = past(&seen, &asked);
            let mut up = seen.up.subscribe();
            let flows = stream! {
                // a relay first reports the states of its nodes
                for (state, connected) in [(1, true), (2, false)] {
                    let nodes = seen.states().into_iter().filter(|(_, h)| h.connected == connected);
                    let node_names: Vec<String> = nodes.map(|(n, _)| n).collect();
                    if !node_names.is_empty() {
                        let status = NodeStatusEvent { state_change: state, node_names, message: String::new() };
                        yield Ok(GetFlowsResponse { item: Some(Item::NodeStatus(status)), ..GetFlowsResponse::default() });
                    }
                }
                for flow in past {
                    yield Ok(masked(flow, &asked));
                }
                loop {
                    if !asked.follow {
                        break;
                    }
                    let next = tokio::select! {
                        () = gone(&mut up) => {
                            yield Err(Status::unavailable("the relay is shutting down"));
                            return;
                        }
                        next = live.recv() => next,
                    };
                    match next {
                        Ok(flow) if wanted(&flow, &asked) => yield Ok(masked(flow, &asked)),
                        Ok(_) => {}
                        Err(broadcast::error::RecvError::Lagged(n)) => {
                            let lost = LostEvent { source: 3, num_events_lost: n };
                            yield Ok(GetFlowsResponse { item: Some(Item::LostEvents(lost)), ..GetFlowsResponse::default() });
                        }
                        Err(broadcast::error::RecvError::Closed) => break,
                    }
                }
            };
            Ok(Response::new(Box::pin(flows) as Pin<Box<dyn Stream<Item = _> + Send>>))
        })
    }
}

async fn gone(up: &mut watch::Receiver<bool>) {
    let _ = up.wait_for(|up| !up).await;
}

/// Flows from the ring buffer: since a time, else the last ones.
fn past(seen: &Seen, asked: &GetFlowsRequest) -> Vec<GetFlowsResponse> {
    let ring = seen.ring.lock().unwrap_or_else(PoisonError::into_inner);
    let at = |t: &Time| (t.seconds, t.nanos);
    let within = |f: &&GetFlowsResponse| {
        let time = f.time.as_ref().map(at);
        asked.since.as_ref().is_none_or(|s| time >= Some(at(s)))
            && asked.until.as_ref().is_none_or(|u| time <= Some(at(u)))
    };
    let fitting: Vec<&GetFlowsResponse> = ring.iter().filter(|f| wanted(f, asked)).filter(within).collect();
    let number = usize::try_from(asked.number).unwrap_or(usize::MAX);
    let number = match (asked.since.is_some(), number) {
        (true, _) => usize::MAX,
        (false, 0) if !asked.follow => 20,
        (false, number) => number,
    };
    fitting.iter().skip(fitting.len().saturating_sub(number)).map(|f| (*f).clone()).collect()
}

fn wanted(flow: &GetFlowsResponse, asked: &GetFlowsRequest) -> bool {
    let Some(Item::Flow(flow)) = &flow.item else { return true };
    let fits = |f: &FlowFilter| fits(flow, f);
    (asked.whitelist.is_empty() || asked.whitelist.iter().any(fits)) && !asked.blacklist.iter().any(fits)
}

fn fits(flow: &Flow, filter: &FlowFilter) -> bool {
    let ports = match flow.l4.as_ref().and_then(|l| l.protocol.as_ref()) {
        Some(Protocol::Tcp(p)) => (p.source_port, p.destination_port),
        Some(Protocol::Udp(p)) => (p.source_port, p.destination_port),
        Some(Protocol::Sctp(p)) => (p.source_port, p.destination_port),
        _ => (0, 0),
    };
    let protocol = match flow.l4.as_ref().and_then(|l| l.protocol.as_ref()) {
        Some(Protocol::Tcp(_)) => "tcp",
        Some(Protocol::Udp(_)) => "udp",
        _ => "",
    };
    let ip = flow.ip.clone().unwrap_or_default();
    let has = |list: &[String], value: &str| list.is_empty() || list.iter().any(|v| v == value);
    let identity =
        |list: &[u32], end: Option<&Endpoint>| list.is_empty() || end.is_some_and(|e| list.contains(&e.identity));
    let within = |list: &[String], ip: &str| {
        let ip: Option<std::net::IpAddr> = ip.parse().ok();
        list.is_empty()
            || list
                .iter()
                .filter_map(|v| {
                    v.parse::<ipnet::IpNet>().ok().or_else(|| v.parse::<std::net::IpAddr>().ok().map(Into::into))
                })
                .any(|n| ip.is_some_and(|ip| n.contains(&ip)))
    };
    (filter.verdict.is_empty() || filter.verdict.contains(&flow.verdict))
        && has(&filter.source_port, &ports.0.to_string())
        && has(&filter.destination_port, &ports.1.to_string())
        && (filter.protocol.is_empty() || filter.protocol.iter().any(|p| *p == protocol))
        && has(&filter.uuid, &flow.uuid)
        && identity(&filter.source_identity, flow.source.as_ref())
        && identity(&filter.destination_identity, flow.destination.as_ref())
        && within(&filter.source_ip, &ip.source)
        && within(&filter.destination_ip, &ip.destination)
}

/// Applies the field mask, to the fields that matter here.
fn masked(mut response: GetFlowsResponse, asked: &GetFlowsRequest) -> GetFlowsResponse {
    let Some(mask) = &asked.field_mask else { return response };
    let has = |path: &str| mask.paths.iter().any(|p| p == path);
    if let Some(Item::Flow(flow)) = &mut response.item {
        let end = |end: &mut Option<Endpoint>, name: &str| {
            if let Some(end) = end.as_mut().filter(|_| !has(name)) {
                if !has(&format!("{name}.labels")) {
                    end.labels.clear();
                }
                if !has(&format!("{name}.pod_name")) {
                    end.pod_name.clear();
                }
            }
        };
        end(&mut flow.source, "source");
        end(&mut flow.destination, "destination");
        if !has("uuid") {
            flow.uuid.clear();
        }
        // as in the real relay, a masked time or node is also missing for sorting
        if !has("time") {
            (flow.time, response.time) = (None, None);
        }
        if !has("node_name") {
            flow.node_name.clear();
            response.node_name.clear();
        }
    }
    response
}

struct Statuses(Seen);

impl UnaryService<ServerStatusRequest> for Statuses {
    type Response = ServerStatusResponse;
    type Future = BoxFuture<'static, Result<Response<ServerStatusResponse>, Status>>;

    fn call(&mut self, _: Request<ServerStatusRequest>) -> Self::Future {
        let seen = self.0.clone();
        Box::pin(async move {
            seen.is_up()?;
            let held = seen.ring.lock().unwrap_or_else(PoisonError::into_inner).len();
            Ok(Response::new(ServerStatusResponse {
                num_flows: held as u64,
                max_flows: RING as u64,
                version: "v1.15.19".into(),
                ..ServerStatusResponse::default()
            }))
        })
    }
}

struct Nodes(Seen);

impl UnaryService<GetNodesRequest> for Nodes {
    type Response = GetNodesResponse;
    type Future = BoxFuture<'static, Result<Response<GetNodesResponse>, Status>>;

    fn call(&mut self, _: Request<GetNodesRequest>) -> Self::Future {
        let seen = self.0.clone();
        Box::pin(async move {
            seen.is_up()?;
            let node = |(name, connection): (String, Connection)| Node {
                name: format!("default/{name}"),
                version: "v1.15.19".into(),
                state: if connection.connected { 1 } else { 2 },
                seen_flows: connection.seen,
            };
            Ok(Response::new(GetNodesResponse { nodes: seen.states().into_iter().map(node).collect() }))
        })
    }
}
