//! What is done on a node's host, as data: the tasks, and the reports they leave.

use std::fmt;

use jiff::Timestamp;

use super::evidence::{HostEvidence, ProbeEvidence};

/// Label of every task pod; its value is the task.
pub const TASK_LABEL: &str = "cutover.dev/task";

/// The script that every task runs, in the container.
pub const SCRIPT: &str = include_str!("../../assets/host.sh");

/// Something done on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostTask {
    /// Read the CNI directory, the agent's state, leases and links.
    Look,
    /// Put Flannel's CNI configuration back and move Cilium's to a backup.
    Restore,
    /// Reboot, but only while the boot id is this one.
    Reboot {
        /// The boot id that the node must still have.
        boot_id: String,
    },
    /// Move away what Flannel left: files, links, iptables chains.
    Clean,
    /// Open a connection to the API server from the pod network. Not on the host.
    Probe,
}

impl HostTask {
    /// The task's name, as the script and the pod's label have it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Restore => "restore",
            Self::Reboot { .. } => "reboot",
            Self::Clean => "clean",
            Self::Probe => "probe",
        }
    }

    /// Arguments after the task's name.
    pub fn args(&self) -> Vec<String> {
        match self {
            Self::Reboot { boot_id } => vec![boot_id.clone()],
            _ => vec![],
        }
    }

    /// What it does, as a sentence.
    pub const fn purpose(&self) -> &'static str {
        match self {
            Self::Look => "read the CNI directory, the agent's state, leases and links",
            Self::Restore => "put 10-flannel.conflist back and move 05-cilium.conflist to a backup",
            Self::Reboot { .. } => "reboot the node, once, while its boot id is the expected one",
            Self::Clean => "move Flannel's leftovers to a backup, delete its links and iptables chains",
            Self::Probe => "open a connection to the API server from a pod address of the node",
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

/// What a task pod wrote: lines of `key=value`, a key may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    lines: Vec<(String, String)>,
}

impl Report {
    /// Reads a termination message.
    pub fn parse(message: &str) -> Self {
        let lines = message
            .lines()
            .filter_map(|l| l.split_once('='))
            .map(|(k, v)| (k.trim().to_owned(), v.trim().to_owned()))
            .collect();
        Self { lines }
    }

    /// Every value of a key.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// The first value of a key.
    pub fn get<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        self.all(key).next()
    }

    /// The task came to its end.
    pub fn is_complete(&self) -> bool {
        self.get("done").is_some()
    }

    /// The look at the host that every host task ends with.
    pub fn host(&self, task: &str, at: Timestamp) -> HostEvidence {
        HostEvidence {
            task: task.to_owned(),
            cni_files: self.all("conf").map(str::to_owned).collect(),
            cni_state: self.get("cni").unwrap_or_default().to_owned(),
            links: self.all("link").map(str::to_owned).collect(),
            at: Some(at),
        }
    }

    /// Addresses that Flannel's IPAM holds.
    pub fn leases(&self) -> impl Iterator<Item = &str> {
        self.all("lease")
    }

    /// What a probe saw.
    pub fn probe(&self) -> ProbeEvidence {
        ProbeEvidence {
            address: self.get("address").unwrap_or_default().to_owned(),
            api_reached: self.get("api") == Some("ok"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_becomes_evidence() {
        let r = Report::parse(
            "conf=05-cilium.conflist\nconf=10-flannel.conflist.cilium_bak\ncni=Ok\nlease=10.1.0.7\ndone=1\n",
        );
        let host = r.host("look", Timestamp::UNIX_EPOCH);
        assert!(r.is_complete());
        assert!(host.only("05-cilium"), "{host:?}");
        assert_eq!(host.cni_state, "Ok");
        assert_eq!(r.leases().collect::<Vec<_>>(), ["10.1.0.7"]);
    }

    #[test]
    fn two_configurations_are_not_only_one() {
        let host =
            Report::parse("conf=05-cilium.conflist\nconf=10-flannel.conflist").host("look", Timestamp::UNIX_EPOCH);
        assert!(!host.only("05-cilium") && !host.only("10-flannel"));
    }

    #[test]
    fn a_cut_report_is_not_complete() {
        assert!(!Report::parse("conf=05-ci").is_complete());
    }
}
