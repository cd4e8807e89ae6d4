//! The parts of Hubble's protocol that are read: numbers and types as they stand from Cilium 1.12 on
//! (packages `observer`, `flow` and `relay`; fields that are not named here cost nothing). Enums stay
//! numbers, so that values of newer versions get through.

#![expect(missing_docs, reason = "names and meanings are those of Hubble's own protocol")]

use prost::{Message, Oneof};
use prost_types::{FieldMask, Timestamp};

/// Path of the method that streams flows.
pub const GET_FLOWS: &str = "/observer.Observer/GetFlows";
/// Path of the method that tells how the relay is.
pub const SERVER_STATUS: &str = "/observer.Observer/ServerStatus";

#[derive(Clone, PartialEq, Message)]
pub struct GetFlowsRequest {
    #[prost(uint64, tag = "1")]
    pub number: u64,
    #[prost(bool, tag = "3")]
    pub follow: bool,
    #[prost(message, optional, tag = "7")]
    pub since: Option<Timestamp>,
    #[prost(message, optional, tag = "10")]
    pub field_mask: Option<FieldMask>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetFlowsResponse {
    #[prost(oneof = "Item", tags = "1, 2, 3")]
    pub item: Option<Item>,
    #[prost(string, tag = "1000")]
    pub node_name: String,
    #[prost(message, optional, tag = "1001")]
    pub time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Item {
    #[prost(message, tag = "1")]
    Flow(Box<Flow>),
    #[prost(message, tag = "2")]
    NodeStatus(NodeStatus),
    #[prost(message, tag = "3")]
    Lost(Lost),
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeStatus {
    #[prost(int32, tag = "1")]
    pub state: i32,
    #[prost(string, repeated, tag = "2")]
    pub nodes: Vec<String>,
    #[prost(string, tag = "3")]
    pub message: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Lost {
    #[prost(int32, tag = "1")]
    pub source: i32,
    #[prost(uint64, tag = "2")]
    pub count: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Flow {
    #[prost(message, optional, tag = "1")]
    pub time: Option<Timestamp>,
    #[prost(int32, tag = "2")]
    pub verdict: i32,
    #[prost(uint32, tag = "3")]
    pub drop_reason: u32,
    #[prost(message, optional, tag = "5")]
    pub ip: Option<Ip>,
    #[prost(message, optional, tag = "6")]
    pub l4: Option<L4>,
    #[prost(message, optional, tag = "8")]
    pub source: Option<Endpoint>,
    #[prost(message, optional, tag = "9")]
    pub destination: Option<Endpoint>,
    #[prost(int32, tag = "10")]
    pub kind: i32,
    #[prost(string, tag = "11")]
    pub node_name: String,
    #[prost(string, repeated, tag = "14")]
    pub destination_names: Vec<String>,
    #[prost(message, optional, tag = "15")]
    pub l7: Option<L7>,
    #[prost(message, optional, tag = "19")]
    pub event: Option<EventType>,
    #[prost(message, optional, tag = "21")]
    pub destination_service: Option<Service>,
    #[prost(int32, tag = "25")]
    pub drop_reason_desc: i32,
    #[prost(message, optional, tag = "26")]
    pub is_reply: Option<bool>,
    #[prost(string, tag = "34")]
    pub uuid: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Ip {
    #[prost(string, tag = "1")]
    pub source: String,
    #[prost(string, tag = "2")]
    pub destination: String,
    #[prost(int32, tag = "3")]
    pub version: i32,
    #[prost(bool, tag = "4")]
    pub encrypted: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct L4 {
    #[prost(oneof = "Protocol", tags = "1, 2, 3, 4, 5")]
    pub protocol: Option<Protocol>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Protocol {
    #[prost(message, tag = "1")]
    Tcp(Tcp),
    #[prost(message, tag = "2")]
    Udp(Ports),
    #[prost(message, tag = "3")]
    Icmp4(Icmp),
    #[prost(message, tag = "4")]
    Icmp6(Icmp),
    #[prost(message, tag = "5")]
    Sctp(Ports),
}

#[derive(Clone, PartialEq, Message)]
pub struct Tcp {
    #[prost(uint32, tag = "1")]
    pub source_port: u32,
    #[prost(uint32, tag = "2")]
    pub destination_port: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Ports {
    #[prost(uint32, tag = "1")]
    pub source_port: u32,
    #[prost(uint32, tag = "2")]
    pub destination_port: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Icmp {
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    #[prost(uint32, tag = "2")]
    pub code: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Endpoint {
    #[prost(uint32, tag = "1")]
    pub id: u32,
    #[prost(uint32, tag = "2")]
    pub identity: u32,
    #[prost(string, tag = "3")]
    pub namespace: String,
    #[prost(string, tag = "5")]
    pub pod_name: String,
    #[prost(message, repeated, tag = "6")]
    pub workloads: Vec<Workload>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Workload {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub kind: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Service {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct EventType {
    #[prost(int32, tag = "1")]
    pub kind: i32,
    #[prost(int32, tag = "2")]
    pub sub_kind: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct L7 {
    #[prost(int32, tag = "1")]
    pub kind: i32,
    #[prost(oneof = "Record", tags = "100, 101")]
    pub record: Option<Record>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Record {
    #[prost(message, tag = "100")]
    Dns(Dns),
    #[prost(message, tag = "101")]
    Http(Http),
}

#[derive(Clone, PartialEq, Message)]
pub struct Dns {
    #[prost(string, tag = "1")]
    pub query: String,
    #[prost(uint32, tag = "6")]
    pub rcode: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Http {
    #[prost(uint32, tag = "1")]
    pub code: u32,
    #[prost(string, tag = "2")]
    pub method: String,
    #[prost(string, tag = "3")]
    pub url: String,
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

/// Fields that the table reads; asking for no more makes a flow four times smaller on the wire. Time and
/// node have to be among them: the relay sorts by them.
pub const FIELDS: &[&str] = &[
    "time",
    "verdict",
    "drop_reason",
    "drop_reason_desc",
    "IP",
    "l4",
    "l7",
    "Type",
    "node_name",
    "event_type",
    "is_reply",
    "source.identity",
    "source.namespace",
    "source.pod_name",
    "source.workloads",
    "destination.identity",
    "destination.namespace",
    "destination.pod_name",
    "destination.workloads",
    "destination_names",
    "destination_service",
    "uuid",
];
