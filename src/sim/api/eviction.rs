//! The eviction subresource: disruption budgets decide, as on the real server.

use serde_json::{Value, json};

use super::{
    answer::{Failure, Result},
    requests::Target,
    store::{Inner, Name},
    writes::{self, Options},
};
use crate::sim::selector::{labels, selects};

const BUDGETS: &str = "poddisruptionbudgets.policy";

/// Evicts the pod that `target` names.
pub(super) fn evict(inner: &mut Inner, target: &Target, body: &Value, options: &Options) -> Result<Value> {
    let namespace = target.namespace.clone().unwrap_or_default();
    let name = target.name.clone().unwrap_or_default();
    let key: Name = (namespace.clone(), name.clone());
    let own = inner.get("namespaces", &(String::new(), namespace.clone()));
    if own.is_some_and(|n| n["status"]["phase"] == "Terminating") {
        return Err(Failure::new(
            403,
            "Forbidden",
            format!(
                "pods \"{name}\" is forbidden: unable to create new content in namespace {namespace} because it is being terminated"
            ),
        )
        .caused("NamespaceTerminating", format!("namespace {namespace} is being terminated")));
    }
    let pod = inner.get("pods", &key).ok_or_else(|| Failure::not_found("pods", &name))?;
    let delete = delete_options(body, options);
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    let free = matches!(phase, "Succeeded" | "Failed" | "Pending") || !pod["metadata"]["deletionTimestamp"].is_null();
    if !free {
        let labels = labels(&pod["metadata"]["labels"]);
        let matching: Vec<(Name, Value)> = inner
            .list(BUDGETS, Some(&namespace))
            .filter(|(_, b)| selects(&b["spec"]["selector"], &labels))
            .map(|(k, b)| (k.clone(), (**b).clone()))
            .collect();
        match matching.as_slice() {
            [] => {}
            [(key, budget)] => spend(inner, key, budget, &pod, &name, delete.dry_run)?,
            _ => {
                return Err(Failure::new(
                    500,
                    "",
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                ));
            }
        }
    }
    let pod_target = Target { sub: None, ..target.clone() };
    writes::delete(inner, &pod_target, &delete)?;
    Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}))
}

fn delete_options(body: &Value, options: &Options) -> Options {
    let given = &body["deleteOptions"];
    let text = |v: &Value| v.as_str().map(str::to_owned);
    Options {
        dry_run: options.dry_run || given["dryRun"].as_array().is_some_and(|d| d.iter().any(|v| v == "All")),
        grace: given["gracePeriodSeconds"].as_i64(),
        uid: text(&given["preconditions"]["uid"]),
        version: text(&given["preconditions"]["resourceVersion"]),
        ..Options::default()
    }
}

fn spend(inner: &mut Inner, key: &Name, budget: &Value, pod: &Value, name: &str, dry_run: bool) -> Result<()> {
    let number = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
    if number("observedGeneration") < budget["metadata"]["generation"].as_i64().unwrap_or(0) {
        return Err(Failure::new(
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
        )
        .caused("DisruptionBudget", format!("The disruption budget {} is still being processed by the server.", key.1))
        .retry_after(10));
    }
    let ready = pod["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|c| c["type"] == "Ready" && c["status"] == "True");
    let (healthy, desired) = (number("currentHealthy"), number("desiredHealthy"));
    if !ready && (budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow" || (healthy >= desired && desired > 0))
    {
        return Ok(());
    }
    let allowed = number("disruptionsAllowed");
    if allowed <= 0 {
        return Err(Failure::new(
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
        )
        .caused(
            "DisruptionBudget",
            format!("The disruption budget {} needs {desired} healthy pods and has {healthy} currently", key.1),
        ));
    }
    if !dry_run {
        let mut budget = budget.clone();
        budget["status"]["disruptionsAllowed"] = json!(allowed - 1);
        budget["status"]["disruptedPods"][name] = json!(crate::sim::clock::now().to_string());
        inner.put(BUDGETS, key.clone(), budget);
    }
    Ok(())
}
