//! Authorization: a user with all rights, one who may only read, and no others.

use axum::http::{HeaderMap, Method, header::AUTHORIZATION};

use super::answer::{Failure, Result};

/// The token of the user with all rights.
pub(super) const ADMIN: &str = "embedded-admin";
/// The token of the user who may only read.
pub(super) const VIEWER: &str = "embedded-viewer";

/// The user of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    Admin,
    Viewer,
}

impl User {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self> {
        let token = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
        match token {
            // kubectl sends no token without TLS; the server listens on loopback only
            Some(ADMIN) | None => Ok(Self::Admin),
            Some(VIEWER) => Ok(Self::Viewer),
            Some(_) => Err(Failure::new(401, "Unauthorized", "Unauthorized")),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }

    pub(super) fn may_change(self) -> bool {
        self == Self::Admin
    }

    pub(super) fn check(self, method: &Method, resource: &str) -> Result<()> {
        if self.may_change() || *method == Method::GET || resource.starts_with("selfsubject") {
            return Ok(());
        }
        let verb = match method.as_str() {
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            _ => "delete",
        };
        Err(Failure::unauthorized(resource, self.name(), verb))
    }
}
