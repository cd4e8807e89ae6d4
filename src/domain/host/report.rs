//! The report of a host task.

use jiff::Timestamp;

use super::HostTask;
use crate::domain::{
    evidence::{EncryptionEvidence, HostEvidence, ProbeEvidence, Sent},
    problem::{Problem, ProblemKind},
    text,
};

/// What a task wrote: lines of `key=value`, a key may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    lines: Vec<(String, String)>,
}

impl Report {
    /// Reads a termination message, or what came over `ssh`.
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

    /// Why the task failed on its node, where it did; `code` is its exit code.
    pub fn problem(&self, task: &HostTask, node: &str, code: i32) -> Option<Problem> {
        if code == 0 && self.is_complete() {
            return None;
        }
        let said = self.get("error").map_or_else(|| format!("it ended with {code} and no report"), str::to_owned);
        let remedy = "Nothing else was changed on the node. Look at it; the task is tried again.";
        let message = format!("{} failed: {}", task.title(), text::safe(&said));
        Some(Problem::new(format!("node/{node}"), message, remedy).of_kind(self.kind()))
    }

    /// What kind of problem the script names in `error_code`.
    fn kind(&self) -> ProblemKind {
        match self.get("error_code") {
            Some("missing-file") => ProblemKind::MissingFile,
            _ => ProblemKind::Failed,
        }
    }

    /// The look at the host that every host task ends with.
    pub fn host(&self, task: &str, at: Timestamp) -> HostEvidence {
        let all = |key: &str| self.all(key).map(str::to_owned).collect();
        HostEvidence {
            task: task.to_owned(),
            cni_files: all("conf"),
            multus: self.get("multus").unwrap_or_default().to_owned(),
            cni_state: self.get("cni").unwrap_or_default().to_owned(),
            encryption: self.get("encryption").unwrap_or_default().to_owned(),
            encrypts: self.encrypts(),
            links: all("link"),
            rules: self.get("rules").and_then(|n| n.parse().ok()).unwrap_or(0),
            folders: all("folder"),
            cilium: all("cilium"),
            at: Some(at),
        }
    }

    /// How the agent and the kernel encrypt; nothing where the agent does not.
    fn encrypts(&self) -> Option<EncryptionEvidence> {
        let number = |key: &str| self.get(key).and_then(|n| n.parse().ok());
        let sent = |line: &str| {
            let (to, bytes) = line.split_once(' ')?;
            Some(Sent { to: to.to_owned(), bytes: bytes.parse().ok()? })
        };
        let count = number("keys").or_else(|| number("peers"))?;
        let errors = self.get("errors").and_then(|n| n.parse().ok()).unwrap_or(0);
        Some(EncryptionEvidence { count, errors, sent: self.all("peer").filter_map(sent).collect() })
    }

    /// Addresses that Flannel's IPAM holds.
    pub fn leases(&self) -> impl Iterator<Item = &str> {
        self.all("lease")
    }

    /// Cilium's endpoints that belong to pods: number and address.
    pub fn endpoints(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all("endpoint").filter_map(|e| e.split_once(' '))
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
            "conf=05-cilium.conflist\nconf=10-flannel.conflist.cilium_bak\ncni=Ok\nlease=10.1.0.7\nendpoint=7 10.2.0.3\nrules=12\ndone=1\n",
        );
        let host = r.host("look", Timestamp::UNIX_EPOCH);
        assert!(r.is_complete());
        assert!(host.only("05-cilium"), "{host:?}");
        assert_eq!((host.cni_state.as_str(), host.rules), ("Ok", 12));
        assert_eq!(r.leases().collect::<Vec<_>>(), ["10.1.0.7"]);
        assert_eq!(r.endpoints().collect::<Vec<_>>(), [("7", "10.2.0.3")]);
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

    #[test]
    fn a_failed_task_says_what_kind_of_problem_it_is() {
        let problem = |text: &str, code| Report::parse(text).problem(&HostTask::Restore, "n1", code);
        assert_eq!(problem("done=1", 0), None);
        let missing = problem("error_code=missing-file\nerror=no 10-flannel.conflist\n", 1).unwrap();
        assert_eq!((missing.object.as_str(), missing.kind), ("node/n1", ProblemKind::MissingFile));
        assert!(missing.message.ends_with("failed: no 10-flannel.conflist"), "{missing}");
        assert_eq!(problem("conf=05-ci", 0).unwrap().kind, ProblemKind::Failed, "cut off");
        assert_eq!(problem("error=x", 1).unwrap().kind, ProblemKind::Failed, "a script of an older version");
    }
}
