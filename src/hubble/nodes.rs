//! Which nodes the relay hears: it tells when it is asked, and not always by itself.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::PoisonError,
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};
use tonic::{Request, Status, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

use super::{
    channel::{NoChannel, root, said},
    client::Flows,
    intake::plain,
    window::NodeState,
    wire::{GET_NODES, GetNodesRequest, GetNodesResponse},
};

/// How often the relay is asked which nodes it hears. (Its own keepalive would end a connection that is pinged more
/// often than every five minutes.)
const ASK: Duration = Duration::from_secs(10);

/// Which nodes the relay hears, asked now and then.
pub(super) struct Nodes {
    channel: Channel,
    next: Instant,
    asking: Option<BoxFuture<'static, Result<GetNodesResponse, Status>>>,
    unheard: u32,
    /// What each node had seen, and what of it had come, at the last two answers.
    before: VecDeque<HashMap<String, (u64, u64)>>,
}

impl Nodes {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, next: Instant::now(), asking: None, unheard: 0, before: VecDeque::new() }
    }

    pub(super) async fn next(&mut self) -> Result<GetNodesResponse, Status> {
        if self.asking.is_none() {
            tokio::time::sleep_until(self.next).await;
            self.next = Instant::now() + ASK;
            let mut grpc = Grpc::new(self.channel.clone());
            self.asking = Some(Box::pin(async move {
                let path = http::uri::PathAndQuery::from_static(GET_NODES);
                let codec: ProstCodec<GetNodesRequest, GetNodesResponse> = ProstCodec::default();
                grpc.ready().await.map_err(|e| Status::unavailable(root(&e)))?;
                let asked = grpc.unary(Request::new(GetNodesRequest {}), path, codec);
                let answer = timeout(Duration::from_secs(5), asked).await;
                answer.map_err(|_| Status::deadline_exceeded("no answer within 5 s"))?.map(tonic::Response::into_inner)
            }));
        }
        match &mut self.asking {
            Some(asking) => {
                let answer = asking.await;
                self.asking = None;
                answer
            }
            None => std::future::pending().await,
        }
    }

    /// Takes an answer in.
    ///
    /// # Errors
    /// Why the stream is to be asked for again.
    pub(super) fn judge(&mut self, answer: Result<GetNodesResponse, Status>, flows: &Flows) -> Result<(), NoChannel> {
        let answer = match answer {
            Ok(answer) => answer,
            // an agent, or a very old relay: it lives, and says nothing of nodes
            Err(status) if status.code() == tonic::Code::Unimplemented => return Ok(()),
            Err(status) => {
                self.unheard += 1;
                let why = NoChannel::Failed(format!("the relay does not answer any more: {}", said(&status)));
                return if self.unheard >= 2 { Err(why) } else { Ok(()) };
            }
        };
        self.unheard = 0;
        let mut now = HashMap::new();
        let (changed, heard) = {
            let window = flows.window.read().unwrap_or_else(PoisonError::into_inner);
            let nodes = answer.nodes.iter().map(|n| {
                let connected = n.state == 1;
                let name = plain(&n.name);
                let why = if connected {
                    String::new()
                } else {
                    window.nodes.get(&name).map(|s| s.why.clone()).unwrap_or_default()
                };
                (name, NodeState { connected, why, seen: n.seen_flows })
            });
            let nodes: BTreeMap<String, NodeState> = nodes.collect();
            for (name, state) in &nodes {
                let came = window.counts.nodes.get(&name.as_str().into()).flows;
                now.insert(name.clone(), (state.seen, came));
            }
            let quiet = |s: &BTreeMap<String, NodeState>| {
                s.iter().map(|(n, s)| (n.clone(), s.connected, s.why.clone())).collect::<Vec<_>>()
            };
            ((quiet(&nodes) != quiet(&window.nodes)).then_some(nodes), now)
        };
        if let Some(nodes) = changed {
            flows.change(|w| w.nodes = nodes);
        }
        let deaf = self.before.front().and_then(|before| {
            heard.iter().find(|(name, (seen, came))| {
                before.get(*name).is_some_and(|(s, c)| c == came && seen.saturating_sub(*s) >= 20)
            })
        });
        // relays have been seen to forget a node whose agent was restarted
        let deaf =
            deaf.map(|(name, _)| NoChannel::Failed(format!("{name} sees flows, and none of them comes: asked again")));
        self.before.push_back(heard);
        if self.before.len() > 2 {
            self.before.pop_front();
        }
        deaf.map_or(Ok(()), Err)
    }
}
