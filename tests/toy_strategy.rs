//! A strategy that only this test knows: two rolls of nodes. It goes through decisions, plans, the screen and a headless
//! run on the embedded cluster without another line changed anywhere. A program of its own: strategies are registered
//! before anything else is asked.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "it/obedient.rs"]
mod obedient;
#[path = "support/playbooks.rs"]
mod playbooks;

use std::sync::Once;

use cutover::{
    cli::{self, Exit},
    domain::{
        api::{CiliumSpec, MIGRATION, Migration, NodeMigrationStatus, Stage, Target},
        decide::Round,
        plan::{self, Planned},
        progress::Progress,
        steps::{Cordon, Drain, NodeStep, Path, Site, Uncordon},
        strategy::{
            self, Approval, Phase, PhaseId, PhaseSpec, Preflight, Roll, Standing, Start, Strategy, StrategyId, roll,
        },
        view::View,
    },
    sim::{Embedded, Settings, clock::Pace},
};
use obedient::{Obedient, done, stage};

struct Toy;

/// A roll that drains a node and hands it back.
struct Shake {
    spec: &'static PhaseSpec,
}

static WASH: PhaseSpec = PhaseSpec {
    id: "Wash",
    purpose: "Drains every node once.",
    undo: "Drains every node that was washed.",
    approval: Approval::Key,
};
static RINSE: PhaseSpec = PhaseSpec {
    id: "Rinse",
    purpose: "Drains every node a second time.",
    undo: "Drains every node that was rinsed.",
    approval: Approval::ContextName,
};

static PHASES: [&dyn Phase; 3] = [&Preflight, &FIRST, &SECOND];
static FIRST: Shake = Shake { spec: &WASH };
static SECOND: Shake = Shake { spec: &RINSE };

impl Strategy for Toy {
    fn id(&self) -> &'static str {
        "toy"
    }

    fn about(&self) -> &'static str {
        "drains every node twice"
    }

    fn phases(&self) -> &'static [&'static dyn Phase] {
        &PHASES
    }

    fn oldest_cilium(&self) -> (u32, u32) {
        (1, 12)
    }

    fn overruled(&self, _: &CiliumSpec) -> Vec<String> {
        vec![]
    }
}

impl Phase for Shake {
    fn spec(&self) -> &'static PhaseSpec {
        self.spec
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        roll::standing(self, view)
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        roll::advance(self, self, round)
    }

    fn undo(&self, round: &mut Round<'_>) -> Progress {
        roll::undo(self, round)
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        roll::preview(self, view, way)
    }

    fn roll(&self) -> Option<&'static dyn Roll> {
        Some(if self.spec.id == WASH.id { &FIRST } else { &SECOND })
    }
}

impl Roll for Shake {
    fn phase(&self) -> PhaseId {
        PhaseId::of(self.spec)
    }

    fn path(&self, _: Target) -> Path {
        &[&Cordon, &Drain, &Uncordon]
    }

    fn has_touched(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> bool {
        at.facts.is_taken_out(at.node) || status.step.is_out()
    }

    fn start(&self, _: &Site<'_>, _: &NodeMigrationStatus) -> Start {
        &Cordon
    }
}

fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| strategy::register(&[&Toy]));
}

fn toy() -> Obedient {
    register();
    let mut spec = fixture::spec();
    spec.strategy = StrategyId::named("toy").unwrap();
    Obedient::new(fixture::before(), Migration::new(MIGRATION, spec))
}

fn phase(name: &str) -> PhaseId {
    name.parse().unwrap()
}

/// How often each node was cordoned.
fn cordons(cluster: &mut Obedient) -> Vec<String> {
    let mut seen = vec![];
    cluster.run(|_, decision| {
        let names = decision.effects.iter().map(cutover::domain::effect::Effect::name);
        seen.extend(names.filter(|n| n.starts_with("cordon")));
    });
    seen
}

#[test]
fn nodes_are_rolled_twice_and_back_twice() {
    let mut cluster = toy();
    assert_eq!(
        plan::forward(&cluster.view(), phase("rinse")).len(),
        plan::forward(&cluster.view(), phase("Wash")).len() * 2
    );
    cluster.want(|m| m.spec.approved = phase("Wash"));
    assert_eq!(cordons(&mut cluster).len(), 4);
    assert_eq!(done(&cluster.facts), ["Preflight", "Wash"]);
    let washed = |c: &Obedient| c.view().status("worker-1").phase.unwrap();
    assert_eq!((washed(&cluster), cluster.view().status("worker-1").step), (phase("Wash"), NodeStep::Done));
    cluster.want(|m| m.spec.approved = phase("Rinse"));
    assert_eq!(cordons(&mut cluster).len(), 4);
    assert_eq!(stage(&cluster.facts), Stage::Complete);
    assert_eq!(washed(&cluster), phase("Rinse"));
    // one level back
    cluster.want(|m| m.spec.approved = phase("Wash"));
    assert_eq!(cordons(&mut cluster).len(), 4);
    assert_eq!((washed(&cluster), cluster.view().status("worker-1").step), (phase("Wash"), NodeStep::Done));
    // up again, one node all the way back
    cluster.want(|m| m.spec.approved = phase("Rinse"));
    cordons(&mut cluster);
    cluster.want_node("worker-2", |s| s.target = Target::Flannel);
    assert_eq!(cordons(&mut cluster), ["cordon worker-2", "cordon worker-2"]);
    assert_eq!(cluster.view().status("worker-2").step, NodeStep::RolledBack);
    // and everything
    cluster.want(|m| m.spec.target = Target::Flannel);
    assert_eq!(cordons(&mut cluster).len(), 6, "three nodes, two levels each");
    assert_eq!(stage(&cluster.facts), Stage::RolledBack);
}

/// The playbooks are made of the previews of any strategy.
#[test]
fn it_is_exported() {
    let mut cluster = toy();
    for approved in ["Wash", "Rinse", "Rinse"] {
        let view = cluster.view();
        playbooks::hold(&view, "site.yml", None, &plan::forward(&view, phase("Rinse")));
        playbooks::hold(&view, "back-all.yml", None, &plan::back(&view, None));
        for node in view.facts.nodes.values() {
            let back = plan::node(&view, node, Target::Flannel);
            playbooks::hold(&view, "back.yml", Some(&node.name), &back);
        }
        cluster.want(|m| m.spec.approved = phase(approved));
        cordons(&mut cluster);
    }
    let view = cluster.view();
    assert!(plan::back(&view, None).len() > 12, "two rolls");
    let files = cutover::domain::playbook::files(&view, "prod");
    let site = &files.iter().find(|(name, _)| name == "site.yml").unwrap().1;
    let tags: Vec<String> = site.as_array().unwrap().iter().map(|p| p["tags"].to_string()).collect();
    assert_eq!(tags, [r#"["wash"]"#, r#"["rinse","never"]"#]);
}

/// Run by the program itself, on the embedded cluster.
#[tokio::test(flavor = "multi_thread")]
async fn it_runs_headless() {
    register();
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 3, pace: Pace::MAX }, folder.path()).await.unwrap();
    let audit = folder.path().join("audit.log");
    let run = |arguments: &'static [&'static str]| {
        let kubeconfig = cluster.kubeconfig.clone();
        let audit = audit.clone();
        async move {
            let first = ["cutover".into(), "--kubeconfig".into(), kubeconfig.into_os_string()];
            let log = ["--audit-log".into(), audit.into_os_string()];
            cli::run(first.into_iter().chain(log).chain(arguments.iter().map(Into::into))).await
        }
    };
    let consents = cutover::sim::world::CONSENTS;
    let mut forward = vec![
        "run",
        "--strategy",
        "toy",
        "--until",
        "rinse",
        "--yes",
        "--confirm-context",
        "embedded",
        "--observe",
        "0",
        "--timeout",
        "120",
    ];
    consents.iter().for_each(|c| forward.extend(["--consent", *c]));
    assert_eq!(run(forward.leak()).await, Exit::Done);
    let text = std::fs::read_to_string(&audit).unwrap();
    assert_eq!(text.matches("\"cordon worker-1\"").count() / 2, 2, "each intent and its outcome");
    assert_eq!(run(&["rollback", "--confirm-context", "embedded", "--timeout", "120"]).await, Exit::Done);
}
