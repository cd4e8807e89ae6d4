//! Flows beside the facts: addresses are looked up in what is known of the cluster, and what the flows say becomes
//! a fact itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::store::FactStore;
use crate::{
    domain::api::Target,
    hubble::{channel::Dial, client::follow, directory::Directory, shared::Flows},
};

/// How often what is known of the cluster is given to the flows, and the other way round.
const LOOK: Duration = Duration::from_secs(1);
/// Every so many looks what works is gathered anew.
const GATHER: u32 = 5;

/// Follows the flows until the tasks are dropped.
pub fn watch(dial: Dial, store: &FactStore, flows: &Flows) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(follow(dial, flows.clone()));
    tasks.spawn(exchange(store.clone(), flows.clone()));
    tasks
}

async fn exchange(store: FactStore, flows: Flows) {
    let (mut facts_changed, mut flows_changed) = (store.changes(), flows.changes());
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut nth = 0_u32;
    // switched to Cilium, and observed
    let mut stands: BTreeMap<Arc<str>, (bool, bool)> = BTreeMap::new();
    loop {
        look.tick().await;
        if facts_changed.has_changed().unwrap_or(false) {
            facts_changed.mark_unchanged();
            let (directory, now) = {
                let facts = store.read();
                let observed = |n: &Arc<str>| {
                    let record = facts.node_migrations.get(n).and_then(|r| r.status.as_ref());
                    record.is_some_and(|s| s.step.is_observed() && s.direction == Target::Cilium)
                };
                let stands = facts.nodes.iter().map(|(n, f)| (n.clone(), (f.switched, observed(n))));
                (Directory::of(&facts), stands.collect::<BTreeMap<_, _>>())
            };
            flows.know(directory);
            let before = |n: &Arc<str>| stands.get(n).copied().unwrap_or_default();
            let moved: Vec<&Arc<str>> =
                now.keys().filter(|n| stands.contains_key(*n) && before(n).0 != now[*n].0).collect();
            // whoever starts to look knows nothing of what was moved before
            let fresh = |n: &Arc<str>| stands.is_empty() && now[n].0;
            let observed: Vec<&Arc<str>> = now.keys().filter(|n| (now[*n].1 && !before(n).1) || fresh(n)).collect();
            if !(moved.is_empty() && observed.is_empty()) {
                flows.change(|w| {
                    moved.iter().for_each(|n| w.moved(n));
                    observed.iter().for_each(|n| w.listen(n, Timestamp::now()));
                });
            }
            stands = now;
        }
        let before = store.read().flows.clone();
        let listens = !before.settling.is_empty();
        if flows_changed.has_changed().unwrap_or(false) || listens || !nth.is_multiple_of(GATHER) {
            flows_changed.mark_unchanged();
            nth += 1;
            let now = Timestamp::now();
            let said = {
                let mut window = flows.window.write().unwrap_or_else(PoisonError::into_inner);
                window.facts(now, nth % GATHER == 1, &before)
            };
            if said != before {
                store.change(|f| f.flows = said);
            }
        }
    }
}
