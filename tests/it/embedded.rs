//! The suites on the embedded cluster.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use cutover::sim::{Embedded, Settings, clock::Pace};
use k8s_openapi::api::core::v1::Node;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_migration_forward_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 5, pace: Pace::MAX }, folder.path()).await.unwrap();
    crate::support::scenarios::rolling(&cluster.kubeconfig, &cluster.kubeconfig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_as_a_real_api_server_does() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 3, pace: Pace::MAX }, folder.path()).await.unwrap();
    crate::support::contract::check(&crate::support::client(&cluster.kubeconfig).await).await;
}

/// Other users of the machine reach its port, and may look into its folder.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_for_its_own_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("kubeconfig");
    std::fs::write(&open, "left behind").unwrap();
    std::fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    let cluster = Embedded::start(Settings { nodes: 2, pace: Pace::MAX }, folder.path()).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has the mode {mode:o}", entry.path().display());
    }
    let text = std::fs::read_to_string(&cluster.kubeconfig).unwrap();
    let nodes = async |change: &dyn Fn(&mut serde_json::Value)| {
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
        change(&mut config);
        std::fs::write(&cluster.kubeconfig, config.to_string()).unwrap();
        let client = crate::support::client(&cluster.kubeconfig).await;
        kube::Api::<Node>::all(client).list(&kube::api::ListParams::default()).await.map(|l| l.items.len())
    };
    assert_eq!(nodes(&|_| {}).await.unwrap(), 2);
    for token in [json!({}), json!({"token": "embedded-admin"})] {
        let refused = nodes(&|c| c["users"][0]["user"] = token.clone()).await.unwrap_err();
        assert!(matches!(&refused, kube::Error::Api(s) if s.code == 401), "{refused}");
    }
    let address = cluster.server.address;
    assert!(nodes(&|c| c["clusters"][0]["cluster"] = json!({"server": format!("http://{address}")})).await.is_err());
}
