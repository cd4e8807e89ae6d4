//! From messages to rows: decodes, drops duplicates, counts what cannot be decoded.

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

/// How far a new stream overlaps the old one: the clocks of nodes differ.
const OVERLAP: Duration = Duration::from_secs(5);
/// What a message contains.
#[derive(Debug)]
pub enum Received {
    /// A flow: its row and the message.
    Flow(Box<Row>, GetFlowsResponse),
    /// A flow that was received before.
    Duplicate,
    /// Number of events that Hubble lost.
    Lost(u64),
    /// A change of the relay's connections to nodes.
    Nodes(NodeStatusEvent),
    /// It could not be decoded.
    Undecodable,
}

/// Decodes messages.
#[derive(Default)]
pub struct Intake {
    reader: Reader,
    /// Hashes of recent messages, to recognize duplicates after a reconnect.
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    hasher: RandomState,
    /// Time of the newest flow.
    newest: Option<Timestamp>,
}

/// Number of recent messages that are remembered.
const KNOWN_AGAIN: usize = 65_536;

impl Intake {
    /// Uses these addresses from now on.
    pub fn know(&mut self, directory: Arc<Directory>) {
        self.reader.know(directory);
    }

    /// Decodes a message that arrived at `now`.
    pub fn read(&mut self, message: &Bytes, now: Timestamp) -> Received {
        let Ok(response) = GetFlowsResponse::decode(message.clone()) else { return Received::Undecodable };
        match &response.item {
            Some(Item::Flow(_)) if self.came_before(message) => Received::Duplicate,
            Some(Item::Flow(flow)) => {
                let Some(row) = self.reader.read(flow, &response.node_name, message) else {
                    return Received::Undecodable;
                };
                // the next stream must not begin at the time of a clock that is years ahead
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

    /// Adds a message that arrived at `now` to the window.
    pub fn take(&mut self, message: &Bytes, window: &mut Window, now: Timestamp) {
        match self.read(message, now) {
            Received::Flow(row, _) => window.push(*row, &mut self.reader, now),
            Received::Duplicate => window.again += 1,
            Received::Lost(n) => window.missed(n),
            Received::Undecodable => window.unread += 1,
            Received::Nodes(status) => {
                // connected, unavailable, gone, in error; newer states are ignored
                let connected = match status.state_change {
                    1 => true,
                    2..=4 => false,
                    _ => return,
                };
                status.node_names.iter().for_each(|n| window.heard(plain(n), connected, &status.message));
            }
        }
    }

    /// Where the next stream begins: it overlaps this one, because the clocks of nodes differ.
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
