//! Every kind that is watched: what is kept of its objects, and where in the facts.

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    mem,
    sync::Arc,
};

use ipnet::IpNet;
use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{ConfigMap, Namespace, Node, Pod},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
    storage::v1::VolumeAttachment,
};
use kube::{
    Resource, ResourceExt,
    core::{DynamicObject, PartialObjectMeta},
};

use super::table::{Entry, Table, Watched};
use crate::{
    cluster::convert::{self, Claim, Definition, Scaled, Volume, key},
    domain::{
        api::{Migration, NodeMigration},
        effect::flannel,
        facts::{
            BudgetFact, ByName, CiliumConfigFact, DaemonSetFact, Facts, FlannelCopyFact, Key, NamespaceFact,
            NodeConfigFact, NodeFact, Pods, Volumes, WorkloadFact,
        },
        flannel::{CniConf, FlannelFact},
    },
};

fn name(object: &impl ResourceExt) -> Arc<str> {
    object.name_any().into()
}

pub(super) struct Nodes;

impl Table for Nodes {
    type Object = Node;
    type Map = ByName<NodeFact>;

    fn entry(node: &Node) -> Entry<Self::Map> {
        (name(node), Some(convert::node(node)))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.nodes
    }
}

pub(super) struct PodsOf;

impl Table for PodsOf {
    type Object = Pod;
    type Map = Pods;

    fn entry(pod: &Pod) -> Entry<Pods> {
        (key(&pod.metadata), Some(convert::pod(pod)))
    }

    fn map(facts: &mut Facts) -> &mut Pods {
        &mut facts.pods
    }
}

pub(super) struct Budgets;

impl Table for Budgets {
    type Object = PodDisruptionBudget;
    type Map = BTreeMap<Key, BudgetFact>;

    fn entry(budget: &PodDisruptionBudget) -> Entry<Self::Map> {
        (key(&budget.metadata), Some(convert::budget(budget)))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.budgets
    }
}

pub(super) struct DaemonSets;

impl Table for DaemonSets {
    type Object = DaemonSet;
    type Map = BTreeMap<Key, DaemonSetFact>;

    fn entry(set: &DaemonSet) -> Entry<Self::Map> {
        (key(&set.metadata), Some(convert::daemon_set(set)))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.daemon_sets
    }
}

pub(super) struct VolumesOf;

impl Table for VolumesOf {
    type Object = Volume;
    type Map = Volumes;

    fn entry(volume: &Volume) -> Entry<Volumes> {
        (name(volume), Some(convert::volume(volume)))
    }

    fn map(facts: &mut Facts) -> &mut Volumes {
        &mut facts.volumes
    }
}

pub(super) struct Claims;

impl Table for Claims {
    type Object = Claim;
    type Map = BTreeMap<Key, Arc<str>>;

    fn entry(claim: &Claim) -> Entry<Self::Map> {
        (key(&claim.metadata), convert::claim(claim))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.claims
    }
}

pub(super) struct Attachments;

impl Table for Attachments {
    type Object = VolumeAttachment;
    type Map = BTreeMap<(Arc<str>, Arc<str>), Arc<str>>;

    fn entry(attachment: &VolumeAttachment) -> Entry<Self::Map> {
        let volume = attachment.spec.source.persistent_volume_name.as_deref().unwrap_or_default();
        ((attachment.spec.node_name.as_str().into(), name(attachment)), Some(volume.into()))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.attachments
    }
}

/// Namespaces that are being deleted, and those with a level of Pod Security.
pub(super) struct Namespaces;

/// The label of a namespace that Pod Security admission enforces.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

impl Table for Namespaces {
    type Object = PartialObjectMeta<Namespace>;
    type Map = BTreeMap<Arc<str>, NamespaceFact>;

    fn entry(namespace: &Self::Object) -> Entry<Self::Map> {
        let enforced = namespace.labels().get(ENFORCE).map(|level| level.as_str().into());
        let fact = NamespaceFact { ending: namespace.metadata.deletion_timestamp.is_some(), enforced };
        (name(namespace), (fact != NamespaceFact::default()).then_some(fact))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.namespaces
    }
}

pub(super) struct Policies;

impl Table for Policies {
    type Object = PartialObjectMeta<NetworkPolicy>;
    type Map = BTreeSet<Key>;

    fn entry(policy: &Self::Object) -> Entry<Self::Map> {
        (key(&policy.metadata), Some(()))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.policies
    }
}

pub(super) struct Definitions;

impl Table for Definitions {
    type Object = Definition;
    type Map = BTreeMap<Arc<str>, Vec<String>>;

    fn entry(definition: &Definition) -> Entry<Self::Map> {
        (name(definition), Some(convert::served(definition)))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.crds
    }
}

pub(super) struct FlannelConfig;

impl Table for FlannelConfig {
    type Object = ConfigMap;
    type Map = BTreeMap<Key, FlannelFact>;

    fn entry(map: &ConfigMap) -> Entry<Self::Map> {
        let get = |name: &str| map.data.as_ref().and_then(|d| d.get(name));
        let fact = get("net-conf.json").and_then(|c| FlannelFact::parse(c).ok());
        let cni = get("cni-conf.json").and_then(|c| CniConf::parse(c));
        (key(&map.metadata), fact.map(|f| FlannelFact { cni, ..f }))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.flannel_configs
    }
}

pub(super) struct CiliumNodes;

impl Table for CiliumNodes {
    type Object = DynamicObject;
    type Map = BTreeMap<Arc<str>, Vec<IpNet>>;

    fn entry(node: &DynamicObject) -> Entry<Self::Map> {
        (name(node), Some(convert::cilium_ranges(node)).filter(|r| !r.is_empty()))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.cilium_ranges
    }
}

pub(super) struct NodeConfigs;

impl Table for NodeConfigs {
    type Object = DynamicObject;
    type Map = BTreeMap<Key, NodeConfigFact>;

    fn entry(config: &DynamicObject) -> Entry<Self::Map> {
        (key(&config.metadata), Some(convert::node_config(config)))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.node_configs
    }
}

/// Workloads of all kinds are in one map; a list takes the place of those of its own kind.
pub(super) struct Workloads<K>(PhantomData<K>);

impl<K: Resource<DynamicType = ()> + Send + 'static> Watched for Workloads<K> {
    type Object = Scaled;
    type Row = (Arc<str>, Option<WorkloadFact>);
    type List = BTreeMap<Arc<str>, WorkloadFact>;

    fn row(object: &Scaled) -> Self::Row {
        let fact = convert::workload(&K::kind(&()), object);
        (fact.object().into(), Some(fact).filter(|_| !convert::has_controller(object)))
    }

    fn list(list: &mut Self::List, (key, fact): Self::Row) {
        list.extend(fact.map(|fact| (key, fact)));
    }

    fn replace(facts: &mut Facts, list: &mut Self::List) {
        let kind = K::kind(&());
        facts.workloads.retain(|_, w| *w.kind != *kind);
        facts.workloads.append(list);
    }

    fn put(facts: &mut Facts, (key, fact): Self::Row) -> bool {
        let known = facts.workloads.get(&key);
        if known == fact.as_ref() {
            return false;
        }
        match fact {
            Some(fact) => drop(facts.workloads.insert(key, fact)),
            None => drop(facts.workloads.remove(&key)),
        }
        true
    }

    fn remove(facts: &mut Facts, (key, _): Self::Row) -> bool {
        facts.workloads.remove(&key).is_some()
    }
}

pub(super) struct CiliumConfigs;

impl Table for CiliumConfigs {
    type Object = ConfigMap;
    type Map = BTreeMap<Key, CiliumConfigFact>;

    fn entry(map: &ConfigMap) -> Entry<Self::Map> {
        (key(&map.metadata), Some(convert::cilium_config(map)))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.cilium_configs
    }
}

/// Copies of Flannel's objects: what they hold is compared, and the DaemonSets alone are kept by name.
pub(super) struct FlannelCopies;

impl Table for FlannelCopies {
    type Object = ConfigMap;
    type Map = BTreeMap<Key, FlannelCopyFact>;

    fn entry(map: &ConfigMap) -> Entry<Self::Map> {
        let text = map.data.as_ref().and_then(|d| d.get(flannel::COPY));
        let daemon_sets = text.map(|t| flannel::daemon_sets(t)).unwrap_or_default();
        let cni = text.and_then(|t| flannel::cni_conf(t));
        (key(&map.metadata), Some(FlannelCopyFact { digest: flannel::digest(text), daemon_sets, cni }))
    }

    fn map(facts: &mut Facts) -> &mut Self::Map {
        &mut facts.flannel_copies
    }
}

pub(super) struct TheMigration;

impl Watched for TheMigration {
    type Object = Migration;
    type Row = Migration;
    type List = Option<Migration>;

    fn row(migration: &Migration) -> Migration {
        migration.clone()
    }

    fn list(list: &mut Self::List, row: Migration) {
        *list = Some(row);
    }

    fn replace(facts: &mut Facts, list: &mut Self::List) {
        match list.take() {
            Some(migration) => facts.put_migration(migration),
            None => facts.migration = None,
        }
    }

    fn put(facts: &mut Facts, row: Migration) -> bool {
        facts.put_migration(row);
        true
    }

    fn remove(facts: &mut Facts, _: Migration) -> bool {
        facts.migration.take().is_some()
    }
}

pub(super) struct Records;

impl Watched for Records {
    type Object = NodeMigration;
    type Row = NodeMigration;
    type List = BTreeMap<String, NodeMigration>;

    fn row(record: &NodeMigration) -> NodeMigration {
        record.clone()
    }

    fn list(list: &mut Self::List, row: NodeMigration) {
        list.insert(row.name_any(), row);
    }

    /// What was just written may be newer than a list.
    fn replace(facts: &mut Facts, list: &mut Self::List) {
        facts.node_migrations.retain(|name, _| list.contains_key(&**name));
        mem::take(list).into_values().for_each(|record| facts.put_record(record));
    }

    fn put(facts: &mut Facts, row: NodeMigration) -> bool {
        facts.put_record(row);
        true
    }

    fn remove(facts: &mut Facts, row: NodeMigration) -> bool {
        facts.node_migrations.remove(row.name_any().as_str()).is_some()
    }
}
