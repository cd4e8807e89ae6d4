//! Evictions and deletions of pods, and what the answers mean.

use kube::{Client, core::Status};
use serde_json::Value;

use crate::{
    cluster::{
        error::{is_conflict, is_not_found, sentence},
        send::send,
    },
    domain::{
        effect::Request,
        problem::{Problem, ProblemKind},
    },
};

/// Asks for an eviction.
pub(super) async fn evict(client: &Client, request: &Request) -> Result<(), Problem> {
    judge(send(client, request).await)
}

/// What an answer to an eviction means. "Granted" means that the deletion was accepted: the pod may run on for
/// its whole grace period.
fn judge(answer: kube::Result<Value>) -> Result<(), Problem> {
    let error = match answer {
        // some servers answer 201 with a failure inside (two budgets)
        Ok(body) => match serde_json::from_value::<Status>(body) {
            Ok(status) if status.is_failure() => kube::Error::Api(status.boxed()),
            _ => return Ok(()),
        },
        Err(e) => e,
    };
    let kube::Error::Api(status) = &error else { return Err(error.into()) };
    let refused = |kind, message: String, remedy: &str| {
        Err(Problem::new("", message, format!("The pod was not touched. {remedy}")).of_kind(kind))
    };
    match status.code {
        404 => Ok(()),
        // another pod of the same name: the one that was meant is gone
        409 => Ok(()),
        429 => match cause(status, "DisruptionBudget") {
            Some(message) => {
                refused(ProblemKind::Budget, message, "It is asked again; no budget is bypassed without a consent.")
            }
            // flow control, or a server that starts
            None => refused(ProblemKind::Busy, sentence(&error), "The API server is busy. It is asked again."),
        },
        403 if cause(status, "NamespaceTerminating").is_some() => refused(
            ProblemKind::NamespaceTerminating,
            "its namespace is being deleted: the pod goes with it".into(),
            "Cutover waits for it.",
        ),
        403 if status.message.contains("disruption") || status.message.contains("DisruptedPods") => refused(
            ProblemKind::Failed,
            sentence(&error),
            "The budget's status is broken: its controller has to fix it, or the budget is created again.",
        ),
        500 if status.message.contains("more than one PodDisruptionBudget") => refused(
            ProblemKind::TwoBudgets,
            status.message.clone(),
            "Leave only one budget for it: until then no eviction succeeds.",
        ),
        _ => Err(error.into()),
    }
}

fn cause(status: &Status, reason: &str) -> Option<String> {
    status.details.iter().flat_map(|d| &d.causes).find(|c| c.reason == reason).map(|c| c.message.clone())
}

/// Deletes a pod. A conflict says that another pod has its name by now.
pub(super) async fn delete(client: &Client, request: &Request) -> Result<(), Problem> {
    match send(client, request).await {
        Err(e) if !is_not_found(&e) && !is_conflict(&e) => Err(e.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::response::{StatusCause, StatusDetails};
    use serde_json::json;

    use super::*;

    fn answer(code: u16, message: &str, cause: Option<(&str, &str)>) -> kube::Result<Value> {
        let causes = cause.map(|(reason, message)| StatusCause {
            reason: reason.into(),
            message: message.into(),
            field: String::new(),
        });
        let details = StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: causes.into_iter().collect(),
            retry_after_seconds: 0,
        };
        let failure = Status::failure(message, "").with_code(code).with_details(details);
        Err(kube::Error::Api(failure.boxed()))
    }

    /// Messages are from recorded answers of a 1.36 server.
    #[test]
    fn each_refusal_is_of_its_kind() {
        let budget = Some(("DisruptionBudget", "The disruption budget b1 needs 1 healthy pods and has 1 currently"));
        let ends = Some(("NamespaceTerminating", "namespace x is being terminated"));
        let two = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        let cases = [
            (answer(429, "Cannot evict pod", budget), ProblemKind::Budget, "needs 1 healthy pods and has 1"),
            (answer(429, "too many requests", None), ProblemKind::Busy, "too many requests"),
            (answer(403, "forbidden: unable to create", ends), ProblemKind::NamespaceTerminating, "goes with it"),
            (answer(403, "pods \"a\" is forbidden: User \"x\"", None), ProblemKind::Forbidden, "not allowed"),
            (answer(500, two, None), ProblemKind::TwoBudgets, "more than one PodDisruptionBudget"),
            (answer(504, "timed out", None), ProblemKind::Unknown, "timed out"),
        ];
        for (answer, kind, said) in cases {
            let problem = judge(answer).unwrap_err();
            assert_eq!(problem.kind, kind, "{problem}");
            assert!(problem.message.contains(said), "{problem}");
        }
        let inside = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": two, "code": 500});
        assert_eq!(judge(Ok(inside)).unwrap_err().kind, ProblemKind::TwoBudgets, "201 with a failure inside");
        assert_eq!(judge(Ok(json!({"kind": "Eviction", "metadata": {"name": "a"}}))), Ok(()));
        assert_eq!(judge(answer(404, "gone", None)), Ok(()));
        assert_eq!(judge(answer(409, "the UID in the precondition does not match", None)), Ok(()));
    }
}
