//! Evictions and deletions. Each is of one pod by its UID, never of a successor with the same name.

use serde_json::{Value, json};

use super::{Change, Request, resource::PODS};
use crate::domain::facts::Key;

/// Asks for an eviction.
pub fn evict(pod: &Key, uid: &str) -> Request {
    let body = json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": *pod.name, "namespace": *pod.namespace},
        "deleteOptions": {"preconditions": {"uid": uid}},
    });
    Request { object: PODS.at(pod.clone()), change: Change::Evict(body) }
}

/// Deletes with the pod's own grace period.
pub fn delete(pod: &Key, uid: &str) -> Request {
    deletion(pod, json!({"preconditions": {"uid": uid}}))
}

/// Deletes without grace: the API server forgets the pod, whether its containers have ended or not.
pub fn kill(pod: &Key, uid: &str) -> Request {
    deletion(pod, json!({"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}))
}

fn deletion(pod: &Key, options: Value) -> Request {
    Request { object: PODS.at(pod.clone()), change: Change::Delete(options) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eviction_and_a_deletion_name_their_pod_by_the_uid() {
        let pod = Key::new("shop", "web");
        let eviction = evict(&pod, "u-1");
        assert_eq!(eviction.body()["deleteOptions"]["preconditions"]["uid"], "u-1");
        assert_eq!(eviction.path(), "/api/v1/namespaces/shop/pods/web/eviction");
        for deletion in [delete(&pod, "u-1"), kill(&pod, "u-1")] {
            assert_eq!(deletion.body()["preconditions"]["uid"], "u-1");
        }
        assert_eq!(kill(&pod, "u-1").body()["gracePeriodSeconds"], 0);
    }
}
