//! What was seen on a node; kept in its NodeMigration so that any engine can go on from it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    host::{HOLD, MULTUS},
    problem::Problem,
};

/// How the files of both CNIs begin.
pub(crate) const FIRST: [&str; 2] = ["10-flannel", "05-cilium"];

/// What was seen on a node.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, as the API has it")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The boot id before the reboot was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id_before: Option<String>,
    /// The boot id that proves the reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id_after: Option<String>,
    /// Which run of its network's pod there was before the reboot: after it the API shows that one as ready for some
    /// seconds (seen on real nodes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran_before: Option<String>,
    /// UID of the node before the reboot: another UID is another node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_uid: Option<String>,
    /// When the host accepted the reboot. It is requested once for a boot, unless an operator requests it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot_asked: Option<Timestamp>,
    /// The node was cordoned before Cutover came: it stays cordoned.
    #[serde(default)]
    pub cordoned_before: bool,
    /// UID of the Cilium agent that has to be replaced for the switch to take effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_before: Option<String>,
    /// The node was switched to Cilium and has not been restored since.
    #[serde(default)]
    pub switched: bool,
    /// UIDs of the pods that were on the node when its interfaces had changed: those have the ones of before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods_before: Vec<String>,
    /// Multus was put before the node's CNIs, and its configuration may be on the host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multus: bool,
    /// Nothing of Multus was left on the host when it was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cleaned_of_multus: bool,
    /// The last check of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostEvidence>,
    /// How often the host was checked in this attempt; names the next check.
    #[serde(default)]
    pub host_checks: u32,
    /// The last probe pod's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeEvidence>,
    /// host-local leases whose pod is gone: addresses that are lost for a rollback.
    #[serde(default)]
    pub leaked_leases: Vec<String>,
    /// Cilium endpoints whose pod is gone, as `ID address`.
    #[serde(default)]
    pub leaked_endpoints: Vec<String>,
    /// How often leaks were released in this step.
    #[serde(default)]
    pub releases: u32,
    /// Workloads whose pods were on the node when its drain began, with how many replicas were ready.
    #[serde(default)]
    pub moved: Vec<Moved>,
    /// What its pods connected to before it was moved, as far as flows showed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline_connections: Vec<String>,
    /// Why new pods could not be held back: pods that tolerate every taint may leak an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_held: Option<String>,
    /// Flannel's leftovers were cleaned from the host.
    #[serde(default)]
    pub cleaned: bool,
    /// Cilium's configuration was seen to be the only one, where it takes over all nodes at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
    /// Flannel's configuration was seen to be the only one again, on the way back from there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
    /// When the host was looked at for the verification of encryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_seen: Option<Timestamp>,
    /// Cilium's leftovers were cleaned from the host after it was uninstalled.
    #[serde(default)]
    pub cleaned_of_cilium: bool,
    /// Pods with a Cilium address at the last check.
    #[serde(default)]
    pub pods_on_cilium: u32,
    /// Pods with a Flannel address at the last check.
    #[serde(default)]
    pub pods_on_flannel: u32,
}

/// One check of a node's host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostEvidence {
    /// The task that checked.
    pub task: String,
    /// Files in the CNI directory.
    #[serde(default)]
    pub cni_files: Vec<String>,
    /// The types of Multus' delegates in their order, where its configuration is on the host: `flannel cilium-cni`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub multus: String,
    /// `cni-file` state as the Cilium agent reports it: `Ok`, `Disabled`, …; empty when unknown.
    #[serde(default)]
    pub cni_state: String,
    /// How the agent says that it encrypts: `Disabled`, `IPsec`, `Wireguard`; empty when unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub encryption: String,
    /// How it encrypts, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypts: Option<EncryptionEvidence>,
    /// Links of Flannel that exist.
    #[serde(default)]
    pub links: Vec<String>,
    /// Firewall rules and chains of Flannel.
    #[serde(default)]
    pub rules: u32,
    /// Flannel's `/run/flannel` or its IPAM folder exists.
    #[serde(default)]
    pub folders: Vec<String>,
    /// What of Cilium's is on the host: links, firewall rules, the plugin, BPF maps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cilium: Vec<String>,
    /// When; empty once a later step has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// How a node's agent and kernel encrypt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncryptionEvidence {
    /// IPsec: keys in use; WireGuard: peers. As the agent counts them.
    pub count: u32,
    /// IPsec: errors that the kernel has counted, as the agent says.
    #[serde(default)]
    pub errors: u64,
    /// What the kernel has sent encrypted, to addresses of the other nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<Sent>,
}

/// What was sent encrypted to one address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The address.
    pub to: String,
    /// How many bytes.
    pub bytes: u64,
}

impl HostEvidence {
    /// The CNI configurations that a container runtime would read, in its order.
    pub fn active_confs(&self) -> impl Iterator<Item = &str> {
        self.cni_files.iter().map(String::as_str).filter(|f| {
            let ext = f.rsplit('.').next().unwrap_or_default();
            matches!(ext, "conf" | "conflist" | "json")
        })
    }

    /// New pods are held back.
    pub fn is_holding(&self) -> bool {
        self.cni_files.iter().any(|f| f == HOLD)
    }

    /// Files of a hold that is over are left.
    pub fn has_hold_leftovers(&self) -> bool {
        !self.is_holding() && self.cni_files.iter().any(|f| f.starts_with(HOLD))
    }

    /// What is wrong where one file alone is wanted.
    pub fn wants_only(&self, prefix: &str) -> String {
        let confs: Vec<_> = self.active_confs().collect();
        format!("CNI configurations are {}; {prefix}.conflist alone is wanted", confs.join(", "))
    }

    /// Exactly this file is active, but for Multus' before it.
    pub fn only_behind_multus(&self, prefix: &str) -> bool {
        let mut confs = self.active_confs().filter(|c| *c != MULTUS);
        confs.next().is_some_and(|c| c.starts_with(prefix)) && confs.next().is_none()
    }

    /// Multus' file is the first one.
    pub fn begins_with_multus(&self) -> bool {
        self.active_confs().next() == Some(MULTUS)
    }

    /// The first configuration is Flannel's or Cilium's.
    pub fn first_is_known(&self) -> bool {
        let known = |c: &str| FIRST.iter().any(|prefix| c.starts_with(prefix));
        self.active_confs().next().is_some_and(known)
    }

    /// A configuration is there that is not Multus', or a twin of one that an agent has renamed.
    pub fn has_another_conf(&self) -> bool {
        self.active_confs().any(|c| c != MULTUS)
    }

    /// Multus' file is there, or what an agent has renamed it to.
    pub fn has_multus(&self) -> bool {
        self.cni_files.iter().any(|f| f.starts_with(MULTUS))
    }

    /// Exactly this file is active.
    pub fn only(&self, prefix: &str) -> bool {
        let mut confs = self.active_confs();
        confs.next().is_some_and(|c| c.starts_with(prefix)) && confs.next().is_none()
    }
}

/// What a probe pod on the node saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbeEvidence {
    /// The address it got.
    pub address: String,
    /// It could open a connection to the API server's service address.
    pub api_reached: bool,
}

/// A workload that had pods on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// `namespace/Kind/name`.
    pub workload: String,
    /// Ready replicas when the drain began.
    pub ready: i32,
}

/// A controller whose pods land on a node that drains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Return {
    /// `namespace/Kind/name`, or the pod itself.
    pub controller: String,
    /// How often.
    pub times: u32,
    /// When the last one was created.
    pub last: Timestamp,
}

/// How a drain goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainProgress {
    /// What is left of what was there when it began: pods, then volumes.
    pub left: u32,
    /// When the youngest pod on the node was created, as it began: younger ones have landed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub youngest: Option<Timestamp>,
    /// Controllers whose pods have landed on the node since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<Return>,
    /// When anything last left, or an operator last resumed it.
    pub progressed_at: Timestamp,
    /// It has timed out: nothing is evicted until `spec.retries` is raised.
    #[serde(default)]
    pub paused: bool,
    /// What holds it, at most ten.
    #[serde(default)]
    pub blockers: Vec<Problem>,
}
