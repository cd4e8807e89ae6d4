//! `cutover plan --ansible DIR`: the migration as playbooks and an inventory, for those who run Ansible.
//!
//! The playbooks are fixed; everything that is this cluster's is in the inventory.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Map, Value, json};

use super::{Exit, output, session::Failed};
use crate::domain::{
    api::{Consent, RestartBy},
    drain::{self, verdict},
    effect::{CORDON_MARK, SWITCH_LABEL, SWITCHING_TAINT, cilium::create_node_config},
    facts::NodeFact,
    host::SCRIPT,
    view::View,
};

const SITE: &str = include_str!("../../assets/ansible/site.yml");
const NODE: &str = include_str!("../../assets/ansible/node.yml");
const BACK: &str = include_str!("../../assets/ansible/back.yml");
const LEAVE: &str = include_str!("../../assets/ansible/leave.yml");
const PODS: &str = include_str!("../../assets/ansible/pods.py");

/// Writes everything into a folder, over what an earlier plan left there.
pub(super) fn write(ctx: &View<'_>, folder: &Path) -> Result<(), Failed> {
    let failed = |what: &Path, e: &dyn std::fmt::Display| {
        Failed::new(
            Exit::Failed,
            format!("{} was not written: {e}. Nothing on the cluster was changed", what.display()),
        )
    };
    fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    let cilium = &ctx.migration.spec.cilium;
    let yaml = |value: &Value| serde_saphyr::to_string(value).map_err(|e| failed(folder, &e));
    let wrong = |e: String| Failed::new(Exit::Usage, e);
    let files = [
        // how many at once is read before any variable of the inventory is
        ("site.yml", SITE.replace("\"{{ batches }}\"", &json!(batches(ctx)).to_string())),
        ("node.yml", NODE.to_owned()),
        ("back.yml", BACK.to_owned()),
        ("leave.yml", LEAVE.to_owned()),
        ("pods.py", PODS.to_owned()),
        ("host.sh", SCRIPT.to_owned()),
        ("inventory.yml", yaml(&inventory(ctx))?),
    ];
    let mut files = files.to_vec();
    for (name, values) in ctx.strategy.values(cilium) {
        files.push((name, yaml(&values.map_err(wrong)?)?));
    }
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| failed(&path, &e))?;
    }
    output::line(&format!(
        "Written to {}. Read it, then: ansible-playbook -i {}/inventory.yml {}/site.yml\n(install and nodes; --tags finalize and --tags remove for the rest, back.yml --limit NODE for the way back)",
        folder.display(),
        folder.display(),
        folder.display()
    ));
    Ok(())
}

fn inventory(ctx: &View<'_>) -> Value {
    let spec = &ctx.migration.spec;
    let order = ctx.nodes_in_order();
    let host = |n: &&NodeFact| {
        let address = n.addresses.first().map(ToString::to_string).unwrap_or_default();
        (n.name.to_string(), json!({"ansible_host": address}))
    };
    let hosts: Map<String, Value> = order.iter().map(host).collect();
    // what gets past a block is Cutover's to do; for a playbook it is no consent at all
    let plain: Vec<Consent> = spec.consents.iter().filter(|c| !c.kind.is_escalation()).cloned().collect();
    let needed: BTreeMap<String, Vec<String>> = order
        .iter()
        .map(|n| {
            let drain = drain::sort(ctx.facts, &n.name, &[]);
            (n.name.to_string(), verdict::wanted(&drain).iter().map(ToString::to_string).collect::<Vec<_>>())
        })
        .filter(|(_, wanted)| !wanted.is_empty())
        .collect();
    let networks: Vec<String> = ctx.facts.flannel().flat_map(|(_, f)| &f.networks).map(ToString::to_string).collect();
    let prefixes: Vec<String> = order.iter().flat_map(|n| &n.pod_ranges).map(prefix).collect();
    let version = ctx.facts.node_config_version().unwrap_or("v2alpha1");
    let sets: Vec<Value> = ctx
        .facts
        .flannel_daemon_sets()
        .map(|d| json!({"name": &*d.key.name, "namespace": &*d.key.namespace}))
        .collect();
    json!({"all": {
        "vars": {
            "cilium_namespace": spec.cilium.namespace, "cilium_version": spec.cilium.version, "chart": spec.cilium.chart,
            "node_config": create_node_config(&spec.cilium.namespace, version).body(),
            "switch_label": SWITCH_LABEL, "cordon_mark": CORDON_MARK, "away_taint": SWITCHING_TAINT,
            "restart_by": if spec.restart_by == RestartBy::Reboot { "reboot" } else { "pods" },
            "observe_seconds": spec.observe_seconds, "drain_timeout": spec.nodes.drain_timeout_seconds,
            "reboot_timeout": spec.nodes.reboot_timeout_seconds,
            "flannel_networks": networks, "flannel_prefixes": prefixes,
            "flannel_daemon_sets": sets, "needed_consents": needed,
            "consents": plain.iter().map(|c| format!("{}:{}", c.kind, c.object)).collect::<Vec<_>>(),
        },
        "children": {"nodes": {"hosts": hosts}},
    }})
}

/// How many nodes each batch has: canaries one by one, workers as many as may be out, zone by zone, the control
/// plane one by one.
fn batches(ctx: &View<'_>) -> Vec<usize> {
    let spec = &ctx.migration.spec.nodes;
    let number = |n: u32| usize::try_from(n).unwrap_or(1);
    let order = ctx.nodes_in_order();
    let mut batches: Vec<usize> = Vec::new();
    let mut zone: Option<Option<&String>> = None;
    for (i, node) in order.iter().enumerate() {
        let here = spec.batch_by.as_ref().and_then(|label| node.labels.get(label));
        let alone = i < number(spec.canaries)
            || node.control_plane
            || order.get(i.wrapping_sub(1)).is_some_and(|n| n.control_plane);
        match batches.last_mut() {
            Some(last)
                if !alone
                    && i > number(spec.canaries)
                    && zone == Some(here)
                    && *last < number(spec.max_unavailable) =>
            {
                *last += 1;
            }
            _ => batches.push(1),
        }
        zone = Some(here);
    }
    batches
}

/// The start of every address of a range, as a regular expression; ranges of nodes end on a dot.
fn prefix(range: &ipnet::IpNet) -> String {
    let octets = usize::from(range.prefix_len() / 8);
    let text = range.network().to_string();
    let kept: Vec<&str> = text.split('.').take(octets).collect();
    format!("^{}\\.", kept.join("\\."))
}
