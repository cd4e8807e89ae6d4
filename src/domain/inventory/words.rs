//! The inventory as lines: what, and what was found.

use super::{FlannelSet, Inventory};
use crate::domain::{
    api::{Finding, Severity},
    checks::finding,
    text::{count, safe},
};

/// How many things a line names.
const MOST: usize = 6;

fn list(all: &[String]) -> String {
    let named = all.iter().take(MOST).map(|t| safe(t).into_owned()).collect::<Vec<_>>().join(", ");
    if all.len() > MOST { format!("{named} and {} more", all.len() - MOST) } else { named }
}

fn flannel(set: &FlannelSet) -> String {
    let mut said = format!("{} of {} ready", set.ready.0, set.ready.1);
    if let Some(c) = &set.config {
        said.push_str(&format!("; {}, {}", list(&c.networks), safe(&c.backend)));
        for (word, number) in [("VNI", c.vni), ("UDP", c.port.map(u64::from)), ("MTU", c.mtu)] {
            said.push_str(&number.map(|n| format!(", {word} {n}")).unwrap_or_default());
        }
        for (word, names) in [("links", &c.links), ("plugins", &c.plugins)] {
            if !names.is_empty() {
                said.push_str(&format!("; {word} {}", list(names)));
            }
        }
        if !c.bridge.is_empty() {
            said.push_str(&format!("; bridge {}, leases {}", safe(&c.bridge), safe(&c.leases)));
        }
    }
    said
}

impl Inventory {
    /// The lines as rows of a table of findings.
    pub fn findings(&self) -> Vec<Finding> {
        let row = |(what, object, text): (&str, String, String)| finding(what, Severity::Info, object, text, "");
        self.lines().into_iter().map(row).collect()
    }

    /// What was found, and on which object; parts of which there is nothing are left out.
    pub fn lines(&self) -> Vec<(&'static str, String, String)> {
        let d = &self.distribution;
        let mut lines = vec![(
            "cluster",
            "cluster".to_owned(),
            format!("{} ({})", format!("{} {}", d.name, safe(&self.kubernetes)).trim_end(), safe(&d.evidence)),
        )];
        lines.extend(self.flannel.iter().map(|s| ("flannel", s.object.clone(), flannel(s))));
        let proxy = &self.kube_proxy;
        let mode = if proxy.mode.is_empty() { "mode not known" } else { &proxy.mode };
        lines.push(match &proxy.object {
            Some(object) => ("kube-proxy", object.clone(), safe(mode).into_owned()),
            None => ("kube-proxy", "cluster".to_owned(), "none runs as a pod".to_owned()),
        });
        for (of, word) in [("pods", "pod ranges"), ("services", "service ranges")] {
            let mut all: Vec<String> = self.ranges.iter().filter(|r| r.of == of).map(|r| r.range.clone()).collect();
            all.sort_unstable();
            all.dedup();
            if !all.is_empty() {
                lines.push((word, "cluster".into(), list(&all)));
            }
        }
        let with = |role: &str| {
            self.nodes.iter().filter(|n| n.roles.contains(&role)).map(|n| n.name.clone()).collect::<Vec<_>>()
        };
        let role = |word: &str, nodes: &[String]| {
            // managed and external control planes have none
            if nodes.is_empty() { format!("; no {word} seen") } else { format!("; {word} {}", list(nodes)) }
        };
        let (planes, etcd) = (role("control plane", &with("control-plane")), role("etcd", &with("etcd")));
        lines.push(("nodes", "nodes".into(), format!("{}{planes}{etcd}", count(self.nodes.len(), "node"))));
        lines.extend(self.actors.iter().map(|a| {
            let busy = a.busy.as_ref().map(|b| format!("; at work on {}", safe(b))).unwrap_or_default();
            (a.part.word(), a.object.clone(), format!("{}{busy}", a.program))
        }));
        for (word, all) in [
            ("pod security", &self.pod_security),
            ("webhooks", &self.webhooks),
            ("APIs in pods", &self.api_services),
            ("left of Cilium", &self.leftovers),
            ("not known", &self.not_known),
        ] {
            if !all.is_empty() {
                lines.push((word, "cluster".into(), list(all)));
            }
        }
        lines
    }
}
