//! Hubble: the wire, a client of its relay, and a window over the live flows.

pub mod client;
pub mod filter;
pub mod flow;
pub mod reason;
pub mod window;
pub mod wire;
