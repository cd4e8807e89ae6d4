//! Effects from outside: what is printed for each is what is sent, the rights that it names are those that it needs,
//! and the manifests grant them.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use cutover::{
    cluster::{
        apply::KubeCluster,
        audit::Audit,
        helm::Helm,
        port::{Cluster, Permit},
        store::FactStore,
    },
    domain::{
        audit::Actor,
        effect::{
            BUDGET_MARK, CORDON_MARK, Effect, FINALIZER, FLANNEL_BACKUP, NODE_CONFIG, Right, Role, SCALE_MARK,
            SWITCH_LABEL, SWITCHING_TAINT,
            flannel::{self, COPY, FLANNEL_CONFIG, digest},
            one_of_each,
        },
        host::{SCRIPT, TASK_LABEL, Way},
        rights,
    },
};
use http::{Method, Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tower::BoxError;

const NAMESPACE: &str = "kube-system";

/// A request: its method, its path, and its body without the version that it is made for.
#[derive(Clone, Debug, PartialEq)]
struct Sent {
    method: String,
    path: String,
    body: Value,
}

impl Sent {
    fn new(method: &str, path: impl Into<String>, mut body: Value) -> Self {
        let background = json!({"propagationPolicy": "Background"});
        if method == "DELETE" && body == background {
            // the default of these kinds, and of kubectl
            body = Value::Null;
        }
        if method == "PATCH"
            && let Some(patch) = body.as_object_mut()
            && let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.remove("resourceVersion");
            if metadata.is_empty() {
                patch.remove("metadata");
            }
        }
        if let Some(line) = body.pointer_mut("/stringData/keys") {
            // the key is another one each time
            let words: Vec<String> = line.as_str().unwrap().split(' ').map(str::to_owned).collect();
            assert!(
                words[2].len() == 40 && words[2].bytes().all(|b| b.is_ascii_hexdigit()),
                "{} digits",
                words[2].len()
            );
            *line = json!([&words[0], &words[1], &words[3]]);
        }
        Self { method: method.into(), path: path.into(), body }
    }
}

/// Where the API server has a kind.
fn path(kind: &str, namespace: &str, name: &str) -> String {
    let (root, plural) = match kind.to_lowercase().as_str() {
        "node" => ("/api/v1", "nodes"),
        "pod" => ("/api/v1", "pods"),
        "configmap" => ("/api/v1", "configmaps"),
        "secret" => ("/api/v1", "secrets"),
        "serviceaccount" => ("/api/v1", "serviceaccounts"),
        "daemonset" => ("/apis/apps/v1", "daemonsets"),
        "deployment" => ("/apis/apps/v1", "deployments"),
        "statefulset" => ("/apis/apps/v1", "statefulsets"),
        "replicaset" => ("/apis/apps/v1", "replicasets"),
        "poddisruptionbudget" => ("/apis/policy/v1", "poddisruptionbudgets"),
        "clusterrole" => ("/apis/rbac.authorization.k8s.io/v1", "clusterroles"),
        "clusterrolebinding" => ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
        "customresourcedefinition" => ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
        "ciliumnodeconfig" => ("/apis/cilium.io/v2", "ciliumnodeconfigs"),
        "migration" => ("/apis/cutover.dev/v1alpha1", "migrations"),
        "nodemigration" => ("/apis/cutover.dev/v1alpha1", "nodemigrations"),
        other => panic!("where is a {other}?"),
    };
    let within = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    let name = if name.is_empty() { String::new() } else { format!("/{name}") };
    format!("{root}{within}/{plural}{name}")
}

fn path_of(object: &Value, with_name: bool) -> String {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let name = if with_name { text(&object["metadata"]["name"]) } else { String::new() };
    path(&text(&object["kind"]), &text(&object["metadata"]["namespace"]), &name)
}

/// Flannel's objects as an API server hands them out.
fn flannels() -> Vec<Value> {
    let object = |kind: &str, version: &str, name: &str, namespace: &str| {
        let mut object = json!({"apiVersion": version, "kind": kind,
            "metadata": {"name": name, "uid": "u", "resourceVersion": "7"}});
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        object
    };
    let rbac = "rbac.authorization.k8s.io/v1";
    let mut binding = object("ClusterRoleBinding", rbac, "flannel", "");
    binding["roleRef"] = json!({"kind": "ClusterRole", "name": "flannel"});
    binding["subjects"] = json!([{"kind": "ServiceAccount", "name": "flannel", "namespace": "kube-flannel"}]);
    let mut set = object("DaemonSet", "apps/v1", "kube-flannel-ds", "kube-flannel");
    set["spec"] = json!({"template": {"spec": {"serviceAccountName": "flannel"}}});
    set["status"] = json!({"numberReady": 3});
    vec![
        object("ConfigMap", "v1", "kube-flannel-cfg", "kube-flannel"),
        object("ServiceAccount", "v1", "flannel", "kube-flannel"),
        object("ClusterRole", rbac, "flannel", ""),
        binding,
        set,
    ]
}

fn copy() -> Value {
    let stripped: Vec<Value> = flannels().into_iter().map(flannel::stripped).collect();
    flannel::back_up(NAMESPACE, &stripped).body().clone()
}

/// The object that an effect finds, in the state in which it is due.
fn found(effect: &Effect, at: &str) -> Value {
    let theirs = json!({"key": "gpu", "effect": "NoSchedule"});
    let ours = json!({"key": SWITCHING_TAINT, "value": "true", "effect": "NoSchedule"});
    let mut object = match effect {
        Effect::Uncordon { .. } => json!({"metadata": {"annotations": {CORDON_MARK: "true"}}}),
        Effect::ReleaseMigration => json!({"metadata": {"finalizers": [FINALIZER]}}),
        Effect::DeleteIpsecKey { .. } => json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "cutover"}}}),
        Effect::DeleteDefinition { .. } if !at.ends_with(".cilium.io") => json!({"items": []}),
        Effect::DeleteDefinition { .. } => {
            let versions = [json!({"name": "v2", "served": true})];
            json!({"spec": {"group": "cilium.io", "names": {"plural": "ciliumnodes"}, "versions": versions}})
        }
        Effect::Revert { .. } => json!({"metadata": {"labels": {SWITCH_LABEL: "true"}}}),
        Effect::Taint { .. } => json!({"spec": {"taints": [theirs]}}),
        Effect::Untaint { .. } => json!({"spec": {"taints": [theirs, ours]}}),
        Effect::ScaleUp { .. } => json!({"spec": {"replicas": 1}}),
        Effect::ScaleBack { .. } => {
            json!({"metadata": {"annotations": {SCALE_MARK: "1"}}, "spec": {"replicas": 2}})
        }
        Effect::LowerBudget { .. } => json!({"spec": {"minAvailable": 1}, "status": {"desiredHealthy": 1}}),
        Effect::RestoreBudget { mark, .. } => {
            json!({"metadata": {"annotations": {BUDGET_MARK: mark}}, "spec": {"minAvailable": 0}})
        }
        Effect::BackUpFlannel { .. } if at.ends_with("/clusterrolebindings") => {
            let bindings = flannels().into_iter().filter(|o| o["kind"] == "ClusterRoleBinding");
            json!({"items": bindings.collect::<Vec<_>>()})
        }
        Effect::DeleteFlannel { .. } | Effect::RestoreFlannel { .. }
            if at.is_empty() || at.ends_with(FLANNEL_BACKUP) =>
        {
            copy()
        }
        Effect::BackUpFlannel { .. } | Effect::DeleteFlannel { .. } => {
            let found = flannels().into_iter().find(|o| path_of(o, true) == at);
            found.unwrap_or_else(|| panic!("{at} is read"))
        }
        _ => json!({}),
    };
    object["metadata"]["resourceVersion"] = json!("7");
    object
}

/// What `apply` sends for an effect: requests that read, and those that change.
async fn applied(effect: &Effect, folder: &Path) -> (Vec<Sent>, Vec<Sent>) {
    let sent = Arc::new(Mutex::new((vec![], vec![])));
    let (taken, meant) = (Arc::clone(&sent), effect.clone());
    let server = tower::service_fn(move |request: Request<Body>| {
        let (taken, meant) = (Arc::clone(&taken), meant.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let at = parts.uri.path().to_owned();
            // only what is missing is created
            let missing = match &meant {
                Effect::CreateIpsecKey { .. } | Effect::DeleteRecord { .. } => true,
                Effect::RestoreFlannel { .. } => !at.ends_with(FLANNEL_BACKUP),
                _ => false,
            };
            let answer = match parts.method {
                Method::GET if missing => {
                    json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"})
                }
                Method::GET => found(&meant, &at),
                _ => json!({}),
            };
            let code = if answer["code"] == 404 { 404 } else { 200 };
            let mut taken = taken.lock().unwrap();
            let one = Sent::new(parts.method.as_str(), at, body);
            if parts.method == Method::GET {
                taken.0.push(one);
            } else {
                taken.1.push(one);
            }
            let response = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
            Ok::<_, BoxError>(response.unwrap())
        }
    });
    let audit = Audit::open(&folder.join("audit.jsonl"), Actor::default()).unwrap();
    let cluster = KubeCluster {
        client: Client::new(server, "default"),
        helm: Helm::none(),
        store: FactStore::default(),
        namespace: NAMESPACE.into(),
        audit,
    };
    let (lines, _said) = tokio::sync::mpsc::channel(8);
    let permit = Permit::new(1, || Duration::from_secs(60));
    cluster
        .apply(&with_copy(effect), permit, Duration::from_secs(5), lines)
        .await
        .unwrap_or_else(|p| panic!("{effect:?}: {p}"));
    sent.lock().unwrap().clone()
}

/// With the hash of the copy that the server has.
fn with_copy(effect: &Effect) -> Effect {
    let mut effect = effect.clone();
    if let Effect::DeleteFlannel { copy: hash, .. } | Effect::RestoreFlannel { copy: hash, .. } = &mut effect {
        *hash = digest(copy()["data"][COPY].as_str().map(str::to_owned).as_ref());
    }
    effect
}

/// One call of a program that an operator would have: its arguments and its standard input.
struct Call {
    arguments: Vec<String>,
    input: String,
}

/// A shell with programs that only write down what they are asked.
struct Shell(tempfile::TempDir);

impl Shell {
    fn new() -> Self {
        let shell = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(shell.path("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_cutover"), shell.path("bin/cutover")).unwrap();
        let writes = "n=$(ls calls | wc -l); for a in \"$@\"; do printf '%s\\0' \"$a\"; done > calls/$n";
        let input = "case \" $* \" in *' -f - '*) cat > calls/$n.input ;; esac";
        // `get` of a copy is the beginning of a pipe: only what changes something is a call
        let reads = "case \" $* \" in *' -o json '*) cat flannels ;; *' get '*) cat copy; exit ;; esac";
        let kubectl = format!("{reads}\n{writes}\n{input}");
        shell.program("kubectl", &kubectl);
        shell.program("helm", writes);
        shell.program("ssh", &format!("{writes}\ncat > calls/$n.input"));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": flannels()});
        fs::write(shell.path("flannels"), list.to_string()).unwrap();
        fs::write(shell.path("copy"), copy()["data"][flannel::COPY].as_str().unwrap()).unwrap();
        shell
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path(&format!("bin/{name}"));
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Types the lines, and returns the calls that they come to.
    fn typed(&self, lines: &[String]) -> Vec<Call> {
        let calls = self.path("calls");
        let _ = fs::remove_dir_all(&calls);
        fs::create_dir(&calls).unwrap();
        for line in lines {
            let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
            let output =
                Command::new("sh").args(["-c", line]).current_dir(self.0.path()).env("PATH", path).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{line}\n{output:?}");
        }
        let call = |n: usize| {
            let arguments = fs::read_to_string(calls.join(n.to_string())).ok()?;
            let arguments = arguments.split_terminator('\0').map(str::to_owned).collect();
            let input = fs::read_to_string(calls.join(format!("{n}.input"))).unwrap_or_default();
            Some(Call { arguments, input })
        };
        // a call with an input takes two names
        (0..20).filter_map(call).collect()
    }
}

/// What kubectl sends for a call, as its documentation has it.
fn requests(call: &Call, shell: &Shell, before: &Value) -> Vec<Sent> {
    let mut words: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
    let mut namespace = "";
    if words[0] == "-n" {
        namespace = words[1];
        words.drain(..2);
    }
    let input: Value = serde_json::from_str(&call.input).unwrap_or_default();
    let objects = match input["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![input.clone()],
    };
    match words.as_slice() {
        ["create", "--raw", path, "-f", "-"] => vec![Sent::new("POST", *path, input)],
        ["delete", "--raw", path, "-f", "-"] => vec![Sent::new("DELETE", *path, input)],
        ["create", "-f", "-"] => vec![Sent::new("POST", path_of(&input, false), input)],
        ["create", "configmap", name, "--from-file", file] => {
            let text = fs::read_to_string(shell.path(file)).unwrap();
            let metadata = json!({"name": name, "namespace": namespace});
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {*file: text}});
            vec![Sent::new("POST", path("configmap", namespace, ""), body)]
        }
        ["patch", kind, name, "--type", "merge", "-p", patch] => {
            vec![Sent::new("PATCH", path(kind, namespace, name), serde_json::from_str(patch).unwrap())]
        }
        ["apply", "--server-side", "--force-conflicts", "--field-manager", "cutover", "-f", "-"] => {
            objects.into_iter().map(|o| Sent::new("PATCH", path_of(&o, true), o)).collect()
        }
        ["delete", "--ignore-not-found", "--wait=false", "-f", "-"] => {
            objects.iter().map(|o| Sent::new("DELETE", path_of(o, true), Value::Null)).collect()
        }
        ["delete", kind, "-l", _, "--field-selector", name] => {
            vec![Sent::new("DELETE", path(kind, namespace, name.strip_prefix("metadata.name=").unwrap()), Value::Null)]
        }
        ["delete", kind, name] => vec![Sent::new("DELETE", path(kind, namespace, name), Value::Null)],
        ["taint", "node", name, taint] => {
            let mut taints = before["spec"]["taints"].as_array().unwrap().clone();
            if let Some(key) = taint.strip_suffix('-') {
                taints.retain(|t| t["key"] != key);
            } else {
                let (key, rest) = taint.split_once('=').unwrap();
                let (value, effect) = rest.split_once(':').unwrap();
                taints.push(json!({"key": key, "value": value, "effect": effect}));
            }
            vec![Sent::new("PATCH", path("node", "", name), json!({"spec": {"taints": taints}}))]
        }
        other => panic!("{other:?}"),
    }
}

/// The copy of Flannel's objects, as it is used.
fn objects_of(copy: &Sent) -> Vec<Value> {
    let list: Value = serde_json::from_str(copy.body["data"][flannel::COPY].as_str().unwrap()).unwrap();
    list["items"].as_array().unwrap().iter().cloned().map(flannel::stripped).collect()
}

#[tokio::test]
async fn the_kubectl_lines_of_every_effect_are_what_is_sent() {
    let shell = Shell::new();
    for effect in one_of_each(NAMESPACE) {
        let described = effect.describe();
        let lines = &described.kubectl;
        assert!(!lines.is_empty(), "{effect:?}");
        for line in lines {
            assert!(!line.contains(" # ") && !line.contains('\n') && !line.contains('…'), "{line}");
        }
        if let Effect::Task { way: Way::Hand, .. } = effect {
            continue;
        }
        let calls = shell.typed(lines);
        let arguments = |n: usize| calls[n].arguments.iter().map(String::as_str).collect::<Vec<_>>();
        match &effect {
            Effect::Helm(_) => {
                let wanted = "upgrade --install cilium cilium/cilium --version 1.15.19 --namespace kube-system --values values-migration.yaml --create-namespace --description cutover";
                assert_eq!(arguments(0), wanted.split(' ').collect::<Vec<_>>());
            }
            Effect::Uninstall { .. } => assert_eq!(arguments(0), ["uninstall", "cilium", "--namespace", "kube-system"]),
            Effect::Task { task, way: Way::Ssh { target }, .. } => {
                assert_eq!(arguments(0), task.ssh(target)[1..]);
                assert_eq!(calls[0].input.trim_end(), SCRIPT.trim_end());
            }
            Effect::BackUpFlannel { .. } => {
                let get = calls[0].arguments.join(" ");
                for object in flannels() {
                    let name = format!("{}/{}", object["kind"], object["metadata"]["name"]).replace('"', "");
                    assert!(get.to_lowercase().contains(&name.to_lowercase()), "{name} is not in {get}");
                }
                let (_, sent) = applied(&effect, shell.0.path()).await;
                let typed = requests(&calls[1], &shell, &Value::Null);
                assert_eq!((typed.len(), sent.len()), (1, 1));
                assert_eq!((&typed[0].method, &typed[0].path), (&sent[0].method, &sent[0].path));
                assert_eq!(typed[0].body["metadata"]["name"], sent[0].body["metadata"]["name"]);
                assert_eq!(objects_of(&typed[0]), objects_of(&sent[0]));
            }
            _ => {
                let (_, sent) = applied(&effect, shell.0.path()).await;
                let before = found(&effect, "");
                let typed: Vec<Sent> = calls.iter().flat_map(|c| requests(c, &shell, &before)).collect();
                assert!(!sent.is_empty(), "{effect:?} sends nothing");
                assert_eq!(typed, sent, "{lines:#?}");
            }
        }
    }
}

/// The right that a request needs.
fn right_for(sent: &Sent) -> Right {
    let parts: Vec<&str> = sent.path.trim_matches('/').split('/').collect();
    let (group, rest) = if parts[0] == "api" { ("", &parts[2..]) } else { (parts[1], &parts[3..]) };
    let (namespace, rest) = if rest[0] == "namespaces" && rest.len() > 2 { (rest[1], &rest[2..]) } else { ("", rest) };
    let all = rights::all();
    let known = all.iter().find(|r| r.resource.group == group && r.resource.plural == rest[0]);
    let known = known.unwrap_or_else(|| panic!("no right on {}", sent.path));
    let verb = match (sent.method.as_str(), rest.len()) {
        ("GET", 1) => "list",
        ("GET", _) => "get",
        ("POST", _) => "create",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        other => panic!("{other:?}"),
    };
    let sub = if rest.get(2) == Some(&"eviction") { "eviction" } else { "" };
    // what is created by its kind's address has no name there
    let name = rest.get(1).map_or("", |name| name.to_string().leak());
    Right { sub, name, namespace: namespace.into(), ..Right::new(Role::Observe, verb, known.resource) }
}

#[tokio::test]
async fn the_rights_that_an_effect_names_are_those_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    for effect in one_of_each(NAMESPACE) {
        if matches!(
            effect,
            Effect::Helm(_) | Effect::Uninstall { .. } | Effect::Task { way: Way::Ssh { .. } | Way::Hand, .. }
        ) {
            continue;
        }
        let named = effect.describe().rights;
        let (read, changed) = applied(&effect, folder.path()).await;
        let needed: Vec<Right> = read.iter().chain(&changed).map(right_for).collect();
        for right in &needed {
            assert!(named.iter().any(|n| n.covers(right)), "{effect:?} needs {right}");
        }
        for right in &named {
            let used = needed.iter().any(|n| right.covers(n));
            // a server-side apply may create; a role is created again with more rights than its creator has
            let beyond = matches!(right.verb, "create" | "bind" | "escalate");
            // another name that Flannel's manifests have
            let instead = right.name == "kube-flannel";
            assert!(used || beyond || instead, "{effect:?} does not need {right}");
        }
    }
}

fn compare(name: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
        fs::write(&path, now).unwrap();
    }
    let then = fs::read_to_string(&path).unwrap();
    assert!(then == now, "{name} does not grant what effects and sources name; INSTA_UPDATE=always writes it again");
}

/// A manifest with its rules in the place of those that it has.
fn with_rules(document: &str, rules: &str) -> String {
    let (head, _) = document.split_once("\nrules:\n").unwrap_or_else(|| panic!("no rules in {document}"));
    format!("{head}\nrules:\n{rules}")
}

#[test]
fn the_manifests_grant_what_effects_and_sources_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let operator = fs::read_to_string(folder.join("rbac.yaml")).unwrap();
    let documents: Vec<String> = operator
        .split("---\n")
        .map(|document| with_rules(document, &rights::operator_rules(document.contains("\n  namespace: "))))
        .collect();
    assert_eq!(documents.len(), 2);
    compare("assets/rbac.yaml", &documents.join("---\n"));
    let engine = fs::read_to_string(folder.join("engine.yaml")).unwrap();
    let mut granted = vec![];
    let documents = engine.split("---\n").map(|document| {
        let of = |r: &&Role| document.contains(&format!("metadata: {{name: {}, ", r.name()));
        let Some(role) = Role::ALL.iter().find(of).filter(|_| document.contains("\nrules:\n")) else {
            return document.to_owned();
        };
        granted.push(*role);
        with_rules(document, &rights::rules(*role))
    });
    let documents: Vec<String> = documents.collect();
    compare("assets/engine.yaml", &documents.join("---\n"));
    // what the policies let through is what effects change
    for own in [SWITCH_LABEL, SWITCHING_TAINT, FLANNEL_BACKUP, NODE_CONFIG, FLANNEL_CONFIG, TASK_LABEL] {
        assert!(engine.contains(&format!("\"{own}\"")), "no policy names {own}");
    }
    for own in [CORDON_MARK, SCALE_MARK, BUDGET_MARK] {
        assert!(own.starts_with("cutover.dev/"), "the policies do not let {own} through");
    }
    let wanted = Role::ALL.into_iter().filter(|r| *r != Role::Operator).collect::<Vec<_>>();
    assert_eq!(granted, wanted, "a role of the engine's is not in its manifest");
}
