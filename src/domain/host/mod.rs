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

/// The configuration of Multus, which sorts before both CNIs' own.
pub const MULTUS: &str = "00-multus.conf";

/// Stands for the image of the agents in a plan that is made before they are installed.
pub const AGENTS_IMAGE: &str = "the Cilium agent's";

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
    /// Remove what Cilium left on a host that is back on Flannel: links, firewall chains, BPF maps, the plugin.
    CleanCilium,
    /// Remove Multus' CNI configuration from a host that has another one.
    CleanMultus,
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
        /// UID of the Migration that it belongs to, and goes with; `None` before there is one.
        owner: Option<Arc<str>>,
    },
    /// The system's `ssh`.
    Ssh {
        /// The SSH destination.
        target: String,
    },
    /// An operator does it: this is only ever previewed.
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
            Self::CleanCilium => "clean-cilium",
            Self::CleanMultus => "clean-multus",
            Self::Release { .. } => "release",
            Self::Probe => "probe",
        }
    }

    /// What an operator calls it.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Look => "inspect host",
            Self::Hold => "hold new pods",
            Self::Restore => "restore Flannel's CNI configuration",
            Self::Reboot { .. } => "reboot",
            Self::Clean { .. } => "clean up host",
            Self::PutBack => "undo the clean-up",
            Self::CleanCilium => "clean up Cilium's leftovers",
            Self::CleanMultus => "remove Multus' CNI configuration",
            Self::Release { .. } => "release leaked addresses",
            Self::Probe => "connectivity probe",
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
            Self::Look
            | Self::Hold
            | Self::Restore
            | Self::PutBack
            | Self::CleanCilium
            | Self::CleanMultus
            | Self::Probe => vec![],
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
            Self::CleanCilium => "delete Cilium's links, firewall chains and BPF maps, move its plugin to a backup",
            Self::CleanMultus => {
                "move 00-multus.conf and Multus' plugin to a backup, and delete its kubeconfig and cache"
            }
            Self::Release { .. } => "release addresses whose sandbox is gone",
            Self::Probe => "open a connection to the API server from a pod address of the node",
        }
    }

    /// It changes nothing on the host, so that it runs even where hosts are an operator's.
    pub const fn only_looks(&self) -> bool {
        matches!(self, Self::Look | Self::Probe)
    }

    /// The task of this name with these arguments, as [`Self::name`] and [`Self::args`] write them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(name: &str, args: &[String]) -> Result<Self, String> {
        let none = |task| if args.is_empty() { Ok(task) } else { Err(format!("{name} takes no arguments")) };
        let named = |key: &str| args.iter().filter_map(|a| a.strip_prefix(key)).map(str::to_owned).collect::<Vec<_>>();
        match name {
            "look" => none(Self::Look),
            "hold" => none(Self::Hold),
            "restore" => none(Self::Restore),
            "put-back" => none(Self::PutBack),
            "clean-cilium" => none(Self::CleanCilium),
            "clean-multus" => none(Self::CleanMultus),
            "probe" => none(Self::Probe),
            "reboot" => match args {
                [boot_id] => Ok(Self::Reboot { boot_id: boot_id.clone() }),
                _ => Err("reboot takes the boot ID that the node has".into()),
            },
            "clean" => {
                let parsed = args.iter().map(|a| a.parse().map_err(|_| format!("{a} is no network")));
                Ok(Self::Clean { networks: parsed.collect::<Result<_, _>>()? })
            }
            "release" => {
                let task = Self::Release { leases: named("lease="), endpoints: named("endpoint=") };
                let known = task.args().len() == args.len();
                known.then_some(task).ok_or_else(|| "release takes lease=ADDRESS and endpoint=NUMBER".into())
            }
            _ => Err(format!("no host task is called {name}")),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_as_it_is_written() {
        let tasks = [
            HostTask::Look,
            HostTask::Hold,
            HostTask::Restore,
            HostTask::Reboot { boot_id: "b-1".into() },
            HostTask::Clean { networks: vec!["10.244.0.0/16".parse().unwrap()] },
            HostTask::PutBack,
            HostTask::CleanCilium,
            HostTask::CleanMultus,
            HostTask::Release { leases: vec!["10.1.0.7".into()], endpoints: vec!["7".into()] },
            HostTask::Probe,
        ];
        for task in tasks {
            assert_eq!(HostTask::parse(task.name(), &task.args()), Ok(task));
        }
        for (name, args) in [("look", "x"), ("reboot", ""), ("clean", "x"), ("release", "x"), ("halt", "x")] {
            let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
            assert!(HostTask::parse(name, &args).is_err(), "{name} {args:?}");
        }
    }
}
