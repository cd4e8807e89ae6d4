//! Which cluster answers, under whatever address.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};

/// UID of the namespace `kube-system`, which every cluster has once. `None` where it cannot be read.
pub(super) async fn of(client: &Client) -> Option<String> {
    Api::<Namespace>::all(client.clone()).get("kube-system").await.ok()?.metadata.uid
}
