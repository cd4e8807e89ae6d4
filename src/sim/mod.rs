//! The embedded cluster: an API server and the actors that live on it, both speaking real protocols on
//! loopback. The product does not know that they exist.

pub mod actors;
pub mod api;
pub mod clock;
mod embedded;
pub mod helm;
pub mod local;
pub mod scenario;
pub mod world;

pub use embedded::{Embedded, Settings, link_helm};
