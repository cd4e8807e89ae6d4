//! Asks whether the pods of host tasks would be admitted: each kind is created with `dryRun=All`, which goes through
//! every admission plugin and webhook and stores nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::PostParams, core::Status};

use super::{
    error::{is_not_found, sentence},
    store::FactStore,
};
use crate::domain::{
    api::{HostAccess, Migration},
    effect::{
        Change,
        tasks::{self, TaskPod},
    },
    facts::{Admission, Facts, RefusedBy, TaskPods},
    steps::in_pods,
};

/// How soon it is asked again: labels of a namespace and policies change at any time.
const AGAIN: Duration = Duration::from_secs(15);
/// How soon while something is refused or not known: an operator who has mended it waits.
const SOON: Duration = Duration::from_secs(3);

/// What is asked: another namespace or another image is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    namespace: String,
    image: Arc<str>,
    node: Arc<str>,
    /// What Pod Security enforces there: an operator who changes it wants to see what that does.
    enforced: Option<Arc<str>>,
}

impl Question {
    /// The one of a migration; nothing while no node is known.
    fn of(facts: &Facts, migration: &Migration) -> Option<Self> {
        let cilium = &migration.spec.cilium;
        let (node, _) = facts.nodes.first()?;
        // before Install it is the image that the chart names
        let charts = || format!("quay.io/cilium/cilium:v{}", cilium.version.trim_start_matches('v')).into();
        let image = facts.cilium_agents().map_or_else(charts, |d| Arc::clone(&d.image));
        let enforced = facts.namespaces.get(cilium.namespace.as_str()).and_then(|n| n.enforced.clone());
        Some(Self { namespace: cilium.namespace.clone(), image, node: Arc::clone(node), enforced })
    }

    /// The one that matters now: of a Migration that has not come to its end.
    fn now(facts: &Facts) -> Option<Self> {
        let migration = facts.migration.as_deref()?;
        let ended = migration.status.as_ref().is_some_and(|s| s.phase.is_end());
        if ended || !facts.stale().is_empty() { None } else { Self::of(facts, migration) }
    }

    async fn ask(&self, client: &Client) -> TaskPods {
        let pods: Api<Pod> = Api::namespaced(client.clone(), &self.namespace);
        let mut known = TaskPods { namespace: self.namespace.clone(), is_missing: false, answers: BTreeMap::new() };
        // with this access there is one task of every kind of pod
        for task in in_pods(HostAccess::Pod) {
            let pod = TaskPod { namespace: &self.namespace, image: &self.image, owner: None };
            let request = tasks::create(&self.node, task, 0, &pod);
            let Change::Create(body) = request.change else { continue };
            let Ok(pod) = serde_json::from_value(body) else { continue };
            let answer = pods.create(&PostParams { dry_run: true, field_manager: None }, &pod).await;
            match answer {
                Ok(_) => drop(known.answers.insert(task.name(), Admission::Allowed)),
                Err(e) if is_not_found(&e) => return TaskPods { is_missing: true, answers: BTreeMap::new(), ..known },
                Err(e) => drop(known.answers.insert(task.name(), judge(&e))),
            }
        }
        known
    }
}

/// Asks for a migration, and keeps the answers.
pub async fn ask(client: &Client, store: &FactStore, migration: &Migration) {
    let question = Question::of(&store.read(), migration);
    if let Some(question) = question {
        let answers = question.ask(client).await;
        store.fold(|f| take(f, answers));
    }
}

/// Asks again and again for the Migration that there is, until dropped.
pub async fn keep(client: Client, store: FactStore) {
    loop {
        store.until(|f| Question::now(f).is_some()).await;
        let Some(question) = Question::now(&store.read()) else { continue };
        let answers = question.ask(&client).await;
        store.fold(|f| take(f, answers));
        let pause = if store.read().task_pods.all_allowed() { AGAIN } else { SOON };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = store.until(|f| Question::now(f).is_some_and(|now| now != question)) => {}
        }
    }
}

/// Takes answers in; true when they change what is known. No answer takes nothing back: what was refused stays so.
fn take(facts: &mut Facts, mut answers: TaskPods) -> bool {
    let known = &facts.task_pods;
    if known.namespace == answers.namespace {
        for (task, before) in &known.answers {
            if let Some(now @ Admission::Unknown(_)) = answers.answers.get_mut(task) {
                *now = before.clone();
            }
        }
    }
    let changed = *known != answers;
    facts.task_pods = answers;
    changed
}

/// What a refused dry run means.
fn judge(error: &kube::Error) -> Admission {
    let kube::Error::Api(status) = error else { return Admission::unknown(&sentence(error)) };
    let said = |by| Admission::refused(by, without_head(&status.message));
    match status.code {
        // a pod of this name is there: it came through admission to be compared with it
        409 => Admission::Allowed,
        // a webhook that is not asked in a dry run
        400 if status.message.contains("does not support dry run") => Admission::unknown(&status.message),
        403 if is_authorization(status) => Admission::unknown(&sentence(error)),
        403 if status.message.contains("violates PodSecurity") => said(RefusedBy::PodSecurity),
        403 if ["exceeded quota", "failed quota", "maximum ", "minimum "]
            .iter()
            .any(|w| status.message.contains(w)) =>
        {
            said(RefusedBy::Quota)
        }
        400 | 403 | 406 | 422 => said(RefusedBy::Policy),
        _ => Admission::unknown(&sentence(error)),
    }
}

/// Refused before admission: the user may not create pods. That answer names the kind and no pod; admission names the
/// pod, and a webhook neither.
fn is_authorization(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|d| !d.kind.is_empty() && d.name.is_empty())
}

/// Without `pods "cutover-look-worker-1-0" is forbidden: `: the finding names what is refused.
fn without_head(message: &str) -> &str {
    message.split_once(" is forbidden: ").map_or(message, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    fn answer(code: u16, message: &str, kind: &str, name: &str) -> Admission {
        let details = StatusDetails {
            name: name.into(),
            group: String::new(),
            kind: kind.into(),
            uid: String::new(),
            causes: vec![],
            retry_after_seconds: 0,
        };
        judge(&kube::Error::Api(Status::failure(message, "").with_code(code).with_details(details).boxed()))
    }

    fn refused(by: RefusedBy, message: &str) -> Admission {
        Admission::refused(by, message)
    }

    /// The first three are recorded answers of a 1.36 server, the others as their documentation has them.
    #[test]
    fn each_refusal_names_who_refuses() {
        let pod = "cutover-look-worker-1-0";
        let head = format!("pods \"{pod}\" is forbidden: ");
        let security = "violates PodSecurity \"restricted:latest\": host namespaces (hostNetwork=true)";
        let quota = "exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3";
        let right =
            "pods is forbidden: User \"x\" cannot create resource \"pods\" in API group \"\" in the namespace \"a\"";
        let kyverno =
            "admission webhook \"validate.kyverno.svc-fail\" denied the request: policy Pod/a/b for resource violation";
        let gatekeeper = "admission webhook \"validation.gatekeeper.sh\" denied the request: [psp] privileged";
        let policy = "ValidatingAdmissionPolicy 'no-root' with binding 'no-root' denied request: failed expression";
        assert_eq!(answer(403, &format!("{head}{security}"), "pods", pod), refused(RefusedBy::PodSecurity, security));
        assert_eq!(answer(403, &format!("{head}{quota}"), "pods", pod), refused(RefusedBy::Quota, quota));
        assert!(matches!(answer(403, right, "pods", ""), Admission::Unknown(_)), "the check of rights names it");
        assert_eq!(answer(400, kyverno, "", ""), refused(RefusedBy::Policy, kyverno));
        assert_eq!(answer(403, gatekeeper, "", ""), refused(RefusedBy::Policy, gatekeeper));
        assert_eq!(answer(422, &format!("{head}{policy}"), "pods", pod), refused(RefusedBy::Policy, policy));
        assert_eq!(answer(409, "already exists", "pods", pod), Admission::Allowed);
        let silent = "admission webhook \"x.example.org\" does not support dry run";
        for (code, message) in [(400, silent), (500, "failed calling webhook"), (401, ""), (429, ""), (504, "")] {
            assert!(matches!(answer(code, message, "", ""), Admission::Unknown(_)), "{code} {message}");
        }
    }

    #[test]
    fn no_answer_does_not_take_a_refusal_back() {
        let of = |answer| TaskPods {
            namespace: "kube-system".into(),
            is_missing: false,
            answers: BTreeMap::from([("look", answer)]),
        };
        let mut facts = Facts { task_pods: of(refused(RefusedBy::Policy, "no")), ..Facts::default() };
        assert!(!take(&mut facts, of(Admission::unknown("timed out"))));
        assert_eq!(facts.task_pods, of(refused(RefusedBy::Policy, "no")));
        assert!(take(&mut facts, of(Admission::Allowed)));
        assert!(facts.task_pods.all_allowed());
    }
}
