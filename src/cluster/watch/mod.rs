//! Watches, folded into the facts. A list replaces what was known in one go, so no screen goes empty.

mod workloads;

use std::{collections::BTreeSet, fmt::Debug, sync::Arc, time::Duration};

use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::DaemonSet,
        core::v1::{ConfigMap, Node, Pod},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::watcher,
};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::{convert, error, store::FactStore};
use crate::domain::{
    api::{Migration, NodeMigration},
    effect::FLANNEL_BACKUP,
    facts::{Facts, Freshness},
    flannel::FlannelFact,
    problem::Problem,
};

/// Name of the source that tells whether the API server answers at all.
pub const LINK: &str = "API server";
/// Seconds after which a watch is begun anew; a dead one is noticed a few seconds later.
const WATCH_SECONDS: u32 = 25;
/// The first pause after a watch broke; doubled up to the longest, with jitter.
const SHORTEST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

enum Change<K> {
    Replace(Vec<K>),
    Put(K),
    Remove(K),
}

/// Watches everything, until dropped. `heard` is told what time it is whenever the API server says so.
pub fn start(client: &Client, store: &FactStore, heard: impl Fn(Timestamp) + Send + 'static) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let c = || client.clone();
    let b = || store.clone();
    store.change(|f| {
        for source in [
            "nodes",
            "pods",
            "budgets",
            "workloads",
            "statefulsets",
            "replicasets",
            "volumes",
            "claims",
            "attachments",
            "namespaces",
            "daemonsets",
            "policies",
            "CRDs",
            "cilium-config",
            "Flannel's config",
            "migration",
            LINK,
        ] {
            f.sources.insert(source, Freshness::Starting);
        }
    });
    tasks.spawn(source(b(), "nodes", Api::<Node>::all(c()), all(), |f, change| match change {
        Change::Replace(list) => f.nodes = list.iter().map(|n| (n.name_any().into(), convert::node(n))).collect(),
        Change::Put(n) => drop(f.nodes.insert(n.name_any().into(), convert::node(&n))),
        Change::Remove(n) => drop(f.nodes.remove(n.name_any().as_str())),
    }));
    tasks.spawn(source(b(), "pods", Api::<Pod>::all(c()), all(), |f, change| match change {
        Change::Replace(list) => f.pods = list.iter().map(|p| (convert::key(&p.metadata), convert::pod(p))).collect(),
        Change::Put(p) => drop(f.pods.insert(convert::key(&p.metadata), convert::pod(&p))),
        Change::Remove(p) => drop(f.pods.remove(&convert::key(&p.metadata))),
    }));
    tasks.spawn(source(b(), "budgets", Api::<PodDisruptionBudget>::all(c()), all(), |f, change| match change {
        Change::Replace(list) => {
            f.budgets = list.iter().map(|p| (convert::key(&p.metadata), convert::budget(p))).collect();
        }
        Change::Put(p) => drop(f.budgets.insert(convert::key(&p.metadata), convert::budget(&p))),
        Change::Remove(p) => drop(f.budgets.remove(&convert::key(&p.metadata))),
    }));
    tasks.spawn(source(b(), "daemonsets", Api::<DaemonSet>::all(c()), all(), |f, change| match change {
        Change::Replace(list) => {
            f.daemon_sets = list.iter().map(|d| (convert::key(&d.metadata), convert::daemon_set(d))).collect();
        }
        Change::Put(d) => drop(f.daemon_sets.insert(convert::key(&d.metadata), convert::daemon_set(&d))),
        Change::Remove(d) => drop(f.daemon_sets.remove(&convert::key(&d.metadata))),
    }));
    tasks.spawn(source(b(), "policies", Api::<NetworkPolicy>::all(c()), all(), |f, change| match change {
        Change::Replace(list) => f.policies = list.iter().map(|p| convert::key(&p.metadata)).collect::<BTreeSet<_>>(),
        Change::Put(p) => drop(f.policies.insert(convert::key(&p.metadata))),
        Change::Remove(p) => drop(f.policies.remove(&convert::key(&p.metadata))),
    }));
    tasks.spawn(source(b(), "CRDs", Api::<CustomResourceDefinition>::all(c()), all(), |f, change| match change {
        Change::Replace(list) => f.crds = list.iter().map(|d| (d.name_any().into(), served(d))).collect(),
        Change::Put(d) => drop(f.crds.insert(d.name_any().into(), served(&d))),
        Change::Remove(d) => drop(f.crds.remove(d.name_any().as_str())),
    }));
    workloads::start(client, store, &mut tasks);
    named_config_maps(client, store, &mut tasks);
    custom_resources(client, store, &mut tasks);
    tasks.spawn(link(c(), b(), heard));
    tasks
}

fn all() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

fn served(crd: &CustomResourceDefinition) -> Vec<String> {
    let conditions = crd.status.as_ref().and_then(|s| s.conditions.as_ref());
    let established = conditions.is_some_and(|c| c.iter().any(|c| c.type_ == "Established" && c.status == "True"));
    let versions = crd.spec.versions.iter().filter(|v| v.served && established);
    versions.map(|v| v.name.clone()).collect()
}

fn named_config_maps(client: &Client, store: &FactStore, tasks: &mut JoinSet<()>) {
    let named = |name: &str| all().fields(&format!("metadata.name={name}"));
    let maps = || Api::<ConfigMap>::all(client.clone());
    tasks.spawn(source(store.clone(), "cilium-config", maps(), named("cilium-config"), |f, change| match change {
        Change::Replace(list) => f.cilium_config = list.first().map(convert::cilium_config),
        Change::Put(m) => f.cilium_config = Some(convert::cilium_config(&m)),
        Change::Remove(_) => f.cilium_config = None,
    }));
    let read =
        |m: &ConfigMap| m.data.as_ref().and_then(|d| d.get("net-conf.json")).and_then(|c| FlannelFact::parse(c).ok());
    tasks.spawn(source(store.clone(), "Flannel's config", maps(), named("kube-flannel-cfg"), move |f, change| {
        match change {
            Change::Replace(list) => {
                f.flannel = list.iter().filter_map(|m| Some((convert::key(&m.metadata), read(m)?))).collect();
            }
            Change::Put(m) => {
                if let Some(fact) = read(&m) {
                    f.flannel.insert(convert::key(&m.metadata), fact);
                }
            }
            Change::Remove(m) => drop(f.flannel.remove(&convert::key(&m.metadata))),
        }
    }));
    tasks.spawn(source(store.clone(), "Flannel's copy", maps(), named(FLANNEL_BACKUP), |f, change| match change {
        Change::Replace(list) => f.flannel_backup = !list.is_empty(),
        Change::Put(_) => f.flannel_backup = true,
        Change::Remove(_) => f.flannel_backup = false,
    }));
}

fn custom_resources(client: &Client, store: &FactStore, tasks: &mut JoinSet<()>) {
    let typed = store.clone();
    let c = client.clone();
    tasks.spawn(once_served(
        store.clone(),
        "migration",
        "migrations.cutover.dev",
        |_| "v1alpha1",
        move |_| {
            source(typed.clone(), "migration", Api::<Migration>::all(c.clone()), all(), |f, change| match change {
                Change::Replace(list) if list.is_empty() => f.migration = None,
                Change::Replace(list) => list.into_iter().for_each(|m| f.put_migration(m)),
                Change::Put(m) => f.put_migration(m),
                Change::Remove(_) => f.migration = None,
            })
        },
    ));
    let (typed, c) = (store.clone(), client.clone());
    tasks.spawn(once_served(
        store.clone(),
        "node records",
        "nodemigrations.cutover.dev",
        |_| "v1alpha1",
        move |_| {
            source(typed.clone(), "node records", Api::<NodeMigration>::all(c.clone()), all(), |f, change| match change
            {
                Change::Replace(list) => {
                    f.node_migrations.retain(|name, _| list.iter().any(|n| n.name_any() == **name));
                    list.into_iter().for_each(|n| f.put_record(n));
                }
                Change::Put(n) => f.put_record(n),
                Change::Remove(n) => drop(f.node_migrations.remove(n.name_any().as_str())),
            })
        },
    ));
    let (dynamic, c) = (store.clone(), client.clone());
    tasks.spawn(once_served(
        store.clone(),
        "Cilium's nodes",
        "ciliumnodes.cilium.io",
        |_| "v2",
        move |version| {
            let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("cilium.io", version, "CiliumNode"));
            dynamic_source(dynamic.clone(), "Cilium's nodes", c.clone(), kind, |f, change| match change {
                Change::Replace(list) => {
                    f.cilium_ranges = list
                        .iter()
                        .map(|n| (Arc::from(n.name_any()), convert::cilium_ranges(n)))
                        .filter(|(_, r)| !r.is_empty())
                        .collect();
                }
                Change::Put(n) => {
                    let ranges = convert::cilium_ranges(&n);
                    if !ranges.is_empty() {
                        f.cilium_ranges.insert(n.name_any().into(), ranges);
                    }
                }
                Change::Remove(n) => drop(f.cilium_ranges.remove(n.name_any().as_str())),
            })
        },
    ));
    let (dynamic, c) = (store.clone(), client.clone());
    let newest = |f: &Facts| if f.node_config_version() == Some("v2") { "v2" } else { "v2alpha1" };
    tasks.spawn(once_served(store.clone(), "node configs", "ciliumnodeconfigs.cilium.io", newest, move |version| {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("cilium.io", version, "CiliumNodeConfig"));
        dynamic_source(dynamic.clone(), "node configs", c.clone(), kind, |f, change| match change {
            Change::Replace(list) => {
                f.node_configs = list.iter().map(|n| (convert::key(&n.metadata), convert::node_config(n))).collect();
            }
            Change::Put(n) => drop(f.node_configs.insert(convert::key(&n.metadata), convert::node_config(&n))),
            Change::Remove(n) => drop(f.node_configs.remove(&convert::key(&n.metadata))),
        })
    }));
}

/// Watches a custom resource while its definition is served; without it the source is absent, not late.
async fn once_served<F, Fut>(
    store: FactStore,
    name: &'static str,
    crd: &'static str,
    version: fn(&Facts) -> &'static str,
    watch: F,
) where
    F: Fn(&'static str) -> Fut,
    Fut: Future<Output = ()>,
{
    let is_served = |f: &Facts| f.crds.get(crd).is_some_and(|v| !v.is_empty());
    store.until(|f| f.sources.get("CRDs").is_some_and(Freshness::is_usable)).await;
    loop {
        if !is_served(&store.read()) {
            store.freshness(name, Freshness::Absent);
            store.until(is_served).await;
        }
        let now = version(&store.read());
        store.freshness(name, Freshness::Starting);
        tokio::select! {
            biased;
            () = watch(now) => {}
            () = store.until(|f| !is_served(f) || version(f) != now) => {}
        }
    }
}

async fn source<K>(
    store: FactStore,
    name: &'static str,
    api: Api<K>,
    config: watcher::Config,
    fold: impl Fn(&mut Facts, Change<K>),
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    follow(&store, name, || watcher(api.clone(), config.clone()), fold).await;
}

async fn dynamic_source(
    store: FactStore,
    name: &'static str,
    client: Client,
    kind: ApiResource,
    fold: impl Fn(&mut Facts, Change<DynamicObject>),
) {
    let api = Api::<DynamicObject>::all_with(client, &kind);
    follow(&store, name, || watcher(api.clone(), all()), fold).await;
}

/// Lists and watches for ever. A watch that broke is begun anew with a list: kube's watcher would go on
/// silently, and a source that has recovered would look broken until something happens in it.
async fn follow<K: Clone + Debug + Send + 'static, S>(
    store: &FactStore,
    name: &'static str,
    watch: impl Fn() -> S,
    fold: impl Fn(&mut Facts, Change<K>),
) where
    S: futures::Stream<Item = watcher::Result<watcher::Event<K>>> + Send,
{
    let mut pause = SHORTEST_PAUSE;
    loop {
        let events = watch();
        pin_mut!(events);
        let mut listed = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => listed.push(object),
                Ok(watcher::Event::InitDone) => {
                    pause = SHORTEST_PAUSE;
                    let list = std::mem::take(&mut listed);
                    store.change(|f| {
                        fold(f, Change::Replace(list));
                        f.sources.insert(name, Freshness::Live);
                    });
                }
                Ok(watcher::Event::Apply(object)) => store.change(|f| fold(f, Change::Put(object))),
                Ok(watcher::Event::Delete(object)) => store.change(|f| fold(f, Change::Remove(object))),
                Err(e) => {
                    store.broken(name, error::watch(&e));
                    break;
                }
            }
        }
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What the API server says of its etcd. It answers without 200 when any of its checks fails, with the same text.
async fn etcd_fails(client: &Client) -> bool {
    let Ok(request) = http::Request::get("/readyz?verbose").body(Vec::new()) else { return false };
    let said = match tokio::time::timeout(Duration::from_secs(5), client.request_text(request)).await {
        Ok(Ok(text)) => text,
        Ok(Err(kube::Error::Api(status))) => status.message,
        _ => return false,
    };
    said.lines().any(|l| l.starts_with("[-]etcd"))
}

/// Asks for the version now and then: a watch that is silent looks the same whether its server lives or not.
async fn link(client: Client, store: FactStore, heard: impl Fn(Timestamp)) {
    loop {
        let asked = tokio::time::Instant::now();
        match tokio::time::timeout(Duration::from_secs(5), version(&client)).await {
            Ok(Ok(date)) => {
                store.freshness(LINK, Freshness::Live);
                if let Some(date) = date {
                    heard(date);
                    skew(&store, date);
                }
                let failing = etcd_fails(&client).await;
                if store.read().etcd_failing != failing {
                    store.change(|f| f.etcd_failing = failing);
                }
                let took = asked.elapsed().as_millis();
                let latency = [10, 25, 50, 100, 250, 500, 1_000, 2_500].into_iter().find(|l| took < u128::from(*l));
                if store.read().latency != latency {
                    store.change(|f| f.latency = latency);
                }
            }
            Ok(Err(e)) => store.broken(LINK, e.into()),
            Err(_) => store.broken(LINK, Problem::new(LINK, "no answer within 5 s", "")),
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

/// What time the API server has, as it says with every answer.
async fn version(client: &Client) -> kube::Result<Option<Timestamp>> {
    let request = http::Request::get("/version").body(kube::client::Body::empty()).map_err(kube::Error::HttpError)?;
    let answer = client.send(request).await?;
    let date = answer.headers().get(http::header::DATE).and_then(|d| d.to_str().ok());
    let date = date.and_then(|d| jiff::fmt::rfc2822::parse(d).ok()).map(|z| z.timestamp());
    let (status, body) = (answer.status(), answer.into_body().collect_bytes().await?);
    if status.is_success() {
        return Ok(date);
    }
    let said = String::from_utf8_lossy(&body).into_owned();
    Err(kube::Error::Api(kube::core::Status::failure(&said, "").with_code(status.as_u16()).boxed()))
}

/// How far this machine's clock is from the server's: said when it is worth saying.
fn skew(store: &FactStore, theirs: Timestamp) {
    let off = Timestamp::now().duration_since(theirs).as_secs();
    let off = if off.abs() < 5 { 0 } else { off };
    if (store.read().clock_off - off).abs() > 1 {
        store.change(|f| f.clock_off = off);
    }
}
