//! Asks what checks want to know beside the watches: once at the start, then now and then. What may not be read stays
//! "not known".

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use futures::future::join;
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        admissionregistration::v1::{
            MutatingWebhookConfiguration, RuleWithOperations, ValidatingWebhook, ValidatingWebhookConfiguration,
        },
        core::v1::{ConfigMap, Namespace, Service},
        networking::v1::{NetworkPolicy, ServiceCIDR},
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, GroupVersionKind, ListParams},
    core::DynamicObject,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    convert,
    error::{is_not_found, sentence},
    store::FactStore,
};
use crate::domain::{
    effect::{Resource, resource},
    facts::{ApiServiceFact, Asked, Facts, Key, KubeProxyFact, KubeadmFact, PolicyFact, Source, Survey, WebhookFact},
    values,
};

/// How soon it is asked again while preflight waits for an operator who mends something.
const SOON: Duration = Duration::from_secs(60);
/// How soon while the migration runs.
const AGAIN: Duration = Duration::from_secs(600);
/// How many objects are listed at once.
const PAGE: u32 = 500;
/// How long a list may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The namespace of kube-proxy and kubeadm.
const SYSTEM: &str = "kube-system";

/// Asks everything, and keeps the answers.
pub async fn ask(client: &Client, store: &FactStore) {
    // which kinds are served is one of the watches
    let listed = store.until(|f| f.sources[Source::Definitions].is_usable());
    let defined = tokio::time::timeout(PATIENCE, listed).await.ok().map(|()| {
        let facts = store.read();
        [resource::CILIUM_POLICIES, resource::CILIUM_WIDE_POLICIES].map(|kind| {
            let served = facts.crds.get(format!("{}.{}", kind.plural, kind.group).as_str());
            served.is_some_and(|versions| versions.iter().any(|v| v == kind.version))
        })
    });
    let survey = Box::pin(survey(client, defined)).await;
    store.change(|f| f.survey = Arc::new(survey));
}

/// Asks again and again, until dropped.
pub async fn keep(client: Client, store: FactStore) {
    let waits =
        |f: &Facts| f.migration.as_ref().is_none_or(|m| m.status.as_ref().is_none_or(|s| s.started_at.is_none()));
    loop {
        let pause = if waits(&store.read()) { SOON } else { AGAIN };
        tokio::time::sleep(pause).await;
        ask(&client, &store).await;
    }
}

async fn survey(client: &Client, defined: Option<[bool; 2]>) -> Survey {
    let (services, ranges) = join(list::<Service>(client), list::<ServiceCIDR>(client)).await;
    let (proxy, kubeadm) = join(config(client, "kube-proxy"), config(client, "kubeadm-config")).await;
    let (validating, mutating) =
        join(list::<ValidatingWebhookConfiguration>(client), list::<MutatingWebhookConfiguration>(client)).await;
    let (apis, policies) = join(list::<APIService>(client), list::<NetworkPolicy>(client)).await;
    let own = join(
        cilium(client, defined.map(|d| d[0]), resource::CILIUM_POLICIES),
        cilium(client, defined.map(|d| d[1]), resource::CILIUM_WIDE_POLICIES),
    );
    let (own, wide) = own.await;
    let policies = map(policies, |all| all.iter().map(convert::policy).collect::<Vec<_>>());
    let namespaces = if policies.known().into_iter().flatten().any(PolicyFact::selects_namespaces) {
        list::<Namespace>(client).await
    } else {
        Asked::Known(vec![])
    };
    let webhooks = both(
        webhooks("validatingwebhookconfiguration", validating),
        webhooks("mutatingwebhookconfiguration", mutating),
    );
    let api_services = map(apis, |all| all.iter().filter_map(api_service).collect::<Vec<_>>());
    let named = webhooks.known().into_iter().flatten().map(|w| &w.service);
    let named: Vec<&Key> = named.chain(api_services.known().into_iter().flatten().map(|a| &a.service)).collect();
    let backends = services.known().map(|all| backends(all, &named)).unwrap_or_default();
    Survey {
        at: Some(Timestamp::now()),
        service_addresses: map(services, |all| all.iter().flat_map(addresses).collect()),
        service_ranges: map(ranges, |all| {
            let of = |r: &ServiceCIDR| {
                let cidrs = r.spec.clone().and_then(|s| s.cidrs).unwrap_or_default();
                let name: Arc<str> = r.name_any().into();
                cidrs.into_iter().filter_map(move |c| Some((Arc::clone(&name), c.parse().ok()?)))
            };
            all.iter().flat_map(of).collect()
        }),
        kube_proxy: map(proxy, |c| kube_proxy(&c)),
        kubeadm: map(kubeadm, |c| kubeadm_config(&c)),
        backends,
        policies,
        namespace_labels: map(namespaces, |all| {
            all.iter().map(|n| (n.name_any().into(), n.labels().clone())).collect()
        }),
        cilium_policies: both(own, wide),
        webhooks,
        api_services,
    }
}

/// What was read, as something else.
fn map<T, U>(asked: Asked<T>, make: impl FnOnce(T) -> U) -> Asked<U> {
    match asked {
        Asked::NotYet => Asked::NotYet,
        Asked::Unreadable(why) => Asked::Unreadable(why),
        Asked::Absent => Asked::Absent,
        Asked::Known(read) => Asked::Known(make(read)),
    }
}

/// Two lists as one: known where both are.
fn both<T>(one: Asked<Vec<T>>, other: Asked<Vec<T>>) -> Asked<Vec<T>> {
    match (one, other) {
        (Asked::Unreadable(why), _) | (_, Asked::Unreadable(why)) => Asked::Unreadable(why),
        (Asked::Known(mut all), Asked::Known(more)) => {
            all.extend(more);
            Asked::Known(all)
        }
        (Asked::Known(all), _) | (_, Asked::Known(all)) => Asked::Known(all),
        (other, _) => other,
    }
}

fn failed<T>(error: &kube::Error) -> Asked<T> {
    if is_not_found(error) { Asked::Absent } else { Asked::Unreadable(sentence(error)) }
}

fn late<T>() -> Asked<T> {
    Asked::Unreadable(format!("no answer within {} s", PATIENCE.as_secs()))
}

/// Every object of a kind.
async fn list<K>(client: &Client) -> Asked<Vec<K>>
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    pages(&Api::<K>::all(client.clone())).await
}

async fn pages<K: Clone + DeserializeOwned + Debug>(api: &Api<K>) -> Asked<Vec<K>> {
    let all = async {
        let (mut all, mut params) = (Vec::new(), ListParams::default().limit(PAGE));
        loop {
            let page = api.list(&params).await?;
            all.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(all),
            }
        }
    };
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(Ok(all)) => Asked::Known(all),
        Ok(Err(e)) => failed(&e),
        Err(_) => late(),
    }
}

/// Names of Cilium's own policies, where they are defined.
async fn cilium(client: &Client, defined: Option<bool>, kind: Resource) -> Asked<Vec<String>> {
    match defined {
        None => return Asked::Unreadable("which kinds are defined is not known".into()),
        Some(false) => return Asked::Known(vec![]),
        Some(true) => {}
    }
    let api = ApiResource::from_gvk(&GroupVersionKind::gvk(kind.group, kind.version, kind.kind));
    let all = pages(&Api::<DynamicObject>::all_with(client.clone(), &api)).await;
    map(all, |all| all.iter().map(|p| kind.at(convert::key(&p.metadata)).to_string()).collect())
}

/// A ConfigMap of the cluster's own components.
async fn config(client: &Client, name: &str) -> Asked<ConfigMap> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), SYSTEM);
    match tokio::time::timeout(PATIENCE, maps.get(name)).await {
        Ok(Ok(map)) => Asked::Known(map),
        Ok(Err(e)) => failed(&e),
        Err(_) => late(),
    }
}

fn yaml(map: &ConfigMap, key: &str) -> Value {
    let text = map.data.as_ref().and_then(|d| d.get(key)).map(String::as_str).unwrap_or_default();
    values::parse(text).unwrap_or_default()
}

fn parsed<T: std::str::FromStr>(list: &Value) -> Vec<T> {
    let list = list.as_str().unwrap_or_default();
    list.split(',').filter_map(|part| part.trim().parse().ok()).collect()
}

fn kube_proxy(map: &ConfigMap) -> KubeProxyFact {
    let conf = yaml(map, "config.conf");
    KubeProxyFact {
        mode: conf["mode"].as_str().unwrap_or_default().to_owned(),
        cluster_cidr: parsed(&conf["clusterCIDR"]),
    }
}

fn kubeadm_config(map: &ConfigMap) -> KubeadmFact {
    let conf = yaml(map, "ClusterConfiguration");
    let networking = &conf["networking"];
    KubeadmFact { pod_ranges: parsed(&networking["podSubnet"]), service_ranges: parsed(&networking["serviceSubnet"]) }
}

/// Every address of a Service.
fn addresses(service: &Service) -> Vec<(Key, std::net::IpAddr)> {
    let spec = service.spec.clone().unwrap_or_default();
    let balancer = service.status.clone().and_then(|s| s.load_balancer).and_then(|b| b.ingress).unwrap_or_default();
    let own = spec.cluster_ips.unwrap_or_else(|| spec.cluster_ip.into_iter().collect());
    let all = own.into_iter().chain(spec.external_ips.unwrap_or_default()).chain(spec.load_balancer_ip);
    let all = all.chain(balancer.into_iter().filter_map(|i| i.ip));
    all.filter_map(|ip| Some((convert::key(&service.metadata), ip.parse().ok()?))).collect()
}

/// What the Services of these names select.
fn backends(services: &[Service], named: &[&Key]) -> BTreeMap<Key, BTreeMap<String, String>> {
    let of = |s: &Service| {
        let key = convert::key(&s.metadata);
        let selector = s.spec.clone().and_then(|s| s.selector);
        named.contains(&&key).then_some((key, selector?))
    };
    services.iter().filter_map(of).collect()
}

/// Resources of pods in a webhook's rules.
const ABOUT_PODS: [&str; 5] = ["pods", "pods/eviction", "pods/*", "*", "*/*"];

/// The webhooks of both kinds of configurations: a mutating one has all that a validating one has.
fn webhooks<C: Serialize + ResourceExt>(kind: &str, all: Asked<Vec<C>>) -> Asked<Vec<WebhookFact>> {
    let of = |c: &C| {
        let object = format!("{kind}/{}", c.name_any());
        let hooks = serde_json::to_value(c).map(|mut c| c["webhooks"].take());
        let hooks: Result<Option<Vec<ValidatingWebhook>>, _> = hooks.and_then(serde_json::from_value);
        hooks.map(|h| (object.clone(), h.unwrap_or_default())).map_err(|e| format!("{object}: {e}"))
    };
    let read = map(all, |all| all.iter().map(of).collect::<Result<Vec<_>, _>>());
    match read {
        Asked::Known(Ok(all)) => {
            let each = all.into_iter().flat_map(|(object, hooks)| hooks.into_iter().map(move |h| (object.clone(), h)));
            Asked::Known(each.filter_map(|(object, hook)| webhook(object, hook)).collect())
        }
        Asked::Known(Err(why)) => Asked::Unreadable(why),
        Asked::Unreadable(why) => Asked::Unreadable(why),
        Asked::NotYet => Asked::NotYet,
        Asked::Absent => Asked::Absent,
    }
}

fn webhook(object: String, hook: ValidatingWebhook) -> Option<WebhookFact> {
    let service = hook.client_config.service?;
    let core = |r: &&RuleWithOperations| {
        r.api_groups.iter().flatten().any(|g| g.is_empty() || g == "*" || g == "policy")
            && r.operations.iter().flatten().any(|o| o == "*" || o == "CREATE" || o == "DELETE")
    };
    let mut resources = hook.rules.iter().flatten().filter(core).flat_map(|r| r.resources.iter().flatten());
    let selectors = [&hook.namespace_selector, &hook.object_selector];
    Some(WebhookFact {
        object,
        name: hook.name,
        service: Key::new(&service.namespace, &service.name),
        fails: hook.failure_policy.as_deref() != Some("Ignore"),
        scoped: selectors.into_iter().flatten().any(|s| *s != LabelSelector::default()),
        about_pods: resources.any(|r| ABOUT_PODS.contains(&r.as_str())),
    })
}

fn api_service(api: &APIService) -> Option<ApiServiceFact> {
    let service = api.spec.as_ref()?.service.as_ref()?;
    let conditions = api.status.iter().flat_map(|s| s.conditions.iter().flatten());
    Some(ApiServiceFact {
        name: api.name_any(),
        service: Key::new(
            service.namespace.as_deref().unwrap_or_default(),
            service.name.as_deref().unwrap_or_default(),
        ),
        available: conditions.into_iter().any(|c| c.type_ == "Available" && c.status == "True"),
    })
}
