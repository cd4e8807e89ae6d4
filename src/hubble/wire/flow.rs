//! A flow and what it is made of.

use prost::{Message, Oneof};
use prost_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::json;

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none", with = "json::moment")]
    pub time: Option<Timestamp>,
    #[prost(string, tag = "34")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uuid: String,
    #[prost(int32, tag = "2")]
    #[serde(with = "json::verdict", skip_serializing_if = "json::is_zero")]
    pub verdict: i32,
    #[prost(uint32, tag = "3")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub drop_reason: u32,
    #[prost(int32, tag = "35")]
    #[serde(with = "json::auth", skip_serializing_if = "json::is_zero")]
    pub auth_type: i32,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ethernet: Option<Ethernet>,
    #[prost(message, optional, tag = "5")]
    #[serde(rename = "IP", skip_serializing_if = "Option::is_none")]
    pub ip: Option<Ip>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l4: Option<L4>,
    #[prost(message, optional, tag = "39")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<Tunnel>,
    #[prost(message, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Endpoint>,
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Endpoint>,
    #[prost(int32, tag = "10")]
    #[serde(rename = "Type", with = "json::kind", skip_serializing_if = "json::is_zero")]
    pub kind: i32,
    #[prost(string, tag = "11")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    #[prost(string, repeated, tag = "37")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_labels: Vec<String>,
    #[prost(string, repeated, tag = "13")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_names: Vec<String>,
    #[prost(string, repeated, tag = "14")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_names: Vec<String>,
    #[prost(message, optional, tag = "15")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l7: Option<L7>,
    #[prost(bool, tag = "16")]
    #[serde(skip_serializing_if = "json::is_false")]
    pub reply: bool,
    #[prost(message, optional, tag = "19")]
    #[serde(rename = "event_type", skip_serializing_if = "Option::is_none")]
    pub event: Option<EventType>,
    #[prost(message, optional, tag = "20")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_service: Option<Service>,
    #[prost(message, optional, tag = "21")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_service: Option<Service>,
    #[prost(int32, tag = "22")]
    #[serde(with = "json::direction", skip_serializing_if = "json::is_zero")]
    pub traffic_direction: i32,
    #[prost(uint32, tag = "23")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub policy_match_type: u32,
    #[prost(int32, tag = "24")]
    #[serde(with = "json::point", skip_serializing_if = "json::is_zero")]
    pub trace_observation_point: i32,
    #[prost(int32, tag = "36")]
    #[serde(with = "json::trace_reason", skip_serializing_if = "json::is_zero")]
    pub trace_reason: i32,
    #[prost(int32, tag = "25")]
    #[serde(with = "json::drop_reason", skip_serializing_if = "json::is_zero")]
    pub drop_reason_desc: i32,
    #[prost(message, optional, tag = "26")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_reply: Option<bool>,
    #[prost(message, optional, tag = "28")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<Interface>,
    #[prost(uint32, tag = "29")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub proxy_port: u32,
    #[prost(message, repeated, tag = "21001")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress_allowed_by: Vec<Policy>,
    #[prost(message, repeated, tag = "21002")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress_allowed_by: Vec<Policy>,
    #[prost(message, repeated, tag = "21004")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress_denied_by: Vec<Policy>,
    #[prost(message, repeated, tag = "21005")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress_denied_by: Vec<Policy>,
    #[prost(string, tag = "100000")]
    #[serde(rename = "Summary", skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Ethernet {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub destination: String,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Ip {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_xlated: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub destination: String,
    #[prost(int32, tag = "3")]
    #[serde(rename = "ipVersion", with = "json::ip_version", skip_serializing_if = "json::is_zero")]
    pub version: i32,
    #[prost(bool, tag = "4")]
    #[serde(skip_serializing_if = "json::is_false")]
    pub encrypted: bool,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
pub struct L4 {
    #[prost(oneof = "Protocol", tags = "1, 2, 3, 4, 5")]
    #[serde(flatten)]
    pub protocol: Option<Protocol>,
}

#[derive(Clone, PartialEq, Oneof, Serialize, Deserialize)]
pub enum Protocol {
    #[prost(message, tag = "1")]
    #[serde(rename = "TCP")]
    Tcp(Tcp),
    #[prost(message, tag = "2")]
    #[serde(rename = "UDP")]
    Udp(Ports),
    #[prost(message, tag = "3")]
    #[serde(rename = "ICMPv4")]
    Icmp4(Icmp),
    #[prost(message, tag = "4")]
    #[serde(rename = "ICMPv6")]
    Icmp6(Icmp),
    #[prost(message, tag = "5")]
    #[serde(rename = "SCTP")]
    Sctp(Ports),
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Tcp {
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub source_port: u32,
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub destination_port: u32,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<TcpFlags>,
}

#[expect(clippy::struct_excessive_bools, reason = "as the protocol has them")]
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default, rename_all = "UPPERCASE")]
pub struct TcpFlags {
    #[prost(bool, tag = "1")]
    #[serde(skip_serializing_if = "json::is_false")]
    pub fin: bool,
    #[prost(bool, tag = "2")]
    #[serde(skip_serializing_if = "json::is_false")]
    pub syn: bool,
    #[prost(bool, tag = "3")]
    #[serde(skip_serializing_if = "json::is_false")]
    pub rst: bool,
    #[prost(bool, tag = "4")]
    #[serde(skip_serializing_if = "json::is_false")]
    pub psh: bool,
    #[prost(bool, tag = "5")]
    #[serde(skip_serializing_if = "json::is_false")]
    pub ack: bool,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Ports {
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub source_port: u32,
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub destination_port: u32,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Icmp {
    #[prost(uint32, tag = "1")]
    #[serde(rename = "type", skip_serializing_if = "json::is_naught")]
    pub kind: u32,
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub code: u32,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Tunnel {
    #[prost(int32, tag = "1")]
    #[serde(with = "json::tunnel", skip_serializing_if = "json::is_zero")]
    pub protocol: i32,
    #[prost(message, optional, tag = "2")]
    #[serde(rename = "IP", skip_serializing_if = "Option::is_none")]
    pub ip: Option<Ip>,
    #[prost(uint32, tag = "4")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub vni: u32,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    #[prost(uint32, tag = "1")]
    #[serde(rename = "ID", skip_serializing_if = "json::is_naught")]
    pub id: u32,
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub identity: u32,
    #[prost(string, tag = "7")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster_name: String,
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[prost(string, repeated, tag = "4")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_name: String,
    #[prost(message, repeated, tag = "6")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<Workload>,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Workload {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct EventType {
    #[prost(int32, tag = "1")]
    #[serde(rename = "type", skip_serializing_if = "json::is_zero")]
    pub kind: i32,
    #[prost(int32, tag = "2")]
    #[serde(rename = "sub_type", skip_serializing_if = "json::is_zero")]
    pub sub_kind: i32,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub index: u32,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[prost(string, repeated, tag = "3")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    #[prost(uint64, tag = "4")]
    #[serde(with = "json::long", skip_serializing_if = "json::is_none")]
    pub revision: u64,
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
pub struct L7 {
    #[prost(int32, tag = "1")]
    #[serde(rename = "type", default, with = "json::l7_kind", skip_serializing_if = "json::is_zero")]
    pub kind: i32,
    #[prost(uint64, tag = "2")]
    #[serde(default, with = "json::long", skip_serializing_if = "json::is_none")]
    pub latency_ns: u64,
    #[prost(oneof = "Record", tags = "100, 101")]
    #[serde(flatten)]
    pub record: Option<Record>,
}

#[derive(Clone, PartialEq, Oneof, Serialize, Deserialize)]
pub enum Record {
    #[prost(message, tag = "100")]
    #[serde(rename = "dns")]
    Dns(Dns),
    #[prost(message, tag = "101")]
    #[serde(rename = "http")]
    Http(Http),
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Dns {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    #[prost(string, repeated, tag = "2")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    #[prost(uint32, tag = "6")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub rcode: u32,
    #[prost(string, repeated, tag = "7")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub qtypes: Vec<String>,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Http {
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "json::is_naught")]
    pub code: u32,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
}
