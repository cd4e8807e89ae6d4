//! Requests to the API server that change something: what is sent, and the same as an operator types it. Both are
//! made of one value, so that what is printed is what is done.

use serde_json::Value;

use super::{FIELD_MANAGER, ObjectRef};
use crate::domain::host::commands::quoted;

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The object that it changes.
    pub object: ObjectRef,
    /// The change.
    pub change: Change,
}

/// What a request asks for, with its body.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Create the object.
    Create(Value),
    /// Evict the pod; disruption budgets are respected.
    Evict(Value),
    /// A merge patch.
    Merge(Value),
    /// A server-side apply that takes over fields that another client manages.
    Apply(Value),
    /// Delete the object, with these options; `Null` where there are none.
    Delete(Value),
}

impl Request {
    /// The HTTP method.
    pub const fn method(&self) -> &'static str {
        match self.change {
            Change::Create(_) | Change::Evict(_) => "POST",
            Change::Merge(_) | Change::Apply(_) => "PATCH",
            Change::Delete(_) => "DELETE",
        }
    }

    /// The address.
    pub fn path(&self) -> String {
        match self.change {
            Change::Create(_) => self.object.collection(),
            Change::Evict(_) => format!("{}/eviction", self.object.path()),
            Change::Merge(_) | Change::Apply(_) | Change::Delete(_) => self.object.path(),
        }
    }

    /// The address with its query.
    pub fn uri(&self) -> String {
        match self.change {
            Change::Create(_) | Change::Evict(_) | Change::Delete(_) => self.path(),
            Change::Merge(_) => format!("{}?fieldManager={FIELD_MANAGER}", self.path()),
            Change::Apply(_) => format!("{}?force=true&fieldManager={FIELD_MANAGER}", self.path()),
        }
    }

    /// The media type of the body.
    pub const fn content_type(&self) -> &'static str {
        match self.change {
            Change::Create(_) | Change::Evict(_) | Change::Delete(_) => "application/json",
            Change::Merge(_) => "application/merge-patch+json",
            Change::Apply(_) => "application/apply-patch+yaml",
        }
    }

    /// The body; `Null` where there is none.
    pub const fn body(&self) -> &Value {
        match &self.change {
            Change::Create(body)
            | Change::Evict(body)
            | Change::Merge(body)
            | Change::Apply(body)
            | Change::Delete(body) => body,
        }
    }

    /// What an operator types to send it.
    pub fn kubectl(&self) -> String {
        let ObjectRef { resource, key } = &self.object;
        let kubectl =
            if key.namespace.is_empty() { "kubectl".to_owned() } else { format!("kubectl -n {}", key.namespace) };
        let (kind, name) = (resource.singular(), &key.name);
        match &self.change {
            Change::Create(body) => format!("{} | kubectl create -f -", echo(body)),
            Change::Evict(body) => format!("{} | kubectl create --raw {} -f -", echo(body), self.path()),
            Change::Merge(patch) => {
                format!("{kubectl} patch {kind} {name} --type merge -p {}", quoted(&patch.to_string()))
            }
            Change::Apply(body) => format!(
                "{} | kubectl apply --server-side --force-conflicts --field-manager {FIELD_MANAGER} -f -",
                echo(body)
            ),
            Change::Delete(Value::Null) => format!("{kubectl} delete {kind} {name}"),
            // kubectl's own flags know no UID
            Change::Delete(options) => format!("{} | kubectl delete --raw {} -f -", echo(options), self.path()),
        }
    }
}

/// One line, because a here-document does not survive the indentation of a screen that it is copied from.
fn echo(body: &Value) -> String {
    // not `echo`: some shells read backslashes in it
    format!("printf %s {}", quoted(&body.to_string()))
}
