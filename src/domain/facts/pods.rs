//! Pods, and who is asked for: those of a node, of a controller, of Cutover. None of these walks all pods.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{Key, Owner, PodFact, Room};
use crate::domain::text;

/// Pods that are asked for by what they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Cutover's own task pods.
    Task,
    /// Members of etcd that run as static pods.
    Etcd,
    /// Everything of Cilium's: agents, operator, Envoy, Hubble.
    Cilium,
    /// What keeps other pods of this namespace away from it, by a required anti-affinity.
    Repels(Arc<str>),
}

/// Pods in the order of their keys.
#[derive(Clone, Debug, Default)]
struct Group(Vec<Arc<PodFact>>);

impl Group {
    fn put(&mut self, pod: &Arc<PodFact>) {
        match self.find(&pod.key) {
            Ok(at) => self.0[at] = Arc::clone(pod),
            Err(at) => self.0.insert(at, Arc::clone(pod)),
        }
    }

    fn cut(&mut self, key: &Key) {
        if let Ok(at) = self.find(key) {
            self.0.remove(at);
        }
    }

    fn find(&self, key: &Key) -> Result<usize, usize> {
        self.0.binary_search_by(|p| p.key.cmp(key))
    }
}

/// The pods of a node, and what those that live request.
#[derive(Clone, Debug, Default)]
struct OnNode {
    pods: Group,
    used: Room,
}

/// All pods. A row is shared with every clone of the facts, so that these cost little.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    rows: BTreeMap<Key, Arc<PodFact>>,
    nodes: BTreeMap<Arc<str>, OnNode>,
    owners: HashMap<(Arc<str>, Owner), Group>,
    marked: HashMap<Mark, Group>,
}

impl Pods {
    /// The pod of this key.
    pub fn get(&self, key: &Key) -> Option<&PodFact> {
        self.rows.get(key).map(|p| &**p)
    }

    /// Is there a pod of this key?
    pub fn contains_key(&self, key: &Key) -> bool {
        self.rows.contains_key(key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All of them with their keys, in the order of these.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &PodFact)> {
        self.rows.iter().map(|(k, p)| (k, &**p))
    }

    /// All of them, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &PodFact> {
        self.rows.values().map(|p| &**p)
    }

    /// Those of a namespace.
    pub fn in_namespace<'a>(&'a self, namespace: &'a Arc<str>) -> impl Iterator<Item = &'a PodFact> {
        super::in_namespace(&self.rows, namespace).map(|p| &**p)
    }

    /// Those of a node, in the order of their keys.
    pub fn on<'a>(&'a self, node: &str) -> impl Iterator<Item = &'a PodFact> + use<'a> {
        self.nodes.get(node).into_iter().flat_map(|n| each(&n.pods))
    }

    /// The nodes that have pods; the empty name for pods that are not scheduled.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(|n| &**n)
    }

    /// What the living pods of a node request.
    pub fn used_on(&self, node: &str) -> Room {
        self.nodes.get(node).map(|n| n.used).unwrap_or_default()
    }

    /// Those of a controller.
    pub fn owned_by<'a>(&'a self, namespace: &Arc<str>, owner: Owner) -> impl Iterator<Item = &'a PodFact> + use<'a> {
        self.owners.get(&(Arc::clone(namespace), owner)).into_iter().flat_map(each)
    }

    /// Those that are asked for by what they are.
    pub fn marked<'a>(&'a self, mark: &Mark) -> impl Iterator<Item = &'a PodFact> + use<'a> {
        self.marked.get(mark).into_iter().flat_map(each)
    }

    /// Takes a pod in, or what became of it. False when nothing of it has changed.
    pub fn insert(&mut self, key: Key, mut pod: PodFact) -> bool {
        let old = self.rows.get(&key).cloned();
        if old.as_deref() == Some(&pod) {
            return false;
        }
        self.share(&mut pod, old.as_deref());
        if let Some(old) = old {
            self.leave_groups(&old);
        }
        let pod = Arc::new(pod);
        self.join_groups(&pod);
        self.rows.insert(Key { namespace: Arc::clone(&pod.key.namespace), ..key }, pod);
        true
    }

    /// Takes a pod out.
    pub fn remove(&mut self, key: &Key) -> Option<Arc<PodFact>> {
        let pod = self.rows.remove(key)?;
        self.leave_groups(&pod);
        Some(pod)
    }

    /// Changes a pod. False when there is none of this key.
    pub fn update(&mut self, key: &Key, change: impl FnOnce(&mut PodFact)) -> bool {
        let Some(mut pod) = self.get(key).cloned() else { return false };
        change(&mut pod);
        self.insert(key.clone(), pod);
        true
    }

    /// Changes every pod.
    pub fn update_all(&mut self, mut change: impl FnMut(&mut PodFact)) {
        let keys: Vec<Key> = self.rows.keys().cloned().collect();
        for key in &keys {
            self.update(key, &mut change);
        }
    }

    /// Keeps those that fit.
    pub fn retain(&mut self, mut keep: impl FnMut(&Key, &PodFact) -> bool) {
        let out: Vec<Key> = self.iter().filter(|(k, p)| !keep(k, p)).map(|(k, _)| k.clone()).collect();
        out.iter().for_each(|key| drop(self.remove(key)));
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What a pod has in common with what is known is kept once: with what it was, with its namesakes beside it under
    /// the same controller, and its node's name.
    fn share(&self, pod: &mut PodFact, old: Option<&PodFact>) {
        if let Some((node, _)) = self.nodes.get_key_value(&pod.node) {
            pod.node = Arc::clone(node);
        }
        let owner = pod.owner.clone().map(|o| (Arc::clone(&pod.key.namespace), o));
        let group = owner.and_then(|o| self.owners.get(&o));
        let beside = group.map(|Group(all)| {
            let at = all.partition_point(|p| p.key < pod.key);
            [at.checked_sub(1), Some(at)].map(|at| all.get(at?))
        });
        for like in old.into_iter().chain(beside.into_iter().flatten().flatten().map(|p| &**p)) {
            same(&mut pod.key.namespace, &like.key.namespace);
            same(&mut pod.image, &like.image);
            same(&mut pod.labels, &like.labels);
            same(&mut pod.needs, &like.needs);
            if let (Some(owner), Some(like)) = (&mut pod.owner, &like.owner) {
                same(&mut owner.kind, &like.kind);
                same(&mut owner.name, &like.name);
            }
        }
    }

    fn join_groups(&mut self, pod: &Arc<PodFact>) {
        let on = self.nodes.entry(Arc::clone(&pod.node)).or_default();
        on.pods.put(pod);
        on.used = on.used + requested(pod);
        if let Some(owner) = &pod.owner {
            self.owners.entry((Arc::clone(&pod.key.namespace), owner.clone())).or_default().put(pod);
        }
        for mark in marks(pod) {
            self.marked.entry(mark).or_default().put(pod);
        }
    }

    fn leave_groups(&mut self, pod: &PodFact) {
        if let Some(on) = self.nodes.get_mut(&pod.node) {
            on.pods.cut(&pod.key);
            on.used = on.used - requested(pod);
            if on.pods.0.is_empty() {
                self.nodes.remove(&pod.node);
            }
        }
        let owner = pod.owner.clone().map(|o| (Arc::clone(&pod.key.namespace), o));
        owner.into_iter().for_each(|o| cut(&mut self.owners, &o, &pod.key));
        marks(pod).iter().for_each(|m| cut(&mut self.marked, m, &pod.key));
    }
}

impl FromIterator<(Key, PodFact)> for Pods {
    fn from_iter<I: IntoIterator<Item = (Key, PodFact)>>(pods: I) -> Self {
        let mut all = Self::default();
        all.extend(pods);
        all
    }
}

impl Extend<(Key, PodFact)> for Pods {
    fn extend<I: IntoIterator<Item = (Key, PodFact)>>(&mut self, pods: I) {
        for (key, pod) in pods {
            self.insert(key, pod);
        }
    }
}

fn each(group: &Group) -> impl Iterator<Item = &PodFact> {
    group.0.iter().map(|p| &**p)
}

fn cut<K: Eq + std::hash::Hash>(groups: &mut HashMap<K, Group>, of: &K, key: &Key) {
    if let Some(group) = groups.get_mut(of) {
        group.cut(key);
        if group.0.is_empty() {
            groups.remove(of);
        }
    }
}

fn same<T: PartialEq + ?Sized>(this: &mut Arc<T>, that: &Arc<T>) {
    if this == that {
        *this = Arc::clone(that);
    }
}

fn requested(pod: &PodFact) -> Room {
    if pod.is_living() { pod.needs.room } else { Room::default() }
}

/// A member of etcd: in kube-system, called so by its label, or a static pod of its image.
fn is_etcd(pod: &PodFact, component: &str) -> bool {
    let by_image = || pod.mirror && text::image_name(&pod.image) == "etcd";
    &*pod.key.namespace == "kube-system" && (component == "etcd" || by_image())
}

fn marks(pod: &PodFact) -> Vec<Mark> {
    let label = |key: &str| pod.labels.get(key).map(String::as_str).unwrap_or_default();
    let mut marks = Vec::new();
    if pod.task.is_some() {
        marks.push(Mark::Task);
    }
    if is_etcd(pod, label("component")) {
        marks.push(Mark::Etcd);
    }
    if label("app.kubernetes.io/part-of") == "cilium"
        || matches!(label("k8s-app"), "cilium" | "cilium-envoy" | "hubble-relay" | "hubble-ui")
        || label("io.cilium/app") == "operator"
    {
        marks.push(Mark::Cilium);
    }
    for term in &pod.needs.anti_affinity {
        if term.namespaces.is_empty() {
            marks.push(Mark::Repels(Arc::clone(&pod.key.namespace)));
        }
        marks.extend(term.namespaces.iter().map(|n| Mark::Repels(n.as_str().into())));
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::{
        super::{AffinityTerm, Needs},
        *,
    };

    fn pod(name: &str, node: &str, owner: &str) -> PodFact {
        PodFact {
            key: Key::new("shop", name),
            node: node.into(),
            phase: "Running".into(),
            owner: Some(Owner { kind: "Deployment".into(), name: owner.into() }),
            labels: Arc::new(BTreeMap::from([("app".to_owned(), owner.to_owned())])),
            needs: Arc::new(Needs { room: Room { cpu: 100, memory: 5, pods: 1 }, ..Needs::default() }),
            ..PodFact::default()
        }
    }

    fn names<'a>(pods: impl Iterator<Item = &'a PodFact>) -> Vec<&'a str> {
        pods.map(|p| &*p.key.name).collect()
    }

    /// Whatever happens to pods, in whatever order, each is found where it belongs and nowhere else.
    #[test]
    fn the_groups_always_say_what_the_rows_say() {
        let mut pods = Pods::default();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..3_000 {
            let key = Key::new("shop", &format!("p{}", random.u8(..20)));
            if random.u8(..4) == 0 {
                pods.remove(&key);
            } else {
                let mut it = pod(&key.name, ["", "a", "b"][random.usize(..3)], ["x", "y"][random.usize(..2)]);
                it.phase = ["Running", "Failed"][random.usize(..2)].into();
                it.task = random.bool().then(|| "inspect".into());
                let term = AffinityTerm {
                    selector: crate::domain::facts::Selector::default(),
                    topology: "zone".into(),
                    namespaces: vec![],
                };
                Arc::make_mut(&mut it.needs).anti_affinity = vec![term; usize::from(random.bool())];
                pods.insert(key, it);
            }
            for node in ["a", "b"] {
                let all: Vec<&PodFact> = pods.values().filter(|p| &*p.node == node).collect();
                assert_eq!(pods.on(node).collect::<Vec<_>>(), all);
                let used = all.iter().map(|p| requested(p)).fold(Room::default(), std::ops::Add::add);
                assert_eq!(pods.used_on(node), used);
            }
            let shop: Arc<str> = "shop".into();
            for name in ["x", "y"] {
                let owner = Owner { kind: "Deployment".into(), name: name.into() };
                let all = pods.values().filter(|p| p.owner.as_ref() == Some(&owner));
                assert_eq!(names(pods.owned_by(&shop, owner.clone())), names(all));
            }
            assert_eq!(names(pods.marked(&Mark::Task)), names(pods.values().filter(|p| p.task.is_some())));
            let repelling = pods.values().filter(|p| !p.needs.anti_affinity.is_empty());
            assert_eq!(names(pods.marked(&Mark::Repels(shop))), names(repelling));
        }
    }

    #[test]
    fn what_pods_have_in_common_is_kept_once() {
        let mut pods: Pods =
            ["web-1", "web-2", "web-3"].map(|n| (Key::new("shop", n), pod(n, "a", "web"))).into_iter().collect();
        let get = |pods: &Pods, n: &str| pods.get(&Key::new("shop", n)).cloned().unwrap();
        pods.update(&Key::new("shop", "web-2"), |p| p.ready = true);
        let (one, two) = (get(&pods, "web-1"), get(&pods, "web-2"));
        assert!(Arc::ptr_eq(&one.labels, &two.labels) && Arc::ptr_eq(&one.needs, &two.needs));
        assert!(Arc::ptr_eq(&one.node, &two.node) && Arc::ptr_eq(&one.key.namespace, &two.key.namespace));
        assert!(two.ready && !one.ready);
    }

    #[test]
    fn what_has_not_changed_changes_nothing() {
        let mut pods = Pods::default();
        let it = pod("web-1", "a", "web");
        assert!(pods.insert(it.key.clone(), it.clone()));
        assert!(!pods.insert(it.key.clone(), it));
    }
}
