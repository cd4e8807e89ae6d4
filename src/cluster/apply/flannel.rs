//! Flannel's objects: copied before they are deleted, created again from the copy.

use kube::Client;
use serde_json::Value;

use crate::{
    cluster::send::{create, delete, read, send},
    domain::{
        effect::{
            Change, ObjectRef, Request, Resource,
            flannel::{COPY, FLANNEL_CONFIG, back_up as copy_of, backup, copied, digest, kind_of, objection, stripped},
            resource::{CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, CONFIG_MAPS, DAEMON_SETS, SERVICE_ACCOUNTS},
        },
        facts::Key,
        problem::Problem,
    },
};

/// Collects Flannel's objects in the order in which they are created again: DaemonSets last.
async fn collect(client: &Client, sets: &[Key]) -> Result<Vec<Value>, Problem> {
    let mut objects = Vec::new();
    let mut daemon_sets = Vec::new();
    for key in sets {
        let set = DAEMON_SETS.at(key.clone());
        let missing = || Problem::new(set.to_string(), "it is not there any more", "Nothing was changed.");
        let found = read(client, &set).await?.ok_or_else(missing)?;
        add(client, CONFIG_MAPS.at(Key::new(&key.namespace, FLANNEL_CONFIG)), &mut objects).await?;
        if let Some(account) = found["spec"]["template"]["spec"]["serviceAccountName"].as_str() {
            add(client, SERVICE_ACCOUNTS.at(Key::new(&key.namespace, account)), &mut objects).await?;
            roles(client, account, &key.namespace, &mut objects).await?;
        }
        put(DAEMON_SETS, found, &mut daemon_sets);
    }
    objects.extend(daemon_sets);
    Ok(objects)
}

/// The cluster roles bound to Flannel's service account and to no other.
async fn roles(client: &Client, account: &str, namespace: &str, objects: &mut Vec<Value>) -> Result<(), Problem> {
    let list = http::Request::get(CLUSTER_ROLE_BINDINGS.named("").collection()).body(vec![]);
    let list: Value = client.request(list.map_err(kube::Error::HttpError)?).await?;
    for binding in list["items"].as_array().into_iter().flatten() {
        let subjects = binding["subjects"].as_array().map(Vec::as_slice).unwrap_or_default();
        let flannels = |s: &Value| s["kind"] == "ServiceAccount" && s["name"] == account && s["namespace"] == namespace;
        if subjects.is_empty() || !subjects.iter().all(flannels) {
            continue;
        }
        let role = binding["roleRef"]["name"].as_str().unwrap_or_default();
        if role.contains("flannel") {
            add(client, CLUSTER_ROLES.named(role), objects).await?;
        }
        put(CLUSTER_ROLE_BINDINGS, binding.clone(), objects);
    }
    Ok(())
}

async fn add(client: &Client, object: ObjectRef, objects: &mut Vec<Value>) -> Result<(), Problem> {
    if let Some(found) = read(client, &object).await? {
        put(object.resource, found, objects);
    }
    Ok(())
}

/// Adds an object once, without what the server keeps for itself. The items of a list do not say their kind.
fn put(resource: Resource, object: Value, objects: &mut Vec<Value>) {
    let mut object = stripped(object);
    object["apiVersion"] = resource.api_version().into();
    object["kind"] = resource.kind.into();
    let same = |o: &Value| {
        o["kind"] == object["kind"]
            && o["metadata"]["name"] == object["metadata"]["name"]
            && o["metadata"]["namespace"] == object["metadata"]["namespace"]
    };
    if !objects.iter().any(same) {
        objects.push(object);
    }
}

/// An older copy is complete: it is made in one request, and only while Flannel is still there.
pub(super) async fn back_up(client: &Client, sets: &[Key], namespace: &str) -> Result<(), Problem> {
    let objects = collect(client, sets).await?;
    create(client, &copy_of(namespace, &objects)).await
}

/// The objects of the copy, which has to be the one of this hash and to hold nothing but Flannel's.
async fn from_copy(client: &Client, namespace: &str, hash: &str) -> Result<Vec<(ObjectRef, Value)>, Problem> {
    let lost = |why: String| {
        let remedy = "Nothing was changed. Without the copy Flannel has to be installed again by hand.";
        Problem::new(backup(namespace).to_string(), why, remedy)
    };
    let map = read(client, &backup(namespace)).await?.ok_or_else(|| lost("it is not there".into()))?;
    if *digest(map["data"][COPY].as_str().map(str::to_owned).as_ref()) != *hash {
        return Err(lost("it was changed by another actor".into()));
    }
    let objects = copied(&map).map_err(lost)?;
    let sets = objects.iter().filter(|o| kind_of(o) == Some(DAEMON_SETS));
    let namespaces: Vec<&str> = sets.filter_map(|o| o["metadata"]["namespace"].as_str()).collect();
    if let Some(why) = objects.iter().find_map(|o| objection(o, &namespaces)) {
        return Err(lost(why));
    }
    let known = |object: &Value| {
        let resource = kind_of(object).ok_or_else(|| lost(format!("it holds a {}", object["kind"])))?;
        let name = |at: &str| object["metadata"][at].as_str().unwrap_or_default().to_owned();
        Ok((resource.at(Key::new(&name("namespace"), &name("name"))), object.clone()))
    };
    objects.iter().map(known).collect()
}

/// Deletes what the copy holds, DaemonSets last: while one is there, the work is seen to be unfinished. What is there has
/// to be what the copy says.
pub(super) async fn remove(client: &Client, sets: &[Key], namespace: &str, hash: &str) -> Result<(), Problem> {
    let objects = from_copy(client, namespace, hash).await?;
    let wrong = |object: &ObjectRef, why: String| {
        let remedy = "Nothing was deleted. Delete the copy if it is of another time; a new one is made.";
        Problem::new(object.to_string(), why, remedy)
    };
    for key in sets {
        let set = DAEMON_SETS.at(key.clone());
        if !objects.iter().any(|(object, _)| *object == set) {
            return Err(wrong(&set, format!("it is not in the copy, {}", backup(namespace))));
        }
    }
    for (object, copied) in &objects {
        let there = read(client, object).await?.map(stripped);
        let same = |at: &str| there.as_ref().is_none_or(|there| there[at] == copied[at]);
        if !["spec", "data", "rules", "subjects", "roleRef"].into_iter().all(same) {
            return Err(wrong(object, format!("it is not what the copy says, {}", backup(namespace))));
        }
    }
    for (object, _) in objects {
        let options = serde_json::json!({"propagationPolicy": "Background"});
        delete(client, &Request { object, change: Change::Delete(options) }).await?;
    }
    Ok(())
}

/// Creates again what the copy holds and is not there: what another actor has brought back is left as it is. By a patch,
/// because rights to create alone cannot be limited to a name.
pub(super) async fn restore(client: &Client, namespace: &str, hash: &str) -> Result<(), Problem> {
    for (object, body) in from_copy(client, namespace, hash).await? {
        if read(client, &object).await?.is_none() {
            send(client, &Request { object, change: Change::Apply(body) }).await?;
        }
    }
    Ok(())
}
