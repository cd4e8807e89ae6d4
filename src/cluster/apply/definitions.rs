//! Cilium's custom resource definitions: deleted where nothing uses them, and nobody has written an object of theirs.

use http::Request as HttpRequest;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt, api::ListParams};
use serde_json::Value;

use crate::{
    cluster::send::{delete, read},
    domain::{
        effect::definitions::{definition, delete as deletion, objects, of_others},
        problem::Problem,
    },
};

/// Deletes one. Who else uses it is asked now, not remembered.
pub(super) async fn remove(client: &Client, name: &str) -> Result<(), Problem> {
    let object = definition(name);
    let Some(there) = read(client, &object).await? else { return Ok(()) };
    let agents = Api::<Pod>::all(client.clone()).list(&ListParams::default().labels("k8s-app=cilium").limit(1)).await?;
    if let Some(agent) = agents.items.first() {
        let pod = format!("pod/{}/{}", agent.namespace().unwrap_or_default(), agent.name_any());
        let message = format!("{pod} is an agent of Cilium, which needs it");
        return Err(Problem::new(object.to_string(), message, "It was not deleted. Uninstall Cilium first."));
    }
    let Some(path) = objects(&there) else {
        let remedy = "It was not deleted, because nobody can see what would be deleted with it. Delete it by hand.";
        return Err(Problem::new(object.to_string(), "no version of it is served", remedy));
    };
    let request = HttpRequest::get(path).body(vec![]).map_err(kube::Error::HttpError)?;
    let list: Value = client.request(request).await?;
    if let Some((first, count)) = of_others(&there, &list) {
        let message = format!("{count} of its objects are not Cilium's own, the first is {first}");
        let remedy =
            "It was not deleted, because they would be, too. Keep a copy and delete them, or take the consent back.";
        return Err(Problem::new(object.to_string(), message, remedy));
    }
    delete(client, &deletion(name, there["metadata"]["uid"].as_str().unwrap_or_default())).await
}
