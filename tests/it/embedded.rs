//! The suites on the embedded cluster.

use cutover::sim::{Embedded, Settings, clock::Pace};

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
