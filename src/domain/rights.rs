//! Every right that Cutover needs: those of its effects, of the sources that it watches, and of its own records. The
//! manifests are made of these, and preflight asks for them.

use std::collections::BTreeMap;

use super::{
    effect::{
        EVERY, Resource, Right, Role, one_of_each,
        resource::{
            API_SERVICES, CILIUM_POLICIES, CILIUM_WIDE_POLICIES, CONFIG_MAPS, DEFINITIONS, EVENTS, LEASES, MIGRATIONS,
            MUTATING_WEBHOOKS, NODE_MIGRATIONS, PODS, SECRETS, SERVICE_CIDRS, SERVICES, VALIDATING_WEBHOOKS,
        },
    },
    facts::Source,
};

/// The namespace of Cilium, of the Lease and of task pods.
pub const NAMESPACE: &str = "kube-system";

/// Secrets with the certificates for Hubble's relay.
const CERTIFICATES: [&str; 3] = ["hubble-relay-server-certs", "hubble-ui-client-certs", "hubble-relay-client-certs"];

/// What checks alone ask for: without it they are "not known", and nothing stops.
const FOR_CHECKS: [Resource; 7] = [
    SERVICES,
    SERVICE_CIDRS,
    VALIDATING_WEBHOOKS,
    MUTATING_WEBHOOKS,
    API_SERVICES,
    CILIUM_POLICIES,
    CILIUM_WIDE_POLICIES,
];

/// ConfigMaps that checks alone ask for: kube-proxy's, kubeadm's.
const CONFIGS_FOR_CHECKS: [&str; 2] = ["kube-proxy", "kubeadm-config"];

/// Nothing but a check needs it.
pub fn is_for_checks(right: &Right) -> bool {
    let listed = right.verb == "list" && FOR_CHECKS.contains(&right.resource);
    listed || (right.resource == CONFIG_MAPS && CONFIGS_FOR_CHECKS.contains(&right.name))
}

/// The order in which verbs are written.
const VERBS: [&str; 9] = ["get", "list", "watch", "create", "update", "patch", "delete", "bind", "escalate"];

/// All of them, each once.
pub fn all() -> Vec<Right> {
    let of = |role, resource, verbs: &'static [&'static str]| verbs.iter().map(move |v| Right::new(role, v, resource));
    let watched = Source::ALL.into_iter().filter_map(|s| Some((s.resource()?, s.object().unwrap_or_default())));
    let watched =
        watched.flat_map(|(kind, name)| of(Role::Observe, kind, &["get", "list", "watch"]).map(|r| r.named(name)));
    let certificates =
        CERTIFICATES.map(|name| Right { name, namespace: NAMESPACE.into(), ..Right::new(Role::Flows, "get", SECRETS) });
    let status = |kind| Right { sub: "status", ..Right::new(Role::Record, "update", kind) };
    let lease = |verb| Right { namespace: NAMESPACE.into(), ..Right::new(Role::Lock, verb, LEASES) };
    let effects = one_of_each(NAMESPACE).into_iter().flat_map(|effect| effect.describe().rights);
    let mut all: Vec<Right> = watched
        .chain(of(Role::Observe, SERVICES, &["get"]))
        .chain(FOR_CHECKS.into_iter().flat_map(|kind| of(Role::Observe, kind, &["list"])))
        .chain(CONFIGS_FOR_CHECKS.map(|name| Right::new(Role::Observe, "get", CONFIG_MAPS).named(name)))
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
        // also what an operator's own values add to the chart
        Role::Install => &[
            "{apiGroups: [\"\"], resources: [configmaps, namespaces, serviceaccounts, services], verbs: [get, list, watch, create, update, patch, delete]}",
            "{apiGroups: [apps], resources: [daemonsets, deployments, statefulsets], verbs: [get, list, watch, create, update, patch, delete]}",
            "{apiGroups: [batch], resources: [cronjobs, jobs], verbs: [get, list, watch, create, update, patch, delete]}",
            "{apiGroups: [networking.k8s.io], resources: [ingresses, ingressclasses, networkpolicies], verbs: [get, list, watch, create, update, patch, delete]}",
            "{apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [get, list, watch, create, update, patch, delete]}",
            "{apiGroups: [rbac.authorization.k8s.io], resources: [clusterrolebindings, clusterroles, rolebindings, roles], verbs: [get, list, watch, create, update, patch, delete, bind, escalate]}",
        ],
        Role::Operator => &["{apiGroups: [cutover.dev], resources: [\"*\"], verbs: [\"*\"]}"],
        Role::Record | Role::Lock | Role::Flows | Role::Migrate | Role::NodeConfig | Role::Consents => &[],
        Role::Host | Role::Finish | Role::Copy | Role::Release => &[],
    }
}

/// The rules of a role, as the manifests have them.
pub fn rules(role: Role) -> String {
    let own: Vec<Right> = all().into_iter().filter(|r| r.role == role).collect();
    let generated = if role == Role::Install { vec![] } else { grouped(&own) };
    generated.iter().map(String::as_str).chain(beyond(role).iter().copied()).fold(String::new(), |mut out, rule| {
        out.push_str(&format!("  - {rule}\n"));
        out
    })
}

/// The rules of a person, who has every role: those of the whole cluster, or those of the release's namespace alone.
pub fn operator_rules(in_namespace: bool) -> String {
    let all = all();
    let is_of = |role: &Role| all.iter().any(|r| r.role == *role && !r.namespace.is_empty()) == in_namespace;
    let of = |role: Role| format!("  # {}\n{}", role.about(), rules(role));
    Role::ALL.into_iter().filter(is_of).map(of).collect()
}

/// Rights as rules: one for all resources of a group with the same verbs, one for all names of a resource.
fn grouped(rights: &[Right]) -> Vec<String> {
    let mut resources: BTreeMap<(&str, Vec<&str>), Vec<String>> = BTreeMap::new();
    let mut names: BTreeMap<(&str, Vec<&str>, String), Vec<&str>> = BTreeMap::new();
    for ((resource, name, group), verbs) in verbs_of(rights, |r| (r.path(), r.name, r.resource.group)) {
        if name.is_empty() {
            resources.entry((group, verbs)).or_default().push(resource);
        } else {
            names.entry((group, verbs, resource)).or_default().push(name);
        }
    }
    let quoted = |text: &str| if matches!(text, "" | EVERY) { format!("{text:?}") } else { text.to_owned() };
    let rule = |group, resources: &str, names: &str, verbs: &[&str]| {
        format!("{{apiGroups: [{}], resources: [{resources}],{names} verbs: [{}]}}", quoted(group), verbs.join(", "))
    };
    let of_all = resources.iter().map(|((group, verbs), all)| {
        let all: Vec<String> = all.iter().map(|resource| quoted(resource)).collect();
        rule(group, &all.join(", "), "", verbs)
    });
    let of_named = names.iter().map(|((group, verbs, resource), names)| {
        rule(group, resource, &format!(" resourceNames: [{}],", names.join(", ")), verbs)
    });
    of_all.chain(of_named).collect()
}

/// The verbs of rights that are the same otherwise, in the order in which they are written.
fn verbs_of<'a, K: Ord>(rights: &'a [Right], key: impl Fn(&'a Right) -> K) -> BTreeMap<K, Vec<&'static str>> {
    let mut found: BTreeMap<K, Vec<&'static str>> = BTreeMap::new();
    for right in rights {
        found.entry(key(right)).or_default().push(right.verb);
    }
    for verbs in found.values_mut() {
        verbs.sort_unstable_by_key(|verb| VERBS.iter().position(|v| v == verb));
        verbs.dedup();
    }
    found
}

/// Missing rights as an operator reads them: the verbs of one resource together.
pub fn words(missing: &[Right]) -> Vec<String> {
    let line = |((resource, name, namespace), verbs): ((String, &str, &str), Vec<&str>)| {
        let name = if name.is_empty() { String::new() } else { format!(" {name}") };
        let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
        format!("{} {resource}{name}{place}", verbs.join("/"))
    };
    verbs_of(missing, |r| (r.path(), r.name, r.namespace.as_str())).into_iter().map(line).collect()
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
            "create ciliumnodeconfigs cilium-default in kube-system",
            "delete ciliumnodeconfigs cilium-default in kube-system",
            "list configmaps cilium-config",
            "escalate clusterroles flannel",
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
