//! The parts of Hubble's protocol that are read: numbers and types as they stand from Cilium 1.12 on
//! (packages `observer`, `flow` and `relay`; fields that are not named here cost nothing). Enums stay
//! numbers, so that values of newer versions get through. With serde they are the JSON that Hubble's own
//! programs write and read.

#![expect(missing_docs, reason = "names and meanings are those of Hubble's own protocol")]

mod flow;
mod json;
mod names;

use prost::{Message, Oneof};
use prost_types::{FieldMask, Timestamp};
use serde::{Deserialize, Serialize};

pub use flow::*;
pub use json::moment;
pub(super) use names::DROP_REASON;

/// Path of the method that streams flows.
pub const GET_FLOWS: &str = "/observer.Observer/GetFlows";
/// Path of the method that tells how the relay is.
pub const SERVER_STATUS: &str = "/observer.Observer/ServerStatus";
/// Path of the method that tells which nodes the relay hears; an agent does not know it.
pub const GET_NODES: &str = "/observer.Observer/GetNodes";

#[derive(Clone, PartialEq, Message)]
pub struct GetFlowsRequest {
    #[prost(uint64, tag = "1")]
    pub number: u64,
    #[prost(bool, tag = "3")]
    pub follow: bool,
    #[prost(message, repeated, tag = "5")]
    pub blacklist: Vec<FlowFilter>,
    #[prost(message, repeated, tag = "6")]
    pub whitelist: Vec<FlowFilter>,
    #[prost(message, optional, tag = "7")]
    pub since: Option<Timestamp>,
    #[prost(message, optional, tag = "8")]
    pub until: Option<Timestamp>,
    #[prost(bool, tag = "9")]
    pub first: bool,
    /// From 1.16 on; older servers send everything.
    #[prost(message, optional, tag = "10")]
    pub field_mask: Option<FieldMask>,
    /// What it was called in 1.14 and 1.15.
    #[prost(message, optional, tag = "999")]
    pub experimental: Option<Experimental>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Experimental {
    #[prost(message, optional, tag = "1")]
    pub field_mask: Option<FieldMask>,
}

/// Fields are joined by *and*, the values of one field by *or*.
#[derive(Clone, PartialEq, Message)]
pub struct FlowFilter {
    #[prost(string, repeated, tag = "1")]
    pub source_ip: Vec<String>,
    #[prost(string, repeated, tag = "3")]
    pub destination_ip: Vec<String>,
    #[prost(int32, repeated, tag = "5")]
    pub verdict: Vec<i32>,
    #[prost(string, repeated, tag = "12")]
    pub protocol: Vec<String>,
    #[prost(string, repeated, tag = "13")]
    pub source_port: Vec<String>,
    #[prost(string, repeated, tag = "14")]
    pub destination_port: Vec<String>,
    #[prost(uint32, repeated, tag = "19")]
    pub source_identity: Vec<u32>,
    #[prost(uint32, repeated, tag = "20")]
    pub destination_identity: Vec<u32>,
    #[prost(string, repeated, tag = "29")]
    pub uuid: Vec<String>,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
pub struct GetFlowsResponse {
    #[prost(oneof = "Item", tags = "1, 2, 3")]
    #[serde(flatten)]
    pub item: Option<Item>,
    #[prost(string, tag = "1000")]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    #[prost(message, optional, tag = "1001")]
    #[serde(default, skip_serializing_if = "Option::is_none", with = "json::moment")]
    pub time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Oneof, Serialize, Deserialize)]
pub enum Item {
    #[prost(message, tag = "1")]
    #[serde(rename = "flow")]
    Flow(Box<Flow>),
    #[prost(message, tag = "2")]
    #[serde(rename = "node_status")]
    NodeStatus(NodeStatus),
    #[prost(message, tag = "3")]
    #[serde(rename = "lost_events")]
    Lost(Lost),
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    #[prost(int32, tag = "1")]
    #[serde(with = "json::node_state", skip_serializing_if = "json::is_zero")]
    pub state_change: i32,
    #[prost(string, repeated, tag = "2")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_names: Vec<String>,
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Lost {
    #[prost(int32, tag = "1")]
    #[serde(with = "json::lost_source", skip_serializing_if = "json::is_zero")]
    pub source: i32,
    #[prost(uint64, tag = "2")]
    #[serde(with = "json::long", skip_serializing_if = "json::is_none")]
    pub num_events_lost: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct ServerStatusRequest {}

#[derive(Clone, PartialEq, Message)]
pub struct ServerStatusResponse {
    #[prost(uint64, tag = "1")]
    pub num_flows: u64,
    #[prost(uint64, tag = "2")]
    pub max_flows: u64,
    #[prost(uint64, tag = "3")]
    pub seen_flows: u64,
    #[prost(uint64, tag = "4")]
    pub uptime_ns: u64,
    #[prost(message, optional, tag = "5")]
    pub connected_nodes: Option<u32>,
    #[prost(message, optional, tag = "6")]
    pub unavailable_nodes: Option<u32>,
    #[prost(string, tag = "8")]
    pub version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetNodesRequest {}

#[derive(Clone, PartialEq, Message)]
pub struct GetNodesResponse {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Node {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub version: String,
    #[prost(int32, tag = "4")]
    pub state: i32,
    #[prost(uint64, tag = "9")]
    pub seen_flows: u64,
}

/// Fields that the table, the details and the guard read; asking for no more (labels are the bulk) makes a flow four
/// times smaller on the wire. Time and node have to be among them: the relay sorts by them.
pub const FIELDS: &[&str] = &[
    "time",
    "uuid",
    "verdict",
    "drop_reason",
    "drop_reason_desc",
    "ethernet",
    "IP",
    "l4",
    "l7",
    "Type",
    "node_name",
    "event_type",
    "is_reply",
    "traffic_direction",
    "trace_observation_point",
    "policy_match_type",
    "interface",
    "proxy_port",
    "source.ID",
    "source.identity",
    "source.namespace",
    "source.pod_name",
    "source.workloads",
    "source_names",
    "source_service",
    "destination.ID",
    "destination.identity",
    "destination.namespace",
    "destination.pod_name",
    "destination.workloads",
    "destination_names",
    "destination_service",
];

/// The mask of [`FIELDS`], in both places where servers look for it.
pub fn masked(mut request: GetFlowsRequest) -> GetFlowsRequest {
    let mask = FieldMask { paths: FIELDS.iter().map(|f| (*f).to_owned()).collect() };
    request.experimental = Some(Experimental { field_mask: Some(mask.clone()) });
    request.field_mask = Some(mask);
    request
}
