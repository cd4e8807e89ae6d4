//! Volumes: what has to be detached before a node may go down.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    consent::{self, Consent, ConsentKind},
    facts::{Facts, Key, PodFact},
};

/// The persistent volumes that a pod's claims are bound to.
fn volumes_of<'a>(facts: &'a Facts, pod: &'a PodFact) -> impl Iterator<Item = &'a Arc<str>> {
    pod.claims.iter().filter_map(|c| facts.claims.get(&Key { name: c.as_str().into(), ..pod.key.clone() }))
}

/// Volumes that are attached to a node, or in use there, although no pod is left on it that has them.
///
/// A pod that is gone is not a volume that is detached: a reboot in between leaves a mount that is never undone, and
/// its successor waits some six minutes for the forced detach (talos#13643, FLUO#30).
pub fn still_attached(facts: &Facts, node: &str, consents: &[Consent]) -> Vec<String> {
    let kept: BTreeSet<&Arc<str>> =
        facts.pods_on(node).filter(|p| p.is_living()).flat_map(|p| volumes_of(facts, p)).collect();
    let unique: BTreeSet<&str> = kept.iter().filter_map(|v| facts.volumes.get(*v)?.unique.as_deref()).collect();
    let attached = facts.attachments.range((node.into(), Arc::default())..).take_while(|((n, _), _)| **n == *node);
    let attached = attached.map(|(_, volume)| volume).filter(|v| !kept.contains(v));
    let mut left: BTreeSet<String> = attached.map(|v| format!("PersistentVolume/{v}")).collect();
    let in_use = facts.nodes.get(node).map(|n| n.volumes_in_use.as_slice()).unwrap_or_default();
    for name in in_use.iter().map(String::as_str).filter(|n| !unique.contains(n)) {
        left.insert(format!("PersistentVolume/{}", facts.volumes.named(name).map_or(name, |v| v)));
    }
    left.into_iter().filter(|v| !consent::given(consents, ConsentKind::LeaveVolumeAttached, v)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::{NodeFact, VolumeFact};

    #[test]
    fn only_volumes_without_a_pod_are_waited_for() {
        let mut facts = Facts::default();
        let in_use = vec!["kubernetes.io/csi/x^1".to_owned(), "kubernetes.io/csi/x^9".to_owned()];
        facts.nodes.insert("a".into(), NodeFact { name: "a".into(), volumes_in_use: in_use, ..NodeFact::default() });
        for (volume, handle, node) in [("pv-1", "1", "a"), ("pv-2", "2", "a"), ("pv-3", "3", "b")] {
            let unique = Some(format!("kubernetes.io/csi/x^{handle}").into());
            facts.volumes.insert(volume.into(), VolumeFact { unique, ..VolumeFact::default() });
            facts.attachments.insert((node.into(), format!("csi-{handle}").into()), volume.into());
        }
        let left = |facts: &Facts, consents: &[Consent]| still_attached(facts, "a", consents).join(" ");
        assert_eq!(
            left(&facts, &[]),
            "PersistentVolume/kubernetes.io/csi/x^9 PersistentVolume/pv-1 PersistentVolume/pv-2"
        );
        // a DaemonSet's pod that stays keeps its volume
        let agent = PodFact {
            key: Key::new("shop", "agent"),
            node: "a".into(),
            phase: "Running".into(),
            claims: vec!["data".into()],
            ..PodFact::default()
        };
        facts.claims.insert(Key::new("shop", "data"), "pv-1".into());
        facts.pods.insert(agent.key.clone(), agent);
        assert_eq!(left(&facts, &[]), "PersistentVolume/kubernetes.io/csi/x^9 PersistentVolume/pv-2");
        let consent = Consent {
            kind: ConsentKind::LeaveVolumeAttached,
            object: "PersistentVolume/pv-2".into(),
            by: "me".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        assert_eq!(left(&facts, &[consent]), "PersistentVolume/kubernetes.io/csi/x^9");
    }
}
