//! The arguments that become the spec of a Migration.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Command, CommandFactory, Parser, ValueEnum};
use clap_complete::ArgValueCompleter;
use serde_json::{Map, Value, json};

use super::{Exit, completions, consents::Consents, session::Failed};
use crate::domain::{
    api::{
        CiliumSpec, FROZEN, GuardSpec, HostAccess, HostsSpec, Installer, MIGRATION, MigrationSpec, NodesSpec,
        RestartBy, Target,
    },
    encryption::Encryption,
    strategy::{PhaseId, StrategyId},
    values,
};

/// Groups of `--help`.
const NODES: &str = "Nodes and their order";
const HOSTS: &str = "Hosts";
const FLOWS: &str = "Flows that hold the next node";

/// The spec of a Migration, as arguments. Read when it is created; later only what is named changes it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Migration")]
pub(super) struct Wanted {
    /// Read these options from a file, as max-unavailable: 2 a line; the command line goes before it
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// What these options are where nobody names them: the defaults, with those of the config file.
    #[arg(skip)]
    pub unnamed: Option<Box<Wanted>>,
    /// How the cluster is moved
    #[arg(long, value_name = "NAME", default_value_t)]
    pub strategy: StrategyId,
    /// Version of the Cilium chart; each strategy has an oldest one that it supports
    #[arg(long, value_name = "VERSION", default_value = "1.15.19")]
    pub cilium_version: String,
    /// The chart, as helm takes it: repository/name, an OCI address, a folder or an archive
    #[arg(long, value_name = "CHART", default_value = "cilium/cilium")]
    pub chart: String,
    /// Your helm values, merged over Cutover's
    #[arg(long, value_name = "FILE")]
    pub values: Option<PathBuf>,
    /// Pod CIDR of Cilium; must not overlap any network of the cluster
    #[arg(long, value_name = "CIDR", default_value = "10.245.0.0/16")]
    pub pod_cidr: String,
    /// Prefix length of each node's pod CIDR
    #[arg(long, value_name = "BITS", default_value_t = 24)]
    pub mask_size: u8,
    /// UDP port of Cilium's VXLAN; must differ from Flannel's
    #[arg(long, value_name = "PORT", default_value_t = 8473)]
    pub tunnel_port: u16,
    /// Who installs Cilium
    #[arg(long, value_enum, default_value_t = InstallBy::Helm)]
    pub installer: InstallBy,
    /// The release of Kubespray that installs it, as 2.31
    #[arg(long, value_name = "VERSION")]
    pub kubespray_version: Option<String>,
    /// Image of Multus' thin plugin, for the strategy that installs it [default: multus-cni v4.2.2]
    #[arg(long, value_name = "IMAGE")]
    pub multus_image: Option<String>,
    /// How traffic between pods of two nodes is encrypted; turned on with the install
    #[arg(long, value_enum, default_value_t = EncryptBy::None)]
    pub encryption: EncryptBy,
    /// How pods with an old address are restarted
    #[arg(long, help_heading = NODES, value_enum, default_value_t = RestartWay::Reboot, alias = "recycle")]
    pub restart_by: RestartWay,
    /// Maximum number of unavailable nodes, those of other actors included; all is the default in an outage, 1 otherwise
    #[arg(long, help_heading = NODES, value_name = "N|all", value_parser = at_once)]
    pub max_unavailable: Option<u32>,
    /// Seconds that a moved node is observed before the next one begins
    #[arg(long, help_heading = NODES, value_name = "SECONDS", default_value_t = 30, alias = "soak")]
    pub observe: u32,
    /// These nodes first, in this order
    #[arg(long, help_heading = NODES, value_name = "NODE", value_delimiter = ',', add = ArgValueCompleter::new(completions::nodes))]
    pub first: Vec<String>,
    /// Only nodes with this label
    #[arg(long, help_heading = NODES, value_name = "KEY=VALUE")]
    pub selector: Vec<String>,
    /// Number of canary nodes: the first ones, moved one at a time whatever --max-unavailable allows; 0 is the default in
    /// an outage, 1 otherwise
    #[arg(long, help_heading = NODES, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub canaries: Option<u32>,
    /// Move the nodes batch by batch, one value of this label after the other, as topology.kubernetes.io/zone
    #[arg(long, help_heading = NODES, value_name = "LABEL")]
    pub batch_by: Option<String>,
    /// Seconds without progress after which a drain is paused; nothing is ever forced
    #[arg(long, help_heading = NODES, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86400))]
    pub drain_timeout: u32,
    /// Seconds that a node has to reboot and become Ready before an operator has to act
    #[arg(long, help_heading = HOSTS, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=86400))]
    pub reboot_timeout: u32,
    /// How tasks are run on hosts
    #[arg(long, help_heading = HOSTS, value_enum, default_value_t = AccessBy::Pod)]
    pub host_access: AccessBy,
    /// SSH destination; {node} and {address} stand for a node's name and address
    #[arg(long, help_heading = HOSTS, value_name = "TARGET", default_value = "{node}")]
    pub ssh_target: String,
    /// Number of failing connections (source, destination, port) that are tolerated before the next node waits
    #[arg(long, help_heading = FLOWS, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10000))]
    pub flow_limit: u32,
    /// Seconds that a failing connection has to recover before it counts
    #[arg(long, help_heading = FLOWS, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub flow_patience: u32,
    /// Do not hold nodes for failing connections
    #[arg(long, help_heading = FLOWS)]
    pub no_flow_guard: bool,
    #[command(flatten)]
    pub consents: Consents,
}

/// How tasks are run on hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum AccessBy {
    /// In a pod on the node, from the Cilium agent's image
    Pod,
    /// Through the system's ssh, with its keys, agents and jump hosts
    Ssh,
    /// By you: Cutover says what to run, and checks until it is done
    Manual,
}

/// Who installs Cilium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum InstallBy {
    /// Cutover, by helm
    Helm,
    /// You, by a playbook of Kubespray: `cutover kubespray` prints the variables
    Kubespray,
}

/// How traffic between pods of two nodes is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EncryptBy {
    /// Not at all
    None,
    /// By IPsec; its key is made and kept in a Secret
    Ipsec,
    /// By WireGuard
    Wireguard,
}

impl From<EncryptBy> for Encryption {
    fn from(by: EncryptBy) -> Self {
        match by {
            EncryptBy::None => Self::None,
            EncryptBy::Ipsec => Self::Ipsec,
            EncryptBy::Wireguard => Self::Wireguard,
        }
    }
}

/// How pods with an old address are restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RestartWay {
    /// Reboot the node once, proven by its boot id
    Reboot,
    /// Delete the node's pods; their controllers recreate them
    #[value(alias = "recycle")]
    Pods,
}

impl Wanted {
    pub(super) fn spec(&self) -> Result<MigrationSpec, Failed> {
        let usage = |message: String| Failed { exit: Exit::Usage, message };
        let values = match &self.values {
            None => json!({}),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| usage(format!("values file {} cannot be read: {e}", path.display())))?;
                values::parse(&text).map_err(|why| {
                    usage(format!(
                        "values file {}: {why}. Nothing was changed; correct the file and start again",
                        path.display()
                    ))
                })?
            }
        };
        if let Some(path) = values::private(&values) {
            return Err(usage(format!(
                "the value {path} looks like a secret, and the Migration's spec can be read by many. Nothing was changed; let the chart generate it, or create its Secret and name that in the values"
            )));
        }
        let mut selector = BTreeMap::new();
        for pair in &self.selector {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| usage(format!("--selector {pair}: expected KEY=VALUE")))?;
            selector.insert(key.to_owned(), value.to_owned());
        }
        let outage = self.strategy.get().has_outage();
        Ok(MigrationSpec {
            strategy: self.strategy,
            target: Target::Cilium,
            approved: PhaseId::default(),
            paused: false,
            cilium: CiliumSpec {
                version: self.cilium_version.clone(),
                chart: self.chart.clone(),
                namespace: "kube-system".into(),
                pod_cidr: self.pod_cidr.clone(),
                mask_size: self.mask_size,
                tunnel_port: self.tunnel_port,
                encryption: self.encryption.into(),
                installer: match self.installer {
                    InstallBy::Helm => Installer::Helm,
                    InstallBy::Kubespray => Installer::Kubespray,
                },
                kubespray_version: self.kubespray_version.clone(),
                multus_image: self.multus_image.clone(),
                values,
            },
            nodes: NodesSpec {
                order: self.first.clone(),
                selector,
                max_unavailable: self.max_unavailable.unwrap_or(if outage { ALL } else { 1 }),
                canaries: self.canaries.unwrap_or(u32::from(!outage)),
                batch_by: self.batch_by.clone(),
                drain_timeout_seconds: self.drain_timeout,
                reboot_timeout_seconds: self.reboot_timeout,
            },
            hosts: HostsSpec {
                access: match self.host_access {
                    AccessBy::Pod => HostAccess::Pod,
                    AccessBy::Ssh => HostAccess::Ssh,
                    AccessBy::Manual => HostAccess::Manual,
                },
                ssh_target: self.ssh_target.clone(),
            },
            restart_by: match self.restart_by {
                RestartWay::Reboot => RestartBy::Reboot,
                RestartWay::Pods => RestartBy::Pods,
            },
            observe_seconds: self.observe,
            guard: GuardSpec {
                enabled: !self.no_flow_guard,
                limit: self.flow_limit,
                patience_seconds: self.flow_patience,
            },
            consents: self.consents.read()?,
        })
    }

    /// The arguments that differ from the defaults and from the existing Migration. `begun`: what is frozen cannot change.
    pub(super) fn changes(&self, there: &MigrationSpec, begun: bool) -> Result<Value, Failed> {
        let json = |spec: &MigrationSpec| serde_json::to_value(spec).unwrap_or_default();
        let mut unnamed = match &self.unnamed {
            Some(unnamed) => (**unnamed).clone(),
            None => of([])?,
        };
        let usual = json(&unnamed.spec()?)["strategy"].take();
        // what a strategy brings along was not named
        unnamed.strategy = self.strategy;
        let (mut defaults, given, there) = (json(&unnamed.spec()?), json(&self.spec()?), json(there));
        defaults["strategy"] = usual;
        let mut changes = json!({});
        for part in ["strategy", "cilium", "nodes", "hosts", "restartBy", "observeSeconds", "guard"] {
            let named = differing(&defaults[part], &given[part]);
            let change = named.as_ref().and_then(|n| differing(&there[part], n));
            let Some(change) = change else { continue };
            if begun && FROZEN.contains(&part) {
                return Err(Failed { exit: Exit::Usage, message: frozen(part, &there[part], &change) });
            }
            changes[part] = change;
        }
        Ok(changes)
    }
}

/// What is wanted otherwise although it cannot change. Helm values are named and not quoted: one may be a secret.
fn frozen(part: &str, there: &Value, change: &Value) -> String {
    let (path, is, wanted) = match change.as_object().and_then(|c| c.iter().next()) {
        Some((field, wanted)) => (format!("spec.{part}.{field}"), &there[field], wanted),
        None => (format!("spec.{part}"), there, change),
    };
    let how = if wanted.is_object() { String::new() } else { format!(" from {is} to {wanted}") };
    format!(
        "migration/{MIGRATION}: {path} cannot change{how}: the migration has begun (status.startedAt). Nothing was changed. Leave the argument out, or roll back first: cutover rollback --yes"
    )
}

/// As many nodes as a cluster can have.
const ALL: u32 = NodesSpec::MOST;

fn at_once(text: &str) -> Result<u32, String> {
    let number = || text.parse().ok().filter(|n| (1..=ALL).contains(n));
    let parsed = if text == "all" { Some(ALL) } else { number() };
    parsed.ok_or_else(|| format!("expected all, or a number from 1 to {ALL}"))
}

/// These arguments alone.
#[derive(Parser)]
#[command(disable_help_flag = true)]
struct Only {
    #[command(flatten)]
    wanted: Wanted,
}

/// The options of a migration, as a command of their own.
pub(super) fn command() -> Command {
    Only::command()
}

/// These arguments, parsed.
pub(super) fn of(arguments: impl IntoIterator<Item = String>) -> Result<Wanted, Failed> {
    let all = std::iter::once("cutover".to_owned()).chain(arguments);
    Only::try_parse_from(all).map(|o| o.wanted).map_err(|e| Failed::new(Exit::Failed, e.to_string()))
}

/// The part of `now` that differs from `before`.
fn differing(before: &Value, now: &Value) -> Option<Value> {
    let (Some(was), Some(is)) = (before.as_object(), now.as_object()) else {
        return (before != now).then(|| now.clone());
    };
    let changed: Map<String, Value> =
        is.iter().filter_map(|(k, v)| Some((k.clone(), differing(was.get(k).unwrap_or(&Value::Null), v)?))).collect();
    (!changed.is_empty()).then_some(Value::Object(changed))
}
