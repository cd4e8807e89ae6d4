//! The verification of the way back: what must be true of a cluster that is on Flannel again, and what is left of
//! Cilium.

use super::{finding, pass, verification, without_multus::without_multus};
use crate::domain::{
    api::{Finding, Severity},
    effect::definitions::NAMES,
    facts::Cni,
    text,
    view::View,
};

pub(super) fn rolled_back(ctx: &View<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    let checks: [fn(&View<'_>, &mut Vec<Finding>); 7] =
        [addresses, flannel, release, hosts, verification::nodes, definitions, without_multus];
    for check in checks {
        check(ctx, &mut out);
    }
    out.sort_by_key(|f| std::cmp::Reverse(f.severity));
    out
}

fn addresses(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let of = |cni| ctx.facts.pods_with(cni, None).filter(|p| !p.node.is_empty() && p.deleting.is_none());
    let before = out.len();
    for pod in of(Cni::Cilium).chain(of(Cni::Unknown)) {
        let Some(ip) = pod.ip else { continue };
        out.push(finding(
            "addresses",
            Severity::Block,
            format!("pod/{}", pod.key),
            format!("its address {ip} is not Flannel's of {}", pod.node),
            "Its controller creates it again on Flannel when it is deleted; a bare pod has to be created again by hand.",
        ));
    }
    if out.len() == before {
        let count = ctx.facts.pods_with(Cni::Flannel, None).count();
        out.push(pass("addresses", "pods", format!("{count} pods with Flannel's addresses, none with others")));
    }
}

fn flannel(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let mut sets = ctx.facts.flannel_daemon_sets().peekable();
    if sets.peek().is_none() {
        let remedy = "The way back creates it again from its copy: cutover rollback. Otherwise install it by hand.";
        out.push(finding("flannel", Severity::Block, "cluster", "no DaemonSet runs Flannel", remedy));
    }
    for set in sets {
        let (object, message) =
            (format!("daemonset/{}", set.key), format!("{} of {} Flannel pods ready", set.ready, set.desired));
        out.push(if set.is_rolled_out() {
            pass("flannel", object, message)
        } else {
            finding("flannel", Severity::Block, object, message, "Check the pods that are not.")
        });
    }
}

fn release(ctx: &View<'_>, out: &mut Vec<Finding>) {
    match ctx.facts.cilium_agents() {
        None => out.push(pass("cilium", "cluster", "no Cilium agents")),
        Some(agents) => {
            let remedy =
                "The way back uninstalls what this migration has installed; what another actor installed stays.";
            let object = format!("daemonset/{}", agents.key);
            out.push(finding("cilium", Severity::Warn, object, "Cilium is still installed", remedy));
        }
    }
}

fn hosts(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let (mut clean, mut unseen) = (0, vec![]);
    let nodes = ctx.nodes_in_order();
    for node in &nodes {
        let object = format!("node/{}", node.name);
        let Some(host) = ctx.status(&node.name).evidence.host.as_ref() else {
            unseen.push(&*node.name);
            continue;
        };
        if !host.only("10-flannel") {
            let message = format!("CNI directory holds {}", text::safe(&host.cni_files.join(", ")));
            let remedy = "Only Flannel's configuration belongs there.";
            out.push(finding("hosts", Severity::Block, object, message, remedy));
        } else if host.cilium.is_empty() {
            clean += 1;
        } else {
            let message = format!("left of Cilium: {}", text::safe(&host.cilium.join(", ")));
            let remedy = "A reboot of the node removes links, rules and BPF maps; files stay and do nothing.";
            out.push(finding("hosts", Severity::Warn, object, message, remedy));
        }
    }
    if !unseen.is_empty() {
        let message = format!("{} not looked at, as {}", text::count(unseen.len(), "host"), unseen[0]);
        let remedy = "Nothing of this migration was on it, as far as is known. Look at its CNI configuration.";
        out.push(finding("hosts", Severity::Unknown, "nodes", message, remedy));
    }
    out.push(pass("hosts", "nodes", format!("{clean} of {} seen to be clean of Cilium", nodes.len())));
}

/// helm leaves them: deleting one deletes every object of its kind, policies of tenants among them.
fn definitions(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let left: Vec<&str> = NAMES.into_iter().filter(|name| ctx.facts.crds.contains_key(*name)).collect();
    if left.is_empty() {
        return out.push(pass("definitions", "cluster", "no custom resource definition of Cilium"));
    }
    let message = format!("{} of Cilium left", text::count(left.len(), "custom resource definition"));
    let remedy = format!(
        "Nothing uses them without Cilium. Deleting one deletes every object of its kind, policies among them, so Cutover \
         does it on the way back alone, where the consent DeleteDefinition names it. Now: kubectl delete crd {}",
        left.join(" ")
    );
    out.push(finding("definitions", Severity::Warn, "customresourcedefinitions", message, &remedy));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::domain::{
        api::{Migration, NodeMigration, NodeMigrationSpec, NodeMigrationStatus, Target},
        evidence::HostEvidence,
        facts::{DaemonSetFact, Facts, Key, NodeFact},
    };

    fn found(facts: &Facts) -> Vec<(String, Severity)> {
        let spec =
            serde_json::from_value(json!({"target": "Flannel", "cilium": {"version": "", "chart": "", "podCidr": ""}}));
        let migration = Migration::new("cutover", spec.unwrap());
        let findings = verification::verification(&View::read_only(facts, &migration, Timestamp::UNIX_EPOCH));
        findings.into_iter().map(|f| (f.check, f.severity)).filter(|(_, s)| *s != Severity::Pass).collect()
    }

    #[test]
    fn what_is_left_of_cilium_is_named() {
        let mut facts = Facts::default();
        assert_eq!(found(&facts), [("flannel".into(), Severity::Block)]);
        let set = DaemonSetFact {
            key: Key::new("kube-flannel", "kube-flannel-ds"),
            containers: vec!["kube-flannel".into()],
            host_network: true,
            observed: true,
            desired: 1,
            ready: 1,
            updated: 1,
            ..DaemonSetFact::default()
        };
        facts.daemon_sets.insert(set.key.clone(), set);
        facts.nodes.insert("n1".into(), NodeFact { name: "n1".into(), ready: true, ..NodeFact::default() });
        let unseen = ("hosts".to_owned(), Severity::Unknown);
        assert_eq!(found(&facts), std::slice::from_ref(&unseen), "a host that nobody has looked at is not known");
        facts.crds.insert("ciliumnodes.cilium.io".into(), vec!["v2".into()]);
        assert_eq!(found(&facts), [("definitions".into(), Severity::Warn), unseen]);
        facts.crds.clear();
        for (files, left, severity) in [
            (&["10-flannel.conflist"][..], &[][..], None),
            (&["10-flannel.conflist"], &["link cilium_host"], Some(Severity::Warn)),
            (&["05-cilium.conflist", "10-flannel.conflist.cilium_bak"], &[], Some(Severity::Block)),
        ] {
            let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
            let mut status = NodeMigrationStatus::default();
            status.evidence.host =
                Some(HostEvidence { cni_files: owned(files), cilium: owned(left), ..HostEvidence::default() });
            let mut record =
                NodeMigration::new("n1", NodeMigrationSpec { target: Target::Flannel, ..NodeMigrationSpec::default() });
            record.status = Some(status);
            facts.node_migrations.insert("n1".into(), Arc::new(record));
            assert_eq!(found(&facts), severity.map(|s| ("hosts".to_owned(), s)).into_iter().collect::<Vec<_>>());
        }
    }
}
