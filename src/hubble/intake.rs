//! From messages to rows: read, known again when they come twice, counted when they cannot be read.

use std::{
    collections::{HashSet, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;

use super::{
    directory::Directory,
    flow::{Reader, Row, plain},
    window::Window,
    wire::{GetFlowsResponse, Item, NodeStatusEvent},
};

/// How far a new stream reaches back into the old one: nodes' clocks differ.
const OVERLAP: Duration = Duration::from_secs(5);
/// What a message is.
#[derive(Debug)]
pub enum Received {
    /// A flow, as a row and as it was said.
    Flow(Box<Row>, GetFlowsResponse),
    /// A flow that came before.
    Duplicate,
    /// So many events were lost on the way.
    Lost(u64),
    /// Which nodes the relay hears.
    Nodes(NodeStatusEvent),
    /// It could not be read.
    Undecodable,
}

/// Takes messages in.
#[derive(Default)]
pub struct Intake {
    reader: Reader,
    /// What came lately, to know it again when the stream is asked for again.
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    hasher: RandomState,
    /// The newest flow.
    newest: Option<Timestamp>,
}

/// So many messages are known again.
const KNOWN_AGAIN: usize = 65_536;

impl Intake {
    /// Knows these addresses from now on.
    pub fn know(&mut self, directory: Arc<Directory>) {
        self.reader.know(directory);
    }

    /// Reads a message that came at `now`.
    pub fn read(&mut self, message: &Bytes, now: Timestamp) -> Received {
        let Ok(response) = GetFlowsResponse::decode(message.clone()) else { return Received::Undecodable };
        match &response.item {
            Some(Item::Flow(_)) if self.came_before(message) => Received::Duplicate,
            Some(Item::Flow(flow)) => {
                let Some(row) = self.reader.read(flow, &response.node_name, message) else {
                    return Received::Undecodable;
                };
                // a clock that is years ahead is not what the next stream begins from
                if now.duration_since(row.time).as_secs() > -3_600 {
                    self.newest = self.newest.max(Some(row.time));
                }
                Received::Flow(Box::new(row), response)
            }
            Some(Item::LostEvents(lost)) => Received::Lost(lost.num_events_lost),
            Some(Item::NodeStatus(status)) => Received::Nodes(status.clone()),
            None => Received::Undecodable,
        }
    }

    /// Takes a message in that came at `now`.
    pub fn take(&mut self, message: &Bytes, window: &mut Window, now: Timestamp) {
        match self.read(message, now) {
            Received::Flow(row, _) => window.push(*row, &mut self.reader, now),
            Received::Duplicate => window.again += 1,
            Received::Lost(n) => window.missed(n),
            Received::Undecodable => window.unread += 1,
            Received::Nodes(status) => {
                // connected, unavailable, gone, in error; anything newer is not for us
                let connected = match status.state_change {
                    1 => true,
                    2..=4 => false,
                    _ => return,
                };
                status.node_names.iter().for_each(|n| window.heard(plain(n), connected, &status.message));
            }
        }
    }

    /// Where a new stream begins: reaching back into the old one, for nodes' clocks differ.
    pub fn since(&self, now: Timestamp) -> Option<Timestamp> {
        self.newest.and_then(|t| t.min(now).checked_sub(OVERLAP).ok())
    }

    fn came_before(&mut self, message: &Bytes) -> bool {
        let hash = self.hasher.hash_one(message);
        if !self.seen.insert(hash) {
            return true;
        }
        self.order.push_back(hash);
        if self.order.len() > KNOWN_AGAIN
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        false
    }
}
