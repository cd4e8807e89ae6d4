//! What is asked once, at the start: versions, rights, helm.

use futures::{StreamExt, future, stream};
use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::Service,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, api::PostParams};

use super::{connect::Connection, helm::Helm, identity, ipsec::key_in, send::read};
use crate::domain::{
    effect::{Right, Role, ipsec, resource::DEFINITIONS},
    encryption::IpsecKey,
    facts::Surroundings,
    rights,
};

/// How many reviews are asked for at once.
const REVIEWS_AT_ONCE: usize = 8;

/// Asks.
pub async fn ask(connection: &Connection, helm: &Helm) -> Surroundings {
    let client = &connection.read;
    let services: Api<Service> = Api::namespaced(client.clone(), "default");
    let service = services.get_opt("kubernetes").await.ok().flatten();
    Surroundings {
        server_version: client.apiserver_version().await.map(|v| v.git_version).unwrap_or_default(),
        service_address: service.and_then(|s| s.spec?.cluster_ip?.parse().ok()),
        missing_rights: missing_rights(client, connection.in_pod).await,
        helm: Some(helm.version().await.map_err(|e| e.to_string())),
        ipsec_key: ipsec_key(client).await,
        own_name: own_name(),
        own_namespace: client.default_namespace().to_owned(),
        user: user(client).await.unwrap_or_default(),
        cluster: identity::of(client).await.unwrap_or_default(),
    }
}

/// The key of IPsec that is there before a migration; who may not read it learns nothing.
async fn ipsec_key(client: &Client) -> Option<Result<IpsecKey, String>> {
    let found = read(client, &ipsec::secret(rights::NAMESPACE)).await.ok()??;
    Some(key_in(&found))
}

/// The rights that a migration needs and the user lacks. For a user who may do everything one review is enough.
async fn missing_rights(client: &Client, in_pod: bool) -> Vec<Right> {
    let everything = ResourceAttributes {
        verb: Some("*".into()),
        group: Some("*".into()),
        resource: Some("*".into()),
        ..ResourceAttributes::default()
    };
    if may(client, everything).await == Some(true) {
        return vec![];
    }
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let defined = matches!(definitions.get_opt("nodemigrations.cutover.dev").await, Ok(Some(_)));
    let mut needed = rights::all();
    // what is wanted is changed by people, and definitions are installed once
    needed.retain(|r| match r.role {
        Role::Operator if in_pod => false,
        Role::Operator => !defined || r.resource != DEFINITIONS,
        _ => true,
    });
    let asked = needed.into_iter().map(|right| async {
        let allowed = may(client, attributes(&right)).await;
        (allowed == Some(false)).then_some(right)
    });
    stream::iter(asked).buffered(REVIEWS_AT_ONCE).filter_map(future::ready).collect().await
}

fn attributes(right: &Right) -> ResourceAttributes {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ResourceAttributes {
        namespace: some(&right.namespace),
        name: some(right.name),
        verb: some(right.verb),
        group: Some(right.resource.group.into()),
        resource: some(right.resource.plural),
        subresource: some(right.sub),
        ..ResourceAttributes::default()
    }
}

/// Whether the user may; nothing where the API server does not say: the request itself will.
async fn may(client: &Client, attributes: ResourceAttributes) -> Option<bool> {
    let spec =
        SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    Some(reviews.create(&PostParams::default(), &review).await.ok()?.status?.allowed)
}

/// Who the API server takes this user for; servers before 1.28 do not say.
async fn user(client: &Client) -> Option<String> {
    let review = Api::<SelfSubjectReview>::all(client.clone());
    let answer = review.create(&PostParams::default(), &SelfSubjectReview::default()).await.ok()?;
    answer.status?.user_info?.username
}

/// What this machine, or this pod, is called: both are found in the same file.
pub(super) fn own_name() -> String {
    std::fs::read_to_string("/etc/hostname").map(|n| n.trim().to_owned()).unwrap_or_default()
}
