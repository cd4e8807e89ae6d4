//! The actors: ordinary clients of any API server. On the embedded server they do everything; a real control plane
//! brings its own scheduler and controllers.

mod agent;
mod cache;
mod cni;
mod controllers;
mod fitting;
mod flannel;
mod garbage;
mod host;
mod kubelet;
mod multus;
mod namespaces;
mod noise;
mod operator;
mod pods;
pub mod relay;
mod replicas;
mod scheduler;
mod tasks;
mod traffic;
mod volumes;

pub(crate) use traffic::CALLS;

use std::{net::SocketAddr, sync::Arc};

use kube::Client;
use tokio::task::JoinSet;

use super::clock::Pace;
use cache::Cluster;
pub(super) use host::Hosts;

/// Which actors run on a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// All of them: the embedded server has no scheduler and no controllers.
    All,
    /// Only the nodes: kubelets, Flannel, Cilium and Hubble.
    NodesOnly,
}

/// Running actors. They stop when this is dropped.
pub struct Actors {
    /// Address of Hubble's relay, on loopback.
    pub hubble: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Actors without traffic between pods and without a relay.
pub(super) struct Quiet {
    hosts: Hosts,
    _tasks: JoinSet<()>,
}

impl Quiet {
    /// Starts them.
    pub(super) fn start(client: Client, pace: Pace) -> Self {
        let mut tasks = JoinSet::new();
        let (_, hosts) = begin(client, Cast::All, pace, &mut tasks);
        Self { hosts, _tasks: tasks }
    }

    /// Their hosts.
    pub(super) fn hosts(&self) -> Hosts {
        self.hosts.clone()
    }
}

/// Starts the actors.
///
/// # Errors
/// When the relay's port cannot be bound.
pub async fn start(client: Client, cast: Cast, pace: Pace) -> std::io::Result<Actors> {
    let mut tasks = JoinSet::new();
    let (cluster, hosts) = begin(client, cast, pace, &mut tasks);
    let flows = traffic::start(cluster, hosts, &mut tasks);
    let hubble = relay::serve(flows, None, &mut tasks).await?;
    Ok(Actors { hubble, _tasks: tasks })
}

fn begin(client: Client, cast: Cast, pace: Pace, tasks: &mut JoinSet<()>) -> (Arc<Cluster>, Hosts) {
    let cluster = Arc::new(Cluster::new(client, pace));
    for kind in Cluster::kinds() {
        tasks.spawn(Arc::clone(&cluster).follow(kind));
    }
    let hosts = host::Hosts::default();
    tasks.spawn(kubelet::run_all(Arc::clone(&cluster), hosts.clone()));
    tasks.spawn(operator::run(Arc::clone(&cluster)));
    tasks.spawn(volumes::report(Arc::clone(&cluster)));
    if cast == Cast::All {
        tasks.spawn(scheduler::run(Arc::clone(&cluster)));
        tasks.spawn(controllers::run(Arc::clone(&cluster)));
    }
    (cluster, hosts)
}
