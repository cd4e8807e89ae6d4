//! Every scenario file on the embedded cluster.

use cutover::sim::{Embedded, Settings, clock::Pace, scenario::Scenario};

async fn play(name: &str, text: &str) {
    let scenario = Scenario::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { nodes: scenario.nodes, pace: Pace::MAX };
    let cluster = Embedded::start(settings, folder.path()).await.unwrap();
    let client = crate::support::client(&cluster.kubeconfig).await;
    crate::support::play::play(name, &scenario, &cluster.kubeconfig, client).await;
}

macro_rules! scenarios {
    ($($test:ident: $file:literal,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                play($file, include_str!(concat!("../../assets/scenarios/", $file, ".yaml"))).await;
            }
        )*
        const FILES: &[&str] = &[$($file),*];
    };
}

scenarios! {
    budget_freed_later: "budget-freed-later",
    budget_lowered: "budget-lowered",
    budget_never_freed: "budget-never-freed",
    budget_sick: "budget-sick",
    by_hand: "by-hand",
    cilium_1_19: "cilium-1.19",
    definitions: "definitions",
    downtime_1_12: "downtime-1.12",
    downtime_half: "downtime-half",
    downtime_pods: "downtime-pods",
    finalizer: "finalizer",
    flows_broken: "flows-broken",
    flows_dns: "flows-dns",
    flows_keep: "flows-keep",
    flows_silent: "flows-silent",
    hangs: "hangs",
    health_endpoint: "health-endpoint",
    host_port: "host-port",
    leak_released: "leak-released",
    leaks: "leaks",
    local_volume: "local-volume",
    multus: "multus",
    multus_again: "multus-again",
    multus_deleted: "multus-deleted",
    multus_half: "multus-half",
    multus_kubeconfig: "multus-kubeconfig",
    multus_left: "multus-left",
    multus_on_host: "multus-on-host",
    multus_there: "multus-there",
    multus_unauthorized: "multus-unauthorized",
    namespace_ends: "namespace-ends",
    no_room: "no-room",
    past_budget: "past-budget",
    pod_security: "pod-security",
    reboot_ignored: "reboot-ignored",
    reboot_never_back: "reboot-never-back",
    reboot_not_ready: "reboot-not-ready",
    reboot_slow: "reboot-slow",
    rolling_ipsec: "rolling-ipsec",
    rolling_wireguard: "rolling-wireguard",
    scaled_up: "scaled-up",
    single_replica: "single-replica",
    successor: "successor",
    two_budgets: "two-budgets",
    volume_left: "volume-left",
    volume_stuck: "volume-stuck",
    zones: "zones",
}

/// A file that nobody plays shows nothing.
#[test]
fn every_file_is_played() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/scenarios");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files, FILES);
}
