//! The actors' cache: objects as JSON, updated by watches.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::{StreamExt, pin_mut};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams, Preconditions},
    runtime::watcher,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::sim::clock::Pace;
pub(super) use crate::sim::selector::selects;

/// An object of any kind.
pub(super) type Object = Arc<DynamicObject>;

/// The kinds that the actors watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Node,
    Pod,
    Namespace,
    ConfigMap,
    DaemonSet,
    Deployment,
    ReplicaSet,
    StatefulSet,
    Budget,
    Policy,
    Volume,
    Claim,
    Attachment,
    CiliumNode,
    CiliumEndpoint,
    CiliumNodeConfig,
    Migration,
    NodeMigration,
}

impl Kind {
    const BUILT_IN: [Self; 13] = [
        Self::Node,
        Self::Pod,
        Self::Namespace,
        Self::ConfigMap,
        Self::DaemonSet,
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::Budget,
        Self::Policy,
        Self::Volume,
        Self::Claim,
        Self::Attachment,
    ];
    /// Served once Cilium's operator, or Cutover, has defined them.
    const DEFINED: [Self; 5] =
        [Self::CiliumNode, Self::CiliumEndpoint, Self::CiliumNodeConfig, Self::Migration, Self::NodeMigration];

    pub(super) fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Self::Node => ("", "v1", "Node", "nodes"),
            Self::Pod => ("", "v1", "Pod", "pods"),
            Self::Namespace => ("", "v1", "Namespace", "namespaces"),
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::DaemonSet => ("apps", "v1", "DaemonSet", "daemonsets"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::ReplicaSet => ("apps", "v1", "ReplicaSet", "replicasets"),
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::Budget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            Self::Policy => ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
            Self::Volume => ("", "v1", "PersistentVolume", "persistentvolumes"),
            Self::Claim => ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
            Self::Attachment => ("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments"),
            Self::CiliumNode => ("cilium.io", "v2", "CiliumNode", "ciliumnodes"),
            Self::CiliumEndpoint => ("cilium.io", "v2", "CiliumEndpoint", "ciliumendpoints"),
            Self::CiliumNodeConfig => ("cilium.io", "v2alpha1", "CiliumNodeConfig", "ciliumnodeconfigs"),
            Self::Migration => ("cutover.dev", "v1alpha1", "Migration", "migrations"),
            Self::NodeMigration => ("cutover.dev", "v1alpha1", "NodeMigration", "nodemigrations"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    const fn is_placed(self) -> bool {
        matches!(
            self,
            Self::Node | Self::Pod | Self::Namespace | Self::CiliumNode | Self::Volume | Self::Claim | Self::Attachment
        )
    }

    const fn is_namespaced(self) -> bool {
        !matches!(
            self,
            Self::Node
                | Self::Namespace
                | Self::Volume
                | Self::Attachment
                | Self::CiliumNode
                | Self::Migration
                | Self::NodeMigration
        )
    }
}

type Objects = RwLock<BTreeMap<(String, String), Object>>;

/// The cluster as the actors see it.
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) pace: Pace,
    caches: HashMap<Kind, Objects>,
    changed: watch::Sender<u64>,
    /// The same for what kubelets and the scheduler look at.
    placed: watch::Sender<u64>,
}

impl Cluster {
    pub(super) fn new(client: Client, pace: Pace) -> Self {
        let caches = Self::kinds().map(|k| (k, RwLock::default())).collect();
        Self { client, pace, caches, changed: watch::Sender::new(0), placed: watch::Sender::new(0) }
    }

    /// Watches one kind for ever.
    pub(super) async fn follow(self: Arc<Self>, kind: Kind) {
        let Some(cache) = self.caches.get(&kind) else { return };
        loop {
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &kind.resource());
            let events = watcher(api, watcher::Config::default());
            pin_mut!(events);
            let mut listed = BTreeMap::new();
            while let Some(event) = events.next().await {
                let mut cache = cache.write().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Ok(watcher::Event::Init) => listed.clear(),
                    Ok(watcher::Event::InitApply(o)) => drop(listed.insert(key(&o), Arc::new(o))),
                    Ok(watcher::Event::InitDone) => *cache = std::mem::take(&mut listed),
                    Ok(watcher::Event::Apply(o)) => drop(cache.insert(key(&o), Arc::new(o))),
                    Ok(watcher::Event::Delete(o)) => drop(cache.remove(&key(&o))),
                    Err(_) => break,
                }
                drop(cache);
                self.changed.send_modify(|n| *n += 1);
                if kind.is_placed() {
                    self.placed.send_modify(|n| *n += 1);
                }
            }
            // a custom resource is not served before its definition exists
            tokio::time::sleep(self.pace.shorten(Duration::from_secs(2)).max(Duration::from_millis(20))).await;
        }
    }

    pub(super) fn kinds() -> impl Iterator<Item = Kind> {
        Kind::BUILT_IN.into_iter().chain(Kind::DEFINED)
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Changes of nodes, of pods, and of what decides where a pod may land: most of what controllers write is none.
    pub(super) fn placements(&self) -> watch::Receiver<u64> {
        self.placed.subscribe()
    }

    pub(super) fn all(&self, kind: Kind) -> Vec<Object> {
        self.caches
            .get(&kind)
            .map(|c| c.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect())
            .unwrap_or_default()
    }

    pub(super) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Object> {
        let cache = self.caches.get(&kind)?.read().unwrap_or_else(PoisonError::into_inner);
        cache.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    pub(super) fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        let resource = kind.resource();
        if kind.is_namespaced() {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        }
    }

    /// Creates an object; false if it exists already, or its namespace is gone.
    pub(super) async fn create(&self, kind: Kind, namespace: &str, object: Value) -> bool {
        let resource = kind.resource();
        let mut object = object;
        object["apiVersion"] = json!(resource.api_version);
        object["kind"] = json!(resource.kind);
        match serde_json::from_value::<DynamicObject>(object) {
            Ok(object) => {
                let (api, params) = (self.api(kind, namespace), PostParams::default());
                match self.answered(|| api.create(&params, &object)).await {
                    Ok(_) => return true,
                    Err(e) => tracing::debug!("actor: {kind:?} {} not created: {e}", object.name_any()),
                }
            }
            Err(e) => tracing::error!("actor: {kind:?}: {e}"),
        }
        false
    }

    /// Waits until the cache has the created objects: a controller that counts before would create more.
    pub(super) async fn shown(&self, kind: Kind, namespace: &str, names: &[String]) {
        for _ in 0..400 {
            if names.iter().all(|name| self.get(kind, namespace, name).is_some()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn merge(&self, kind: Kind, namespace: &str, name: &str, change: &Value) -> Option<DynamicObject> {
        let (api, params, patch) = (self.api(kind, namespace), PatchParams::default(), Patch::Merge(change));
        self.answered(|| api.patch(name, &params, &patch)).await.ok()
    }

    /// Patches a status: strategic, so that conditions of other writers stay.
    pub(super) async fn status(&self, kind: Kind, namespace: &str, name: &str, status: &Value) -> bool {
        let change = json!({"status": status});
        let api = self.api(kind, namespace);
        let params = PatchParams::default();
        let patch = match kind {
            Kind::CiliumNode | Kind::CiliumEndpoint | Kind::CiliumNodeConfig => Patch::Merge(&change),
            _ => Patch::Strategic(&change),
        };
        self.answered(|| api.patch_status(name, &params, &patch)).await.is_ok()
    }

    pub(super) async fn delete(&self, kind: Kind, object: &DynamicObject, grace: Option<u32>) {
        let preconditions = Some(Preconditions { uid: object.uid(), resource_version: None });
        let params = DeleteParams { grace_period_seconds: grace, preconditions, ..DeleteParams::default() };
        let api = self.api(kind, &object.namespace().unwrap_or_default());
        let name = object.name_any();
        let _ = self.answered(|| api.delete(&name, &params)).await;
    }

    /// Retries until the API server answers: an actor's one-time write is not lost while it is down.
    pub(super) async fn answered<T, F>(&self, ask: impl Fn() -> F) -> kube::Result<T>
    where
        F: Future<Output = kube::Result<T>>,
    {
        loop {
            match ask().await {
                Err(kube::Error::Service(_) | kube::Error::HyperError(_)) => {}
                Err(kube::Error::Api(status)) if status.code >= 500 => {}
                answer => return answer,
            }
            tokio::time::sleep(self.pace.shorten(Duration::from_secs(2)).max(Duration::from_millis(20))).await;
        }
    }
}

fn key(object: &DynamicObject) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// True if an object has this condition as True.
pub(super) fn is_true(object: &DynamicObject, condition: &str) -> bool {
    object.data["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|c| c["type"] == condition && c["status"] == "True")
}

/// True if the owner with this UID is the object's controller.
pub(super) fn owned_by(object: &DynamicObject, uid: &str) -> bool {
    object.owner_references().iter().any(|o| o.controller == Some(true) && o.uid == uid)
}

/// An owner reference with `owner` as the controller.
pub(super) fn owner_reference(kind: Kind, owner: &DynamicObject) -> Value {
    let types = kind.resource();
    json!([{"apiVersion": types.api_version, "kind": types.kind, "name": owner.name_any(), "uid": owner.uid(), "controller": true, "blockOwnerDeletion": true}])
}
