//! Evictions and deletions. Each is of one pod by its UID, never of a successor with the same name.

use k8s_openapi::{
    api::{core::v1::Pod, policy::v1::Eviction},
    apimachinery::pkg::apis::meta::v1 as meta,
};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams, Preconditions},
    core::Status,
};

use super::Refusal;
use crate::{
    cluster::error::{is_conflict, is_not_found, sentence},
    domain::{facts::Key, rolling::Refused},
};

/// Asks for an eviction.
pub(super) async fn evict(client: &Client, pod: &Key, uid: &str) -> Result<(), Refusal> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace);
    let eviction = eviction(pod, uid);
    let answer =
        api.create_subresource::<Eviction, Status>("eviction", &pod.name, &PostParams::default(), &eviction).await;
    judge(answer)
}

/// The body, built here: kube's own drops the delete options, and with them the UID.
fn eviction(pod: &Key, uid: &str) -> Eviction {
    Eviction {
        metadata: meta::ObjectMeta {
            name: Some(pod.name.to_string()),
            namespace: Some(pod.namespace.to_string()),
            ..meta::ObjectMeta::default()
        },
        delete_options: Some(meta::DeleteOptions {
            preconditions: Some(meta::Preconditions { uid: Some(uid.into()), resource_version: None }),
            ..meta::DeleteOptions::default()
        }),
    }
}

/// What an answer to an eviction means. "Granted" means that the deletion was accepted: the pod may run on for
/// its whole grace period.
fn judge(answer: kube::Result<Status>) -> Result<(), Refusal> {
    let error = match answer {
        // some servers answer 201 with a failure inside (two budgets)
        Ok(status) if status.is_failure() => kube::Error::Api(status.boxed()),
        Ok(_) => return Ok(()),
        Err(e) => e,
    };
    let kube::Error::Api(status) = &error else { return Err(error.into()) };
    let refusal = |kind, message: String, next: &str| Err(Refusal { message, next: next.to_owned(), kind });
    let busy = "The pod was not touched: the API server is busy. It is asked again.";
    match status.code {
        404 => Ok(()),
        // another pod of the same name: the one that was meant is gone
        409 => Ok(()),
        429 => match cause(status, "DisruptionBudget") {
            Some(message) => refusal(
                Refused::Budget,
                message,
                "The pod was not touched. It is asked again; no budget is bypassed without a consent.",
            ),
            // flow control, or a server that starts
            None => refusal(Refused::Busy, sentence(&error), busy),
        },
        403 if cause(status, "NamespaceTerminating").is_some() => refusal(
            Refused::NamespaceEnds,
            "its namespace is being deleted: the pod goes with it".into(),
            "The pod was not touched. It is waited for.",
        ),
        403 if status.message.contains("disruption") || status.message.contains("DisruptedPods") => refusal(
            Refused::Fault,
            sentence(&error),
            "The pod was not touched. The budget's status is broken: its controller has to mend it, or it is created anew.",
        ),
        500 if status.message.contains("more than one PodDisruptionBudget") => refusal(
            Refused::Fault,
            status.message.clone(),
            "The pod was not touched. Leave only one budget for it: until then no eviction succeeds.",
        ),
        _ => Err(error.into()),
    }
}

fn cause(status: &Status, reason: &str) -> Option<String> {
    status.details.iter().flat_map(|d| &d.causes).find(|c| c.reason == reason).map(|c| c.message.clone())
}

/// Deletes without grace: the API server forgets the pod, whether its containers have ended or not.
pub(super) async fn kill(client: &Client, pod: &Key, uid: &str) -> Result<(), Refusal> {
    delete_with(client, pod, uid, Some(0)).await
}

pub(super) async fn delete(client: &Client, pod: &Key, uid: &str) -> Result<(), Refusal> {
    delete_with(client, pod, uid, None).await
}

async fn delete_with(client: &Client, pod: &Key, uid: &str, grace: Option<u32>) -> Result<(), Refusal> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace);
    match api.delete(&pod.name, &deletion(uid, grace)).await {
        Err(e) if !is_not_found(&e) && !is_conflict(&e) => Err(e.into()),
        _ => Ok(()),
    }
}

fn deletion(uid: &str, grace: Option<u32>) -> DeleteParams {
    DeleteParams {
        grace_period_seconds: grace,
        preconditions: Some(Preconditions { uid: Some(uid.into()), resource_version: None }),
        ..DeleteParams::default()
    }
}

#[cfg(test)]
mod tests {
    use kube::core::response::{StatusCause, StatusDetails};

    use super::*;

    fn answer(code: u16, message: &str, cause: Option<(&str, &str)>) -> kube::Result<Status> {
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

    #[test]
    fn an_eviction_names_its_pod_by_the_uid() {
        let body = serde_json::to_value(eviction(&Key::new("shop", "web"), "u-1")).unwrap();
        assert_eq!(body["apiVersion"], "policy/v1");
        assert_eq!(body["deleteOptions"]["preconditions"]["uid"], "u-1", "{body}");
    }

    #[test]
    fn a_deletion_names_its_pod_by_the_uid() {
        for grace in [None, Some(0)] {
            let asked = deletion("u-1", grace);
            assert_eq!(asked.preconditions.and_then(|p| p.uid).as_deref(), Some("u-1"));
            assert_eq!(asked.grace_period_seconds, grace);
        }
    }

    /// Each refusal is told from the others; what is said comes from recorded answers of a 1.36 server.
    #[test]
    fn refusals_are_told_apart() {
        let budget = Some(("DisruptionBudget", "The disruption budget b1 needs 1 healthy pods and has 1 currently"));
        let ends = Some(("NamespaceTerminating", "namespace x is being terminated"));
        let two = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        let cases = [
            (answer(429, "Cannot evict pod", budget), Refused::Budget, "needs 1 healthy pods and has 1"),
            (answer(429, "too many requests", None), Refused::Busy, "too many requests"),
            (answer(403, "forbidden: unable to create", ends), Refused::NamespaceEnds, "goes with it"),
            (answer(403, "pods \"a\" is forbidden: User \"x\"", None), Refused::Fault, "not allowed"),
            (answer(500, two, None), Refused::Fault, "more than one PodDisruptionBudget"),
            (answer(504, "timed out", None), Refused::Fault, "timed out"),
        ];
        for (answer, kind, said) in cases {
            let refusal = judge(answer).unwrap_err();
            assert_eq!(refusal.kind, kind, "{refusal:?}");
            assert!(refusal.message.contains(said), "{refusal:?}");
        }
        let inside = Status { code: 500, ..Status::failure(two, "") };
        assert!(judge(Ok(inside)).unwrap_err().next.contains("only one budget"), "201 with a failure inside");
        assert_eq!(judge(answer(404, "gone", None)), Ok(()));
        assert_eq!(judge(answer(409, "the UID in the precondition does not match", None)), Ok(()));
    }
}
