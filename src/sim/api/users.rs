//! Authorization: a user with all rights, one who may only read, and no others.

use axum::http::{HeaderMap, Method, header::AUTHORIZATION};

use super::answer::{Failure, Result};

/// The bearer tokens of a server's users, made for it alone: other users of this machine reach its port, too.
#[derive(Debug)]
pub(in crate::sim) struct Tokens {
    /// Of the user with all rights.
    pub(in crate::sim) admin: String,
    /// Of the user who may only read.
    pub(in crate::sim) viewer: String,
}

impl Tokens {
    /// New ones.
    pub(super) fn generate() -> Self {
        let token = || uuid::Uuid::new_v4().simple().to_string();
        Self { admin: token(), viewer: token() }
    }
}

/// The user of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    Admin,
    Viewer,
}

impl User {
    pub(super) fn of(headers: &HeaderMap, tokens: &Tokens) -> Result<Self> {
        let token = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
        match token {
            Some(token) if token == tokens.admin => Ok(Self::Admin),
            Some(token) if token == tokens.viewer => Ok(Self::Viewer),
            _ => Err(Failure::new(401, "Unauthorized", "Unauthorized")),
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
