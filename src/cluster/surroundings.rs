//! What is asked once, before anything begins: versions, rights, helm.

use futures::future::join_all;
use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::{Namespace, Service},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, api::PostParams};

use super::{connect::Connection, helm::Helm};
use crate::domain::facts::Surroundings;

/// Rights that a migration needs: verb, group, resource, subresource.
const NEEDED: &[(&str, &str, &str, &str)] = &[
    ("watch", "", "nodes", ""),
    ("patch", "", "nodes", ""),
    ("watch", "", "pods", ""),
    ("delete", "", "pods", ""),
    ("create", "", "pods", ""),
    ("create", "", "pods", "eviction"),
    ("create", "", "configmaps", ""),
    ("watch", "apps", "daemonsets", ""),
    ("patch", "apps", "daemonsets", ""),
    ("delete", "apps", "daemonsets", ""),
    ("watch", "policy", "poddisruptionbudgets", ""),
    ("watch", "apps", "deployments", ""),
    ("watch", "", "persistentvolumes", ""),
    ("watch", "storage.k8s.io", "volumeattachments", ""),
    ("update", "cutover.dev", "migrations", "status"),
    ("update", "cutover.dev", "nodemigrations", "status"),
    ("update", "coordination.k8s.io", "leases", ""),
];

/// Asks.
pub async fn ask(connection: &Connection, helm: &Helm) -> Surroundings {
    let client = &connection.read;
    let services: Api<Service> = Api::namespaced(client.clone(), "default");
    let service = services.get_opt("kubernetes").await.ok().flatten();
    let mut needed = NEEDED.to_vec();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    if !matches!(definitions.get_opt("nodemigrations.cutover.dev").await, Ok(Some(_))) {
        needed.push(("create", "apiextensions.k8s.io", "customresourcedefinitions", ""));
    }
    let rights = join_all(needed.iter().map(|need| may(client, need))).await;
    Surroundings {
        service_address: service.and_then(|s| s.spec?.cluster_ip?.parse().ok()),
        missing_rights: rights.into_iter().flatten().collect(),
        helm: Some(helm.version().await),
        own_name: own_name(),
        own_namespace: client.default_namespace().to_owned(),
        user: user(client).await.unwrap_or_default(),
        cluster: cluster(client).await.unwrap_or_default(),
    }
}

/// Who the API server takes this user for; servers before 1.28 do not say.
async fn user(client: &Client) -> Option<String> {
    let review = Api::<SelfSubjectReview>::all(client.clone());
    let answer = review.create(&PostParams::default(), &SelfSubjectReview::default()).await.ok()?;
    answer.status?.user_info?.username
}

/// Which cluster it is, whatever its address: the UID of a namespace that every cluster has once.
async fn cluster(client: &Client) -> Option<String> {
    Api::<Namespace>::all(client.clone()).get("kube-system").await.ok()?.metadata.uid
}

/// What this machine, or this pod, is called: both are found in the same file.
pub(super) fn own_name() -> String {
    std::fs::read_to_string("/etc/hostname").map(|n| n.trim().to_owned()).unwrap_or_default()
}

/// `None` when allowed, or when nobody could tell: the request itself will.
async fn may(client: &Client, (verb, group, resource, sub): &(&str, &str, &str, &str)) -> Option<String> {
    // where it is done, and to which: a right for that one is enough
    let own = matches!((*verb, *resource), ("create", "pods" | "configmaps") | (_, "leases")) && sub.is_empty();
    let attributes = ResourceAttributes {
        namespace: own.then(|| "kube-system".into()),
        name: (*resource == "leases").then(|| "cutover".into()),
        verb: Some((*verb).into()),
        group: Some((*group).into()),
        resource: Some((*resource).into()),
        subresource: (!sub.is_empty()).then(|| (*sub).into()),
        ..ResourceAttributes::default()
    };
    let spec =
        SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let answer =
        Api::<SelfSubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await.ok()?;
    let allowed = answer.status.is_none_or(|s| s.allowed);
    let sub = if sub.is_empty() { String::new() } else { format!("/{sub}") };
    (!allowed).then(|| format!("{verb} {resource}{sub}"))
}
