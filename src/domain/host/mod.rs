//! What is done on a node's host, as data: the tasks, the ways to the host, and the reports they leave.

pub mod commands;
mod report;

use std::{fmt, sync::Arc};

use ipnet::IpNet;

pub use report::Report;

/// Label of every task pod; its value is the task.
pub const TASK_LABEL: &str = "cutover.dev/task";

/// The configuration that holds new pods back; it sorts before every other one.
pub const HOLD: &str = "00-cutover-hold.conflist";

/// The script that every task runs.
pub const SCRIPT: &str = include_str!("../../../assets/host.sh");

/// Something done on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostTask {
    /// Read the CNI directory, the agent's state, leases, endpoints, links and firewall rules.
    Look,
    /// Hold new pods back while old ones still leave through the plugins that they came with.
    Hold,
    /// Put Flannel's CNI configuration back and move Cilium's to a backup.
    Restore,
    /// Reboot, but only while the boot id is this one.
    Reboot {
        /// The boot id that the node must still have.
        boot_id: String,
    },
    /// Move away what Flannel left: files, links, firewall chains, stale host port rules.
    Clean {
        /// Flannel's networks: only host port rules that lead into them are stale.
        networks: Vec<IpNet>,
    },
    /// Undo the cleaning: all of it comes back as it was.
    PutBack,
    /// Release addresses whose sandbox is gone.
    Release {
        /// host-local leases.
        leases: Vec<String>,
        /// Cilium endpoints, by number.
        endpoints: Vec<String>,
    },
    /// Open a connection to the API server from the pod network. Not on the host.
    Probe,
}

/// How a task gets to its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A pod on the node.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Image that is on the node already.
        image: Arc<str>,
    },
    /// The system's `ssh`.
    Ssh {
        /// Whom it connects to.
        target: String,
    },
    /// An operator: only ever in a preview, the engine says what to type and checks the host.
    Hand,
}

impl HostTask {
    /// The task's name, as the script and the pod's label have it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Hold => "hold",
            Self::Restore => "restore",
            Self::Reboot { .. } => "reboot",
            Self::Clean { .. } => "clean",
            Self::PutBack => "put-back",
            Self::Release { .. } => "release",
            Self::Probe => "probe",
        }
    }

    /// Arguments after the task's name.
    pub fn args(&self) -> Vec<String> {
        match self {
            Self::Reboot { boot_id } => vec![boot_id.clone()],
            Self::Clean { networks } => networks.iter().map(ToString::to_string).collect(),
            Self::Release { leases, endpoints } => leases
                .iter()
                .map(|l| format!("lease={l}"))
                .chain(endpoints.iter().map(|e| format!("endpoint={e}")))
                .collect(),
            Self::Look | Self::Hold | Self::Restore | Self::PutBack | Self::Probe => vec![],
        }
    }

    /// What it does, as a sentence.
    pub const fn purpose(&self) -> &'static str {
        match self {
            Self::Look => "read the CNI directory, the agent's state, leases, links and firewall rules",
            Self::Hold => "hold new pods back while the node's CNI changes; old ones leave as they came",
            Self::Restore => "put 10-flannel.conflist back and move 05-cilium.conflist to a backup",
            Self::Reboot { .. } => "reboot the node, once, while its boot id is the expected one",
            Self::Clean { .. } => "move Flannel's leftovers to a backup, delete its links and firewall chains",
            Self::PutBack => "put back what was cleaned: files, links and firewall chains as they were",
            Self::Release { .. } => "release addresses whose sandbox is gone",
            Self::Probe => "open a connection to the API server from a pod address of the node",
        }
    }

    /// It changes nothing on the host: it may run whoever works there.
    pub const fn only_looks(&self) -> bool {
        matches!(self, Self::Look | Self::Probe)
    }

    /// Name of the pod that runs it. The same work has the same name, so that it is not done twice.
    pub fn pod_name(&self, node: &str, nth: u32) -> String {
        format!("cutover-{}-{node}-{nth}", self.name())
    }
}

impl fmt::Display for HostTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
