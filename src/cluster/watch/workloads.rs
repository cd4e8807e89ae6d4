//! What a drain asks about besides pods: workloads, volumes, namespaces that end.

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet, StatefulSet},
    core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim},
    storage::v1::VolumeAttachment,
};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::{Change, all, source};
use crate::{
    cluster::{
        convert::{self, Workload},
        store::FactStore,
    },
    domain::facts::Facts,
};

pub(super) fn start(client: &Client, store: &FactStore, tasks: &mut JoinSet<()>) {
    let (c, b) = (|| client.clone(), || store.clone());
    tasks.spawn(source(b(), "workloads", Api::<Deployment>::all(c()), all(), fold));
    tasks.spawn(source(b(), "statefulsets", Api::<StatefulSet>::all(c()), all(), fold));
    tasks.spawn(source(b(), "replicasets", Api::<ReplicaSet>::all(c()), all(), fold));
    tasks.spawn(source(b(), "volumes", Api::<PersistentVolume>::all(c()), all(), |f, change| match change {
        Change::Replace(list) => f.volumes = list.iter().map(|v| (v.name_any().into(), convert::volume(v))).collect(),
        Change::Put(v) => drop(f.volumes.insert(v.name_any().into(), convert::volume(&v))),
        Change::Remove(v) => drop(f.volumes.remove(v.name_any().as_str())),
    }));
    tasks.spawn(source(b(), "claims", Api::<PersistentVolumeClaim>::all(c()), all(), |f, change| match change {
        Change::Replace(list) => {
            f.claims = list.iter().filter_map(|v| Some((convert::key(&v.metadata), convert::claim(v)?))).collect();
        }
        Change::Put(v) => {
            if let Some(volume) = convert::claim(&v) {
                f.claims.insert(convert::key(&v.metadata), volume);
            }
        }
        Change::Remove(v) => drop(f.claims.remove(&convert::key(&v.metadata))),
    }));
    tasks.spawn(source(b(), "attachments", Api::<VolumeAttachment>::all(c()), all(), |f, change| match change {
        Change::Replace(list) => {
            f.attachments = list.iter().map(|v| (v.name_any().into(), convert::attachment(v))).collect();
        }
        Change::Put(v) => drop(f.attachments.insert(v.name_any().into(), convert::attachment(&v))),
        Change::Remove(v) => drop(f.attachments.remove(v.name_any().as_str())),
    }));
    let ends = |n: &Namespace| n.metadata.deletion_timestamp.is_some();
    tasks.spawn(source(b(), "namespaces", Api::<Namespace>::all(c()), all(), move |f, change| match change {
        Change::Replace(list) => {
            f.ending_namespaces = list.iter().filter(|n| ends(n)).map(|n| Arc::from(n.name_any())).collect();
        }
        Change::Put(n) if ends(&n) => drop(f.ending_namespaces.insert(n.name_any().into())),
        Change::Put(n) | Change::Remove(n) => drop(f.ending_namespaces.remove(n.name_any().as_str())),
    }));
}

/// Workloads of all kinds are in one map; a list replaces those of its own kind.
fn fold<K: Workload + DeserializeOwned>(facts: &mut Facts, change: Change<K>) {
    let put = |facts: &mut Facts, object: &K| {
        if let Some(fact) = convert::workload(object) {
            facts.workloads.insert(fact.object().as_str().into(), fact);
        }
    };
    match change {
        Change::Replace(list) => {
            facts.workloads.retain(|_, w| &*w.kind != K::KIND);
            list.iter().for_each(|object| put(facts, object));
        }
        Change::Put(object) => put(facts, &object),
        Change::Remove(object) => {
            if let Some(fact) = convert::workload(&object) {
                facts.workloads.remove(fact.object().as_str());
            }
        }
    }
}
