use super::{Check, Context, Report, Source};
use crate::domain::{
    facts::{Admission, RefusedBy},
    host::HostTask,
    steps::tasks,
    text,
};

pub(super) static CHECK: Check = Check {
    id: "task-pods",
    looks_at: "whether every kind of task pod would be admitted, by a dry run of its creation",
    why: "Host tasks run as privileged pods. Pod Security, a quota, a webhook or a policy that refuses them is noticed otherwise with a node drained.",
    next: "Let the namespace of the release admit privileged pods, or reach the hosts by ssh.",
    reports: &["cilium/pwru#583"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let migration = ctx.view.migration;
    let namespace = &migration.spec.cilium.namespace;
    let object = format!("namespace/{namespace}");
    let asked = &ctx.facts().task_pods;
    if asked.is_missing && asked.namespace == *namespace {
        let message =
            "does not exist yet: whether it admits the pods of host tasks is known once Install has created it";
        let remedy = format!("Create it with what admits privileged pods: {}", labelled(namespace));
        out.warn(object, message, &remedy);
        return;
    }
    let needed = tasks::in_pods(migration.spec.hosts.access);
    let answers: Vec<(&HostTask, Option<&Admission>)> =
        needed.iter().map(|task| (task, asked.answer(namespace, task))).collect();
    if answers.iter().all(|(_, answer)| *answer == Some(&Admission::Allowed)) {
        out.fine(object, format!("{} would be admitted", text::count(needed.len(), "task pod")));
        return;
    }
    for by in [RefusedBy::PodSecurity, RefusedBy::Quota, RefusedBy::Policy] {
        let refused = answers.iter().filter_map(|(task, answer)| match answer {
            Some(Admission::Refused(refusal)) if refusal.by == by => Some((task.title(), &refusal.message)),
            _ => None,
        });
        let (titles, messages): (Vec<&str>, Vec<&String>) = refused.unzip();
        if let Some(message) = messages.first() {
            let message = format!("refuses the task pods {}: {message}", titles.join(", "));
            out.block(object.clone(), message, &remedy(by, namespace));
        }
    }
    let unknown = answers.iter().find_map(|(task, answer)| match answer {
        Some(Admission::Unknown(why)) => Some((task.title(), why.as_str())),
        None => Some((task.title(), "not asked yet")),
        _ => None,
    });
    if let Some((title, why)) = unknown {
        let message = format!("not known whether it admits the task pod {title}: {why}");
        let remedy = "A refusal would be noticed only when the first node is checked. See which admission webhooks the namespace has.";
        out.warn(object, message, remedy);
    }
}

/// What an operator does about a refusal.
fn remedy(by: RefusedBy, namespace: &str) -> String {
    match by {
        RefusedBy::PodSecurity => format!("Host tasks run as privileged pods: {}", labelled(namespace)),
        RefusedBy::Quota => {
            format!("Make room for a pod a node: kubectl -n {namespace} describe resourcequotas,limitranges")
        }
        RefusedBy::Policy => format!(
            "Exempt pods with the label {} in {namespace} from that policy, or reach the hosts with --host-access ssh.",
            crate::domain::host::TASK_LABEL
        ),
    }
}

fn labelled(namespace: &str) -> String {
    format!("kubectl label --overwrite namespace {namespace} pod-security.kubernetes.io/enforce=privileged")
}
