//! What others do to pods and to disruption budgets.

use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams},
};
use serde_json::json;

use super::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodFault {
    /// One of Cilium's agents.
    AgentKilled,
    Deleted,
    BudgetBlocks,
    SecondBudget,
    Finalizer,
}

impl PodFault {
    pub(super) async fn begin(self, world: &World<'_>, which: usize) {
        match self {
            Self::AgentKilled => kill_agent(world, which).await,
            Self::Deleted => {
                if let Some(pod) = pod(world, which).await {
                    world.delete("Pod", &pod).await;
                }
            }
            Self::BudgetBlocks => budget(world, 2).await,
            Self::SecondBudget => {
                let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                    "metadata": {"name": "second", "namespace": "shop"},
                    "spec": {"minAvailable": 0, "selector": {"matchLabels": {"app": "web"}}}});
                let budget: DynamicObject = serde_json::from_value(budget).unwrap();
                let _ = world.api("PodDisruptionBudget").create(&PostParams::default(), &budget).await;
            }
            Self::Finalizer => {
                if let Some(pod) = pod(world, which).await {
                    world.merge("Pod", &pod, &json!({"metadata": {"finalizers": ["example.com/hold"]}})).await;
                }
            }
        }
    }

    pub(super) async fn end(self, world: &World<'_>) {
        match self {
            Self::BudgetBlocks => budget(world, 1).await,
            Self::SecondBudget => world.delete("PodDisruptionBudget", "second").await,
            Self::Finalizer => {
                for pod in world.pods().await {
                    if pod.metadata.finalizers.is_some_and(|f| !f.is_empty()) {
                        let name = pod.metadata.name.unwrap_or_default();
                        world.merge("Pod", &name, &json!({"metadata": {"finalizers": null}})).await;
                    }
                }
            }
            Self::AgentKilled | Self::Deleted => {}
        }
    }
}

async fn pod(world: &World<'_>, which: usize) -> Option<String> {
    let pods = world.pods().await;
    (!pods.is_empty()).then(|| pods[which % pods.len()].metadata.name.clone().unwrap_or_default())
}

async fn budget(world: &World<'_>, available: i32) {
    world.merge("PodDisruptionBudget", "web", &json!({"spec": {"minAvailable": available}})).await;
}

async fn kill_agent(world: &World<'_>, which: usize) {
    let pods = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
    let system: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), "kube-system", &pods);
    let agents = system.list(&ListParams::default().labels("k8s-app=cilium")).await;
    if let Some(pod) = agents.ok().and_then(|l| l.items.into_iter().nth(which)) {
        let _ = system.delete(&pod.metadata.name.unwrap_or_default(), &DeleteParams::default()).await;
    }
}
