//! No decision is made on our own sentences, and no phase or step is named outside the strategies.

use cutover::domain::strategy;

use crate::layers::{code, files, source};

/// Words of other programs, and parts of names and formats: those who write them give no type. File, words, whose.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("cli/consents.rs", "->", "a connection's notation, given by the operator"),
    ("cluster/admission.rs", "does not support dry run", "the API server, of a webhook"),
    ("cluster/admission.rs", "violates PodSecurity", "Pod Security admission, whose refusal has no cause"),
    ("cluster/apply/flannel.rs", "flannel", "the name of a role"),
    ("domain/effect/flannel.rs", "flannel", "the name of a role"),
    ("domain/effect/release.rs", "pending-", "helm's word"),
    ("cluster/apply/pods.rs", "DisruptedPods", "the API server's refusal of an eviction, which has no cause"),
    ("cluster/apply/pods.rs", "disruption", "the API server's refusal of an eviction, which has no cause"),
    ("cluster/apply/pods.rs", "more than one PodDisruptionBudget", "the API server's refusal of an eviction"),
    ("cluster/apply/task.rs", "error=", "a key of the host script's report"),
    ("cluster/auditing.rs", "watch=", "a query"),
    ("cluster/helm.rs", "release: not found", "helm's standard error"),
    ("cluster/watch/link.rs", "[-]etcd", "the API server's /readyz"),
    ("cockpit/ui/theme.rs", "utf8", "a locale"),
    ("domain/audit.rs", "values", "a key of Kubernetes objects"),
    ("domain/audit.rs", "valuesContent", "a key of Kubernetes objects"),
    ("domain/decide/flows.rs", "world", "Cilium's name for what is outside"),
    ("domain/facts/node.rs", "/flannel", "an image"),
    ("domain/encryption.rs", "rfc", "the names of AEAD algorithms begin so"),
    ("domain/strategy/flannel.rs", "10-flannel", "a file's name"),
    ("hubble/channel.rs", "compression flag", "tonic's message, whose code says less"),
];

const QUESTIONS: [&str; 3] = [".contains(\"", ".starts_with(\"", ".ends_with(\""];

/// Every text with a letter that some other text is asked for.
fn asked_for(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in code.lines().filter(|l| !l.trim_start().starts_with("//")) {
        for question in QUESTIONS {
            let texts = line.match_indices(question).map(|(at, _)| &line[at + question.len()..]);
            found.extend(texts.filter_map(|t| t.split('"').next()));
        }
    }
    found.retain(|t| t.contains("->") || t.contains(char::is_alphabetic));
    found
}

/// The embedded cluster is left out: it reads what others write, in their formats.
#[test]
fn no_decision_is_made_on_our_own_sentences() {
    let mut found: Vec<(String, String)> = Vec::new();
    for file in files(&source()) {
        let path = file.strip_prefix(source()).unwrap().to_string_lossy().into_owned();
        if !path.starts_with("sim/") {
            found.extend(asked_for(&code(&file)).into_iter().map(|t| (path.clone(), t.to_owned())));
        }
    }
    let known = |path: &str, text: &str| FOREIGN.iter().any(|(p, t, _)| (*p, *t) == (path, text));
    let new: Vec<_> = found.iter().filter(|(p, t)| !known(p, t)).collect();
    assert!(
        new.is_empty(),
        "use a type: Reason, ProblemKind, Severity; or name the program whose words these are: {new:#?}"
    );
    let there = |path: &str, text: &str| found.iter().any(|(p, t)| (p.as_str(), t.as_str()) == (path, text));
    let gone: Vec<_> = FOREIGN.iter().filter(|(p, t, _)| !there(p, t)).collect();
    assert!(gone.is_empty(), "no longer there, so no longer listed: {gone:?}");
}

#[test]
fn the_test_sees_what_it_forbids() {
    let code = "if status.waiting.contains(\"needs consent\") {\n// .contains(\"x\")\nif a.starts_with(\"/\") {";
    assert_eq!(asked_for(code), ["needs consent"]);
}

/// A name of a phase or step that is something else: file, name, what.
const OTHERS: &[(&str, &str, &str)] = &[("cluster/events.rs", "Migrate", "the action of a Kubernetes Event")];

/// Who needs one in particular asks the strategy, as the first that rolls nodes, or the last.
#[test]
fn only_strategies_name_their_phases_and_steps() {
    let steps = strategy::steps();
    let ids: Vec<&str> = strategy::phase_names().into_iter().chain(steps.iter().map(|s| s.spec().id)).collect();
    let strategies: Vec<&str> = strategy::all().map(cutover::domain::strategy::Strategy::id).collect();
    assert!(ids.len() > 10 && !strategies.is_empty());
    for file in files(&source()) {
        let path = file.strip_prefix(source()).unwrap().to_string_lossy().into_owned();
        if path.starts_with("domain/strategy") || path.starts_with("domain/steps") {
            continue;
        }
        for line in code(&file).lines().filter(|l| !l.trim_start().starts_with("//")) {
            for id in ids.iter().filter(|id| line.contains(&format!("\"{id}\""))) {
                let other = OTHERS.iter().any(|(p, i, _)| (*p, i) == (path.as_str(), id));
                assert!(other, "{path} names {id}: {line}");
            }
            for strategy in &strategies {
                assert!(!line.contains(&format!("strategy::{strategy}")), "{path} names {strategy}: {line}");
            }
        }
    }
}
