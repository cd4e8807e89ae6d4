//! What kind of cluster this is, and which rights Cutover has.

use super::{finding, pass};
use crate::domain::{
    api::{Finding, Installer, Severity},
    effect::{NODE_CONFIG, Right, Role, resource::DEFINITIONS},
    kubespray::Kubespray,
    rights, text, values,
    view::View,
};

pub(super) fn flannel(ctx: &View<'_>, out: &mut Vec<Finding>) {
    const CHECK: &str = "flannel";
    let sets: Vec<_> = ctx.facts.any_flannel_daemon_sets().collect();
    let Some(set) = sets.first() else {
        if ctx.facts.any_cilium_agents().next().is_some() {
            // the check `cilium` describes this cluster
            return;
        }
        let marked = ctx.facts.nodes.values().any(|n| n.flannel_backend.is_some());
        let (message, remedy) = if marked {
            (
                "no DaemonSet runs Flannel, although nodes carry its annotations: it was removed, or the distribution embeds it",
                "k3s and others need --flannel-backend=none on their servers; Cutover cannot do that.",
            )
        } else {
            ("no DaemonSet runs Flannel", "Cutover moves clusters from Flannel. Is this the right context?")
        };
        out.push(finding(CHECK, Severity::Block, "cluster", message, remedy));
        return;
    };
    if let Some(other) = sets.iter().find(|s| s.key.namespace != set.key.namespace) {
        out.push(finding(
            CHECK,
            Severity::Block,
            format!("daemonset/{}", other.key),
            format!("it looks like Flannel's, as daemonset/{} does, in another namespace", set.key),
            "Delete the one that is not Flannel, or rename its container.",
        ));
        return;
    }
    if set.containers.iter().any(|c| c.contains("calico")) || set.key.name.contains("canal") {
        out.push(finding(
            CHECK,
            Severity::Block,
            format!("daemonset/{}", set.key),
            "this is Canal: Flannel with Calico's policies",
            "Cutover moves plain Flannel; Canal enforces policies that would be lost.",
        ));
        return;
    }
    if set.ready < set.desired {
        out.push(finding(
            CHECK,
            Severity::Block,
            format!("daemonset/{}", set.key),
            format!("{} of {} Flannel pods are ready", set.ready, set.desired),
            "Repair Flannel first: a rollback needs it.",
        ));
        return;
    }
    if ctx.facts.flannel().next().is_none() {
        out.push(finding(
            CHECK,
            Severity::Block,
            "configmap/kube-flannel-cfg",
            "Flannel's configuration was not found or cannot be read",
            "Cutover reads the network and the port from net-conf.json in the ConfigMap kube-flannel-cfg.",
        ));
        return;
    }
    if let Some(manager) = &set.managed_by {
        out.push(finding(
            CHECK,
            Severity::Warn,
            format!("daemonset/{}", set.key),
            format!("{} manages Flannel and would recreate it after its removal", text::safe(manager)),
            "Remove Flannel from it before the phase Remove.",
        ));
    }
    out.push(pass(
        CHECK,
        format!("daemonset/{}", set.key),
        format!("{} of {} Flannel pods ready", set.ready, set.desired),
    ));
}

pub(super) fn cilium(ctx: &View<'_>, out: &mut Vec<Finding>) {
    const CHECK: &str = "cilium";
    if let Some((key, _)) = ctx.facts.node_configs.iter().find(|(_, c)| c.selects_all) {
        out.push(finding(
            CHECK,
            Severity::Block,
            format!("ciliumnodeconfig/{key}"),
            "its empty selector applies it to every node at once",
            "Delete it, or give it a selector.",
        ));
    }
    let own = ctx.facts.cilium_agents().filter(|_| ctx.is_started());
    let Some(agents) = ctx.facts.any_cilium_agents().find(|a| own.is_none_or(|own| own.key != a.key)) else {
        out.push(match own {
            Some(own) => pass(CHECK, format!("daemonset/{}", own.key), "installed by this migration"),
            None => pass(CHECK, "cluster", "no Cilium yet"),
        });
        return;
    };
    let object = format!("daemonset/{}", agents.key);
    let switched = ctx.facts.nodes.values().filter(|n| n.switched).count();
    let idle = ctx.facts.cilium_configs.values().any(|c| c.custom_conf);
    let found = if ctx.facts.flannel_daemon_sets().next().is_none() {
        finding(
            CHECK,
            Severity::Block,
            object,
            "this cluster is on Cilium already",
            "There is nothing to migrate. `cutover verify` shows the proof.",
        )
    } else if idle || switched > 0 {
        finding(
            CHECK,
            Severity::Block,
            object,
            format!(
                "a migration that Cutover did not start: Cilium beside Flannel, {} switched, no NodeMigration",
                text::count(switched, "node")
            ),
            &format!(
                "Finish or undo it first (label {}, CiliumNodeConfig {NODE_CONFIG}).",
                crate::domain::effect::SWITCH_LABEL
            ),
        )
    } else {
        finding(
            CHECK,
            Severity::Block,
            object,
            "Cilium and Flannel are both installed, and Cilium writes CNI configurations",
            "Cutover did not install this Cilium. Uninstall it, or finish that installation.",
        )
    };
    out.push(found);
}

pub(super) fn rights(ctx: &View<'_>, out: &mut Vec<Finding>) {
    // they were asked for once, at start: definitions that are served meanwhile need not be created any more
    let served = ctx.facts.crds.contains_key("nodemigrations.cutover.dev");
    let missing = ctx.facts.surroundings.missing_rights.iter();
    let missing = missing.filter(|r| !(served && r.resource == DEFINITIONS)).cloned();
    let installed = ctx.facts.cilium_agents().is_some();
    let can_do_without = |right: &Right| match right.role {
        Role::Flows | Role::Consents | Role::Operator => true,
        // helm can be run by hand
        Role::Install | Role::Release => installed,
        Role::Observe | Role::Record | Role::Lock => false,
        Role::Migrate | Role::NodeConfig | Role::Host | Role::Finish | Role::Copy => false,
    };
    let (optional, needed): (Vec<Right>, Vec<Right>) = missing.partition(can_do_without);
    if optional.is_empty() && needed.is_empty() {
        out.push(pass("rights", "user", "every right that the migration needs"));
    }
    let remedy = "Ask for the ClusterRole that `cutover manifests --rbac` prints.";
    for (missing, severity, without) in [
        (needed, Severity::Block, ""),
        (optional, Severity::Warn, " (needed for flows, for consents, for helm, or to change what is wanted)"),
    ] {
        if !missing.is_empty() {
            let message = format!("you may not: {}{without}", rights::words(&missing).join(", "));
            out.push(finding("rights", severity, "user", message, remedy));
        }
    }
}

pub(super) fn helm(ctx: &View<'_>, out: &mut Vec<Finding>) {
    match &ctx.facts.surroundings.helm {
        Some(Ok(version)) => out.push(pass("helm", "helm", format!("version {}", text::safe(version)))),
        Some(Err(why)) => out.push(finding(
            "helm",
            Severity::Block,
            "helm",
            text::safe(why),
            "Install helm 3 or 4, or name it with --helm.",
        )),
        None => {}
    }
}

/// Kubespray installs Cilium as the CNI of every node at once, and only its known releases are known to.
pub(super) fn installer(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let cilium = &ctx.migration.spec.cilium;
    if cilium.installer == Installer::Helm {
        return;
    }
    let mut block = |message: String, remedy: &str| {
        out.push(finding("installer", Severity::Block, "migration/cutover", message, remedy));
    };
    if !ctx.strategy.has_outage() {
        let message = format!(
            "Kubespray cannot install Cilium idle beside Flannel, as the strategy {} needs it",
            ctx.strategy.id()
        );
        block(message, "Use --installer helm, or --strategy downtime.");
    }
    match cilium.kubespray_version.as_deref().map(str::parse::<Kubespray>) {
        Some(Ok(kubespray)) => {
            for trap in kubespray.traps(cilium) {
                out.push(finding(
                    "installer",
                    Severity::Warn,
                    "migration/cutover",
                    trap,
                    "See `cutover kubespray` for the variables.",
                ));
            }
        }
        Some(Err(why)) => block(text::safe(&why).into_owned(), "Name a known one with --kubespray-version."),
        None => block("the release of Kubespray is not named".into(), "Name it with --kubespray-version, as 2.31."),
    }
}

/// The strategy needs what its oldest Cilium has.
pub(super) fn version(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let wanted = &ctx.migration.spec.cilium.version;
    let mut parts = wanted.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else { return };
    let (oldest_major, oldest_minor) = ctx.strategy.oldest_cilium();
    if (major, minor) < (oldest_major, oldest_minor) {
        let message = format!(
            "the strategy {} needs Cilium {oldest_major}.{oldest_minor}, and {wanted} is wanted",
            ctx.strategy.id()
        );
        let remedy = format!("Name a version from {oldest_major}.{oldest_minor} on with --cilium-version.");
        out.push(finding("version", Severity::Block, "migration/cutover", text::safe(&message), &remedy));
    }
}

pub(super) fn values(ctx: &View<'_>, out: &mut Vec<Finding>) {
    let conflicts = ctx.strategy.overruled(&ctx.migration.spec.cilium);
    if !conflicts.is_empty() {
        out.push(finding(
            "values",
            Severity::Warn,
            "migration/cutover",
            format!("the migration overrides your values of {}", conflicts.join(", ")),
            "They apply again once you upgrade the release yourself.",
        ));
    }
    if let Some(path) = values::private(&ctx.migration.spec.cilium.values) {
        out.push(finding(
            "values",
            Severity::Block,
            "migration/cutover",
            format!("the value {} looks like a secret, and this spec can be read by many", text::safe(&path)),
            "Take it out of spec.cilium.values; create its Secret and name that in the values.",
        ));
    }
    let key = "kubeProxyReplacement";
    let value = &ctx.migration.spec.cilium.values[key];
    if value == true || value == "true" || value == "strict" {
        out.push(finding(
            "values",
            Severity::Block,
            "migration/cutover",
            format!("{key} is on"),
            "Replacing kube-proxy while two CNIs run cuts load balancers off (cilium#21579). Do it after the migration.",
        ));
    }
}
