//! Label selectors in JSON, matched as kube does.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use serde::Deserialize;
use serde_json::Value;

/// True if the selector selects these labels: null selects nothing, an empty selector everything.
pub(super) fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let selector = LabelSelector::deserialize(selector).ok().and_then(|s| Selector::try_from(s).ok());
    selector.is_some_and(|s| s.matches(labels))
}

/// The labels in an object's metadata.
pub(super) fn labels(value: &Value) -> BTreeMap<String, String> {
    BTreeMap::deserialize(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_of_objects_match_as_on_the_real_server() {
        let web = labels(&json!({"app": "web", "tier": "x"}));
        let expression = |key: &str, operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        for (selector, wanted) in [
            (json!(null), false),
            (json!({}), true),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "web", "tier": "y"}}), false),
            (expression("app", "In", &["web", "api"]), true),
            (expression("app", "NotIn", &["web"]), false),
            (expression("gone", "NotIn", &["web"]), true),
            (expression("tier", "Exists", &[]), true),
            (expression("tier", "DoesNotExist", &[]), false),
            (expression("tier", "Near", &[]), false),
        ] {
            assert_eq!(selects(&selector, &web), wanted, "{selector}");
        }
    }
}
