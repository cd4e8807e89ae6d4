//! Everything that speaks to Kubernetes: connect, watch into facts, apply effects, hold the lease.

pub mod admission;
pub mod apply;
pub mod audit;
mod auditing;
pub mod connect;
mod convert;
mod credentials;
pub mod error;
mod events;
pub mod flows;
pub mod health;
pub mod helm;
mod identity;
mod kubeconfig;
mod lease;
pub mod onlooker;
mod plugin;
pub mod port;
pub mod private;
pub mod process;
pub mod records;
pub mod relay;
mod send;
pub mod store;
pub mod surroundings;
pub mod survey;
pub mod watch;
