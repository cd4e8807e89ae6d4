//! What an API server answers where a friendly imitation would answer something else. The same list is
//! asked of the embedded server and of a real one.

use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    core::v1::{ConfigMap, Namespace, Pod},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, Client, Error,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
    core::Status,
};
use serde_json::{Value, json};

use cutover::domain::{
    api::{self, Migration, NodeMigration},
    effect::{
        Change,
        tasks::{self, TaskPod},
    },
    host::HostTask,
};

fn typed<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) -> Status {
    match answer {
        Err(Error::Api(status)) => *status,
        other => panic!("expected a refusal: {other:?}"),
    }
}

/// Asks everything, in a namespace of its own.
pub async fn check(client: &Client) {
    let name = "contract";
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let _ = namespaces.create(&PostParams::default(), &typed(json!({"metadata": {"name": name}}))).await;
    addresses(client).await;
    itself(client).await;
    concurrency(client, name).await;
    apply(client, name).await;
    lists(client, name).await;
    evictions(client, name).await;
    successors(client, name).await;
    owned(client, name).await;
    endings(client).await;
    pod_security(client).await;
    validation(client).await;
}

/// An unknown group is answered with text, not with a Status.
async fn addresses(client: &Client) {
    let request = http::Request::get("/apis/nobody.example/v1/things").body(vec![]).unwrap();
    let status = refused(client.request::<Value>(request).await);
    assert_eq!(status.code, 404);
    assert_ne!(status.reason, "NotFound", "the answer has no Status in it");
}

/// Who asks, and how etcd is, are told to anybody who may ask at all.
async fn itself(client: &Client) {
    let review: Api<SelfSubjectReview> = Api::all(client.clone());
    let who = review.create(&PostParams::default(), &SelfSubjectReview::default()).await.unwrap();
    assert!(who.status.unwrap().user_info.unwrap().username.is_some_and(|n| n.contains("admin")));
    let request = http::Request::get("/readyz?verbose").body(vec![]).unwrap();
    let ready = client.request_text(request).await.unwrap();
    assert!(ready.lines().any(|l| l == "[+]etcd ok"), "{ready}");
}

fn map(name: &str, value: &str) -> ConfigMap {
    typed(json!({"metadata": {"name": name}, "data": {"key": value}}))
}

async fn concurrency(client: &Client, namespace: &str) {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let post = PostParams::default();
    let first = api.create(&post, &map("one", "1")).await.unwrap();
    assert_eq!(refused(api.create(&post, &map("one", "1")).await).reason, "AlreadyExists");
    let second = api.patch("one", &PatchParams::default(), &Patch::Merge(json!({"data": {"key": "2"}}))).await.unwrap();
    assert_ne!(first.metadata.resource_version, second.metadata.resource_version);
    let same = api.patch("one", &PatchParams::default(), &Patch::Merge(json!({"data": {"key": "2"}}))).await.unwrap();
    assert_eq!(second.metadata.resource_version, same.metadata.resource_version, "nothing was changed");
    assert_eq!(refused(api.replace("one", &post, &first).await).reason, "Conflict");
    let stale = json!({"metadata": {"resourceVersion": first.metadata.resource_version}, "data": {"key": "3"}});
    assert_eq!(refused(api.patch("one", &PatchParams::default(), &Patch::Merge(stale)).await).code, 409);
    let other = DeleteParams {
        preconditions: Some(Preconditions { uid: Some("other".into()), resource_version: None }),
        ..DeleteParams::default()
    };
    assert_eq!(refused(api.delete("one", &other).await).code, 409);
    assert_eq!(refused(api.get("none").await).reason, "NotFound");
    assert_eq!(
        refused(Api::<ConfigMap>::namespaced(client.clone(), "no-such").create(&post, &map("x", "1")).await).code,
        404
    );
}

async fn apply(client: &Client, namespace: &str) {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let object = |data: Value| {
        Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}, "data": data}))
    };
    api.patch("shared", &PatchParams::apply("one"), &object(json!({"a": "1", "b": "1"}))).await.unwrap();
    let clash = refused(api.patch("shared", &PatchParams::apply("two"), &object(json!({"a": "2"}))).await);
    assert_eq!(clash.code, 409);
    assert_eq!(clash.details.unwrap().causes[0].reason, "FieldManagerConflict");
    api.patch("shared", &PatchParams::apply("two").force(), &object(json!({"a": "2"}))).await.unwrap();
    let now = api.patch("shared", &PatchParams::apply("one"), &object(json!({}))).await.unwrap();
    let data = now.data.unwrap();
    assert_eq!(data.get("a").map(String::as_str), Some("2"), "it belongs to the other one");
    assert_eq!(data.get("b"), None, "nobody wants it any more");
}

async fn lists(client: &Client, namespace: &str) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    assert_eq!(refused(pods.list(&ListParams::default().fields("spec.colour=red")).await).code, 400);
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let page = maps.list(&ListParams::default().limit(1)).await.unwrap();
    assert_eq!(page.items.len(), 1);
    let rest =
        maps.list(&ListParams::default().limit(50).continue_token(&page.metadata.continue_.unwrap())).await.unwrap();
    assert!(!rest.items.is_empty() && rest.items.iter().all(|m| m.metadata.name != page.items[0].metadata.name));
}

fn pod(name: &str, app: &str) -> Pod {
    typed(json!({"metadata": {"name": name, "labels": {"app": app}}, "spec": {"nodeName": "worker-1",
        "tolerations": [{"operator": "Exists"}], "containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 1}}))
}

fn budget(name: &str, app: &str, least: i32) -> PodDisruptionBudget {
    typed(
        json!({"metadata": {"name": name}, "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": app}}}}),
    )
}

async fn evictions(client: &Client, namespace: &str) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(client.clone(), namespace);
    let post = PostParams::default();
    for (name, app) in [("held", "held"), ("twice", "twice"), ("free", "free")] {
        pods.create(&post, &pod(name, app)).await.unwrap();
    }
    for b in [budget("held", "held", 1), budget("twice-a", "twice", 0), budget("twice-b", "twice", 0)] {
        budgets.create(&post, &b).await.unwrap();
    }
    let running = |p: Option<&Pod>| {
        let conditions = p.and_then(|p| p.status.as_ref()).and_then(|s| s.conditions.as_ref());
        conditions.is_some_and(|c| c.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
    };
    for name in ["held", "twice", "free"] {
        kube::runtime::wait::await_condition(pods.clone(), name, running).await.unwrap();
    }
    let counted = |b: Option<&PodDisruptionBudget>| {
        b.and_then(|b| b.status.as_ref()).is_some_and(|s| s.current_healthy == Some(1))
    };
    kube::runtime::wait::await_condition(budgets.clone(), "held", counted).await.unwrap();

    let evict = |name: &'static str, uid: Option<&'static str>| {
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name},
            "deleteOptions": {"preconditions": uid.map(|u| json!({"uid": u}))}});
        let pods = pods.clone();
        async move { pods.create_subresource::<Value, Status>("eviction", name, &PostParams::default(), &body).await }
    };
    let held = refused(evict("held", None).await);
    assert_eq!((held.code, held.reason.as_str()), (429, "TooManyRequests"));
    let details = held.details.unwrap();
    assert_eq!(details.causes[0].reason, "DisruptionBudget");
    assert_eq!(details.causes[0].message, "The disruption budget held needs 1 healthy pods and has 1 currently");
    let twice = refused(evict("twice", None).await);
    assert_eq!((twice.code, twice.reason.as_str()), (500, ""), "{twice:?}");
    assert_eq!(refused(evict("free", Some("another")).await).code, 409);
    assert_eq!(refused(evict("nobody", None).await).code, 404);
    assert!(evict("free", None).await.unwrap().is_success());
}

/// The schema refuses a bad Migration field by field, and fills the defaults of a good one in.
/// An eviction names a pod by its UID: a successor of the same name, as a StatefulSet makes it, is not touched.
async fn successors(client: &Client, namespace: &str) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let (post, pod) = (PostParams::default(), unscheduled("db-0", None));
    let first = pods.create(&post, &pod).await.unwrap().metadata.uid.unwrap();
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete("db-0", &now).await.unwrap();
    let second = pods.create(&post, &pod).await.unwrap().metadata.uid;
    assert_ne!(Some(&first), second.as_ref());
    let refusal = refused(evict(client, namespace, "db-0", &first).await);
    assert_eq!(refusal.code, 409, "{refusal:?}");
    assert_eq!(pods.get("db-0").await.unwrap().metadata.uid, second, "the successor is not touched");
}

/// What a Migration owns goes with it: records, and pods of host tasks.
async fn owned(client: &Client, namespace: &str) {
    cutover::cluster::records::install_definitions(client).await.unwrap();
    let (post, delete) = (PostParams::default(), DeleteParams::default());
    let migrations: Api<Migration> = Api::all(client.clone());
    let records: Api<NodeMigration> = Api::all(client.clone());
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let migration = typed(json!({"metadata": {"name": api::MIGRATION},
        "spec": {"cilium": {"version": "1.15.19", "chart": "cilium/cilium", "podCidr": "10.245.0.0/16"}}}));
    let migration = created(&migrations, &migration).await;
    let owner = json!([{"apiVersion": "cutover.dev/v1alpha1", "kind": "Migration", "name": api::MIGRATION, "uid": migration.metadata.uid}]);
    created(&records, &typed(json!({"metadata": {"name": "owned", "ownerReferences": owner}, "spec": {}}))).await;
    let mut pod = unscheduled("owned", None);
    pod.metadata.owner_references = typed(owner);
    pods.create(&post, &pod).await.unwrap();
    migrations.delete(api::MIGRATION, &delete).await.unwrap();
    for _ in 0..300 {
        let left = (records.get_opt("owned").await.unwrap(), pods.get_opt("owned").await.unwrap());
        if matches!(left, (None, None)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("what the Migration owned is still there");
}

/// Creates an object of a kind that may not be served yet.
async fn created<K>(api: &Api<K>, object: &K) -> K
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    for _ in 0..50 {
        match api.create(&PostParams::default(), object).await {
            Err(Error::Api(status)) if status.code == 404 => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            answer => return answer.unwrap(),
        }
    }
    panic!("the kind is not served");
}

/// A dry run goes through admission and stores nothing; what a level of Pod Security refuses, and in which words. The
/// pods are those of host tasks, and a plain one.
async fn pod_security(client: &Client) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let dry = PostParams { dry_run: true, field_manager: None };
    let levels = ["privileged", "baseline", "restricted"];
    for level in levels {
        let labels = json!({"pod-security.kubernetes.io/enforce": level});
        let namespace = typed(json!({"metadata": {"name": format!("level-{level}"), "labels": labels}}));
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    }
    let safe: Value = json!({"metadata": {"name": "safe"}, "spec": {
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "c", "image": "i", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}});
    let user: Value = json!({"metadata": {"name": "user"}, "spec": {"containers": [
        {"name": "a", "image": "i", "ports": [{"containerPort": 80, "hostPort": 8080}], "securityContext": {"runAsUser": 0}},
        {"name": "b", "image": "i", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]}});
    let task = |task: &HostTask| -> Value {
        let pod = TaskPod { namespace: "kube-system", image: "quay.io/cilium/cilium:v1", owner: Some("uid") };
        match tasks::create("worker-1", task, 0, &pod).change {
            Change::Create(mut body) => {
                drop(body["metadata"].as_object_mut().unwrap().remove("namespace"));
                body
            }
            other => panic!("{other:?}"),
        }
    };
    let pods = [safe, user, task(&HostTask::Look), task(&HostTask::Restore), task(&HostTask::Probe)];
    for (level, expected) in levels.into_iter().zip(REFUSALS) {
        for (pod, expected) in pods.iter().zip(expected) {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let api: Api<Pod> = Api::namespaced(client.clone(), &format!("level-{level}"));
            let answer = api.create(&dry, &typed(pod.clone())).await;
            if expected.is_empty() {
                answer.unwrap_or_else(|e| panic!("{level} {name}: {e}"));
            } else {
                let refusal = refused(answer);
                assert_eq!((refusal.code, refusal.reason.as_str()), (403, "Forbidden"));
                let wanted = format!(
                    "pods {name:?} is forbidden: violates PodSecurity \"{level}:latest\": {}",
                    expected.join(", ")
                );
                assert_eq!(refusal.message, wanted);
                assert_eq!(refusal.details.unwrap().name, name, "admission names the pod, authorization does not");
            }
            assert!(api.get_opt(name).await.unwrap().is_none(), "a dry run stores nothing");
        }
    }
}

const ESCALATION: &str =
    "allowPrivilegeEscalation != false (container \"task\" must set securityContext.allowPrivilegeEscalation=false)";
const NON_ROOT: &str = "runAsNonRoot != true (pod or container \"task\" must set securityContext.runAsNonRoot=true)";
const SECCOMP: &str = "seccompProfile (pod or container \"task\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")";
const DROP: &str =
    "unrestricted capabilities (container \"task\" must set securityContext.capabilities.drop=[\"ALL\"])";

/// By level: what is said of each of the pods.
const REFUSALS: [[&[&str]; 5]; 3] = [
    [&[], &[], &[], &[], &[]],
    [
        &[],
        &[
            "non-default capabilities (container \"b\" must not include \"SYS_ADMIN\" in securityContext.capabilities.add)",
            "hostPort (container \"a\" uses hostPort 8080)",
        ],
        &[
            "non-default capabilities (container \"task\" must not include \"NET_ADMIN\", \"NET_RAW\" in securityContext.capabilities.add)",
            "host namespaces (hostNetwork=true)",
            "hostPath volumes (volumes \"look-0\", \"look-1\", \"look-2\", \"look-3\", \"look-4\")",
        ],
        &[
            "host namespaces (hostNetwork=true, hostPID=true)",
            "hostPath volumes (volume \"host\")",
            "privileged (container \"task\" must not set securityContext.privileged=true)",
        ],
        &[],
    ],
    [
        &[],
        &[
            "hostPort (container \"a\" uses hostPort 8080)",
            "allowPrivilegeEscalation != false (containers \"a\", \"b\" must set securityContext.allowPrivilegeEscalation=false)",
            "unrestricted capabilities (containers \"a\", \"b\" must set securityContext.capabilities.drop=[\"ALL\"]; container \"b\" must not include \"SYS_ADMIN\" in securityContext.capabilities.add)",
            "runAsNonRoot != true (pod or containers \"a\", \"b\" must set securityContext.runAsNonRoot=true)",
            "runAsUser=0 (container \"a\" must not set runAsUser=0)",
            "seccompProfile (pod or containers \"a\", \"b\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")",
        ],
        &[
            "host namespaces (hostNetwork=true)",
            "unrestricted capabilities (container \"task\" must not include \"NET_ADMIN\", \"NET_RAW\" in securityContext.capabilities.add)",
            "restricted volume types (volumes \"look-0\", \"look-1\", \"look-2\", \"look-3\", \"look-4\" use restricted volume type \"hostPath\")",
            NON_ROOT,
            SECCOMP,
        ],
        &[
            "host namespaces (hostNetwork=true, hostPID=true)",
            "privileged (container \"task\" must not set securityContext.privileged=true)",
            ESCALATION,
            DROP,
            "restricted volume types (volume \"host\" uses restricted volume type \"hostPath\")",
            NON_ROOT,
            SECCOMP,
        ],
        &[ESCALATION, DROP, NON_ROOT, SECCOMP],
    ],
];

/// A pod with a finalizer stays until it is removed, and a namespace that ends refuses evictions by a cause of
/// its own.
async fn endings(client: &Client) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let ends = typed(json!({"metadata": {"name": "ends"}}));
    namespaces.create(&PostParams::default(), &ends).await.unwrap();
    let pods: Api<Pod> = Api::namespaced(client.clone(), "ends");
    let held = unscheduled("held", Some("example.com/hold"));
    let uid = pods.create(&PostParams::default(), &held).await.unwrap().metadata.uid.unwrap();
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete("held", &now).await.unwrap();
    assert!(pods.get("held").await.unwrap().metadata.deletion_timestamp.is_some(), "the finalizer holds it");
    namespaces.delete("ends", &DeleteParams::default()).await.unwrap();
    assert_eq!(namespaces.get("ends").await.unwrap().status.unwrap().phase.as_deref(), Some("Terminating"));
    let refusal = refused(evict(client, "ends", "held", &uid).await);
    assert_eq!(refusal.code, 403, "{refusal:?}");
    let causes: Vec<String> = refusal.details.iter().flat_map(|d| &d.causes).map(|c| c.reason.clone()).collect();
    assert!(causes.contains(&"NamespaceTerminating".to_owned()), "{causes:?}");
    pods.patch("held", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": null}})))
        .await
        .unwrap();
    assert!(pods.get_opt("held").await.unwrap().is_none(), "without it the pod is gone at once");
}

fn unscheduled(name: &str, finalizer: Option<&str>) -> Pod {
    let finalizers: Vec<&str> = finalizer.into_iter().collect();
    typed(json!({"metadata": {"name": name, "finalizers": finalizers}, "spec": {"nodeSelector": {"nowhere": "yes"},
        "containers": [{"name": "main", "image": "docker.io/nginx:1.25"}]}}))
}

async fn evict(client: &Client, namespace: &str, name: &str, uid: &str) -> Result<Value, Error> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": uid}}});
    pods.create_subresource::<Value, Value>("eviction", name, &PostParams::default(), &body).await
}

/// What a migration has begun with cannot change until all of it is rolled back; everything else can.
async fn frozen(api: &Api<Migration>, mut migration: Migration) {
    migration.spec.cilium.values = json!({"one": {"two": [1, null]}, "none": null});
    let (post, params) = (PostParams::default(), PatchParams::default());
    api.create(&post, &migration).await.unwrap();
    let status = |status: Value| {
        let patch = Patch::Merge(json!({"status": status}));
        async move { api.patch_status(api::MIGRATION, &PatchParams::default(), &patch).await.unwrap() }
    };
    let change = |spec: Value| {
        let (params, patch) = (params.clone(), Patch::Merge(json!({"spec": spec})));
        async move { api.patch(api::MIGRATION, &params, &patch).await }
    };
    change(json!({"cilium": {"version": "1.16.1"}})).await.unwrap();
    status(json!({"startedAt": "2026-01-01T00:00:00Z", "phase": "Migrate"})).await;
    for cilium in [
        json!({"version": "1.17.1"}),
        json!({"chart": "oci://example.org/cilium"}),
        json!({"namespace": "default"}),
        json!({"values": {"one": {"two": [2, null]}}}),
        json!({"values": {"one": null, "other": {"two": [1, null]}}}),
        json!({"values": {"one": {"two": null, "three": [1, null]}}}),
        json!({"values": {"more": true}}),
    ] {
        let refusal = refused(change(json!({"cilium": cilium})).await);
        assert_eq!((refusal.code, refusal.reason.as_str()), (422, "Invalid"), "{cilium}");
        let wanted = "spec.cilium cannot change once the migration has begun (status.startedAt)";
        assert!(refusal.message.contains(wanted), "{}", refusal.message);
        let causes = refusal.details.unwrap().causes;
        assert_eq!(causes[0].field, "spec.cilium");
    }
    // approvals, limits and consents are an operator's at any time
    let consent = json!({"kind": "LoseEmptyDir", "object": "a/Deployment/b", "by": "x", "at": "2026-01-01T00:00:00Z"});
    let changed = change(json!({"approved": "Migrate", "target": "Flannel", "paused": true, "consents": [consent]}))
        .await
        .unwrap();
    assert_eq!(changed.spec.consents.len(), 1);
    status(json!({"phase": "RolledBack"})).await;
    change(json!({"cilium": {"version": "1.17.1", "values": {"more": true}}})).await.unwrap();
    api.delete(api::MIGRATION, &DeleteParams::default()).await.unwrap();
}

async fn validation(client: &Client) {
    cutover::cluster::records::install_definitions(client).await.unwrap();
    let api: Api<Migration> = Api::all(client.clone());
    let migration = |name: &str, spec: Value| -> Migration {
        let mut m: Migration =
            typed(json!({"apiVersion": "cutover.dev/v1alpha1", "kind": "Migration", "metadata": {"name": name},
            "spec": {"cilium": {"version": "1.15.19", "chart": "cilium/cilium", "podCidr": "10.245.0.0/16"}}}));
        if let Some(version) = spec["version"].as_str() {
            m.spec.cilium.version = version.into();
        }
        if let Some(most) = spec["maxUnavailable"].as_u64() {
            m.spec.nodes.max_unavailable = u32::try_from(most).unwrap();
        }
        m
    };
    let dry = PostParams { dry_run: true, field_manager: None };
    for _ in 0..50 {
        match api.list(&ListParams::default()).await {
            Ok(_) => break,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    for (name, spec, field) in [
        (api::MIGRATION, json!({"version": "latest"}), "spec.cilium.version"),
        (api::MIGRATION, json!({"maxUnavailable": 0}), "spec.nodes.maxUnavailable"),
        ("another", json!({}), "metadata.name"),
    ] {
        let refusal = refused(api.create(&dry, &migration(name, spec)).await);
        assert_eq!((refusal.code, refusal.reason.as_str()), (422, "Invalid"));
        assert!(refusal.message.contains(field), "{}", refusal.message);
    }
    let good = api.create(&dry, &migration(api::MIGRATION, json!({}))).await.unwrap();
    assert_eq!(good.spec.cilium.namespace, "kube-system");
    frozen(&api, migration(api::MIGRATION, json!({}))).await;
}
