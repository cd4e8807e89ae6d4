//! Volumes, claims and attachments.

use std::sync::Arc;

use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim},
    storage::v1::VolumeAttachment,
};

use super::pod::term;
use crate::domain::storage::{AttachmentFact, VolumeFact};

pub(in super::super) fn volume(v: &PersistentVolume) -> VolumeFact {
    let spec = v.spec.as_ref();
    let required = spec.and_then(|s| s.node_affinity.as_ref()?.required.as_ref());
    let csi = spec.and_then(|s| s.csi.as_ref());
    VolumeFact {
        terms: required.map(|r| r.node_selector_terms.iter().map(term).collect()).unwrap_or_default(),
        unique: csi.map(|c| format!("kubernetes.io/csi/{}^{}", c.driver, c.volume_handle)),
    }
}

/// The volume that a claim is bound to.
pub(in super::super) fn claim(c: &PersistentVolumeClaim) -> Option<Arc<str>> {
    Some(c.spec.as_ref()?.volume_name.as_deref().filter(|v| !v.is_empty())?.into())
}

pub(in super::super) fn attachment(a: &VolumeAttachment) -> AttachmentFact {
    AttachmentFact {
        node: a.spec.node_name.as_str().into(),
        volume: a.spec.source.persistent_volume_name.as_deref().unwrap_or_default().into(),
    }
}
