//! Every right that Cutover needs: those of its effects, of the sources that it watches, and of its own records. The
//! manifests are made of these, and preflight asks for them.

use std::collections::BTreeMap;

use super::effect::{
    Resource, Right, Role, one_of_each,
    resource::{
        ATTACHMENTS, BUDGETS, CILIUM_NODES, CLAIMS, CONFIG_MAPS, DAEMON_SETS, DEFINITIONS, DEPLOYMENTS, EVENTS, LEASES,
        MIGRATIONS, NAMESPACES, NETWORK_POLICIES, NODE_CONFIGS, NODE_MIGRATIONS, NODES, PODS, REPLICA_SETS, SECRETS,
        SERVICES, STATEFUL_SETS, VOLUMES,
    },
};

/// The namespace of Cilium, of the Lease and of task pods.
pub const NAMESPACE: &str = "kube-system";

/// What is watched: each is a source of facts.
const WATCHED: &[Resource] = &[
    NODES,
    PODS,
    NAMESPACES,
    VOLUMES,
    CLAIMS,
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    BUDGETS,
    NETWORK_POLICIES,
    ATTACHMENTS,
    CILIUM_NODES,
    NODE_CONFIGS,
    DEFINITIONS,
    MIGRATIONS,
    NODE_MIGRATIONS,
];

/// Secrets with the certificates for Hubble's relay.
const CERTIFICATES: [&str; 3] = ["hubble-relay-server-certs", "hubble-ui-client-certs", "hubble-relay-client-certs"];

/// The order in which verbs are written.
const VERBS: [&str; 9] = ["get", "list", "watch", "create", "update", "patch", "delete", "bind", "escalate"];

/// All of them, each once.
pub fn all() -> Vec<Right> {
    let of = |role, resource, verbs: &'static [&'static str]| verbs.iter().map(move |v| Right::new(role, v, resource));
    let watched = WATCHED.iter().flat_map(|kind| of(Role::Observe, *kind, &["get", "list", "watch"]));
    let certificates =
        CERTIFICATES.map(|name| Right { name, namespace: NAMESPACE.into(), ..Right::new(Role::Flows, "get", SECRETS) });
    let status = |kind| Right { sub: "status", ..Right::new(Role::Record, "update", kind) };
    let lease = |verb| Right { namespace: NAMESPACE.into(), ..Right::new(Role::Lock, verb, LEASES) };
    let effects = one_of_each(NAMESPACE).into_iter().flat_map(|effect| effect.describe().rights);
    let mut all: Vec<Right> = watched
        .chain(of(Role::Observe, SERVICES, &["get"]))
        .chain(certificates)
        .chain([MIGRATIONS, NODE_MIGRATIONS].map(status))
        .chain(of(Role::Record, EVENTS, &["create", "patch"]))
        .chain([lease("create")])
        .chain(["get", "update"].map(|verb| Right { name: "cutover", ..lease(verb) }))
        .chain(effects)
        .chain(of(Role::Operator, DEFINITIONS, &["create", "patch"]))
        .chain(of(Role::Operator, MIGRATIONS, &["create", "patch"]))
        .chain(of(Role::Operator, NODE_MIGRATIONS, &["patch"]))
        .chain(["get", "create"].map(|verb| Right { sub: "portforward", ..Right::new(Role::Operator, verb, PODS) }))
        .collect();
    all.sort_unstable();
    all.dedup();
    // what is watched may be read by everything else, too
    let (observe, mut all): (Vec<_>, Vec<_>) = all.into_iter().partition(|r| r.role == Role::Observe);
    all.retain(|right| !observe.iter().any(|o| o.covers(right)));
    observe.into_iter().chain(all).collect()
}

/// What a role grants beyond the rights above, as lines of its rules.
const fn beyond(role: Role) -> &'static [&'static str] {
    match role {
        Role::Observe => &["{nonResourceURLs: [/version, /readyz], verbs: [get]}"],
        // what an operator's own values add to the chart
        Role::Install => &[
            "{apiGroups: [\"\", apps, batch, rbac.authorization.k8s.io, networking.k8s.io, policy], resources: [\"*\"], verbs: [get, list, watch, create, update, patch, delete, bind, escalate]}",
        ],
        Role::Operator => &["{apiGroups: [cutover.dev], resources: [\"*\"], verbs: [\"*\"]}"],
        Role::Record | Role::Lock | Role::Flows | Role::Migrate | Role::Consents | Role::Host | Role::Finish => &[],
    }
}

/// The rules of a role, as the manifests have them.
pub fn rules(role: Role) -> String {
    let own: Vec<Right> = all().into_iter().filter(|r| r.role == role).collect();
    let generated = if role == Role::Install { vec![] } else { grouped(&own) };
    let lines = generated.into_iter().chain(beyond(role).iter().map(|l| (*l).to_owned()));
    lines.map(|line| format!("  - {line}\n")).collect()
}

/// The rules of a person, who has every role.
pub fn operator_rules() -> String {
    let of = |role: Role| format!("  # {}\n{}", role.about(), rules(role));
    Role::ALL.into_iter().map(of).collect()
}

/// Rights as rules: one for all resources of a group with the same verbs.
fn grouped(rights: &[Right]) -> Vec<String> {
    let mut verbs: BTreeMap<(&str, String, &str), Vec<&str>> = BTreeMap::new();
    for right in rights {
        verbs.entry((right.resource.group, right.path(), right.name)).or_default().push(right.verb);
    }
    // objects without names, and then those that are named
    let mut rules: BTreeMap<(bool, &str, Vec<&str>, String), (Vec<String>, Vec<&str>)> = BTreeMap::new();
    for ((group, resource, name), mut verbs) in verbs {
        verbs.sort_unstable_by_key(|verb| VERBS.iter().position(|v| v == verb));
        let named = !name.is_empty();
        let apart = if named { resource.clone() } else { String::new() };
        let (resources, names) = rules.entry((named, group, verbs, apart)).or_default();
        if !resources.contains(&resource) {
            resources.push(resource);
        }
        names.extend(named.then_some(name));
    }
    let mut lines = Vec::new();
    for ((_, group, verbs, _), (resources, names)) in rules {
        let group = if group.is_empty() { "\"\"" } else { group };
        let names = if names.is_empty() { String::new() } else { format!(" resourceNames: [{}],", names.join(", ")) };
        let (resources, verbs) = (resources.join(", "), verbs.join(", "));
        lines.push(format!("{{apiGroups: [{group}], resources: [{resources}],{names} verbs: [{verbs}]}}"));
    }
    lines
}

/// Missing rights as an operator reads them: the verbs of one resource together.
pub fn words(missing: &[Right]) -> Vec<String> {
    let mut verbs: BTreeMap<(String, &str, &str), Vec<&str>> = BTreeMap::new();
    for right in missing {
        verbs.entry((right.path(), right.name, &right.namespace)).or_default().push(right.verb);
    }
    let line = |((resource, name, namespace), mut verbs): ((String, &str, &str), Vec<&str>)| {
        verbs.sort_unstable_by_key(|verb| VERBS.iter().position(|v| v == verb));
        verbs.dedup();
        let name = if name.is_empty() { String::new() } else { format!(" {name}") };
        let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
        format!("{} {resource}{name}{place}", verbs.join("/"))
    };
    verbs.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_of_one_namespace_or_of_the_whole_cluster() {
        for role in Role::ALL {
            let mut namespaces: Vec<String> =
                all().into_iter().filter(|r| r.role == role).map(|r| r.namespace).collect();
            namespaces.sort_unstable();
            namespaces.dedup();
            assert_eq!(namespaces.len(), 1, "{role:?}: {namespaces:?}");
        }
    }

    #[test]
    fn preflight_asks_for_what_effects_and_sources_need() {
        let all: Vec<String> = all().iter().map(ToString::to_string).collect();
        for right in [
            "patch poddisruptionbudgets",
            "patch deployments",
            "patch statefulsets",
            "create ciliumnodeconfigs",
            "delete ciliumnodeconfigs",
            "watch persistentvolumeclaims",
            "create pods/eviction",
            "create pods/portforward",
            "create pods in kube-system",
            "update leases cutover in kube-system",
        ] {
            assert!(all.iter().any(|r| r == right), "{right} is not among {all:#?}");
        }
    }

    #[test]
    fn missing_rights_are_read_by_resource() {
        let missing = [
            Right::new(Role::Migrate, "delete", PODS),
            Right::new(Role::Host, "create", PODS),
            Right { sub: "eviction", ..Right::new(Role::Migrate, "create", PODS) },
        ];
        assert_eq!(words(&missing), ["create/delete pods", "create pods/eviction"]);
    }
}
