//! Observations on real nodes, one test each, checked on the actors.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::{Value, json};

use super::{
    local::{Local, uninstall, upgrade},
    scenario::{change, now},
    world::put,
};
use crate::domain::effect::HelmRelease;

const NODE: &str = "worker-1";
const TAINT: &str = "node.cilium.io/agent-not-ready";

struct Rig {
    local: Local,
    client: Client,
}

impl Rig {
    async fn new() -> Self {
        let local = Local::start(2, "1".parse().unwrap()).await.unwrap();
        let client = local.client();
        Self { local, client }
    }

    async fn install(&self, version: &str) {
        let values = json!({
            "cni": {"customConf": true}, "tunnelPort": 8473, "policyEnforcementMode": "never",
            "ipam": {"operator": {"clusterPoolIPv4PodCIDRList": ["10.245.0.0/16"], "clusterPoolIPv4MaskSize": 24}},
        });
        let release = HelmRelease {
            chart: "cilium/cilium".into(),
            version: version.into(),
            namespace: "kube-system".into(),
            values,
            file: "values.yaml",
            purpose: "test",
            resumes: false,
        };
        upgrade(&self.client, &release).await.unwrap();
    }

    async fn get(&self, object: &str) -> Value {
        now(&self.client, object).await.unwrap()
    }

    /// Waits until it holds, for two minutes at most.
    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..1_200 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{what}: not within two minutes; {NODE} has {:?}", self.confs());
    }

    fn confs(&self) -> Vec<String> {
        self.local.cni_configs(NODE)
    }

    async fn pod(&self, app: (&str, &str)) -> Option<Pod> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "kube-system");
        let selected =
            ListParams::default().labels(&format!("{}={}", app.0, app.1)).fields(&format!("spec.nodeName={NODE}"));
        pods.list(&selected).await.unwrap().items.into_iter().find(|p| p.metadata.deletion_timestamp.is_none())
    }

    async fn is_ready(&self, app: (&str, &str)) -> bool {
        let pod = self.pod(app).await;
        let conditions = pod.and_then(|p| p.status).and_then(|s| s.conditions).unwrap_or_default();
        conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
    }

    /// Deletes the pod and waits for the next one to be Ready.
    async fn restart(&self, app: (&str, &str)) {
        let old = self.pod(app).await.unwrap();
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "kube-system");
        pods.delete(&old.name_any(), &DeleteParams::default()).await.unwrap();
        self.until("the next pod is Ready", async || {
            let next = self.pod(app).await;
            next.is_some_and(|p| p.uid() != old.uid()) && self.is_ready(app).await
        })
        .await;
    }

    async fn network_condition(&self) -> String {
        let node = self.get(&format!("Node/{NODE}")).await;
        let mut conditions = node["status"]["conditions"].as_array().into_iter().flatten();
        let found = conditions.find(|c| c["type"] == "NetworkUnavailable");
        found.map_or(String::new(), |c| c["reason"].as_str().unwrap_or_default().to_owned())
    }

    async fn is_tainted(&self) -> bool {
        let node = self.get(&format!("Node/{NODE}")).await;
        node["spec"]["taints"].as_array().into_iter().flatten().any(|t| t["key"] == TAINT)
    }
}

const AGENT: (&str, &str) = ("k8s-app", "cilium");
const FLANNEL: (&str, &str) = ("app", "flannel");

#[tokio::test(start_paused = true)]
async fn an_install_beside_flannel_is_inert_but_for_a_taint() {
    let rig = Rig::new().await;
    assert_eq!(rig.network_condition().await, "FlannelIsUp");
    rig.install("1.15.19").await;
    rig.until("the node is tainted", async || rig.is_tainted().await).await;
    rig.until("the agent is Ready", async || rig.is_ready(AGENT).await).await;
    rig.until("the taint goes", async || !rig.is_tainted().await).await;
    assert_eq!(rig.confs(), ["10-flannel.conflist"]);
    assert_eq!(rig.network_condition().await, "CiliumIsUp");
    let node = rig.get(&format!("CiliumNode/{NODE}")).await;
    assert!(node["spec"]["ipam"]["podCIDRs"][0].as_str().is_some_and(|r| r.ends_with("/24")), "{node}");
    uninstall(&rig.client, "kube-system").await.unwrap();
    rig.until("the agent is gone", async || rig.pod(AGENT).await.is_none()).await;
    assert_eq!(rig.network_condition().await, "CiliumIsUp", "no evidence of anything");
    for left in [format!("CiliumNode/{NODE}"), "CustomResourceDefinition/ciliumnodes.cilium.io".into()] {
        assert!(!rig.get(&left).await.is_null(), "{left} outlives the release");
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_renames_flannels_file_and_removing_the_label_takes_nothing_back() {
    let rig = Rig::new().await;
    rig.install("1.15.19").await;
    rig.until("the agent is Ready", async || rig.is_ready(AGENT).await).await;
    let config = json!({"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumNodeConfig", "metadata": {"name": "switched", "namespace": "kube-system"},
        "spec": {"nodeSelector": {"matchLabels": {"cni": "cilium"}}, "defaults": {
            "write-cni-conf-when-ready": "/host/etc/cni/net.d/05-cilium.conflist", "custom-cni-conf": "false", "cni-exclusive": "true"}}});
    put(&rig.client, config).await.unwrap();
    let node = format!("Node/{NODE}");
    change(&rig.client, &node, &json!({"metadata": {"labels": {"cni": "cilium"}}}), false).await.unwrap();
    assert_eq!(rig.confs(), ["10-flannel.conflist"], "a label changes nothing before the agent starts");
    rig.restart(AGENT).await;
    let switched = ["05-cilium.conflist", "10-flannel.conflist.cilium_bak"];
    assert_eq!(rig.confs(), switched);
    rig.restart(FLANNEL).await;
    let both = ["05-cilium.conflist", "10-flannel.conflist", "10-flannel.conflist.cilium_bak"];
    assert_eq!(rig.confs(), both, "Flannel's init container writes its file again");
    rig.until("the agent renames it", async || rig.confs() == switched).await;
    change(&rig.client, &node, &json!({"metadata": {"labels": {"cni": null}}}), false).await.unwrap();
    rig.restart(AGENT).await;
    rig.restart(FLANNEL).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(rig.confs(), both, "05-cilium.conflist stays and sorts first");
    assert_eq!(rig.network_condition().await, "CiliumIsUp");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_mirror_pod_comes_back() {
    let rig = Rig::new().await;
    let mirror = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("etcd-{NODE}"), "namespace": "kube-system",
        "labels": {"component": "etcd"}, "annotations": {"kubernetes.io/config.mirror": "static"}},
        "spec": {"nodeName": NODE, "hostNetwork": true, "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "etcd", "image": "registry.k8s.io/etcd:3.6"}]}});
    put(&rig.client, mirror).await.unwrap();
    rig.until("it runs", async || rig.is_ready(("component", "etcd")).await).await;
    rig.restart(("component", "etcd")).await;
}

#[tokio::test(start_paused = true)]
async fn definitions_outlive_the_release_and_remember_what_was_stored() {
    let rig = Rig::new().await;
    let stored = async || {
        rig.get("CustomResourceDefinition/ciliumnodeconfigs.cilium.io").await["status"]["storedVersions"].clone()
    };
    rig.install("1.15.19").await;
    rig.until("1.15 stores v2alpha1", async || stored().await == json!(["v2alpha1"])).await;
    uninstall(&rig.client, "kube-system").await.unwrap();
    rig.until("its operator is gone", async || {
        let pods: Api<Pod> = Api::namespaced(rig.client.clone(), "kube-system");
        pods.list(&ListParams::default().labels("io.cilium/app=operator")).await.unwrap().items.is_empty()
    })
    .await;
    rig.install("1.19.5").await;
    rig.until("1.19 stores v2 as well", async || stored().await == json!(["v2alpha1", "v2"])).await;
    assert!(!rig.get("Namespace/cilium-secrets").await.is_null());
}
