//! Every source is watched, and what its objects say arrives in the facts.

use std::{sync::Arc, time::Duration};

use crate::cluster::{Size, client};
use cutover::{
    cluster::{store::FactStore, watch},
    domain::facts::{Cni, CniCounts, Key, PodFact, Source},
};

#[tokio::test]
async fn every_source_is_watched_and_what_it_says_is_known() {
    let size = Size { nodes: 12, pods: 60 };
    let store = FactStore::default();
    assert_eq!(store.read().stale().len(), Source::ALL.len(), "nothing is known before it was heard");
    let _watches = watch::start(&client(size), &store, |_| ());
    let known = tokio::time::timeout(Duration::from_secs(20), store.until(|f| f.stale().is_empty())).await;
    let facts = store.read();
    assert!(known.is_ok(), "not heard: {:?}", facts.stale());

    assert_eq!((facts.nodes.len(), facts.pods.len()), (12, 60));
    assert_eq!((facts.workloads.len(), facts.budgets.len(), facts.daemon_sets.len()), (5, 5, 3));
    assert_eq!((facts.policies.len(), facts.claims.len(), facts.attachments.len()), (1, 2, 2));
    assert_eq!((facts.cilium_ranges.len(), facts.node_configs.len(), facts.node_migrations.len()), (12, 1, 12));
    assert_eq!(facts.node_config_version(), Some("v2alpha1"));
    assert!(facts.cilium_config().is_some_and(|c| c.custom_conf) && facts.flannel_configs.len() == 1);
    assert!(facts.flannel_copy().is_none() && facts.namespaces.is_empty());
    let migration = facts.migration.as_ref().unwrap();
    assert_eq!(migration.metadata.managed_fields, None, "nobody reads them, and they are large");

    // the ReplicaSets of Deployments are not even asked for
    let app = &facts.workloads["team-0/Deployment/app-0"];
    assert_eq!((app.wanted, app.ready, app.scaled_from), (5, 5, None));
    let node = facts.nodes.keys().next().unwrap();
    let counts = CniCounts { host: 3, cilium: 2, ..CniCounts::default() };
    assert_eq!(facts.cni_counts(node), counts, "the first third of the nodes is on Cilium");
    assert_eq!(facts.pods_with(Cni::Flannel, None).count(), 16);
    assert_eq!(facts.network_pods().count(), 24);
    let unique = facts.volumes.named("kubernetes.io/csi/ebs.csi.aws.com^vol-00000000000000000").unwrap();
    assert_eq!(facts.volumes.get(unique).unwrap().terms.len(), 1);

    let team: Arc<str> = "team-0".into();
    let pods: Vec<&PodFact> = facts.pods.in_namespace(&team).collect();
    let of = |n: usize| pods.iter().find(|p| p.key.name.ends_with(&format!("-{n:05x}"))).unwrap();
    assert!(Arc::ptr_eq(&of(0).labels, &of(1).labels) && Arc::ptr_eq(&of(0).needs, &of(1).needs), "kept once");
    let agents: Vec<&PodFact> = facts.nodes.keys().filter_map(|n| facts.agent_on(n)).collect();
    assert_eq!(agents.len(), 12);
    assert!(agents.windows(2).all(|a| Arc::ptr_eq(&a[0].needs, &a[1].needs)), "what ties each to its node is not kept");
    assert!(facts.pods.contains_key(&Key::new("kube-system", &agents[0].key.name)));
}
