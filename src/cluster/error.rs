//! What a failed request means, in words that name what to do.

use kube::core::Status;

use super::port::RequestError;
use crate::domain::problem::{Problem, ProblemKind};

/// The API server says that something is not there. Compares the code: an answer without a JSON body
/// has no reason that could be compared (kube 5 makes its own up).
pub fn is_not_found(error: &kube::Error) -> bool {
    code(error) == Some(404)
}

/// Another writer was first.
pub fn is_conflict(error: &kube::Error) -> bool {
    code(error) == Some(409)
}

/// The HTTP status of an answer.
pub fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

impl From<&kube::Error> for RequestError {
    fn from(error: &kube::Error) -> Self {
        match kind(error) {
            ProblemKind::Conflict => Self::Conflict,
            ProblemKind::Unauthorized => Self::Unauthorized(sentence(error)),
            _ => Self::Failed(sentence(error)),
        }
    }
}

/// What kind of problem a failed request is.
fn kind(error: &kube::Error) -> ProblemKind {
    match (error, code(error)) {
        // no credentials, so that nothing was sent
        (kube::Error::Auth(_), _) | (_, Some(401)) => ProblemKind::Unauthorized,
        (_, Some(403)) => ProblemKind::Forbidden,
        (_, Some(409)) => ProblemKind::Conflict,
        (_, Some(429)) => ProblemKind::Busy,
        (_, Some(500..=599) | None) => ProblemKind::Unknown,
        (_, Some(_)) => ProblemKind::Failed,
    }
}

/// A failed change as a problem; its object is named by the caller, who knows it.
impl From<kube::Error> for Problem {
    fn from(error: kube::Error) -> Self {
        let kind = kind(&error);
        let remedy = match kind {
            ProblemKind::Unauthorized => {
                "Nothing was changed. Log in and start Cutover again; it resumes where it was."
            }
            ProblemKind::Forbidden => {
                "Nothing was changed. Ask for the right, or for the ClusterRole that `cutover manifests --rbac` prints."
            }
            ProblemKind::Conflict => "Nothing was changed: another writer changed the object first. It is read again.",
            ProblemKind::Busy => "Nothing was changed: the API server is busy. It is asked again.",
            ProblemKind::Unknown => UNKNOWN,
            _ => "Nothing was changed. It is tried again.",
        };
        Self::new("", sentence(&error), remedy).of_kind(kind)
    }
}

/// What is done about an answer that did not come.
pub(super) const UNKNOWN: &str = "Unknown whether it was changed: it is read before it is tried again.";

/// An error as one sentence.
pub fn sentence(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => api(status),
        kube::Error::Auth(e) => format!("the credentials could not be got: {}", plugin(e)),
        kube::Error::Service(e) => format!("the API server cannot be reached: {}", chain(&**e)),
        kube::Error::HyperError(e) => format!("the connection broke: {}", chain(e)),
        kube::Error::SerdeError(e) => format!("the answer is not Kubernetes': {e}"),
        other => chain(other),
    }
}

/// What a credential plugin said of its failure; never what it printed as its answer.
fn plugin(error: &kube::client::AuthError) -> String {
    let kube::client::AuthError::AuthExecRun { out, .. } = error else { return chain(error) };
    let said = String::from_utf8_lossy(&out.stderr);
    let last = said.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("the credential plugin failed");
    last.trim_start_matches("cutover: ").to_owned()
}

fn api(status: &Status) -> String {
    match status.code {
        401 => "401 Unauthorized: credentials invalid or expired".into(),
        403 => format!("not allowed: {}", status.message),
        404 if status.reason != "NotFound" => {
            "the server does not know this address: is it a Kubernetes API server?".into()
        }
        _ if status.message.is_empty() => format!("HTTP {}", status.code),
        _ => status.message.clone(),
    }
}

/// An error with what lies behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        next = cause.source();
    }
    said
}

/// The innermost cause's text of any error.
pub fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// An error of a watch, as a problem of what it watches.
pub fn watch(error: &kube::runtime::watcher::Error) -> Problem {
    use kube::runtime::watcher::Error;
    let (message, kind) = match error {
        Error::InitialListFailed(e) | Error::WatchStartFailed(e) | Error::WatchFailed(e) => (sentence(e), kind(e)),
        Error::WatchError(status) => (api(status), kind(&kube::Error::Api(status.clone()))),
        Error::NoResourceVersion => ("the server's list has no resource version".into(), ProblemKind::Failed),
    };
    Problem::new("", message, "").of_kind(kind)
}
