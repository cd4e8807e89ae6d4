//! Preflight: everything that is checked before anything begins, each check a file of data and one function.

mod api_services;
mod backend;
mod chained_plugins;
mod cilium;
mod cilium_policies;
mod consent;
mod control_plane;
mod definition;
mod denied_connections;
mod distribution;
mod dns;
mod drain;
mod encryption;
mod encryption_values;
mod etcd;
mod families;
mod flannel;
mod flannel_addresses;
mod flannel_names;
mod helm;
mod host_ports;
mod installer;
mod kernel;
mod kube_proxy;
mod kube_proxy_values;
mod kubernetes;
mod leftovers;
mod marks;
mod mtu;
mod multus;
mod node_os;
mod nodes;
mod other_actors;
mod overruled_values;
mod pod_capacity;
mod pod_cidr;
mod policies;
mod policy_engine;
mod pool_size;
mod rights;
mod task_pods;
mod tunnel_port;
mod unknown_values;
mod values;
mod version;
mod webhooks;

pub use policies::selected;

use std::cell::OnceCell;

use super::report::{Report, few};
use crate::domain::{
    api::{CiliumSpec, Finding},
    drain::{Drain, Sorter},
    facts::{Facts, NodeFact, Survey},
    inventory::Inventory,
    view::View,
};

/// Where a check's facts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Watches: they are as of now.
    Watched,
    /// What is asked now and then.
    Asked,
}

/// A check, as data.
pub struct Check {
    /// Its name; it does not change.
    pub id: &'static str,
    /// What it looks at.
    pub looks_at: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do about what it finds.
    pub next: &'static str,
    /// Public reports where it bit someone, as `owner/repository#number`.
    pub reports: &'static [&'static str],
    /// Where its facts come from.
    pub source: Source,
    judge: fn(&Context<'_>, &mut Report<'_>),
}

/// What checks are made of.
pub struct Context<'a> {
    view: &'a View<'a>,
    inventory: &'a Inventory,
    drains: OnceCell<Vec<(&'a NodeFact, Drain<'a>)>>,
}

impl<'a> Context<'a> {
    const fn new(view: &'a View<'a>, inventory: &'a Inventory) -> Self {
        Self { view, inventory, drains: OnceCell::new() }
    }

    const fn facts(&self) -> &'a Facts {
        self.view.facts
    }

    fn survey(&self) -> &'a Survey {
        &self.view.facts.survey
    }

    const fn cilium(&self) -> &'a CiliumSpec {
        &self.view.migration.spec.cilium
    }

    /// The nodes in their order, with what a drain would do with their pods. More than one check asks, and it costs the
    /// most of all.
    fn drains(&self) -> &[(&'a NodeFact, Drain<'a>)] {
        self.drains.get_or_init(|| {
            let sorter = Sorter::new(self.view.facts, &self.view.migration.spec.consents);
            self.view.nodes_in_order().into_iter().map(|n| (n, sorter.sort(&n.name))).collect()
        })
    }
}

/// The Migration, as findings name it.
const MIGRATION: &str = "migration/cutover";

/// All of them, in the order in which an operator would ask.
pub static CHECKS: &[&Check] = &[
    &definition::CHECK,
    &distribution::CHECK,
    &flannel::CHECK,
    &flannel_names::CHECK,
    &flannel_addresses::CHECK,
    &backend::CHECK,
    &families::CHECK,
    &mtu::CHECK,
    &chained_plugins::CHECK,
    &multus::CHECK,
    &policy_engine::CHECK,
    &host_ports::CHECK,
    &kube_proxy::CHECK,
    &cilium::CHECK,
    &leftovers::CHECK,
    &cilium_policies::CHECK,
    &policies::CHECK,
    &denied_connections::CHECK,
    &rights::CHECK,
    &task_pods::CHECK,
    &helm::CHECK,
    &version::CHECK,
    &installer::CHECK,
    &kubernetes::CHECK,
    &kernel::CHECK,
    &values::CHECK,
    &unknown_values::CHECK,
    &overruled_values::CHECK,
    &kube_proxy_values::CHECK,
    &encryption_values::CHECK,
    &encryption::CHECK,
    &pod_cidr::CHECK,
    &pool_size::CHECK,
    &pod_capacity::CHECK,
    &tunnel_port::CHECK,
    &nodes::CHECK,
    &marks::CHECK,
    &node_os::CHECK,
    &control_plane::CHECK,
    &etcd::CHECK,
    &dns::CHECK,
    &webhooks::CHECK,
    &api_services::CHECK,
    &other_actors::CHECK,
    &drain::CHECK,
    &consent::CHECK,
];

/// Everything that preflight checks, the gravest first.
pub fn preflight(view: &View<'_>) -> Vec<Finding> {
    let inventory = Inventory::of(view);
    let context = Context::new(view, &inventory);
    let mut out = Vec::new();
    for check in CHECKS {
        let as_of = view.facts.survey.at.filter(|_| check.source == Source::Asked);
        (check.judge)(&context, &mut Report { check: check.id, as_of, out: &mut out });
    }
    out.sort_by_key(|f| std::cmp::Reverse(f.severity));
    out
}

/// What preflight has found, with what is known only once flows are seen judged anew.
pub fn refreshed(view: &View<'_>, found: &[Finding]) -> Vec<Finding> {
    let live = &denied_connections::CHECK;
    if view.denied().is_empty() && found.iter().all(|f| f.check != live.id) {
        return found.to_vec();
    }
    let inventory = Inventory::default();
    let mut out: Vec<Finding> = found.iter().filter(|f| f.check != live.id).cloned().collect();
    let as_of = view.facts.survey.at;
    (live.judge)(&Context::new(view, &inventory), &mut Report { check: live.id, as_of, out: &mut out });
    out.sort_by_key(|f| std::cmp::Reverse(f.severity));
    out
}

/// The check of this name.
pub fn check_named(id: &str) -> Option<&'static Check> {
    CHECKS.iter().copied().find(|c| c.id == id)
}

/// Cases of migrations that no check looks at, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("a firewall between nodes", "the API does not show it: the verification of the first node finds it"),
    (
        "rp_filter, systemd-networkd that deletes routes",
        "settings of hosts: the verification of the first node finds it",
    ),
    (
        "MTU of the nodes' own links",
        "not in the API: Cilium works its own out, and DaemonSet pods take it at their restart",
    ),
    ("images that are not on the nodes yet", "what is pulled is known only once it is pulled"),
    ("age of etcd's last snapshot", "not in the API: take one before the first control-plane node"),
];

/// The table of checks for the README.
pub fn markdown() -> String {
    let row = |c: &&Check| format!("| `{}` | {} | {} |\n", c.id, c.looks_at, c.reports.join(", "));
    let none = |(case, why): &(&str, &str)| format!("| {case} | {why} |\n");
    format!(
        "| check | looks at | where it bit someone |\n| --- | --- | --- |\n{}\nWithout a check:\n\n| case | why |\n| --- | --- |\n{}",
        CHECKS.iter().map(row).collect::<String>(),
        WITHOUT.iter().map(none).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_check_has_a_name_of_its_own_and_says_why_and_what_next() {
        let ids: BTreeSet<&str> = CHECKS.iter().map(|c| c.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        for check in CHECKS {
            assert!(check.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", check.id);
            assert!(check.why.ends_with('.') && check.next.ends_with('.'), "{}", check.id);
            assert!(check.reports.iter().all(|r| r.contains('/') && r.contains('#')), "{}", check.id);
        }
        assert!(check_named("host-ports").is_some() && check_named("nothing").is_none());
    }
}
