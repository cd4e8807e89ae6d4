//! The shape of what is said of an effect, and how it is put together.

use std::time::Duration;

use super::{Change, ObjectRef, Request, Resource, Right, Risk, Role, proof::Proof};

/// How long requests to the API server may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// What is said of an effect.
#[derive(Clone, Debug)]
pub struct Description {
    /// The same change has the same name, so that it is under way only once.
    pub name: String,
    /// The object that it changes.
    pub object: String,
    /// What it does to the object, in a few words.
    pub words: String,
    /// How much it can hurt.
    pub risk: Risk,
    /// What an operator types to do the same, one command a line. Values and secrets never appear.
    pub kubectl: Vec<String>,
    /// The rights that it needs.
    pub rights: Vec<Right>,
    /// The conditions under which it is carried out, beyond those of every change: this engine holds the Lease, no
    /// source is late, and the migration is not paused.
    pub gate: &'static [&'static str],
    /// What has to be seen before it is made.
    pub before: Vec<Proof>,
    /// What shows that it is made already; `None` where making it once more changes nothing.
    pub done: Option<Proof>,
    /// What is waited for after it, before anything else is changed.
    pub after: Vec<Proof>,
    /// Where it leaves a report in the cluster: what shows that it has, and a command line that prints it.
    pub report: Option<(Proof, String)>,
    /// A refusal is for now only: it is asked for again.
    pub asked_again: bool,
    /// How long it may take.
    pub limit: Duration,
    /// Nothing that is watched shows that it was made: decisions ask whether it has ended.
    pub unseen: bool,
    /// It goes on in a program or on a host when the engine's term ends, and is worth waiting for at the exit.
    pub outlives_term: bool,
}

impl Description {
    pub(super) fn new(
        object: impl ToString,
        words: impl Into<String>,
        risk: Risk,
        gate: &'static [&'static str],
    ) -> Self {
        Self {
            name: String::new(),
            object: object.to_string(),
            words: words.into(),
            risk,
            kubectl: vec![],
            rights: vec![],
            gate,
            before: vec![],
            done: None,
            after: vec![],
            report: None,
            asked_again: false,
            limit: REQUEST_LIMIT,
            unseen: false,
            outlives_term: false,
        }
    }

    /// It is this request.
    pub(super) fn sends(mut self, role: Role, request: &Request) -> Self {
        self.kubectl.push(request.kubectl());
        let right = |verb| Right::new(role, verb, request.object.resource);
        self.rights.extend(match request.change {
            Change::Create(_) => vec![right("create")],
            Change::Evict(_) => vec![Right { sub: "eviction", ..right("create") }],
            Change::Merge(_) => patching(role, request.object.resource),
            Change::Apply(_) => vec![right("create"), right("patch")],
            Change::Delete(_) => vec![right("delete")],
        });
        self
    }

    /// It is this merge patch, where the object is as it is foreseen.
    pub(super) fn patches(self, role: Role, object: ObjectRef, patch: Option<serde_json::Value>) -> Self {
        self.sends(role, &Request { object, change: Change::Merge(patch.unwrap_or_default()) })
    }

    /// It changes objects of one namespace alone.
    pub(super) fn within(mut self, namespace: &str) -> Self {
        self.rights.iter_mut().for_each(|r| namespace.clone_into(&mut r.namespace));
        self
    }

    /// It changes one object alone, whose name is always the same.
    pub(super) fn only(mut self, name: &'static str, namespace: &str) -> Self {
        self.rights.iter_mut().for_each(|r| *r = r.clone().named(name).within(namespace));
        self
    }

    pub(super) fn typed(self, kubectl: Vec<String>) -> Self {
        Self { kubectl, ..self }
    }

    pub(super) fn needs(self, rights: Vec<Right>) -> Self {
        Self { rights, ..self }
    }

    pub(super) fn outlives_term(self, limit: Duration) -> Self {
        Self { limit, outlives_term: true, ..self }
    }
}

/// What is patched is read first.
pub(super) fn patching(role: Role, resource: Resource) -> Vec<Right> {
    ["get", "patch"].map(|verb| Right::new(role, verb, resource)).to_vec()
}
