//! The embedded cluster: an API server and its actors, which speak the real protocols on loopback. The product does
//! not know that they exist.

pub mod actors;
pub mod api;
pub mod clock;
pub mod embedded;
pub mod helm;
pub mod local;
#[cfg(test)]
mod reality;
pub mod scenario;
mod selector;
pub mod world;

pub use embedded::{Embedded, Settings, helm_wrapper};
