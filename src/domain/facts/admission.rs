//! Whether the pods of host tasks would be admitted: what dry runs of their creation said.

use std::collections::BTreeMap;

use crate::domain::{host::HostTask, text};

/// How much of a refusal is kept: PodSecurity lists every field, a policy engine every rule.
const MOST: usize = 400;

/// What a dry run of a pod's creation said. A pod of which there is no answer was not asked for yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The API server did not say, and why.
    Unknown(String),
    /// The pod would be created.
    Allowed,
    /// The pod is refused.
    Refused(Refusal),
}

/// Who refuses a pod, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who.
    pub by: RefusedBy,
    /// The words, safe for a terminal, and shortened.
    pub message: String,
}

/// Who refuses a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// Pod Security admission: a label of the namespace.
    PodSecurity,
    /// A quota or a limit of the namespace.
    Quota,
    /// A webhook (Kyverno, Gatekeeper), or an admission policy.
    Policy,
}

impl Admission {
    /// It is refused, in these words.
    pub fn refused(by: RefusedBy, message: &str) -> Self {
        Self::Refused(Refusal { by, message: shortened(message) })
    }

    /// It is not known, and this is why.
    pub fn unknown(why: &str) -> Self {
        Self::Unknown(shortened(why))
    }
}

/// What dry runs of task pods said, all in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskPods {
    /// The namespace.
    pub namespace: String,
    /// It does not exist: nothing can be asked in it.
    pub is_missing: bool,
    /// The answers, by the task's name.
    pub answers: BTreeMap<&'static str, Admission>,
}

impl TaskPods {
    /// What was said of the pod of a task in this namespace; nothing while it was not asked.
    pub fn answer(&self, namespace: &str, task: &HostTask) -> Option<&Admission> {
        self.answers.get(task.name()).filter(|_| self.namespace == namespace)
    }

    /// Every pod of these would be created.
    pub fn all_allowed(&self) -> bool {
        !self.answers.is_empty() && self.answers.values().all(|a| *a == Admission::Allowed)
    }
}

fn shortened(message: &str) -> String {
    let message = text::safe(message.trim());
    match message.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_short_and_cannot_act_on_a_terminal() {
        let Admission::Refused(refusal) =
            Admission::refused(RefusedBy::Policy, &format!("denied: \x1b[31m{}", "x".repeat(900)))
        else {
            panic!()
        };
        assert!(refusal.message.starts_with("denied: <U+001B>[31mxx"), "{}", refusal.message);
        assert_eq!(refusal.message.chars().count(), MOST + 1);
    }

    #[test]
    fn an_answer_counts_only_in_its_namespace() {
        let answers = BTreeMap::from([("look", Admission::Allowed)]);
        let pods = TaskPods { namespace: "kube-system".into(), is_missing: false, answers };
        assert_eq!(pods.answer("kube-system", &HostTask::Look), Some(&Admission::Allowed));
        assert_eq!(pods.answer("cilium", &HostTask::Look), None);
        assert_eq!(pods.answer("kube-system", &HostTask::Probe), None, "not asked");
    }
}
