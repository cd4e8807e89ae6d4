//! The nodes to which the relay is connected: it answers when polled, and does not always report by itself.

use std::{
    collections::{HashMap, VecDeque},
    sync::PoisonError,
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};
use tonic::{Request, Status, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

use super::{
    channel::{NoChannel, root, said},
    flow::plain,
    shared::Flows,
    wire::{GET_NODES, GetNodesRequest, GetNodesResponse},
};

/// How often the relay is polled. (Its own keepalive would end a connection that is pinged more often than every five
/// minutes.)
const ASK: Duration = Duration::from_secs(10);

/// Polls the relay for its nodes.
pub(super) struct Nodes {
    channel: Channel,
    next: Instant,
    asking: Option<BoxFuture<'static, Result<GetNodesResponse, Status>>>,
    unheard: u32,
    /// Flows that each node had seen, and those of them that had arrived, at the last two answers.
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

    /// Applies an answer.
    ///
    /// # Errors
    /// Why the stream has to be restarted.
    pub(super) fn judge(&mut self, answer: Result<GetNodesResponse, Status>, flows: &Flows) -> Result<(), NoChannel> {
        let answer = match answer {
            Ok(answer) => answer,
            // an agent, or a very old relay: it is alive and does not report nodes
            Err(status) if status.code() == tonic::Code::Unimplemented => return Ok(()),
            Err(status) => {
                self.unheard += 1;
                let why = NoChannel::Failed(format!("the relay stopped answering: {}", said(&status)));
                return if self.unheard >= 2 { Err(why) } else { Ok(()) };
            }
        };
        self.unheard = 0;
        let (mut heard, mut changed) = (HashMap::new(), Vec::new());
        {
            let window = flows.window.read().unwrap_or_else(PoisonError::into_inner);
            for node in &answer.nodes {
                let (name, connected) = (plain(&node.name), node.state == 1);
                let came = window.counts.nodes.get(&name.into()).flows;
                heard.insert(name.to_owned(), (node.seen_flows, came));
                let known = window.nodes.get(name);
                if known.is_none_or(|k| k.connected != connected) {
                    let why = known.map(|k| k.why.clone()).filter(|_| !connected).unwrap_or_default();
                    changed.push((name, connected, why));
                }
            }
        }
        let gone = |name: &String| !heard.contains_key(name);
        if !changed.is_empty() || flows.window.read().unwrap_or_else(PoisonError::into_inner).nodes.keys().any(gone) {
            flows.change(|w| {
                w.nodes.retain(|name, _| heard.contains_key(name));
                changed.iter().for_each(|(name, connected, why)| w.heard(name, *connected, why));
            });
        }
        let deaf = self.before.front().and_then(|before| {
            heard.iter().find(|(name, (seen, came))| {
                before.get(*name).is_some_and(|(s, c)| c == came && seen.saturating_sub(*s) >= 20)
            })
        });
        // seen on real nodes: a relay forgets a node whose agent restarted
        let deaf = deaf.map(|(name, _)| NoChannel::Failed(format!("{name} sees flows, but none arrive: reconnecting")));
        self.before.push_back(heard);
        if self.before.len() > 2 {
            self.before.pop_front();
        }
        deaf.map_or(Ok(()), Err)
    }
}
