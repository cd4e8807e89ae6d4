//! What the engine's account is refused, with every role that its manifest has: by the policies, which compare the object
//! as it was with what it would become, and by RBAC.

use cutover::domain::effect::multus::{IMAGE, Install};
use kube::{Client, Error};
use serde_json::{Value, json};

/// Sends a request; the object, or the refusal's message.
async fn send(client: &Client, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
    let content = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let request = http::Request::builder().method(method).uri(path).header("content-type", content);
    let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
    match client.request(request.body(body).unwrap()).await {
        Ok(object) => Ok(object),
        Err(Error::Api(status)) => Err(status.message),
        Err(e) => panic!("{method} {path}: {e}"),
    }
}

const NODE: &str = "/api/v1/nodes/worker-1";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// A request that is refused: method, path, body, and a part of the message.
type Refused = (&'static str, String, Option<Value>, &'static str);

fn on_nodes() -> Vec<Refused> {
    let nodes = |change: Value, why| ("PATCH", NODE.to_owned(), Some(change), why);
    let taint =
        |key: &str, effect: &str| json!({"spec": {"taints": [{"key": key, "value": "true", "effect": effect}]}});
    let owner =
        json!({"apiVersion": "v1", "kind": "Namespace", "name": "nope", "uid": "00000000-0000-0000-0000-000000000000"});
    vec![
        nodes(json!({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": "x"}}}), "of a node's labels"),
        nodes(
            json!({"metadata": {"annotations": {"flannel.alpha.coreos.com/public-ip": "x"}}}),
            "of a node's annotations",
        ),
        // the garbage collector would delete the node
        nodes(json!({"metadata": {"ownerReferences": [owner]}}), "of a node's metadata"),
        nodes(json!({"metadata": {"finalizers": ["example.com/hold"]}}), "of a node's metadata"),
        // the taint manager would delete every pod of the node
        nodes(taint("cutover.dev/switching", "NoExecute"), "has the effect NoSchedule"),
        nodes(taint("node.kubernetes.io/unschedulable", "NoExecute"), "of a node's taints"),
        nodes(taint("gpu", "NoSchedule"), "of a node's taints"),
        nodes(json!({"spec": {"providerID": "aws:///x"}}), "of a node's spec"),
        (
            "PATCH",
            format!("{NODE}/status"),
            Some(json!({"status": {"phase": "x"}})),
            "cannot patch resource \"nodes/status\"",
        ),
        ("DELETE", NODE.to_owned(), None, "cannot delete resource \"nodes\""),
    ]
}

fn elsewhere() -> Vec<Refused> {
    let map = |namespace: &str, name: &str| {
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        ("POST", format!("/api/v1/namespaces/{namespace}/configmaps"), Some(body))
    };
    let objects = |(method, path, body), why| (method, path, body, why);
    let bind = |name: &str, role: &str, subject: Value| {
        let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}, "subjects": [subject]});
        ("POST", format!("{RBAC}/clusterrolebindings"), Some(body))
    };
    let mallory = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory"});
    let agent = json!({"kind": "ServiceAccount", "name": "cilium", "namespace": "kube-system"});
    let all = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "cilium-all"}, "rules": all});
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "api", "image": "evil.example/x"}]}}}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "cutover-x"}, "spec": {"nodeName": "worker-1",
        "automountServiceAccountToken": false, "containers": [{"name": "c", "image": "i"}]}});
    vec![
        objects(map("shop", "cilium-config"), "only in the namespaces"),
        objects(map("kube-system", "coredns"), "only what is called"),
        (
            "PATCH",
            "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication".into(),
            Some(json!({"data": {"x": "y"}})),
            "only what is called",
        ),
        objects(bind("pwn", "cluster-admin", mallory.clone()), "only what is called"),
        objects(bind("cilium-pwn", "cluster-admin", agent.clone()), "binds only roles of Cilium, Flannel"),
        objects(bind("cilium-pwn", "cilium", mallory), "only to their service accounts"),
        ("POST", format!("{RBAC}/clusterroles"), Some(role), "no role that may do everything"),
        ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/api".into(), Some(image), "only its replicas"),
        ("POST", "/api/v1/namespaces/kube-system/pods".into(), Some(pod.clone()), "only the pods of host tasks"),
        ("POST", "/api/v1/namespaces/shop/pods".into(), Some(pod), "cannot create resource \"pods\""),
        ("DELETE", "/api/v1/namespaces/kube-system/pods/static-worker-1".into(), None, "deletes no static pod"),
        (
            "PATCH",
            "/apis/cutover.dev/v1alpha1/migrations/cutover".into(),
            Some(json!({"spec": {"observeSeconds": 7}})),
            "of a Migration the engine changes only",
        ),
        ("GET", "/api/v1/namespaces/shop/secrets".into(), None, "cannot list resource \"secrets\""),
        (
            "POST",
            "/api/v1/namespaces/kube-system/serviceaccounts/cilium/token".into(),
            Some(json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})),
            "cannot create resource \"serviceaccounts/token\"",
        ),
    ]
}

/// `client` is the engine's.
pub async fn check(client: &Client, admin: &Client) {
    let mirror = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "static-worker-1",
        "annotations": {"kubernetes.io/config.mirror": "x", "kubernetes.io/config.hash": "x"}},
        "spec": {"nodeName": "worker-1", "hostNetwork": true, "containers": [{"name": "c", "image": "i"}]}});
    send(admin, "POST", "/api/v1/namespaces/kube-system/pods", Some(mirror)).await.unwrap();
    for (method, path, body, why) in on_nodes().into_iter().chain(elsewhere()) {
        let Err(said) = send(client, method, &path, body.clone()).await else { panic!("{method} {path} {body:?}") };
        assert!(said.contains(why), "{method} {path} {body:?}: {said}");
    }
    // what it does on its way is let through
    let scaled = send(
        client,
        "PATCH",
        "/apis/apps/v1/namespaces/shop/deployments/api?dryRun=All",
        Some(json!({
        "metadata": {"annotations": {"cutover.dev/scaled-from": "1"}}, "spec": {"replicas": 7}})),
    );
    assert_eq!(scaled.await.unwrap()["spec"]["replicas"], 7);
    let cordoned = json!({"metadata": {"annotations": {"cutover.dev/cordoned": "true"}}, "spec": {"unschedulable": true,
        "taints": [{"key": "cutover.dev/switching", "value": "true", "effect": "NoSchedule"}]}});
    let path = format!("{NODE}?dryRun=All");
    let labelled = json!({"metadata": {"labels": {"cutover.dev/multus": "flannel-first"}}});
    send(client, "PATCH", &path, Some(labelled)).await.unwrap();
    let install = Install {
        namespace: "kube-system".into(),
        image: IMAGE.into(),
        flannel: r#"{"name":"cbr0","plugins":[{"type":"flannel","delegate":{}}]}"#.into(),
        by_ipv4: true,
    };
    for request in install.requests() {
        let path = format!("{}?dryRun=All", request.object.collection());
        send(client, "POST", &path, Some(request.body().clone())).await.unwrap();
    }
    assert_eq!(send(client, "PATCH", &path, Some(cordoned)).await.unwrap()["spec"]["unschedulable"], true);
}
