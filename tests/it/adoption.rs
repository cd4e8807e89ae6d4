//! A Migration that is deleted half way: it stays until everything is rolled back; gone all the same, its cluster is
//! taken over.

use std::path::Path;

use cutover::{
    domain::api::{Migration, MigrationStatus},
    sim::{Embedded, Settings, clock::Pace, world},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::support::{Cutover, client};

async fn half_way(folder: &Path) -> (Embedded, Cutover, Api<Migration>) {
    let cluster = Embedded::start(Settings { nodes: 3, pace: Pace::MAX }, folder).await.unwrap();
    let cutover = Cutover { kubeconfig: cluster.kubeconfig.clone() };
    let mut run = vec!["run", "--until", "migrate", "--yes", "--observe", "0", "--timeout", "300"];
    world::CONSENTS.iter().for_each(|c| run.extend(["--consent", *c]));
    let (code, _, err) = cutover.run(&run);
    assert_eq!(code, 0, "{err}");
    let migrations = Api::all(client(&cluster.kubeconfig).await);
    (cluster, cutover, migrations)
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_half_way_it_stays_until_everything_is_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, cutover, migrations) = half_way(folder.path()).await;
    migrations.delete("cutover", &DeleteParams::default()).await.unwrap();
    let (code, _, err) = cutover.run(&["run", "--until", "verify", "--confirm-context", "embedded", "--timeout", "60"]);
    assert!(code == 5 && err.contains("was deleted before its end"), "{code}: {err}");
    let (code, out, err) = cutover.run(&["rollback", "--confirm-context", "embedded", "--timeout", "300"]);
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("Rolled back: the cluster is on Flannel"), "{out}");
    assert!(migrations.get_opt("cutover").await.unwrap().is_none(), "at its end it goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_migration_is_gone_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, cutover, migrations) = half_way(folder.path()).await;
    let held = json!({"metadata": {"finalizers": null}});
    migrations.patch("cutover", &PatchParams::default(), &Patch::Merge(held)).await.unwrap();
    migrations.delete("cutover", &DeleteParams::default()).await.unwrap();
    let confirmed = ["--confirm-context", "embedded"];
    let (code, _, err) = cutover.run(&[&["rollback"], &confirmed[..]].concat());
    assert!(code == 4 && err.contains("cutover adopt"), "{code}: {err}");

    // an upgrade with another port would cut the network under every node
    let (code, _, err) = cutover.run(&[&["adopt", "--tunnel-port", "8999"], &confirmed[..]].concat());
    assert!(code == 2 && err.contains("other values: tunnelPort"), "{code}: {err}");
    let (code, _, err) = cutover.run(&[&["adopt", "--cilium-version", "1.16.0"], &confirmed[..]].concat());
    assert!(code == 2 && err.contains("1.15.19"), "{code}: {err}");
    assert!(migrations.get_opt("cutover").await.unwrap().is_none());

    // what was consented to is gone with the Migration
    let consents: Vec<&str> = world::CONSENTS.iter().flat_map(|c| ["--consent", *c]).collect();
    let (code, out, err) = cutover.run(&[&["adopt"], &confirmed[..], &consents].concat());
    assert!(code == 0 && out.contains("Taken over at Migrate"), "{code}: {out}\n{err}");
    let (code, _, err) = cutover.run(&[&["adopt"], &confirmed[..]].concat());
    assert!(code == 2 && err.contains("there is a Migration"), "{code}: {err}");
    let (code, out, err) = cutover.run(&[&["rollback", "--timeout", "300"], &confirmed[..]].concat());
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("Rolled back: the cluster is on Flannel"), "{out}");
}

/// As a backup that is restored without statuses leaves it.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_lost_its_status_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, cutover, migrations) = half_way(folder.path()).await;
    let mut lost = migrations.get("cutover").await.unwrap();
    lost.status = Some(MigrationStatus::default());
    migrations.replace_status("cutover", &PostParams::default(), &lost).await.unwrap();
    let confirmed = ["--confirm-context", "embedded"];
    let (code, _, err) = cutover.run(&[&["rollback", "--timeout", "60"], &confirmed[..]].concat());
    assert!(code == 5 && err.contains("cutover adopt"), "{code}: {err}");
    // what was to be done is in the Migration still: its port, its consents
    let (code, out, err) = cutover.run(&[&["adopt", "--tunnel-port", "8999"], &confirmed[..]].concat());
    assert!(code == 0 && out.contains("Taken over at Migrate"), "{code}: {out}\n{err}");
    let (code, out, err) = cutover.run(&[&["rollback", "--timeout", "300"], &confirmed[..]].concat());
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("Rolled back: the cluster is on Flannel"), "{out}");
    let at_its_end = migrations.get("cutover").await.unwrap().metadata;
    assert!(at_its_end.finalizers.unwrap_or_default().is_empty(), "it can be deleted");
}
