//! Watches, folded into the facts. A list replaces what was known in one go, so no screen goes empty.

mod kinds;
mod link;
mod table;

use std::{fmt::Debug, time::Duration};

use futures::{Stream, StreamExt, pin_mut};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet, StatefulSet},
        core::v1::{PersistentVolume, PersistentVolumeClaim},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, GroupVersionKind},
    core::DynamicObject,
    runtime::watcher,
};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use self::{
    kinds::{
        Attachments, Budgets, CiliumConfigs, CiliumNodes, Claims, DaemonSets, Definitions, FlannelConfig,
        FlannelCopies, Namespaces, NodeConfigs, Nodes, PodsOf, Policies, Records, TheMigration, VolumesOf, Workloads,
    },
    table::Watched,
};
use super::{error, store::FactStore};
use crate::domain::facts::{ByName, Facts, Freshness, Source};

/// Seconds after which a watch is started again; a dead one is noticed a few seconds later.
const WATCH_SECONDS: u32 = 25;
/// How many objects are listed at once.
const PAGE: u32 = 500;
/// The first pause after a watch broke; doubled up to the longest, with jitter.
const SHORTEST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Watches every source, until dropped. `heard` gets the API server's time whenever it says so.
pub fn start(client: &Client, store: &FactStore, heard: impl Fn(Timestamp) + Send + 'static) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let mut heard = Some(heard);
    for source in Source::ALL {
        let watch = Watch { client: client.clone(), store: store.clone(), source };
        match source {
            Source::ApiServer => {
                let heard = heard.take();
                let heard = move |at| heard.iter().for_each(|h| h(at));
                tasks.spawn(link::watch(watch.client, watch.store, heard))
            }
            Source::Nodes => tasks.spawn(watch.typed::<Nodes>(all())),
            Source::Pods => tasks.spawn(watch.typed::<PodsOf>(all())),
            Source::Budgets => tasks.spawn(watch.typed::<Budgets>(all())),
            Source::Deployments => tasks.spawn(watch.slim::<Workloads<Deployment>, Deployment>(all())),
            Source::StatefulSets => tasks.spawn(watch.slim::<Workloads<StatefulSet>, StatefulSet>(all())),
            // those of a Deployment, by far the most, carry this label
            Source::ReplicaSets => {
                tasks.spawn(watch.slim::<Workloads<ReplicaSet>, ReplicaSet>(all().labels("!pod-template-hash")))
            }
            Source::Volumes => tasks.spawn(watch.slim::<VolumesOf, PersistentVolume>(all())),
            Source::Claims => tasks.spawn(watch.slim::<Claims, PersistentVolumeClaim>(all())),
            Source::Attachments => tasks.spawn(watch.typed::<Attachments>(all())),
            Source::Namespaces => tasks.spawn(watch.typed::<Namespaces>(all())),
            Source::DaemonSets => tasks.spawn(watch.typed::<DaemonSets>(all())),
            Source::Policies => tasks.spawn(watch.typed::<Policies>(all())),
            Source::Definitions => tasks.spawn(watch.slim::<Definitions, CustomResourceDefinition>(all())),
            Source::CiliumConfig => tasks.spawn(watch.typed::<CiliumConfigs>(only(source))),
            Source::FlannelConfig => tasks.spawn(watch.typed::<FlannelConfig>(only(source))),
            Source::FlannelBackup => tasks.spawn(watch.typed::<FlannelCopies>(only(source))),
            Source::Migration => tasks.spawn(once_served(
                watch,
                "migrations.cutover.dev",
                own_version,
                |f| f.migration = None,
                |watch, _| watch.typed::<TheMigration>(all()),
            )),
            Source::Records => tasks.spawn(once_served(
                watch,
                "nodemigrations.cutover.dev",
                own_version,
                |f| f.node_migrations = ByName::default(),
                |watch, _| watch.typed::<Records>(all()),
            )),
            Source::CiliumNodes => tasks.spawn(once_served(
                watch,
                "ciliumnodes.cilium.io",
                |_| "v2",
                |f| f.cilium_ranges.clear(),
                |watch, version| watch.ciliums::<CiliumNodes>("CiliumNode", version),
            )),
            Source::NodeConfigs => {
                let newest = |f: &Facts| if f.node_config_version() == Some("v2") { "v2" } else { "v2alpha1" };
                tasks.spawn(once_served(
                    watch,
                    "ciliumnodeconfigs.cilium.io",
                    newest,
                    |f| f.node_configs.clear(),
                    |watch, version| watch.ciliums::<NodeConfigs>("CiliumNodeConfig", version),
                ))
            }
        };
    }
    tasks
}

fn all() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE)
}

/// A list of one name needs a right on no other: RBAC reads the name out of the field selector.
fn only(source: Source) -> watcher::Config {
    all().fields(&format!("metadata.name={}", source.object().unwrap_or_default()))
}

fn own_version(_: &Facts) -> &'static str {
    "v1alpha1"
}

/// The watch of one source.
#[derive(Clone)]
struct Watch {
    client: Client,
    store: FactStore,
    source: Source,
}

impl Watch {
    /// Objects as their kind has them; of `PartialObjectMeta` the API server sends nothing but the metadata.
    async fn typed<W>(self, config: watcher::Config)
    where
        W: Watched<Object: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug>,
    {
        let api = Api::<W::Object>::all(self.client.clone());
        self.follow::<W, _>(|| watcher(api.clone(), config.clone())).await;
    }

    /// Objects of kind `K`, of which only a few fields are read.
    async fn slim<W, K>(self, config: watcher::Config)
    where
        W: Watched<Object: Resource<DynamicType = ApiResource> + Clone + DeserializeOwned + Debug>,
        K: Resource<DynamicType = ()>,
    {
        let api = Api::<W::Object>::all_with(self.client.clone(), &ApiResource::erase::<K>(&()));
        self.follow::<W, _>(|| watcher(api.clone(), config.clone())).await;
    }

    /// Objects of a kind of Cilium's.
    async fn ciliums<W: Watched<Object = DynamicObject>>(self, kind: &str, version: &str) {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("cilium.io", version, kind));
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &kind);
        self.follow::<W, _>(|| watcher(api.clone(), all())).await;
    }

    /// Lists and watches for ever. A watch that broke is started again with a list: kube's watcher would go on
    /// silently, and a source that has recovered would look broken until something happens in it.
    async fn follow<W: Watched, S>(self, watch: impl Fn() -> S)
    where
        S: Stream<Item = watcher::Result<watcher::Event<W::Object>>> + Send,
    {
        let (store, source) = (self.store, self.source);
        let mut pause = SHORTEST_PAUSE;
        loop {
            let events = watch();
            pin_mut!(events);
            let mut list = W::List::default();
            while let Some(event) = events.next().await {
                match event {
                    Ok(watcher::Event::Init) => list = W::List::default(),
                    Ok(watcher::Event::InitApply(object)) => W::list(&mut list, W::row(&object)),
                    Ok(watcher::Event::InitDone) => {
                        pause = SHORTEST_PAUSE;
                        store.change(|f| {
                            W::replace(f, &mut list);
                            f.sources[source] = Freshness::Live;
                        });
                        list = W::List::default();
                    }
                    Ok(watcher::Event::Apply(object)) => {
                        let row = W::row(&object);
                        store.fold(|f| W::put(f, row));
                    }
                    Ok(watcher::Event::Delete(object)) => {
                        let row = W::row(&object);
                        store.fold(|f| W::remove(f, row));
                    }
                    Err(e) => {
                        store.broken(source, error::watch(&e));
                        break;
                    }
                }
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Watches a custom resource while its definition is served; without it the source is absent, not late.
async fn once_served<Fut: Future<Output = ()>>(
    watch: Watch,
    crd: &'static str,
    version: fn(&Facts) -> &'static str,
    forget: fn(&mut Facts),
    follow: impl Fn(Watch, &'static str) -> Fut,
) {
    let is_served = |f: &Facts| f.crds.get(crd).is_some_and(|v| !v.is_empty());
    let (store, source) = (&watch.store, watch.source);
    store.until(|f| f.sources[Source::Definitions].is_usable()).await;
    loop {
        if !is_served(&store.read()) {
            // its objects go with a definition
            store.change(|f| {
                forget(f);
                f.sources[source] = Freshness::Absent;
            });
            store.until(is_served).await;
        }
        let now = version(&store.read());
        store.freshness(source, Freshness::Starting);
        tokio::select! {
            biased;
            () = follow(watch.clone(), now) => {}
            () = store.until(|f| !is_served(f) || version(f) != now) => {}
        }
    }
}
