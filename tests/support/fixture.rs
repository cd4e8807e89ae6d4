//! A cluster in the middle of its migration, as facts: the same for every picture.

use std::{collections::BTreeMap, sync::Arc};

use cutover::{
    domain::{
        api::{
            CiliumSpec, Finding, Installer, MIGRATION, Migration, MigrationSpec, MigrationStatus, NodeMigration,
            NodeMigrationSpec, NodeMigrationStatus, NodesSpec, PhaseState, PhaseStatus, RestartBy, Severity, Stage,
            StepTiming, Target,
        },
        decide::{Decision, decide},
        effect::FINALIZER,
        encryption::Encryption,
        evidence::{Evidence, HostEvidence},
        facts::{
            Admission, BudgetFact, CiliumConfigFact, Cni, DaemonSetFact, Facts, Key, NodeFact, Owner, PodFact,
            Selector, Sources, TaskPods,
        },
        flannel::{CniConf, FlannelFact},
        log::{Entry, Kind as Said, Log},
        reason::{Reason, Waiting},
        steps::NodeStep,
        strategy::{PhaseId, StrategyId},
        view::View,
    },
    hubble::{
        flow::{End, Kind, Reader, Row},
        reason::Verdict,
        window::{Stream, Window},
    },
};
use jiff::Timestamp;
use serde_json::json;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// A phase by its name.
pub fn phase_named(name: &str) -> PhaseId {
    name.parse().unwrap()
}

/// A step by its name.
pub fn step_named(name: &str) -> NodeStep {
    NodeStep::named(name).unwrap_or_else(|| panic!("no step {name}"))
}

/// The Migration, to be changed.
pub fn migration(facts: &mut Facts) -> &mut Migration {
    Arc::make_mut(facts.migration.as_mut().unwrap())
}

/// The record of a node, to be changed.
pub fn record<'a>(facts: &'a mut Facts, node: &str) -> &'a mut NodeMigration {
    Arc::make_mut(facts.node_migrations.get_mut(node).unwrap())
}

/// The recorded status of a node, to be changed.
pub fn status<'a>(facts: &'a mut Facts, node: &str) -> &'a mut NodeMigrationStatus {
    record(facts, node).status.as_mut().unwrap()
}

/// A decision, with the status of every node: as it becomes, or as it is.
#[derive(Debug)]
pub struct Decided {
    pub decision: Decision,
    pub nodes: BTreeMap<Arc<str>, NodeMigrationStatus>,
}

impl std::ops::Deref for Decided {
    type Target = Decision;

    fn deref(&self) -> &Decision {
        &self.decision
    }
}

/// Decides.
pub fn decided_in(view: View<'_>) -> Decided {
    let decision = decide(view);
    let become_or_is = |n: &Arc<str>| {
        let changed = decision.nodes.get(n).map(|c| c.status.clone());
        changed.unwrap_or_else(|| view.status(n).clone())
    };
    let nodes = view.facts.nodes.keys().map(|n| (n.clone(), become_or_is(n))).collect();
    Decided { decision, nodes }
}

pub fn spec() -> MigrationSpec {
    MigrationSpec {
        strategy: StrategyId::default(),
        target: Target::Cilium,
        approved: phase_named("Preflight"),
        paused: false,
        cilium: CiliumSpec {
            encryption: Encryption::None,
            installer: Installer::Helm,
            kubespray_version: None,
            multus_image: None,
            version: "1.15.19".into(),
            chart: "cilium/cilium".into(),
            namespace: "kube-system".into(),
            pod_cidr: "10.245.0.0/16".into(),
            mask_size: 24,
            tunnel_port: 8473,
            values: json!({}),
        },
        nodes: NodesSpec::default(),
        hosts: cutover::domain::api::HostsSpec::default(),
        restart_by: RestartBy::Reboot,
        observe_seconds: 30,
        guard: cutover::domain::api::GuardSpec::default(),
        consents: vec![],
    }
}

pub fn node(name: &str, i: usize) -> NodeFact {
    NodeFact {
        name: name.into(),
        uid: format!("uid-{name}").into(),
        ready: true,
        control_plane: name.starts_with("cp"),
        boot_id: format!("boot-{name}-1").into(),
        pod_ranges: vec![format!("10.233.{}.0/24", 64 + i).parse().unwrap()],
        addresses: vec![format!("192.168.10.{}", 10 + i).parse().unwrap()],
        kernel: "6.1.0-28-amd64".into(),
        os: "linux".into(),
        kubelet: "v1.33.1".into(),
        ..NodeFact::default()
    }
}

pub fn pod(namespace: &str, name: &str, node: &str, ip: &str, owner: Option<(&str, &str)>) -> PodFact {
    PodFact {
        key: Key::new(namespace, name),
        uid: format!("uid-{name}").into(),
        node: node.into(),
        phase: "Running".into(),
        ready: true,
        ip: ip.parse().ok(),
        owner: owner.map(|(kind, name)| Owner { kind: kind.into(), name: name.into() }),
        labels: Arc::new(BTreeMap::from([("app".into(), name.split('-').next().unwrap().to_owned())])),
        ..PodFact::default()
    }
}

fn daemon(name: &str, container: &str, desired: i32) -> DaemonSetFact {
    DaemonSetFact {
        key: Key::new("kube-system", name),
        desired,
        ready: desired,
        updated: desired,
        observed: true,
        image: format!("quay.io/{name}:v1").into(),
        containers: vec![container.into()],
        host_network: true,
        ..DaemonSetFact::default()
    }
}

/// Flannel's CNI configuration, as its manifest has it.
const CNI_CONF: &str = r#"{"name":"cbr0","cniVersion":"0.3.1","plugins":[{"type":"flannel","delegate":{"isDefaultGateway":true}},{"type":"portmap"}]}"#;

/// Four nodes on Flannel, nothing begun.
pub fn before() -> Facts {
    let mut facts = Facts { sources: Sources::live(), ..Facts::default() };
    for (i, name) in ["cp-1", "worker-1", "worker-2", "worker-3"].into_iter().enumerate() {
        facts.nodes.insert(name.into(), node(name, i));
        let host = |set: &str| PodFact {
            host_network: true,
            image: "docker.io/flannel/flannel:v0.22.0".into(),
            ..pod("kube-system", &format!("{set}-{name}"), name, "", Some(("DaemonSet", set)))
        };
        let flannel = host("kube-flannel");
        facts.pods.insert(flannel.key.clone(), flannel);
        let web =
            pod("shop", &format!("web-{name}"), name, &format!("10.233.{}.7", 64 + i), Some(("Deployment", "web")));
        facts.pods.insert(web.key.clone(), web);
    }
    let set = daemon("kube-flannel", "kube-flannel", 4);
    facts.daemon_sets.insert(set.key.clone(), set);
    facts.flannel_configs.insert(
        Key::new("kube-system", "kube-flannel-cfg"),
        FlannelFact {
            networks: vec!["10.233.64.0/18".parse().unwrap()],
            backend: "vxlan".into(),
            port: Some(8472),
            vni: Some(1),
            cni: CniConf::parse(CNI_CONF),
            ..FlannelFact::default()
        },
    );
    facts.surroundings.helm = Some(Ok("v4.3.1".into()));
    facts.task_pods = admitted();
    facts
}

/// The namespace of the release admits every task pod.
pub fn admitted() -> TaskPods {
    let answers = ["look", "restore", "probe"].map(|task| (task, Admission::Allowed)).into();
    TaskPods { namespace: "kube-system".into(), is_missing: false, answers }
}

/// Cilium is installed beside Flannel and nothing is switched.
pub fn installed() -> Facts {
    let mut facts = before();
    let set = daemon("cilium", "cilium-agent", 4);
    facts.daemon_sets.insert(set.key.clone(), set);
    let config = CiliumConfigFact {
        custom_conf: true,
        enable_policy: "never".into(),
        audits_policies: false,
        pool: vec!["10.245.0.0/16".parse().unwrap()],
    };
    facts.cilium_configs.insert(Key::new("kube-system", "cilium-config"), config);
    facts.crds.insert("ciliumnodeconfigs.cilium.io".into(), vec!["v2alpha1".into()]);
    facts
        .node_configs
        .insert(Key::new("kube-system", "cilium-default"), cutover::domain::facts::NodeConfigFact::default());
    let names: Vec<Arc<str>> = facts.nodes.keys().cloned().collect();
    let mut migration = Migration::new(MIGRATION, MigrationSpec { approved: phase_named("Migrate"), ..spec() });
    migration.metadata.generation = Some(3);
    migration.metadata.finalizers = Some(vec![FINALIZER.into()]);
    let phase = |name: &str, state, message: &str| PhaseStatus {
        name: phase_named(name),
        state,
        waiting: Waiting::new(Reason::Working, message),
        started_at: Some(at(0)),
        finished_at: (state == PhaseState::Done).then(|| at(41)),
    };
    let pending = |name: &str| PhaseStatus {
        name: phase_named(name),
        state: PhaseState::Pending,
        waiting: Waiting::default(),
        started_at: None,
        finished_at: None,
    };
    migration.status = Some(MigrationStatus {
        phase: Stage::At(phase_named("Migrate")),
        phases: vec![
            phase("Preflight", PhaseState::Done, ""),
            phase("Install", PhaseState::Done, ""),
            phase("Migrate", PhaseState::Running, "1 of 4 nodes done; worker-2: 1 pod left"),
            pending("Finalize"),
            pending("Remove"),
            pending("Verify"),
        ],
        progress: "1/4".into(),
        waiting: Waiting::new(Reason::Draining, "1 of 4 nodes done; worker-2: 1 pod left"),
        findings: vec![Finding {
            check: "policies".into(),
            severity: Severity::Warn,
            object: "networkpolicies".into(),
            objects: vec![],
            as_of: None,
            message: "Flannel ignores 1 NetworkPolicy: shop/db-from-api".into(),
            remedy: "They are enforced all at once by the phase Finalize.".into(),
        }],
        started_at: Some(at(0)),
        ..MigrationStatus::default()
    });
    facts.migration = Some(migration.into());
    for (i, name) in names.iter().enumerate() {
        facts.cilium_ranges.insert(name.clone(), vec![format!("10.245.{i}.0/24").parse().unwrap()]);
        let agent = PodFact {
            host_network: true,
            image: "quay.io/cilium/cilium:v1.15.19".into(),
            labels: Arc::new(BTreeMap::from([("k8s-app".into(), "cilium".into())])),
            ..pod("kube-system", &format!("cilium-{name}"), name, "", Some(("DaemonSet", "cilium")))
        };
        facts.pods.insert(agent.key.clone(), agent);
        let mut record = NodeMigration::new(name, NodeMigrationSpec::default());
        record.status = Some(NodeMigrationStatus::default());
        facts.node_migrations.insert(name.clone(), record.into());
    }
    facts
}

fn timing(step: NodeStep, from: i64, to: Option<i64>) -> StepTiming {
    StepTiming { step, started_at: at(from), finished_at: to.map(at) }
}

/// One node is through, the next one drains and waits for a budget.
pub fn midway() -> Facts {
    let mut facts = installed();
    let done = NodeMigrationStatus {
        step: NodeStep::Done,
        attempt: 1,
        steps: vec![
            timing(step_named("Check"), 45, Some(45)),
            timing(step_named("Drain"), 46, Some(58)),
            timing(step_named("Restart"), 70, Some(103)),
            timing(step_named("Observe"), 108, Some(138)),
        ],
        evidence: Evidence {
            boot_id_before: Some("4f1c".into()),
            boot_id_after: Some("9a70".into()),
            host: Some(HostEvidence {
                task: "look".into(),
                cni_files: vec!["05-cilium.conflist".into(), "10-flannel.conflist.cilium_bak".into()],
                cni_state: "Ok".into(),
                links: vec![],
                at: Some(at(104)),
                ..HostEvidence::default()
            }),
            ..Evidence::default()
        },
        ..NodeMigrationStatus::default()
    };
    record(&mut facts, "worker-1").status = Some(done);
    facts.nodes.get_mut("worker-1").unwrap().switched = true;
    let web = pod("shop", "web-worker-1", "worker-1", "10.245.1.9", Some(("Deployment", "web")));
    facts.pods.insert(web.key.clone(), web);
    let draining = NodeMigrationStatus {
        step: step_named("Drain"),
        attempt: 1,
        since: Some(at(141)),
        waiting: Waiting::new(
            Reason::Draining,
            "1 pod left; shop/web-worker-2 waits: budget shop/web needs 4 healthy pods and has 4",
        ),
        steps: vec![
            timing(step_named("Check"), 138, Some(138)),
            timing(step_named("Cordon"), 138, Some(141)),
            timing(step_named("Drain"), 141, None),
        ],
        ..NodeMigrationStatus::default()
    };
    record(&mut facts, "worker-2").status = Some(draining);
    let node = facts.nodes.get_mut("worker-2").unwrap();
    (node.unschedulable, node.cordoned_by_cutover, node.tainted) = (true, true, true);
    let key = Key::new("shop", "web");
    facts.budgets.insert(
        key.clone(),
        BudgetFact {
            key,
            selector: Some(Selector::default()),
            allowed: 0,
            healthy: 4,
            desired: 4,
            expected: 4,
            ..BudgetFact::default()
        },
    );
    facts.latency = Some(50);
    facts
}

pub fn flows() -> Window {
    let mut window = Window::default();
    window.stream = Stream::Live;
    let end = |namespace: &str, name: &str, ip: &str, identity, cni| End {
        namespace: namespace.into(),
        name: name.into(),
        pod: if namespace.is_empty() { "".into() } else { format!("{name}-0").into() },
        ip: ip.parse().ok(),
        identity,
        cni,
    };
    let row = |second, source, destination, port, verdict, reason| Row {
        time: at(second),
        node: "worker-1".into(),
        source,
        destination,
        source_port: 40_000 + u16::try_from(second).unwrap(),
        port,
        protocol: "TCP",
        l7: "".into(),
        verdict,
        reason,
        kind: if reason == 0 { Kind::Opens } else { Kind::Drop },
        syn: true,
        probe: false,
        encrypted: false,
        unanswered: false,
        raw: Box::default(),
    };
    let pod = |namespace, name, ip| end(namespace, name, ip, 10_517, Cni::Cilium);
    let controller = || pod("infra-argocd", "argocd-application-controller", "10.245.1.4");
    let other = || end("", "worker-2", "10.245.2.1", 6, Cni::Flannel);
    let rows = [
        row(150, controller(), pod("infra-argocd", "argocd-redis", "10.245.1.5"), 6379, Verdict::Forwarded, 0),
        row(
            151,
            pod("infra-monitoring", "prometheus", "10.245.1.6"),
            pod("infra-argocd", "argocd-server", "10.245.1.7"),
            8083,
            Verdict::Forwarded,
            0,
        ),
        row(152, controller(), end("", "world", "169.254.25.10", 2, Cni::Unknown), 53, Verdict::Forwarded, 0),
        row(153, other(), pod("shop", "db", "10.245.1.8"), 5432, Verdict::Dropped, 133),
        Row {
            probe: true,
            ..row(154, other(), end("", "health", "10.245.1.3", 4, Cni::Unknown), 4240, Verdict::Forwarded, 0)
        },
    ];
    let mut reader = Reader::default();
    for row in rows {
        let time = row.time;
        window.push(row, &mut reader, time);
    }
    window
}

pub fn log() -> Log {
    let step = Entry::new(at(141), Said::Step, "node/worker-2", "Cordon → Drain");
    let mut evict = Entry::new(at(142), Said::Begin, "pod/shop/web-worker-2", "evict");
    evict.kubectl =
        vec!["kubectl create --raw /api/v1/namespaces/shop/pods/web-worker-2/eviction -f - # Eviction".into()];
    let waits = Entry::new(
        at(142),
        Said::Waiting,
        "pod/shop/web-worker-2",
        "evict: The disruption budget web needs 4 healthy pods and has 4 currently.",
    );
    [step, evict, waits].into_iter().collect()
}
