//! The CiliumNodeConfig: what makes an agent on a labelled node write its CNI configuration.

use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::json;

use super::Refusal;
use crate::{
    cluster::error::is_not_found,
    domain::effect::{self, FIELD_MANAGER, NODE_CONFIG},
};

fn api(client: &Client, namespace: &str, version: &str) -> (Api<DynamicObject>, ApiResource) {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("cilium.io", version, "CiliumNodeConfig"));
    (Api::namespaced_with(client.clone(), namespace, &kind), kind)
}

pub(super) async fn create(client: &Client, namespace: &str, version: &str) -> Result<(), Refusal> {
    let (api, kind) = api(client, namespace, version);
    let config = DynamicObject::new(NODE_CONFIG, &kind).within(namespace).data(json!({"spec": effect::node_config()}));
    api.patch(NODE_CONFIG, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&config)).await?;
    Ok(())
}

pub(super) async fn delete(client: &Client, namespace: &str, version: &str) -> Result<(), Refusal> {
    match api(client, namespace, version).0.delete(NODE_CONFIG, &DeleteParams::default()).await {
        Err(e) if !is_not_found(&e) => Err(e.into()),
        _ => Ok(()),
    }
}
