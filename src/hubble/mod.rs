//! Hubble: the wire types, a client of its relay, and a window over the live flows.

pub mod capture;
pub mod channel;
pub mod client;
pub mod connections;
pub mod detail;
pub mod directory;
pub mod export;
pub mod filter;
pub mod flow;
pub mod intake;
mod nodes;
pub mod observation;
pub mod packed;
pub mod rate;
pub mod reason;
pub mod rollup;
pub mod shared;
pub mod window;
pub mod wire;
