//! Holds exported playbooks against the plan that they were made of.

use std::collections::BTreeMap;

use cutover::domain::{
    api::Target,
    plan::{self, Planned},
    playbook::{self, File},
    view::View,
};
use serde_json::Value;

/// What a shell is given, what an operator is asked to type and what is included, in the order of the tasks; what is
/// included stands in its place.
fn said(tasks: &Value, files: &BTreeMap<String, Value>, hosts: &[String], out: &mut Vec<String>) {
    for task in tasks.as_array().unwrap() {
        if let Some(path) = task["ansible.builtin.include_tasks"].as_str() {
            for host in hosts {
                let path = path.replace("{{ inventory_hostname }}", host);
                said(&files[&path], files, hosts, out);
            }
        }
        if task["block"].is_array() {
            said(&task["block"], files, hosts, out);
        }
        let texts = [&task["ansible.builtin.shell"]["cmd"], &task["ansible.builtin.pause"]["prompt"]];
        out.extend(texts.iter().filter_map(|t| t.as_str()).map(str::to_owned));
    }
}

/// Every line that one playbook runs or asks for, in its order; with `node`, on that node alone.
fn lines(files: &[File], book: &str, node: Option<&str>) -> Vec<String> {
    let files: BTreeMap<String, Value> = files.iter().cloned().collect();
    let groups = &files["inventory.yml"]["all"]["children"];
    let mut out = vec![];
    for play in files[book].as_array().unwrap() {
        let group = play["hosts"].as_str().unwrap();
        let all: Vec<String> =
            groups[group]["hosts"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let all = if group == "localhost" { vec![group.to_owned()] } else { all };
        let hosts = node.map_or(all, |n| vec![n.to_owned()]);
        said(&play["tasks"], &files, &hosts, &mut out);
    }
    out.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
}

/// A command that changes something, as far as its first words tell.
fn changes(line: &str) -> bool {
    let verbs = [
        "create", "apply", "delete", "patch", "taint", "label", "annotate", "cordon", "uncordon", "drain", "run",
        "scale", "replace", "edit",
    ];
    let kubectl = line.split("kubectl ").skip(1).any(|rest| rest.split_whitespace().any(|word| verbs.contains(&word)));
    kubectl || ["helm ", "ssh ", "cutover manifests", "systemctl "].iter().any(|c| line.contains(c))
}

/// Every change of a plan is in the playbook, in order, with what is seen before and after it; and no other change is,
/// but what a node that was only begun needs to go back.
pub fn hold(view: &View<'_>, book: &str, node: Option<&str>, plan: &[Planned]) -> Vec<String> {
    let files = playbook::files(view, "prod");
    let lines = lines(&files, book, node);
    let mut at = 0;
    let mut find = |wanted: &str, what: &str| {
        // two proofs may be of the same line
        let found = lines[at..].iter().position(|l| l.contains(wanted));
        at += found.unwrap_or_else(|| {
            panic!("{book}: {what}: {wanted}\nis not among, in its order:\n{}", lines[at..].join("\n"))
        });
    };
    // the Migration is Cutover's own: playbooks make none
    for change in plan.iter().filter(|p| p.object != "migration/cutover") {
        let what = format!("{:?} {} {}", change.step, change.object, change.effect);
        change.before.iter().for_each(|p| find(&p.command, &what));
        change.kubectl.iter().for_each(|k| find(k, &what));
        // a host task is asked for its report in between, and only an operator is not asked what is done already
        let by_hand = change.kubectl.iter().all(|k| k.starts_with("systemctl"));
        for proof in change.after.iter().chain(change.done.iter().filter(|_| !by_hand)) {
            let there = lines.iter().any(|l| l.contains(&proof.command));
            assert!(there, "{book}: {what}: {}", proof.command);
        }
    }
    let begun = view.facts.nodes.values().filter(|_| book != "site.yml");
    let begun: Vec<Planned> = begun.flat_map(|n| plan::node(view, n, Target::Flannel)).collect();
    for line in lines.iter().filter(|l| changes(l)) {
        let line = line.strip_prefix("report=$(").and_then(|l| l.strip_suffix(") || :")).unwrap_or(line);
        assert!(
            plan.iter().chain(&begun).any(|p| p.kubectl.iter().any(|k| k == line)),
            "{book}: in no preview: {line}"
        );
    }
    lines
}
