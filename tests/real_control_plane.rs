//! The same suites on a real etcd, kube-apiserver, kube-controller-manager and kube-scheduler. Run by
//! `.ci/run`; by hand with `cargo test --test real_control_plane -- --ignored`.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

mod support;

use cutover::sim::{
    actors::{self, Cast},
    clock::Pace,
    helm_wrapper,
    scenario::Scenario,
    world,
};
use support::{
    control_plane::ControlPlane,
    crash::{Boots, at_rest, to_the_end},
    proxy::{Edge, Proxy},
};

async fn populated(nodes: usize) -> (ControlPlane, actors::Actors) {
    let plane = ControlPlane::start().await;
    let client = support::client(&plane.admin()).await;
    world::create(&client, nodes).await.unwrap();
    // a disruption budget counts a pod that comes back under its old name before the controller has looked as
    // gone for two minutes: nodes that are faster than any real one would meet that all the time
    let pace = "20".parse::<Pace>().unwrap();
    let actors = actors::start(client.clone(), Cast::NodesOnly, pace).await.unwrap();
    world::settle(&client).await.unwrap();
    plane.mark(&helm_wrapper(&plane.folder).unwrap(), &actors.hubble.to_string());
    (plane, actors)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Go, and some minutes to build the control plane; .ci/run runs it"]
async fn a_rolling_migration_forward_and_back() {
    let (plane, _actors) = populated(5).await;
    support::scenarios::rolling(&plane.operator(), &plane.admin()).await;
}

async fn play(name: &str, text: &str) {
    let scenario = Scenario::parse(text).unwrap();
    let (plane, _actors) = populated(scenario.nodes).await;
    let admin = support::client(&plane.admin()).await;
    support::play::play(name, &scenario, &plane.operator(), admin).await;
}

/// The scenarios that ask what a real server and its controllers do.
macro_rules! scenarios {
    ($($test:ident: $file:literal,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs Go, and some minutes to build the control plane; .ci/run runs it"]
            async fn $test() {
                play($file, include_str!(concat!("../assets/scenarios/", $file, ".yaml"))).await;
            }
        )*
        const SCENARIOS: &[&str] = &[$($file),*];
    };
}

scenarios! {
    budget_freed_later: "budget-freed-later",
    budget_lowered: "budget-lowered",
    budget_never_freed: "budget-never-freed",
    budget_sick: "budget-sick",
    downtime_1_12: "downtime-1.12",
    finalizer: "finalizer",
    multus: "multus",
    namespace_ends: "namespace-ends",
    pod_security: "pod-security",
    rolling_ipsec: "rolling-ipsec",
    scaled_up: "scaled-up",
    successor: "successor",
    two_budgets: "two-budgets",
}

/// Every file that says so is played here.
#[test]
fn every_real_scenario_is_played() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let real = files.filter(|path| Scenario::parse(&std::fs::read_to_string(path).unwrap()).unwrap().real);
    let mut names: Vec<String> = real.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, SCENARIOS);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Go, and some minutes to build the control plane; .ci/run runs it"]
async fn it_answers_as_the_embedded_one_does() {
    let (plane, _actors) = populated(3).await;
    support::contract::check(&support::client(&plane.admin()).await).await;
}

/// kill -9 at the edges of the first writes of each kind, and the API server itself stopped in the middle.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Go, and some minutes to build the control plane; .ci/run runs it"]
async fn killed_while_the_api_server_comes_and_goes() {
    let (plane, _actors) = populated(3).await;
    let admin = support::client(&plane.admin()).await;
    let operator = support::client(&plane.operator()).await;
    let helm = helm_wrapper(&plane.folder).unwrap();
    let (boots, watch) = Boots::watch(&admin);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.jsonl").to_string_lossy().into_owned();
    let mut run: Vec<String> =
        ["run", "--until", "migrate", "--yes", "--observe", "0", "--audit-log", &log].map(str::to_owned).to_vec();
    run.extend(world::CONSENTS.iter().flat_map(|c| ["--consent".to_owned(), (*c).to_owned()]));
    let mut proxy = Proxy::start(operator, &helm, folder.path(), Edge::Unanswered, 25).await;
    let migrates = to_the_end(&mut proxy, &run, folder.path());
    let outages = async {
        // while the first node reboots, and once more while the second drains
        for (node, step) in [("worker-1", "Restart"), ("worker-2", "Drain")] {
            support::crash::until_at(&admin, node, step).await;
            plane.stop_api_server();
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            plane.start_api_server().await;
        }
    };
    let both = async { tokio::join!(migrates, outages) };
    let ((_, kills), ()) = tokio::time::timeout(std::time::Duration::from_secs(1_200), both).await.expect("it ends");
    assert!(kills >= 20, "killed {kills} times only");
    assert!(boots.counts().values().all(|n| *n == 1), "{:?}", boots.counts());
    let now = at_rest(&admin).await;
    assert!(now["records"].as_object().unwrap().values().all(|r| r["step"] == "Done"), "{now:#}");
    assert!(now["nodes"].as_object().unwrap().values().all(|n| n["cordoned"] == false), "{now:#}");
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    cutover::domain::audit::follow(&text).unwrap();
    watch.abort();
}

/// The engine with its own service account, and the rights of `cutover manifests --engine` and no more.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Go, and some minutes to build the control plane; .ci/run runs it"]
async fn the_engine_has_the_rights_that_it_needs() {
    let (plane, _actors) = populated(3).await;
    let admin = support::client(&plane.admin()).await;
    let manifests =
        support::program().args(["manifests", "--engine", "--image", "example.org/cutover:1"]).output().unwrap();
    for document in String::from_utf8(manifests.stdout).unwrap().split("\n---\n") {
        let object = cutover::domain::values::parse(document).unwrap();
        // there is no image that these kubelets could start
        if object["kind"] != "Deployment" {
            world::put(&admin, object).await.unwrap();
        }
    }
    let kubeconfig = plane.service_account(&admin, "cutover-engine").await;
    let helm = helm_wrapper(&plane.folder).unwrap();
    ControlPlane::mark_file(&kubeconfig, &helm);
    ControlPlane::mark_file(&plane.admin(), &helm);
    let folder = tempfile::tempdir().unwrap();
    let mut engine = tokio::process::Command::from(support::program())
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .args(["engine", "--audit-log"])
        .arg(folder.path().join("audit.jsonl"))
        .stdout(std::process::Stdio::null())
        .stderr(std::fs::File::create(folder.path().join("said")).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // the operator only wishes: the engine is another one
    let operator = support::Cutover { kubeconfig: plane.admin() };
    let consents = world::CONSENTS.iter().flat_map(|c| ["--consent", *c]);
    let context: &str = support::context(&plane.admin()).leak();
    let confirmed = ["--yes", "--confirm-context", context, "--timeout", "600"];
    let forward: Vec<&str> =
        ["run", "--until", "verify", "--observe", "0"].into_iter().chain(confirmed).chain(consents).collect();
    let said = || std::fs::read_to_string(folder.path().join("said")).unwrap_or_default();
    let back = [&["rollback"], &confirmed[..]].concat();
    for (arguments, phase) in [(forward, "Complete"), (back, "RolledBack")] {
        let (code, out, err) = tokio::task::block_in_place(|| operator.run(&arguments));
        assert_eq!(code, 0, "{out}\n{err}\n{}", said());
        let request = http::Request::get("/apis/cutover.dev/v1alpha1/migrations/cutover").body(Vec::new()).unwrap();
        let migration: serde_json::Value = admin.request(request).await.unwrap();
        assert_eq!(migration["status"]["phase"], phase, "{}", said());
        assert!(err.contains("runs the engine; this is a view"), "{err}");
    }
    assert!(!said().contains("not allowed"), "{}", said());
    engine.kill().await.unwrap();
    support::fence::check(&support::client(&kubeconfig).await, &admin).await;
}
