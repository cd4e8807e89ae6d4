//! Answers: objects, and failures with the messages of the real API server.

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

/// A failure, with the API server's message.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) code: u16,
    reason: &'static str,
    message: String,
    details: Value,
    retry_after: Option<u64>,
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null, retry_after: None }
    }

    pub(super) fn not_found(resource: &str, name: &str) -> Self {
        let mut f = Self::new(404, "NotFound", format!("{resource} {name:?} not found"));
        f.details = json!({"name": name, "kind": resource});
        f
    }

    pub(super) fn exists(resource: &str, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{resource} {name:?} already exists"))
    }

    pub(super) fn conflict(resource: &str, name: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!(
                "Operation cannot be fulfilled on {resource} {name:?}: the object has been modified; please apply your changes to the latest version and try again"
            ),
        )
    }

    pub(super) fn precondition(resource: &str, name: &str, wanted: &str, found: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!(
                "Operation cannot be fulfilled on {resource} {name:?}: the UID in the precondition ({wanted}) does not match the UID in record ({found}). The object might have been deleted and then recreated"
            ),
        )
    }

    pub(super) fn invalid(kind: &str, name: &str, causes: &[(String, String)]) -> Self {
        let said: Vec<String> = causes.iter().map(|(field, message)| format!("{field}: {message}")).collect();
        let said = if said.len() == 1 { said.concat() } else { format!("[{}]", said.join(", ")) };
        let mut f = Self::new(422, "Invalid", format!("{kind} {name:?} is invalid: {said}"));
        let causes: Vec<Value> = causes
            .iter()
            .map(|(field, m)| json!({"reason": "FieldValueInvalid", "message": m, "field": field}))
            .collect();
        f.details = json!({"name": name, "kind": kind, "causes": causes});
        f
    }

    /// Refused by an admission plugin, which names the object.
    pub(super) fn refused(resource: &str, name: &str, why: &str) -> Self {
        let mut f = Self::new(403, "Forbidden", format!("{resource} {name:?} is forbidden: {why}"));
        f.details = json!({"name": name, "kind": resource});
        f
    }

    /// Refused before admission: the kind is named, and no object.
    pub(super) fn unauthorized(resource: &str, user: &str, verb: &str) -> Self {
        let why = format!("{resource} is forbidden: User {user:?} cannot {verb} resource {resource:?}");
        let mut f = Self::new(403, "Forbidden", why);
        f.details = json!({"kind": resource});
        f
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn caused(mut self, reason: &str, message: impl Into<String>) -> Self {
        self.details = json!({"causes": [{"reason": reason, "message": message.into()}]});
        self
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        if self.details.is_null() {
            self.details = json!({});
        }
        self.details["retryAfterSeconds"] = json!(seconds);
        self
    }

    pub(super) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }

    pub(super) fn response(&self) -> Response {
        let mut response = json_response(self.code, &self.status());
        if let Some(seconds) = self.retry_after
            && let Ok(value) = seconds.to_string().parse()
        {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

pub(super) fn json_response(code: u16, value: &Value) -> Response {
    text_response(code, value.to_string())
}

/// JSON that is written already.
pub(super) fn text_response(code: u16, json: String) -> Response {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// The answer to an unknown path: text, not a Status, as on the real server.
pub(super) fn unknown_address() -> Response {
    let mut response = Response::new(Body::from("404 page not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
