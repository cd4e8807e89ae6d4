//! Tables, as `kubectl get` prints them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::Kind;
use crate::domain::text;

struct Column {
    name: String,
    kind: String,
    priority: i64,
    value: Box<dyn Fn(&Value) -> Value>,
}

fn column(name: &str, value: impl Fn(&Value) -> Value + 'static) -> Column {
    Column { name: name.into(), kind: "string".into(), priority: 0, value: Box::new(value) }
}

fn wide(name: &str, path: &'static str) -> Column {
    Column { priority: 1, ..column(name, move |o| o.pointer(path).cloned().unwrap_or(json!("<none>"))) }
}

fn at(path: &'static str) -> impl Fn(&Value) -> Value {
    move |o| o.pointer(path).cloned().unwrap_or(Value::Null)
}

fn age(path: &str) -> impl Fn(&Value) -> Value + use<> {
    let path = path.to_owned();
    move |o| {
        let since = o.pointer(&path).and_then(Value::as_str).and_then(|t| t.parse::<Timestamp>().ok());
        since.map_or(json!("<none>"), |s| {
            json!(text::duration(text::between(s, crate::sim::clock::now())).replace(' ', ""))
        })
    }
}

fn columns(kind: &Kind) -> Vec<Column> {
    let name = column("Name", at("/metadata/name"));
    let mut columns = vec![Column { kind: "string".into(), ..name }];
    match kind.plural.as_str() {
        "nodes" => columns.extend([
            column("Status", |o| {
                let ready = condition(o, "Ready") == "True";
                let cordoned = o["spec"]["unschedulable"] == true;
                json!(format!(
                    "{}{}",
                    if ready { "Ready" } else { "NotReady" },
                    if cordoned { ",SchedulingDisabled" } else { "" }
                ))
            }),
            column("Roles", |o| {
                let roles: Vec<&str> = o["metadata"]["labels"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter_map(|(k, _)| k.strip_prefix("node-role.kubernetes.io/"))
                    .collect();
                json!(if roles.is_empty() { "<none>".into() } else { roles.join(",") })
            }),
            column("Age", age("/metadata/creationTimestamp")),
            column("Version", at("/status/nodeInfo/kubeletVersion")),
            wide("Internal-IP", "/status/addresses/0/address"),
            wide("OS-Image", "/status/nodeInfo/osImage"),
            wide("Kernel-Version", "/status/nodeInfo/kernelVersion"),
        ]),
        "pods" => columns.extend([
            column("Ready", |o| {
                let all = o["spec"]["containers"].as_array().map_or(0, Vec::len);
                let ready = o["status"]["containerStatuses"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|c| c["ready"] == true)
                    .count();
                json!(format!("{ready}/{all}"))
            }),
            column("Status", |o| {
                if !o["metadata"]["deletionTimestamp"].is_null() {
                    return json!("Terminating");
                }
                let waiting = o.pointer("/status/containerStatuses/0/state/waiting/reason");
                let ended = o.pointer("/status/containerStatuses/0/state/terminated/reason");
                waiting.or(ended).cloned().unwrap_or_else(|| o["status"]["phase"].clone())
            }),
            column("Restarts", |o| o.pointer("/status/containerStatuses/0/restartCount").cloned().unwrap_or(json!(0))),
            column("Age", age("/metadata/creationTimestamp")),
            wide("IP", "/status/podIP"),
            wide("Node", "/spec/nodeName"),
        ]),
        "daemonsets" => columns.extend([
            column("Desired", at("/status/desiredNumberScheduled")),
            column("Current", at("/status/currentNumberScheduled")),
            column("Ready", at("/status/numberReady")),
            column("Up-to-date", at("/status/updatedNumberScheduled")),
            column("Age", age("/metadata/creationTimestamp")),
        ]),
        "deployments" | "statefulsets" | "replicasets" => columns.extend([
            column("Ready", |o| {
                json!(format!(
                    "{}/{}",
                    o["status"]["readyReplicas"].as_i64().unwrap_or(0),
                    o["spec"]["replicas"].as_i64().unwrap_or(1)
                ))
            }),
            column("Age", age("/metadata/creationTimestamp")),
        ]),
        "poddisruptionbudgets" => columns.extend([
            column("Min available", |o| o["spec"].get("minAvailable").cloned().unwrap_or(json!("N/A"))),
            column("Allowed disruptions", at("/status/disruptionsAllowed")),
            column("Age", age("/metadata/creationTimestamp")),
        ]),
        "namespaces" => {
            columns.extend([column("Status", at("/status/phase")), column("Age", age("/metadata/creationTimestamp"))]);
        }
        _ => match kind.custom.as_ref().and_then(|v| v["additionalPrinterColumns"].as_array()) {
            Some(own) => columns.extend(own.iter().map(printer_column)),
            None => columns.push(column("Age", age("/metadata/creationTimestamp"))),
        },
    }
    columns
}

fn condition<'a>(object: &'a Value, wanted: &str) -> &'a str {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.filter(|c| c["type"] == wanted).find_map(|c| c["status"].as_str()).unwrap_or_default()
}

/// A column of a definition. Only plain JSON paths are supported.
fn printer_column(own: &Value) -> Column {
    let path = own["jsonPath"].as_str().unwrap_or_default().replace('.', "/");
    let kind = own["type"].as_str().unwrap_or("string").to_owned();
    let name = own["name"].as_str().unwrap_or_default().to_owned();
    let priority = own["priority"].as_i64().unwrap_or(0);
    let value: Box<dyn Fn(&Value) -> Value> = if kind == "date" {
        Box::new(age(&path))
    } else {
        Box::new(move |o| o.pointer(&path).cloned().unwrap_or(json!("")))
    };
    Column { name, kind, priority, value }
}

/// Objects as a Table.
pub(super) fn table<'a>(kind: &Kind, objects: impl Iterator<Item = &'a Value>, version: &str) -> Value {
    let columns = columns(kind);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|c| {
            let format = if c.name == "Name" { "name" } else { "" };
            json!({"name": c.name, "type": if c.kind == "date" { "string" } else { &c.kind }, "format": format, "description": "", "priority": c.priority})
        })
        .collect();
    let rows: Vec<Value> = objects
        .map(|o| {
            let cells: Vec<Value> = columns.iter().map(|c| (c.value)(o)).collect();
            json!({"cells": cells, "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": o["metadata"]}})
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version}, "columnDefinitions": definitions, "rows": rows})
}
