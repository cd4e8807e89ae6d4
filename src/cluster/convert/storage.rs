//! Volumes and claims.

use std::sync::Arc;

use k8s_openapi::api::core::v1::VolumeNodeAffinity;
use kube::core::{NotUsed, Object};
use serde::Deserialize;

use super::pod::term;
use crate::domain::facts::VolumeFact;

/// All that is read of a PersistentVolume.
pub(in super::super) type Volume = Object<VolumeSpec, NotUsed>;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct VolumeSpec {
    node_affinity: Option<VolumeNodeAffinity>,
    csi: Option<Csi>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Csi {
    driver: String,
    volume_handle: String,
}

/// All that is read of a PersistentVolumeClaim.
pub(in super::super) type Claim = Object<ClaimSpec, NotUsed>;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ClaimSpec {
    volume_name: Option<String>,
}

pub(in super::super) fn volume(v: &Volume) -> VolumeFact {
    let required = v.spec.node_affinity.as_ref().and_then(|a| a.required.as_ref());
    let csi = v.spec.csi.as_ref();
    VolumeFact {
        terms: required.map(|r| r.node_selector_terms.iter().map(term).collect()).unwrap_or_default(),
        unique: csi.map(|c| format!("kubernetes.io/csi/{}^{}", c.driver, c.volume_handle).into()),
    }
}

/// The volume that a claim is bound to.
pub(in super::super) fn claim(c: &Claim) -> Option<Arc<str>> {
    Some(c.spec.volume_name.as_deref().filter(|v| !v.is_empty())?.into())
}
