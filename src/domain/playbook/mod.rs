//! The migration as Ansible playbooks. Nothing of the procedure is told here: plays are the strategy's phases, tasks are
//! the changes of their previews, and between two of them stands what the previews say has to be seen.
//!
//! The tasks of a node are a file of their own, which is written again when the node's turn comes: which pods are on it,
//! which agent and which boot, is known only then. So are those that take back what a phase did to the cluster: what
//! there is to take back is known only then, too.

mod order;
mod script;
mod task;

use serde_json::{Map, Value, json};

use super::{
    api::{Consent, MIGRATION, Migration, Target},
    drain::{self, verdict},
    effect::{Effect, Proof},
    facts::NodeFact,
    plan::{self, Planned},
    steps::Site,
    strategy::{self, Approval, Phase, PhaseId, Roll},
    view::View,
};

/// The folder of the reports of host tasks.
pub const REPORTS: &str = "reports";
/// The file that keeps the settings for the next time.
pub const SETTINGS: &str = "migration.yaml";

/// A file: its path in the folder of the playbooks, and what is in it, as YAML.
pub type File = (String, Value);

/// All of it; `context` is what has to be given to take everything back.
pub fn files(view: &View<'_>, context: &str) -> Vec<File> {
    let mut files = vec![
        ("site.yml".to_owned(), Value::Array(forward(view))),
        ("back.yml".to_owned(), json!([node_back(view)])),
        ("back-all.yml".to_owned(), Value::Array(all_back(view, context))),
        ("inventory.yml".to_owned(), inventory(view, context)),
        (SETTINGS.to_owned(), json!(Migration::new(MIGRATION, view.migration.spec.clone()))),
    ];
    files.extend(view.nodes_in_order().into_iter().flat_map(|n| node(view, n)));
    files.extend(cluster_back(view));
    let all = plan::forward(view, view.strategy.last()).into_iter().chain(plan::back(view, None));
    for release in all.filter_map(|p| match p.change {
        Some(Effect::Helm(release)) => Some(release),
        _ => None,
    }) {
        if files.iter().all(|(name, _)| name != release.file) {
            files.push((release.file.to_owned(), release.values));
        }
    }
    files
}

/// The tasks of one node, as they are now: a file for each roll and direction.
pub fn node(view: &View<'_>, node: &NodeFact) -> Vec<File> {
    let back = strategy::preview_node(view, node, Target::Flannel);
    let of = |roll: &dyn Roll, way: Target| {
        let id = roll.phase();
        let planned: Vec<Planned> = match way {
            Target::Cilium => {
                let phase = view.strategy.phase(id).map(|p| p.preview(view, way)).unwrap_or_default();
                phase.into_iter().filter(|p| p.node.as_deref() == Some(&*node.name)).collect()
            }
            Target::Flannel => back.iter().filter(|p| p.phase == id).cloned().collect(),
        };
        let mut tasks = vec![];
        if way == Target::Flannel
            && let Some(locked) = strategy::locked(view)
        {
            tasks.push(json!({
                "name": format!("{} can go back alone", node.name),
                "ansible.builtin.fail": {"msg": task::literal(&locked.message)},
            }));
        }
        tasks.extend(once(roll, &Site::in_roll(*view, node, way, roll), consents(view, node, &planned), &planned));
        (path(id, way, &node.name), Value::Array(tasks))
    };
    view.strategy.rolls().flat_map(|roll| [of(roll, Target::Cilium), of(roll, Target::Flannel)]).collect()
}

/// In place of a node's name, which has no underscore.
const CLUSTER: &str = "_cluster";

fn path(phase: PhaseId, way: Target, node: &str) -> String {
    let folder = if way == Target::Cilium { "forward" } else { "back" };
    format!("{folder}/{phase}/{node}.yml")
}

/// The tasks that take back what the phases did to the cluster, as they are now: a file for each phase.
pub fn cluster_back(view: &View<'_>) -> Vec<File> {
    let of = |phase: &&dyn Phase| {
        let planned: Vec<Planned> = of_cluster(*phase, view, Target::Flannel);
        (path(phase.id(), Target::Flannel, CLUSTER), Value::Array(task::all(&planned, view)))
    };
    view.strategy.phases().iter().map(of).collect()
}

/// A node that has been through the roll is not begun again.
fn once(roll: &dyn Roll, at: &Site<'_>, consents: Option<Value>, planned: &[Planned]) -> Vec<Value> {
    let tasks: Vec<Value> = consents.into_iter().chain(task::all(planned, &at.view)).collect();
    let done = roll.done(at).filter(|_| at.way == Target::Cilium && !tasks.is_empty());
    let Some(done) = done else { return tasks };
    vec![
        task::asked(&format!("Is it so already? {}", done.words), &done, "settled"),
        json!({
            "name": format!("{} of {}", roll.phase(), at.node.name),
            "when": "(settled.rc | default(1)) != 0",
            "block": tasks,
        }),
    ]
}

/// Nothing leaves a node without the consent that it needs. What gets past a block is Cutover's to do: for a playbook
/// it is no consent.
fn consents(view: &View<'_>, node: &NodeFact, planned: &[Planned]) -> Option<Value> {
    let given: Vec<Consent> = plain(view).cloned().collect();
    let evicts = planned.iter().any(|p| matches!(p.change, Some(Effect::Evict { .. })));
    let wanted = verdict::wanted(&drain::sort(view.facts, &node.name, &given));
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    (evicts && !wanted.is_empty()).then(|| {
        json!({
            "name": format!("No pod leaves {} without the consent that it needs", node.name),
            "ansible.builtin.assert": {
                "that": "item in consents",
                "fail_msg": format!("the drain of {} needs the consent {{{{ item }}}}; add it to `consents` in inventory.yml", node.name),
            },
            "loop": wanted,
        })
    })
}

fn plain<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Consent> {
    view.migration.spec.consents.iter().filter(|c| !c.kind.is_escalation())
}

fn forward(view: &View<'_>) -> Vec<Value> {
    let play = |phase: &&dyn Phase| {
        let spec = phase.spec();
        let id = spec.id.to_lowercase();
        // the way back is no longer cheap: it has to be asked for by its tag
        let tags = if spec.approval == Approval::ContextName { json!([id, "never"]) } else { json!([id]) };
        let name = format!("{}: {}", spec.id, spec.purpose);
        let nodes = phase.roll().map(|roll| {
            let tasks = include(&[roll], Target::Cilium);
            rolling(view, &name, "nodes", json!(order::batches(view)), tags.clone(), tasks)
        });
        let mut tasks = task::all(&of_cluster(*phase, view, Target::Cilium), view);
        if nodes.is_none() {
            tasks.extend(phase.proofs(view).iter().map(|p| task::wait(&p.words, p, None)));
        }
        once_for_all(view, &name, &tags, tasks).into_iter().chain(nodes)
    };
    view.strategy.phases().iter().flat_map(play).collect()
}

/// One node, or all one after the other: only what was done to nodes.
fn node_back(view: &View<'_>) -> Value {
    let rolls: Vec<&dyn Roll> = view.strategy.rolls().rev().collect();
    let tasks = include(&rolls, Target::Flannel);
    rolling(view, "Nodes go back to Flannel", "nodes_back", json!(1), json!(["back"]), tasks)
}

fn all_back(view: &View<'_>, context: &str) -> Vec<Value> {
    let confirmed = json!({
        "name": "Everything goes back",
        "hosts": "localhost",
        "gather_facts": false,
        "any_errors_fatal": true,
        "tags": ["always"],
        "tasks": [{
            "name": "It was asked for by the context's name",
            "ansible.builtin.assert": {
                "that": "confirm | default('') == context",
                "fail_msg": format!("this takes everything back; add -e confirm={}", task::literal(context)),
            },
        }],
    });
    let play = |phase: &&dyn Phase| {
        let spec = phase.spec();
        let (name, tags) = (format!("{}, back: {}", spec.id, spec.undo), json!([spec.id.to_lowercase()]));
        let nodes = phase.roll().map(|roll| {
            let tasks = include(&[roll], Target::Flannel);
            rolling(view, &name, "nodes_back", json!(1), tags.clone(), tasks)
        });
        let file = path(phase.id(), Target::Flannel, CLUSTER);
        let tasks = vec![
            again("What there is to take back", "--back"),
            json!({"name": format!("{} of the cluster", spec.id), "ansible.builtin.include_tasks": file}),
        ];
        once_for_all(view, &name, &tags, tasks).into_iter().chain(nodes)
    };
    std::iter::once(confirmed).chain(view.strategy.phases().iter().rev().flat_map(play)).collect()
}

/// What a phase changes once, and not node by node.
fn of_cluster(phase: &dyn Phase, view: &View<'_>, way: Target) -> Vec<Planned> {
    phase.preview(view, way).into_iter().filter(|p| p.node.is_none()).collect()
}

/// A play for the cluster, where there is anything to do.
fn once_for_all(view: &View<'_>, name: &str, tags: &Value, tasks: Vec<Value>) -> Option<Value> {
    if tasks.is_empty() {
        return None;
    }
    let tasks: Vec<Value> = same_cluster(view).into_iter().chain(tasks).collect();
    Some(json!({
        "name": name, "hosts": "localhost", "connection": "local", "gather_facts": false,
        "any_errors_fatal": true, "tags": tags, "tasks": tasks,
    }))
}

/// A play for nodes.
fn rolling(view: &View<'_>, name: &str, group: &str, serial: Value, tags: Value, tasks: Vec<Value>) -> Value {
    let tasks: Vec<Value> = same_cluster(view).into_iter().chain(tasks).collect();
    json!({
        "name": name, "hosts": group, "order": "inventory", "serial": serial, "connection": "local",
        "gather_facts": false, "any_errors_fatal": true, "tags": tags, "tasks": tasks,
    })
}

/// The plan is this cluster's.
fn same_cluster(view: &View<'_>) -> Option<Value> {
    let uid = &view.facts.surroundings.cluster;
    let arguments = "get namespace kube-system -o jsonpath='{.metadata.uid}'";
    let proof = Proof::prints("kubectl speaks to the cluster that the plan was made for", arguments, uid);
    (!uid.is_empty()).then(|| task::wait(&proof.words, &proof.clone().within(std::time::Duration::from_secs(10)), None))
}

/// A part of the playbooks is written again.
fn again(name: &str, part: &str) -> Value {
    json!({
        "name": name,
        "ansible.builtin.command": {"cmd": format!("cutover plan --ansible . {part}"), "chdir": "{{ playbook_dir }}"},
        "changed_when": false,
        "when": ["not ansible_check_mode", "plan_again | default(true) | bool"],
    })
}

/// The tasks of a node, written again when its turn comes.
fn include(rolls: &[&dyn Roll], way: Target) -> Vec<Value> {
    const HOST: &str = "{{ inventory_hostname }}";
    let again = again("What is on the node now", &format!("--node {HOST}"));
    let include = |roll: &&dyn Roll| {
        json!({
            "name": format!("{} of {HOST}", roll.phase()),
            "ansible.builtin.include_tasks": path(roll.phase(), way, HOST),
        })
    };
    std::iter::once(again).chain(rolls.iter().map(include)).collect()
}

fn inventory(view: &View<'_>, context: &str) -> Value {
    let order = view.nodes_in_order();
    let hosts =
        |nodes: &[&NodeFact]| -> Map<String, Value> { nodes.iter().map(|n| (n.name.to_string(), json!({}))).collect() };
    json!({"all": {
        "vars": {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "context": task::literal(context),
            "consents": plain(view).map(|c| format!("{}:{}", c.kind, c.object)).collect::<Vec<_>>(),
        },
        "children": {
            "nodes": {"hosts": hosts(&order)},
            "nodes_back": {"hosts": hosts(&view.reversed(&order))},
        },
    }})
}
