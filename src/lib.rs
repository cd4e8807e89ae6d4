//! Cutover moves a live Kubernetes cluster from Flannel to Cilium.

pub mod cli;
pub mod cluster;
pub mod cockpit;
pub mod domain;
pub mod engine;
pub mod hubble;
pub mod sim;
