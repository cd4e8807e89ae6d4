//! The parts of a Migration's spec.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::encryption::Encryption;

/// How what still has an old address starts anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RestartBy {
    /// The node reboots once, proven by its boot id.
    #[default]
    Reboot,
    /// The node's pods are deleted and come back.
    Pods,
}

/// Who installs Cilium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Installer {
    /// Cutover, by helm.
    #[default]
    Helm,
    /// An operator, by a playbook of Kubespray: Cutover says with which variables, and waits.
    Kubespray,
}

impl Installer {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    fn is_helm(&self) -> bool {
        *self == Self::Helm
    }
}

/// Which Cilium, and how it is set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CiliumSpec {
    /// The chart's version, as `1.15.19`. Each strategy has an oldest one that it works with.
    #[schemars(regex(pattern = r"^v?1\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"))]
    pub version: String,
    /// The chart as helm takes it: `cilium/cilium`, an OCI address, a folder or an archive.
    #[schemars(length(min = 1))]
    pub chart: String,
    /// Cilium's namespace.
    #[serde(default = "default_namespace")]
    #[schemars(regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 63))]
    pub namespace: String,
    /// The pool that pods on Cilium get addresses from; apart from Flannel's network.
    #[schemars(regex(pattern = r"^([0-9]{1,3}\.){3}[0-9]{1,3}/([0-9]|[12][0-9]|3[0-2])$"))]
    pub pod_cidr: String,
    /// Size of the range that each node gets out of the pool.
    #[serde(default = "default_mask")]
    #[schemars(range(min = 8, max = 30))]
    pub mask_size: u8,
    /// UDP port of Cilium's VXLAN; apart from Flannel's.
    #[serde(default = "default_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub tunnel_port: u16,
    /// How traffic between pods of two nodes is encrypted; turned on with the install.
    #[serde(default, skip_serializing_if = "is_off")]
    pub encryption: Encryption,
    /// Who installs it.
    #[serde(default, skip_serializing_if = "Installer::is_helm")]
    pub installer: Installer,
    /// The release of Kubespray, where that installs it, as `2.31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubespray_version: Option<String>,
    /// The image of Multus, where the strategy installs it and it is another one than Cutover's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multus_image: Option<String>,
    /// The operator's own helm values, laid over Cutover's.
    #[serde(default = "empty_object")]
    #[schemars(schema_with = "any_object")]
    pub values: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_off(encryption: &Encryption) -> bool {
    *encryption == Encryption::None
}

impl CiliumSpec {
    /// The minor version of Cilium 1; `None` where the version cannot be read.
    pub fn minor(&self) -> Option<u32> {
        minor_of(&self.version)
    }
}

/// The minor version of Cilium 1, of a version as `1.15.19`.
pub fn minor_of(version: &str) -> Option<u32> {
    version.trim_start_matches('v').strip_prefix("1.")?.split('.').next()?.parse().ok()
}

fn default_namespace() -> String {
    "kube-system".into()
}
const fn default_mask() -> u8 {
    24
}
const fn default_port() -> u16 {
    8473
}
fn empty_object() -> Value {
    json!({})
}
/// With a schema of its values, so that rules compare every key: of fields that are in no schema they see only some.
fn any_object(_: &mut SchemaGenerator) -> Schema {
    let anything = json!({ "x-kubernetes-preserve-unknown-fields": true, "nullable": true });
    json_schema!({ "type": "object", "additionalProperties": anything })
}

/// How Cutover works on hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostsSpec {
    /// The way to them.
    #[serde(default)]
    pub access: HostAccess,
    /// Whom `ssh` is told to connect to; `{node}` and `{address}` stand for a node's name and address.
    #[serde(default = "default_ssh_target")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9{][A-Za-z0-9._@:{}%-]*$"), length(max = 253))]
    pub ssh_target: String,
}

impl Default for HostsSpec {
    fn default() -> Self {
        Self { access: HostAccess::default(), ssh_target: default_ssh_target() }
    }
}

fn default_ssh_target() -> String {
    "{node}".into()
}

/// The way to a node's host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HostAccess {
    /// A pod on the node, out of the Cilium agent's image.
    #[default]
    Pod,
    /// The system's `ssh`.
    Ssh,
    /// An operator does it: Cutover says what, and looks until it is done.
    Manual,
}

/// Which nodes, and in which order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodesSpec {
    /// These first, in this order; the others follow by name, control plane last.
    #[serde(default)]
    pub order: Vec<String>,
    /// Only nodes with these labels; all when empty.
    #[serde(default)]
    pub selector: BTreeMap<String, String>,
    /// How many nodes may be out at once, those counted that others took out.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10000))]
    pub max_unavailable: u32,
    /// So many nodes go first, one by one, whatever `maxUnavailable` allows afterwards.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 100))]
    pub canaries: u32,
    /// A label of nodes, as `topology.kubernetes.io/zone`: those of one value are done before the next begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_by: Option<String>,
    /// Seconds without any progress after which a drain is paused until somebody lets it go on.
    #[serde(default = "default_drain_timeout")]
    #[schemars(range(min = 1, max = 86400))]
    pub drain_timeout_seconds: u32,
    /// Seconds within which a node is back from its reboot and Ready; a fifth of it may pass
    /// until it goes down. Then somebody has to look: nothing is asked again by itself.
    #[serde(default = "default_reboot_timeout")]
    #[schemars(range(min = 1, max = 86400))]
    pub reboot_timeout_seconds: u32,
}

const fn one() -> u32 {
    1
}
const fn default_reboot_timeout() -> u32 {
    900
}
const fn default_drain_timeout() -> u32 {
    600
}

impl NodesSpec {
    /// As many as may be out at once: all nodes of the largest cluster.
    pub const MOST: u32 = 10_000;
}

impl Default for NodesSpec {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            selector: BTreeMap::new(),
            max_unavailable: 1,
            canaries: 1,
            batch_by: None,
            drain_timeout_seconds: default_drain_timeout(),
            reboot_timeout_seconds: default_reboot_timeout(),
        }
    }
}
