//! Cilium's custom resource definitions: its operator registers them, and helm leaves them behind.

use serde_json::{Value, json};

use super::{Change, ObjectRef, Request, Resource, resource::DEFINITIONS, right::EVERY};

/// Those of Cilium 1.12 to 1.19 (`pkg/k8s/apis/cilium.io/client/crds` of its releases). Other programs have definitions
/// in the same group, as Tetragon's `tracingpolicies.cilium.io`.
pub const NAMES: [&str; 25] = [
    "ciliumbgpadvertisements.cilium.io",
    "ciliumbgpclusterconfigs.cilium.io",
    "ciliumbgploadbalancerippools.cilium.io",
    "ciliumbgpnodeconfigoverrides.cilium.io",
    "ciliumbgpnodeconfigs.cilium.io",
    "ciliumbgppeerconfigs.cilium.io",
    "ciliumbgppeeringpolicies.cilium.io",
    "ciliumcidrgroups.cilium.io",
    "ciliumclusterwideenvoyconfigs.cilium.io",
    "ciliumclusterwidenetworkpolicies.cilium.io",
    "ciliumegressgatewaypolicies.cilium.io",
    "ciliumegressnatpolicies.cilium.io",
    "ciliumendpoints.cilium.io",
    "ciliumendpointslices.cilium.io",
    "ciliumenvoyconfigs.cilium.io",
    "ciliumexternalworkloads.cilium.io",
    "ciliumgatewayclassconfigs.cilium.io",
    "ciliumidentities.cilium.io",
    "ciliuml2announcementpolicies.cilium.io",
    "ciliumloadbalancerippools.cilium.io",
    "ciliumlocalredirectpolicies.cilium.io",
    "ciliumnetworkpolicies.cilium.io",
    "ciliumnodeconfigs.cilium.io",
    "ciliumnodes.cilium.io",
    "ciliumpodippools.cilium.io",
];

/// Kinds that only agents and their operator write: without Cilium their objects are worth nothing.
const OF_AGENTS: [&str; 4] = ["CiliumEndpoint", "CiliumEndpointSlice", "CiliumIdentity", "CiliumNode"];

/// Objects of any kind in the group, as rights name them.
pub(super) const OBJECTS: Resource =
    Resource { group: "cilium.io", version: "v2", plural: EVERY, kind: "Cilium's resources" };

/// The definition of this name.
pub fn definition(name: &str) -> ObjectRef {
    DEFINITIONS.named(name)
}

/// Where the objects of a definition are listed, in a version that is served.
pub fn objects(definition: &Value) -> Option<String> {
    let spec = &definition["spec"];
    let version = spec["versions"].as_array()?.iter().find(|v| v["served"] == true)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(format!("/apis/{}/{}/{}", text(&spec["group"])?, text(&version["name"])?, text(&spec["names"]["plural"])?))
}

/// The first of a definition's objects that somebody else has written, as `kind/namespace/name`, with how many there
/// are.
pub fn of_others(definition: &Value, list: &Value) -> Option<(String, usize)> {
    let kind = definition["spec"]["names"]["kind"].as_str().unwrap_or_default();
    if OF_AGENTS.contains(&kind) {
        return None;
    }
    let items = list["items"].as_array()?;
    let first = &items.first()?["metadata"];
    let names = [first["namespace"].as_str(), first["name"].as_str()].into_iter().flatten();
    let path: Vec<String> = std::iter::once(kind.to_lowercase()).chain(names.map(str::to_owned)).collect();
    Some((path.join("/"), items.len()))
}

/// Deletes it, if it is still this one.
pub fn delete(name: &str, uid: &str) -> Request {
    let options = if uid.is_empty() { Value::Null } else { json!({"preconditions": {"uid": uid}}) };
    Request { object: definition(name), change: Change::Delete(options) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_kind(kind: &str) -> Value {
        let versions = json!([{"name": "v2alpha1", "served": false}, {"name": "v2", "served": true}]);
        json!({"spec": {"group": "cilium.io", "names": {"kind": kind, "plural": "things"}, "versions": versions}})
    }

    #[test]
    fn objects_of_others_are_named_and_those_of_agents_are_not() {
        let list = json!({"items": [{"metadata": {"namespace": "shop", "name": "deny"}}, {"metadata": {"name": "b"}}]});
        let policies = of_others(&of_kind("CiliumNetworkPolicy"), &list);
        assert_eq!(policies, Some(("ciliumnetworkpolicy/shop/deny".into(), 2)));
        assert_eq!(of_others(&of_kind("CiliumNode"), &list), None);
        assert_eq!(of_others(&of_kind("CiliumNetworkPolicy"), &json!({"items": []})), None);
    }

    #[test]
    fn objects_are_listed_in_a_version_that_is_served() {
        assert_eq!(objects(&of_kind("CiliumNode")).as_deref(), Some("/apis/cilium.io/v2/things"));
    }
}
