//! Replicas and budgets that are changed while a node drains, and put back. The mark on the object is part of the
//! same patch, so that nothing is ever changed without a trace of what it was.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::{
    BUDGET_MARK, Resource, SCALE_MARK,
    resource::{DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS},
};

/// What a budget asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BudgetSpec {
    /// `minAvailable`.
    pub min_available: Option<IntOrString>,
    /// `maxUnavailable`.
    pub max_unavailable: Option<IntOrString>,
    /// How many healthy pods that comes to.
    pub desired: i32,
}

impl BudgetSpec {
    /// The budget as the API server has it, as far as lowering it looks at it.
    pub(super) fn object(&self) -> Value {
        let spec = json!({"minAvailable": self.min_available, "maxUnavailable": self.max_unavailable});
        json!({"spec": spec, "status": {"desiredHealthy": self.desired}})
    }
}

/// The resource of a kind that has replicas.
pub fn scalable(kind: &str) -> Option<Resource> {
    [DEPLOYMENTS, STATEFUL_SETS, REPLICA_SETS].into_iter().find(|r| r.kind == kind)
}

/// One replica more, provided that there are `from` and no mark of an earlier one.
pub fn scale_up(workload: &Value, from: i32) -> Option<Value> {
    let marked = workload["metadata"]["annotations"][SCALE_MARK].is_string();
    (!marked && replicas(workload) == i64::from(from))
        .then(|| json!({"metadata": {"annotations": {SCALE_MARK: from.to_string()}}, "spec": {"replicas": from + 1}}))
}

/// Takes that replica away again.
pub fn scale_back(workload: &Value, to: i32) -> Option<Value> {
    workload["metadata"]["annotations"].get(SCALE_MARK)?;
    let mut patch = json!({"metadata": {"annotations": {SCALE_MARK: null}}});
    // another number of replicas was set by another client: it stays, only the mark is removed
    if replicas(workload) == i64::from(to) + 1 {
        patch["spec"] = json!({"replicas": to});
    }
    Some(patch)
}

fn replicas(workload: &Value) -> i64 {
    workload["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// One healthy pod less is asked for, however the budget spells it.
pub fn lower_budget(budget: &Value) -> Option<Value> {
    if budget["metadata"]["annotations"][BUDGET_MARK].is_string() {
        return None;
    }
    let spec = &budget["spec"];
    let desired = budget["status"]["desiredHealthy"].as_i64().unwrap_or(1);
    let least = (desired - 1).max(0);
    let was = json!({"minAvailable": spec["minAvailable"], "maxUnavailable": spec["maxUnavailable"], "lowered": least});
    let lower = json!({"minAvailable": least, "maxUnavailable": null});
    Some(json!({"metadata": {"annotations": {BUDGET_MARK: was.to_string()}}, "spec": lower}))
}

/// The budget asks for what it did.
pub fn restore_budget(budget: &Value) -> Option<Value> {
    let was = budget["metadata"]["annotations"][BUDGET_MARK].as_str()?;
    let was: Value = serde_json::from_str(was).unwrap_or_else(|_| json!({}));
    let mut patch = json!({"metadata": {"annotations": {BUDGET_MARK: null}}});
    // another spec was set by another client: it stays, only the mark is removed
    if budget["spec"]["minAvailable"] == was["lowered"] && budget["spec"]["maxUnavailable"].is_null() {
        patch["spec"] = json!({"minAvailable": was["minAvailable"], "maxUnavailable": was["maxUnavailable"]});
    }
    Some(patch)
}

/// A budget as it is after it was lowered with this mark, as far as restoring it looks at it.
pub(super) fn lowered_object(mark: &str) -> Value {
    let was: Value = serde_json::from_str(mark).unwrap_or_else(|_| json!({}));
    json!({"metadata": {"annotations": {BUDGET_MARK: mark}}, "spec": {"minAvailable": was["lowered"]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A merge patch, as the server applies it.
    fn with(mut object: Value, change: Option<Value>) -> Value {
        json_patch::merge(&mut object, &change.unwrap_or_default());
        object
    }

    #[test]
    fn a_budget_is_restored_unless_another_client_changed_it() {
        for spec in [json!({"minAvailable": 3}), json!({"maxUnavailable": 0}), json!({"minAvailable": "100%"})] {
            let before = json!({"metadata": {"name": "b"}, "spec": spec, "status": {"desiredHealthy": 3}});
            let low = with(before.clone(), lower_budget(&before));
            assert_eq!(low["spec"], json!({"minAvailable": 2}));
            assert_eq!(lower_budget(&low), None, "once is enough");
            assert_eq!(with(low.clone(), restore_budget(&low))["spec"], before["spec"]);
            let mark = low["metadata"]["annotations"][BUDGET_MARK].as_str().unwrap();
            assert_eq!(restore_budget(&lowered_object(mark)), restore_budget(&low), "as it is foreseen");
            let theirs = with(low, Some(json!({"spec": {"minAvailable": 0}})));
            let left = with(theirs.clone(), restore_budget(&theirs));
            assert_eq!(left["spec"], json!({"minAvailable": 0}), "theirs stays");
            assert!(left["metadata"]["annotations"].get(BUDGET_MARK).is_none());
        }
    }

    #[test]
    fn a_replica_is_added_once_and_removed_unless_another_client_scaled() {
        let before = json!({"metadata": {"name": "d"}, "spec": {"replicas": 1}});
        let more = with(before.clone(), scale_up(&before, 1));
        assert_eq!(more["spec"]["replicas"], 2);
        assert_eq!((scale_up(&more, 1), scale_up(&before, 2)), (None, None));
        assert_eq!(with(more.clone(), scale_back(&more, 1))["spec"]["replicas"], 1);
        let theirs = with(more, Some(json!({"spec": {"replicas": 5}})));
        let left = with(theirs.clone(), scale_back(&theirs, 1));
        assert_eq!(left["spec"]["replicas"], 5, "theirs stays");
        assert!(left["metadata"]["annotations"].get(SCALE_MARK).is_none());
        assert_eq!(scale_back(&before, 1), None, "no mark of ours");
    }
}
