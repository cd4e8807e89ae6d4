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

use cutover::domain::api::{self, Migration};

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
    endings(client).await;
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
}
