//! Hubble's protocol: messages by prost and their JSON by pbjson, generated from `hubble.proto`, which lists the fields
//! that are used (numbers and names as they are from Cilium 1.12 on). Enums stay numbers, so that values of newer
//! versions get through.

mod json;

#[allow(
    clippy::all,
    clippy::pedantic,
    missing_docs,
    unreachable_pub,
    reason = "generated; names and meanings are those of Hubble's protocol"
)]
mod generated {
    include!("generated/messages.rs");
    include!("generated/json.rs");
}

use prost_types::FieldMask;

pub use generated::{get_flows_response::Item, layer4::Protocol, layer7::Record, *};
use json::Named;
pub use json::Time;

/// Path of the method that streams flows.
pub const GET_FLOWS: &str = "/observer.Observer/GetFlows";
/// Path of the method that reports the relay's state.
pub const SERVER_STATUS: &str = "/observer.Observer/ServerStatus";
/// Path of the method that lists the nodes to which the relay is connected; an agent does not have it.
pub const GET_NODES: &str = "/observer.Observer/GetNodes";

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
