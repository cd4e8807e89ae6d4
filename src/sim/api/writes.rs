//! Create, update and delete by the server's rules: optimistic concurrency, generations, status subresource, graceful
//! deletion.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    answer::{Failure, Result},
    apply, pod_security,
    requests::Target,
    schema,
    store::{Inner, Name},
    strategic,
};

/// Options of a write.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) dry_run: bool,
    pub(super) manager: String,
    pub(super) force: bool,
    pub(super) grace: Option<i64>,
    pub(super) uid: Option<String>,
    pub(super) version: Option<String>,
}

/// Types of patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchKind {
    Merge,
    Strategic,
    Json,
    Apply,
}

pub(super) fn now() -> String {
    crate::sim::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Target {
    pub(super) fn key(&self, name: &str) -> Name {
        (self.namespace.clone().unwrap_or_default(), name.to_owned())
    }

    fn whole(&self) -> String {
        self.kind.resource()
    }

    fn named(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    fn found(&self, inner: &Inner) -> Result<Arc<Value>> {
        inner.get(&self.whole(), &self.key(self.named())).ok_or_else(|| Failure::not_found(&self.whole(), self.named()))
    }

    /// Defaults, pruning and validation of a custom resource; a few checks of built-in ones.
    fn admit(&self, object: &mut Value) -> Result<()> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let valid = !name.is_empty()
            && name.len() <= 253
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b':'));
        if !valid {
            return Err(Failure::invalid(
                &self.kind.kind,
                &name,
                &[("metadata.name".into(), "Invalid value: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'".into())],
            ));
        }
        object["apiVersion"] = json!(self.kind.api_version());
        object["kind"] = json!(self.kind.kind);
        if self.kind.plural == "secrets" {
            encode(object);
        }
        let causes = match &self.kind.custom {
            Some(version) => schema::admit(&version["schema"]["openAPIV3Schema"], object),
            None if self.kind.plural == "customresourcedefinitions" => schema::not_structural(object),
            None => return Ok(()),
        };
        if causes.is_empty() { Ok(()) } else { Err(Failure::invalid(&self.kind.kind, &name, &causes)) }
    }

    /// What a custom resource may become.
    fn may_become(&self, before: &Value, after: &Value) -> Result<()> {
        let Some(version) = &self.kind.custom else { return Ok(()) };
        let causes = schema::transition(&version["schema"]["openAPIV3Schema"], before, after);
        if causes.is_empty() { Ok(()) } else { Err(Failure::invalid(&self.kind.kind, self.named(), &causes)) }
    }
}

/// What is written as text into a Secret is stored as base64, and the text is never read back.
fn encode(secret: &mut Value) {
    let Some(texts) = secret.as_object_mut().and_then(|s| s.remove("stringData")) else { return };
    for (key, text) in texts.as_object().into_iter().flatten() {
        let bytes = text.as_str().unwrap_or_default().as_bytes().to_vec();
        secret["data"][key] = json!(k8s_openapi::ByteString(bytes));
    }
}

pub(super) fn create(inner: &mut Inner, target: &Target, mut object: Value, options: &Options) -> Result<Arc<Value>> {
    if !object.is_object() {
        return Err(Failure::bad("the body is not an object"));
    }
    let meta = &mut object["metadata"];
    if meta["name"].as_str().unwrap_or_default().is_empty()
        && let Some(prefix) = meta["generateName"].as_str()
    {
        let tail: String = super::random_tail(5);
        meta["name"] = json!(format!("{prefix}{tail}"));
    }
    if let Some(namespace) = &target.namespace {
        if meta["namespace"].as_str().is_some_and(|n| n != namespace) {
            return Err(Failure::bad(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        let exists = inner.get("namespaces", &(String::new(), namespace.clone()));
        let terminating = exists.as_ref().is_some_and(|n| n["status"]["phase"] == "Terminating");
        if exists.is_none() {
            return Err(Failure::not_found("namespaces", namespace));
        }
        if terminating {
            return Err(Failure::new(
                403,
                "Forbidden",
                format!("unable to create new content in namespace {namespace} because it is being terminated"),
            )
            .caused("NamespaceTerminating", format!("namespace {namespace} is being terminated")));
        }
        meta["namespace"] = json!(namespace);
    }
    meta["uid"] = json!(super::random_uid());
    meta["creationTimestamp"] = json!(now());
    meta["generation"] = json!(1);
    for own in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        meta.as_object_mut().map(|m| m.remove(own));
    }
    target.admit(&mut object)?;
    if target.kind.plural == "pods" {
        pod_security::admit(inner, &object)?;
    }
    if target.kind.status && target.kind.plural != "namespaces" && target.kind.plural != "customresourcedefinitions" {
        object.as_object_mut().map(|o| o.remove("status"));
    }
    initial_status(target, &mut object);
    let key = target.key(object["metadata"]["name"].as_str().unwrap_or_default());
    if inner.get(&target.whole(), &key).is_some() {
        return Err(Failure::exists(&target.whole(), &key.1));
    }
    if options.dry_run {
        return Ok(Arc::new(object));
    }
    Ok(inner.put(&target.whole(), key, object))
}

fn initial_status(target: &Target, object: &mut Value) {
    match target.kind.plural.as_str() {
        "pods" => {
            object["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
            let spec = &mut object["spec"];
            for (key, default) in [
                ("restartPolicy", json!("Always")),
                ("terminationGracePeriodSeconds", json!(30)),
                ("schedulerName", json!("default-scheduler")),
            ] {
                if spec[key].is_null() {
                    spec[key] = default;
                }
            }
        }
        "namespaces" => {
            object["spec"]["finalizers"] = json!(["kubernetes"]);
            object["status"] = json!({"phase": "Active"});
        }
        "customresourcedefinitions" => {
            let names = object["spec"]["names"].clone();
            let since = now();
            object["status"] = json!({"acceptedNames": names, "storedVersions": [storage_version(object)], "conditions": [
                {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found", "lastTransitionTime": since},
                {"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "the initial names have been accepted", "lastTransitionTime": since},
            ]});
        }
        _ => {}
    }
}

/// Replaces an object. The status subresource changes only the status, other writes everything else.
pub(super) fn replace(inner: &mut Inner, target: &Target, mut object: Value, options: &Options) -> Result<Arc<Value>> {
    let current = target.found(inner)?;
    let given = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    if !given.is_empty() && current["metadata"]["resourceVersion"] != given {
        return Err(Failure::conflict(&target.whole(), target.named()));
    }
    let given = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    if !given.is_empty() && current["metadata"]["uid"] != *given {
        let found = current["metadata"]["uid"].as_str().unwrap_or_default();
        return Err(Failure::precondition(&target.whole(), target.named(), &given, found));
    }
    if target.sub.as_deref() == Some("status") {
        let status = object["status"].take();
        object = (*current).clone();
        object["status"] = status;
    } else if target.kind.status {
        match current.get("status") {
            Some(status) => object["status"] = status.clone(),
            None => drop(object.as_object_mut().map(|o| o.remove("status"))),
        }
    }
    for own in [
        "uid",
        "creationTimestamp",
        "name",
        "namespace",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        match current["metadata"].get(own) {
            Some(kept) => object["metadata"][own] = kept.clone(),
            None => drop(object["metadata"].as_object_mut().map(|m| m.remove(own))),
        }
    }
    target.admit(&mut object)?;
    target.may_become(&current, &object)?;
    if target.kind.plural == "customresourcedefinitions" {
        store_version(&mut object);
    }
    if differs(&current, &object) {
        let generation = current["metadata"]["generation"].as_i64().unwrap_or(1);
        object["metadata"]["generation"] = json!(generation + 1);
    }
    object["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"].clone();
    // a write without a change has no event and no new version
    if options.dry_run || object == *current {
        return Ok(Arc::new(object));
    }
    let ended = !object["metadata"]["deletionTimestamp"].is_null()
        && !has_finalizers(&object)
        && !waits_for_kubelet(target, &object);
    let key = target.key(target.named());
    if ended {
        return inner.remove(&target.whole(), &key).ok_or_else(|| Failure::not_found(&target.whole(), target.named()));
    }
    Ok(inner.put(&target.whole(), key, object))
}

/// The storage version of a definition.
fn storage_version(crd: &Value) -> Value {
    let mut versions = crd["spec"]["versions"].as_array().into_iter().flatten();
    versions.find(|v| v["storage"] == true).map_or(Value::Null, |v| v["name"].clone())
}

/// Adds the storage version to the stored versions. Earlier ones stay: objects may still be stored in them.
fn store_version(crd: &mut Value) {
    let version = storage_version(crd);
    if let Some(stored) = crd["status"]["storedVersions"].as_array_mut().filter(|s| !s.contains(&version)) {
        stored.push(version);
    }
}

/// True if anything but metadata and status differs.
fn differs(before: &Value, now: &Value) -> bool {
    let (Some(before), Some(now)) = (before.as_object(), now.as_object()) else { return true };
    let own = |k: &String| !matches!(k.as_str(), "metadata" | "status" | "apiVersion" | "kind");
    before.keys().chain(now.keys()).filter(|k| own(k)).any(|k| before.get(k) != now.get(k))
}

fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|f| !f.is_empty())
}

/// A bound pod stays until its kubelet confirms its end.
fn waits_for_kubelet(target: &Target, object: &Value) -> bool {
    target.kind.plural == "pods" && object["metadata"]["deletionGracePeriodSeconds"].as_i64().is_some_and(|g| g > 0)
}

pub(super) fn patch(
    inner: &mut Inner,
    target: &Target,
    kind: PatchKind,
    change: &Value,
    options: &Options,
) -> Result<Arc<Value>> {
    if kind == PatchKind::Apply {
        return server_side_apply(inner, target, change, options);
    }
    let current = target.found(inner)?;
    let mut object = (*current).clone();
    match kind {
        PatchKind::Strategic if target.kind.custom.is_some() => {
            return Err(Failure::new(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            ));
        }
        PatchKind::Strategic => strategic::patch(&mut object, change),
        PatchKind::Json => {
            let steps: json_patch::Patch =
                serde_json::from_value(change.clone()).map_err(|e| Failure::bad(e.to_string()))?;
            json_patch::patch(&mut object, &steps).map_err(|e| {
                Failure::new(
                    422,
                    "Invalid",
                    format!("the server rejected our request due to an error in our request: {e}"),
                )
            })?;
        }
        PatchKind::Merge | PatchKind::Apply => json_patch::merge(&mut object, change),
    }
    // a patch without a version applies to the newest one
    if change.pointer("/metadata/resourceVersion").is_none() {
        object["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"].clone();
    }
    replace(inner, target, object, options)
}

fn server_side_apply(inner: &mut Inner, target: &Target, change: &Value, options: &Options) -> Result<Arc<Value>> {
    if options.manager.is_empty() {
        return Err(Failure::bad(
            "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    let current = inner.get(&target.whole(), &target.key(target.named()));
    let mut object =
        apply::apply(current.as_deref(), change, &options.manager, options.force, &target.kind.api_version())?;
    object["metadata"]["name"] = json!(target.named());
    if current.is_some() {
        object["metadata"].as_object_mut().map(|m| m.remove("resourceVersion"));
        replace(inner, target, object, options)
    } else {
        create(inner, target, object, options)
    }
}

pub(super) fn delete(inner: &mut Inner, target: &Target, options: &Options) -> Result<Arc<Value>> {
    let current = target.found(inner)?;
    let meta = &current["metadata"];
    if let Some(uid) = &options.uid
        && meta["uid"] != **uid
    {
        return Err(Failure::precondition(
            &target.whole(),
            target.named(),
            uid,
            meta["uid"].as_str().unwrap_or_default(),
        ));
    }
    if let Some(version) = &options.version
        && meta["resourceVersion"] != **version
    {
        return Err(Failure::conflict(&target.whole(), target.named()));
    }
    if options.dry_run {
        return Ok(current);
    }
    let key = target.key(target.named());
    // a namespace stays until its controller has emptied it and removes the finalizer
    if target.kind.plural == "namespaces" && current["spec"]["finalizers"].as_array().is_some_and(|f| !f.is_empty()) {
        if !meta["deletionTimestamp"].is_null() {
            return Ok(current);
        }
        let mut object = (*current).clone();
        object["metadata"]["deletionTimestamp"] = json!(now());
        object["status"]["phase"] = json!("Terminating");
        return Ok(inner.put(&target.whole(), key, object));
    }
    let grace = grace(target, &current, options);
    if grace > 0 || has_finalizers(&current) {
        let mut object = (*current).clone();
        let shortest = object["metadata"]["deletionGracePeriodSeconds"].as_i64().map_or(grace, |g| g.min(grace));
        if object["metadata"]["deletionTimestamp"].is_null()
            || shortest < object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(i64::MAX)
        {
            let end = crate::sim::clock::now() + jiff::SignedDuration::from_secs(grace);
            object["metadata"]["deletionTimestamp"] = json!(end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            object["metadata"]["deletionGracePeriodSeconds"] = json!(shortest);
            if let Some(generation) = object["metadata"]["generation"].as_i64() {
                object["metadata"]["generation"] = json!(generation + 1);
            }
            return Ok(inner.put(&target.whole(), key, object));
        }
        return Ok(current);
    }
    if target.kind.plural == "customresourcedefinitions" {
        // the objects of a kind go with its definition
        let resource = target.named();
        let names: Vec<Name> = inner.list(resource, None).map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| drop(inner.remove(resource, name)));
    }
    inner.remove(&target.whole(), &key).ok_or_else(|| Failure::not_found(&target.whole(), target.named()))
}

/// `PUT /namespaces/NAME/finalize`: changes only the finalizers in the spec; without any the namespace is gone.
pub(super) fn finalize(inner: &mut Inner, target: &Target, given: &Value) -> Result<Arc<Value>> {
    let current = target.found(inner)?;
    let mut object = (*current).clone();
    object["spec"]["finalizers"] = given["spec"]["finalizers"].clone();
    let key = target.key(target.named());
    let ended = !object["metadata"]["deletionTimestamp"].is_null()
        && object["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty);
    if ended {
        return inner.remove(&target.whole(), &key).ok_or_else(|| Failure::not_found(&target.whole(), target.named()));
    }
    Ok(inner.put(&target.whole(), key, object))
}

/// Only a bound, running pod is deleted gracefully.
fn grace(target: &Target, current: &Value, options: &Options) -> i64 {
    if target.kind.plural != "pods" {
        return 0;
    }
    let bound = current["spec"]["nodeName"].as_str().is_some_and(|n| !n.is_empty());
    let ended = matches!(current["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if !bound || ended {
        return 0;
    }
    options.grace.or_else(|| current["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30)
}
