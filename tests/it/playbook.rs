//! The playbooks are made of the previews, whatever the hosts are reached by and however far the migration has come.

use cutover::domain::{
    api::{HostAccess, MIGRATION, Migration, RestartBy, Stage, Target},
    facts::PodFact,
    plan,
    playbook::{self, File},
    strategy::PhaseId,
};
use serde_json::Value;

use crate::{
    fixture,
    obedient::{Obedient, stage},
    playbooks::hold,
};

fn cluster(access: HostAccess, restart_by: RestartBy) -> Obedient {
    let mut facts = fixture::before();
    for (i, name) in facts.nodes.keys().cloned().collect::<Vec<_>>().into_iter().enumerate() {
        for (set, tolerates_all) in [("log", false), ("meter", true)] {
            let ip = format!("10.233.{}.{}", 64 + i, if tolerates_all { 5 } else { 6 });
            let pod = fixture::pod("infra", &format!("{set}-{name}"), &name, &ip, Some(("DaemonSet", set)));
            let pod = PodFact { tolerates_all, ..pod };
            facts.pods.insert(pod.key.clone(), pod);
        }
    }
    facts.surroundings.cluster = "the-cluster".into();
    let mut spec = fixture::spec();
    spec.approved = PhaseId::default();
    spec.hosts.access = access;
    spec.restart_by = restart_by;
    Obedient::new(facts, Migration::new(MIGRATION, spec))
}

#[test]
fn every_change_of_the_previews_is_in_the_playbooks_and_no_other() {
    for access in [HostAccess::Pod, HostAccess::Ssh, HostAccess::Manual] {
        for restart_by in [RestartBy::Reboot, RestartBy::Pods] {
            let mut cluster = cluster(access, restart_by);
            let strategy = cluster.migration().spec.strategy.get();
            let last = strategy.last();
            // before anything, and with every node moved
            let roll = strategy.rolls().next().unwrap().phase();
            for _ in 0..2 {
                let view = cluster.view();
                hold(&view, "site.yml", None, &plan::forward(&view, last));
                hold(&view, "back-all.yml", None, &plan::back(&view, None));
                for node in view.facts.nodes.values() {
                    hold(&view, "back.yml", Some(&node.name), &plan::node(&view, node, Target::Flannel));
                }
                cluster.want(|m| m.spec.approved = roll);
                cluster.run(|_, _| ());
            }
            cluster.want(|m| m.spec.approved = last);
            cluster.run(|_, _| ());
            assert_eq!(stage(&cluster.facts), Stage::Complete);
            let view = cluster.view();
            let back = plan::back(&view, None);
            assert!(back.len() > 20, "{}", back.len());
            hold(&view, "back-all.yml", None, &back);
        }
    }
}

fn file<'a>(files: &'a [File], name: &str) -> &'a Value {
    &files.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{name}")).1
}

/// What is waited for between two changes, told by steps and effects.
#[test]
fn what_has_to_be_seen_between_changes_is_waited_for() {
    let mut cluster = cluster(HostAccess::Pod, RestartBy::Reboot);
    let view = cluster.view();
    let strategy = view.strategy;
    let forward = hold(&view, "site.yml", None, &plan::forward(&view, strategy.last())).join("\n");
    for wanted in [
        // install
        "rollout status daemonset/cilium",
        "get crd ciliumnodeconfigs.cilium.io",
        // this cluster
        "get namespace kube-system -o jsonpath='{.metadata.uid}'",
        // a node: fit, not somebody else's, room, empty, moved, restarted, verified, observed
        "get ciliumnode worker-1",
        "ownerReferences[*].name} {.status.conditions[?(@.type==\"Ready\")].status}",
        "{.spec.unschedulable} {.metadata.annotations.cutover\\.dev/cordoned}",
        "exit (n > 0)",
        "{.status.volumesInUse[*]}",
        "get pods -A --field-selector spec.nodeName=worker-1 -o jsonpath='{range .items[*]}{.metadata.uid}|",
        "-l k8s-app=cilium --field-selector spec.nodeName=worker-1 -o jsonpath=",
        "index($2, \"05-cilium\") == 1",
        "{.status.nodeInfo.bootID} {.status.conditions",
        "grep -qx 'api=ok'",
        "sleep 30",
        // and the last phases
        "$4 ~ /^(10\\.233\\.64\\.",
        "grep -qx 'DaemonSet/kube-flannel'",
    ] {
        assert!(forward.contains(wanted), "{wanted} is not waited for in\n{forward}");
    }
    let no_flannel = forward.matches("$4 ~ /^(10\\.233\\.64\\.").count();
    assert_eq!(no_flannel, 3, "before Cilium is the default, before Flannel is deleted, and at the end");
    cluster.want(|m| m.spec.approved = strategy.last());
    cluster.run(|_, _| ());
    let view = cluster.view();
    let back = hold(&view, "back-all.yml", None, &plan::back(&view, None)).join("\n");
    for wanted in
        ["state !~ /^(Disabled)$/", "index($2, \"10-flannel\") == 1", "rollout status daemonset/kube-flannel "]
    {
        assert!(back.contains(wanted), "{wanted} is not waited for in\n{back}");
    }
}

#[test]
fn what_hurts_has_to_be_asked_for() {
    let mut cluster = cluster(HostAccess::Pod, RestartBy::Reboot);
    let files = playbook::files(&cluster.view(), "prod");
    let tags = |play: &Value| play["tags"].as_array().unwrap().iter().any(|t| t == "never");
    let hard: Vec<bool> = file(&files, "site.yml").as_array().unwrap().iter().map(tags).collect();
    assert_eq!(hard, [false, false, true, true, false], "Install, Migrate, Finalize, Remove, Verify");
    let first = &file(&files, "back-all.yml")[0]["tasks"][0];
    assert_eq!(first["ansible.builtin.assert"]["that"], "confirm | default('') == context");
    assert_eq!(file(&files, "back-all.yml")[0]["tags"][0], "always");
    assert_eq!(file(&files, "inventory.yml")["all"]["vars"]["context"], "prod");
    // what was moved is not moved again
    let moved = file(&files, "forward/Migrate/worker-1.yml");
    assert_eq!(
        (&moved[0]["register"], &moved[1]["when"]),
        (&"settled".into(), &"(settled.rc | default(1)) != 0".into())
    );
    assert_eq!(moved.as_array().unwrap().len(), 2, "everything is in the block");
    // no node goes back alone once a phase is done for all
    let locked = |files: &[File]| file(files, "back/Migrate/worker-1.yml")[0]["ansible.builtin.fail"].is_object();
    assert!(!locked(&files));
    let last = cluster.view().strategy.last();
    cluster.want(|m| m.spec.approved = last);
    cluster.run(|_, _| ());
    assert!(locked(&playbook::files(&cluster.view(), "prod")));
}

#[test]
fn nothing_is_read_as_a_template_that_is_none() {
    let cluster = cluster(HostAccess::Pod, RestartBy::Reboot);
    for (name, content) in playbook::files(&cluster.view(), "{{ lookup('pipe', 'id') }}") {
        let text = content.to_string();
        let templates = text.split("{{").skip(1).map(|t| t.split("}}").next().unwrap_or_default().trim());
        for template in templates {
            let ours = ["playbook_dir", "inventory_hostname", "item", "ansible_playbook_python"].contains(&template);
            assert!(ours || text.contains("{% raw %}{{ lookup"), "{name}: {template}");
        }
        assert!(!text.replace("{% raw %}", "").replace("{% endraw %}", "").contains("{%"), "{name}");
    }
}
