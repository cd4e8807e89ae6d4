//! What a colleague does to Cilium's release, and takes back.

use cutover::sim::local::{roll_back_by_others, upgrade_by_others};
use serde_json::{Value, json};

use super::{Fault, World};
use crate::observer::release::{Deployed, newest};

const NAMESPACE: &str = "kube-system";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseFault {
    /// `helm upgrade` with other values.
    OtherValues,
    /// `helm upgrade` to another version.
    OtherVersion,
    /// `kubectl edit configmap cilium-config`.
    EditedByHand,
}

impl ReleaseFault {
    pub(super) async fn begin(self, world: &World<'_>, fault: &Fault) {
        let Some(now) = newest(world.server).filter(|r| r.status == "deployed") else { return };
        world.observer.disturbed();
        world.observer.release_changes();
        if self == Self::EditedByHand {
            return edit(world, now.values["cni"]["customConf"] != true).await;
        }
        let (mut values, mut version) = (now.values.clone(), now.version.clone());
        if self == Self::OtherVersion {
            "1.16.5".clone_into(&mut version);
        } else if fault.which.is_multiple_of(2) {
            values["cni"]["customConf"] = json!(values["cni"]["customConf"] != true);
        } else {
            values["hubble"]["relay"]["enabled"] = json!(false);
        }
        if let Ok(number) = upgrade_by_others(world.client, NAMESPACE, &version, &values).await {
            world.note(fault, json!({"theirs": number, "before": now.number}));
        }
    }

    pub(super) async fn end(self, world: &World<'_>, fault: &Fault) {
        let now = newest(world.server);
        if self == Self::EditedByHand {
            // as the release has it by now
            if let Some(Deployed { values, .. }) = now {
                world.observer.disturbed();
                world.observer.release_changes();
                edit(world, values["cni"]["customConf"] == true).await;
            }
            return;
        }
        let Some(note) = world.noted(fault) else { return };
        if now.is_some_and(|r| note["theirs"] == r.number) {
            world.observer.disturbed();
            world.observer.release_changes();
            let _ = roll_back_by_others(world.client, NAMESPACE, note["before"].as_u64().unwrap_or(0)).await;
        }
    }
}

async fn edit(world: &World<'_>, custom: bool) {
    let there = world.server.look("configmaps", NAMESPACE, "cilium-config").is_some();
    if there {
        let file = if custom { Value::Null } else { json!("/host/etc/cni/net.d/05-cilium.conflist") };
        let exclusive = if custom { Value::Null } else { json!("true") };
        let data = json!({"data": {"custom-cni-conf": custom.to_string(), "write-cni-conf-when-ready": file, "cni-exclusive": exclusive}});
        world.merge("ConfigMap", "cilium-config", &data).await;
    }
}
