//! Label and field selectors.

use std::collections::HashMap;

use kube::core::{Expression, Selector, SelectorExt};
use serde_json::Value;

use super::answer::{Failure, Result};
use crate::sim::selector::labels;

/// The selection of a list or a watch.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    labels: Selector,
    fields: Vec<(String, bool, String)>,
}

impl Filter {
    pub(super) fn parse(query: &HashMap<String, String>, resource: &str) -> Result<Self> {
        let labels = query.get("labelSelector").map(String::as_str).unwrap_or_default();
        let fields = query.get("fieldSelector").map(String::as_str).unwrap_or_default();
        Ok(Self { labels: parse_labels(labels)?, fields: parse_fields(fields, resource)? })
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        (self.labels.selects_all() || self.labels.matches(&labels(&object["metadata"]["labels"])))
            && self.fields.iter().all(|(path, equal, value)| (field(object, path) == *value) == *equal)
    }
}

fn field(object: &Value, path: &str) -> String {
    let mut at = object;
    for part in path.split('.') {
        at = &at[part];
    }
    match at {
        Value::String(s) => s.clone(),
        Value::Bool(b) => b.to_string(),
        Value::Null if path == "spec.unschedulable" => "false".into(),
        _ => String::new(),
    }
}

const POD_FIELDS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
];

fn parse_fields(text: &str, resource: &str) -> Result<Vec<(String, bool, String)>> {
    let mut terms = Vec::new();
    for term in text.split(',').filter(|t| !t.is_empty()) {
        let (path, equal, value) = if let Some((k, v)) = term.split_once("!=") {
            (k, false, v)
        } else if let Some((k, v)) = term.split_once("==").or_else(|| term.split_once('=')) {
            (k, true, v)
        } else {
            return Err(Failure::bad(format!("invalid field selector: {term:?}")));
        };
        let known = matches!(path, "metadata.name" | "metadata.namespace")
            || match resource {
                "pods" => POD_FIELDS.contains(&path),
                "nodes" => path == "spec.unschedulable",
                "secrets" => path == "type",
                "namespaces" => path == "status.phase",
                "events" => {
                    path.starts_with("involvedObject.")
                        || matches!(path, "reason" | "type" | "source" | "reportingComponent")
                }
                _ => false,
            };
        if !known {
            return Err(Failure::bad(format!("field label not supported: {path}")));
        }
        terms.push((path.to_owned(), equal, value.to_owned()));
    }
    Ok(terms)
}

fn parse_labels(text: &str) -> Result<Selector> {
    let mut terms = Vec::new();
    for term in split_outside_parentheses(text) {
        let term = term.trim();
        if term.is_empty() {
            continue;
        }
        let set = |rest: &str| rest.trim().trim_matches(['(', ')']).split(',').map(|v| v.trim().to_owned()).collect();
        let own = |s: &str| s.trim().to_owned();
        terms.push(if let Some((k, rest)) = term.split_once(" notin ") {
            Expression::NotIn(own(k), set(rest))
        } else if let Some((k, rest)) = term.split_once(" in ") {
            Expression::In(own(k), set(rest))
        } else if let Some((k, v)) = term.split_once("!=") {
            Expression::NotEqual(own(k), own(v))
        } else if let Some((k, v)) = term.split_once("==").or_else(|| term.split_once('=')) {
            Expression::Equal(own(k), own(v))
        } else if let Some(k) = term.strip_prefix('!') {
            Expression::DoesNotExist(own(k))
        } else if term.contains(char::is_whitespace) {
            return Err(Failure::bad(format!("unable to parse requirement: {term:?}")));
        } else {
            Expression::Exists(own(term))
        });
    }
    Ok(terms.into_iter().collect())
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(labels: &str, fields: &str) -> bool {
        let query = HashMap::from([
            ("labelSelector".to_owned(), labels.to_owned()),
            ("fieldSelector".to_owned(), fields.to_owned()),
        ]);
        let pod = json!({"metadata": {"name": "a", "labels": {"app": "web", "tier": "x"}}, "spec": {"nodeName": "n1"}});
        Filter::parse(&query, "pods").unwrap().matches(&pod)
    }

    #[test]
    fn selectors_match_as_on_the_real_server() {
        for (labels, wanted) in [
            ("app=web", true),
            ("app==web,tier!=y", true),
            ("app in (web,api),!gone", true),
            ("app notin (web)", false),
            ("missing notin (web)", true),
            ("tier", true),
            ("!tier", false),
            ("", true),
        ] {
            assert_eq!(matches(labels, ""), wanted, "{labels}");
        }
        assert!(matches("", "spec.nodeName=n1,metadata.name!=b"));
        assert!(!matches("", "spec.nodeName=n2"));
    }

    #[test]
    fn unknown_fields_are_refused() {
        let query = HashMap::from([("fieldSelector".to_owned(), "spec.foo=1".to_owned())]);
        assert_eq!(Filter::parse(&query, "pods").unwrap_err().code, 400);
    }
}
