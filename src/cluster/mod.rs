//! Everything that speaks to Kubernetes: connect, watch into facts, apply effects, hold the lease.

pub mod apply;
pub mod board;
pub mod connect;
mod convert;
pub mod error;
pub mod helm;
pub mod lease;
pub mod records;
pub mod relay;
pub mod surroundings;
pub mod watch;
