//! Which nodes the relay hears: it tells when it is asked, and not always by itself.

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
