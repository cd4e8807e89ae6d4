//! The client for changes repeats no request by itself: the engine decides what to do about a refusal.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, extract::Request, http::StatusCode, response::IntoResponse};
use cutover::cluster::connect::{Named, connect};
use kube::{Api, api::PostParams};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_is_not_sent_again() {
    let posts = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&posts);
    let app = Router::new().fallback(move |request: Request| {
        let seen = Arc::clone(&seen);
        async move {
            if request.method() != axum::http::Method::POST || request.uri().path().contains("selfsubject") {
                return axum::Json(json!({"major": "1", "minor": "33", "gitVersion": "v1.33.1", "gitCommit": "x", "gitTreeState": "clean",
                    "buildDate": "x", "goVersion": "x", "compiler": "gc", "platform": "linux/amd64"}))
                .into_response();
            }
            seen.fetch_add(1, Ordering::SeqCst);
            let busy = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "busy", "reason": "TooManyRequests", "code": 429});
            (StatusCode::TOO_MANY_REQUESTS, axum::Json(busy)).into_response()
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "x", "user": {"token": "x"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}]});
    std::fs::write(&path, config.to_string()).unwrap();
    let connection = connect(&Named { kubeconfig: Some(path), ..Named::default() }).await.unwrap();
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(connection.write.clone(), "shop");
    let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"}});
    let post = PostParams::default();
    let sent = pods.create_subresource::<_, serde_json::Value>("eviction", "web", &post, &body);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(20), sent).await.expect("it is sent repeatedly");
    assert!(answer.is_err());
    assert_eq!(posts.load(Ordering::SeqCst), 1);
}
