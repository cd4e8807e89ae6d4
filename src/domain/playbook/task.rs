//! One change as tasks: what has to be seen first, the change with its commands as typed, what is waited for after it.

use std::time::Duration;

use serde_json::{Value, json};

use super::script::{NOT_NEEDED, Script, THERE};
use crate::domain::{
    effect::{Effect, Proof, Source},
    host::{HostTask, Way},
    plan::Planned,
    view::View,
};

/// Seconds between two looks at what is waited for, and between two tries of what was refused for now.
const LOOK: u64 = 2;
const TRY: u64 = 5;

/// The tasks of a plan, in its order.
pub(super) fn all(planned: &[Planned], view: &View<'_>) -> Vec<Value> {
    let mut tasks = vec![];
    let mut rest = planned.iter().peekable();
    while let Some(change) = rest.next() {
        // the pod of a host task goes with the script that has read its report
        let pod = is_in_pod(change).then(|| rest.next_if(|p| is_task_pod(p))).flatten();
        let name = name(change);
        tasks.extend(change.before.iter().map(|p| wait(&format!("{name}: first"), p, None)));
        tasks.push(make(&name, change, pod, view));
        let only_made = change.met.is_some().then_some(NOT_NEEDED);
        let after = change.after.iter().filter(|p| p.reads == Source::Cluster);
        tasks.extend(after.map(|p| wait(&format!("{name}: then"), p, only_made)));
    }
    tasks
}

fn is_in_pod(change: &Planned) -> bool {
    matches!(change.change, Some(Effect::Task { way: Way::Pod { .. }, .. }))
}

fn is_task_pod(change: &Planned) -> bool {
    matches!(change.change, Some(Effect::DeleteTaskPod { .. }))
}

fn name(change: &Planned) -> String {
    let step = change.step.map(|s| format!(" / {s}")).unwrap_or_default();
    let only_if = change.only_if.map(|c| format!(", only if {c}")).unwrap_or_default();
    literal(&format!("{}{step}: {}: {} ({}{only_if})", change.phase, change.object, change.effect, change.risk.word()))
}

fn make(name: &str, change: &Planned, pod: Option<&Planned>, view: &View<'_>) -> Value {
    match &change.change {
        Some(Effect::Task { node, way: Way::Hand, .. }) => by_hand(name, node, &change.kubectl),
        Some(Effect::Task { node, task, .. }) => on_host(name, change, node, task, pod),
        _ => plain(name, change, view),
    }
}

fn plain(name: &str, change: &Planned, view: &View<'_>) -> Value {
    let mut script = Script::new();
    change.met.iter().for_each(|p| script.only_if(p, change.node.as_deref().unwrap_or_default()));
    change.done.iter().for_each(|p| script.unless(p, ""));
    script.lines(&change.kubectl);
    let mut task = shell(name, script, "made");
    task["changed_when"] = json!(format!("'{NOT_NEEDED}' not in made.stdout and '{THERE}' not in made.stdout"));
    if change.change.as_ref().is_some_and(|c| c.describe().asked_again) {
        let seconds = u64::from(view.migration.spec.nodes.drain_timeout_seconds);
        retried(&mut task, "made", Duration::from_secs(seconds), TRY);
    }
    task
}

/// A task on a host, with its report. What only looks is looked at again until the report is as it is expected.
fn on_host(name: &str, change: &Planned, node: &str, host_task: &HostTask, pod: Option<&Planned>) -> Value {
    let mut script = Script::new();
    change.met.iter().for_each(|p| script.only_if(p, node));
    change.done.iter().for_each(|p| script.unless(p, node));
    // the probe is in a pod of its own network, not on the host
    let file = (*host_task != HostTask::Probe).then_some(node);
    let longest = change.after.iter().map(|p| p.limit).max().unwrap_or_default();
    match change.change.as_ref().and_then(|c| c.describe().report) {
        Some((ended, print)) => {
            let delete = pod.map(|p| p.kubectl.as_slice()).unwrap_or_default();
            pod.and_then(|p| p.done.as_ref()).into_iter().for_each(|gone| script.first(gone, delete));
            script.lines(&change.kubectl);
            let over: Vec<&Proof> = std::iter::once(&ended).chain(&change.done).collect();
            script.until(&over, longest.as_secs().max(120));
            script.report(&print, file);
            script.lines(delete);
        }
        None => script.report(&change.kubectl.join("\n"), file),
    }
    // it may go down before its report was read
    change.done.iter().for_each(|p| script.over(p, node));
    let shown: Vec<&Proof> = change.after.iter().filter(|p| p.reads == Source::Report).collect();
    shown.iter().for_each(|p| script.shows(p));
    let mut task = shell(name, script, "made");
    let changed = format!("'{NOT_NEEDED}' not in made.stdout and '{THERE}' not in made.stdout");
    task["changed_when"] = if host_task.only_looks() { json!(false) } else { json!(changed) };
    if host_task.only_looks() {
        retried(&mut task, "made", shown.iter().map(|p| p.limit).max().unwrap_or_default(), TRY);
    }
    task
}

/// Hosts are an operator's: without a terminal nothing is waited for here, but what is to be seen after it is.
fn by_hand(name: &str, node: &str, commands: &[String]) -> Value {
    let prompt = literal(&format!("Type for {node}:\n{}\nthen press enter", commands.join("\n")));
    json!({"name": name, "ansible.builtin.pause": {"prompt": prompt}, "when": "not ansible_check_mode"})
}

/// A task that waits until something is seen; `unless`: what the change before it says where it was not made.
pub(super) fn wait(name: &str, proof: &Proof, unless: Option<&str>) -> Value {
    let words = if name == proof.words { literal(name) } else { literal(&format!("{name}: {}", proof.words)) };
    let mut task = read(&words, proof, "seen");
    retried(&mut task, "seen", proof.limit, LOOK);
    if let Some(said) = unless {
        task["when"] = json!(["not ansible_check_mode", format!("'{said}' not in made.stdout")]);
    }
    task
}

/// A task that asks whether something is so; what is not known ends the run.
pub(super) fn asked(name: &str, proof: &Proof, register: &str) -> Value {
    let mut task = read(&literal(name), proof, register);
    task["failed_when"] = json!(format!("{register}.rc not in [0, 1]"));
    task
}

fn read(name: &str, proof: &Proof, register: &str) -> Value {
    json!({
        "name": name,
        "ansible.builtin.shell": {"cmd": literal(&proof.command), "chdir": "{{ playbook_dir }}"},
        "register": register,
        "changed_when": false,
        "when": "not ansible_check_mode",
    })
}

fn shell(name: &str, script: Script, register: &str) -> Value {
    json!({
        "name": name,
        "ansible.builtin.shell": {"cmd": literal(&script.text()), "chdir": "{{ playbook_dir }}"},
        "register": register,
        "when": "not ansible_check_mode",
    })
}

fn retried(task: &mut Value, register: &str, limit: Duration, delay: u64) {
    task["until"] = json!(format!("{register}.rc == 0"));
    task["retries"] = json!((limit.as_secs() / delay).max(1));
    task["delay"] = json!(delay);
}

/// A text that Ansible does not read as a template.
pub(super) fn literal(text: &str) -> String {
    let read = ["{{", "{%", "{#"].iter().any(|sign| text.contains(sign));
    if read { format!("{{% raw %}}{text}{{% endraw %}}") } else { text.to_owned() }
}
