//! Between facts and flows: the facts give flows their names, and what the flows say becomes a fact.

use std::{
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
    domain::{enforcement::would_be_denied, guard::FlowFacts},
    hubble::{channel::Dial, client::follow, directory::Directory, observation::placements, shared::Flows},
};

/// How often facts go to the flows and back.
const EXCHANGE: Duration = Duration::from_secs(1);
/// After how many exchanges it is judged what policies will deny: it walks all connections and pods.
const JUDGED: u32 = 5;

/// Streams flows until the tasks are dropped.
pub fn watch(dial: Dial, store: &FactStore, flows: &Flows) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(follow(dial, flows.clone()));
    tasks.spawn(exchange(store.clone(), flows.clone()));
    tasks
}

async fn exchange(store: FactStore, flows: Flows) {
    let mut facts_changed = store.changes();
    let mut rounds: u32 = 0;
    let mut tick = interval(EXCHANGE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let known = facts_changed.has_changed().unwrap_or(false).then(|| {
            facts_changed.mark_unchanged();
            let facts = store.read();
            (Directory::of(&facts), placements(&facts))
        });
        let now = Timestamp::now();
        let said = {
            let mut window = flows.window.write().unwrap_or_else(PoisonError::into_inner);
            if let Some((directory, placements)) = known {
                flows.know(directory);
                window.place(placements, now);
            }
            window.facts(now)
        };
        rounds += 1;
        let denied = {
            let facts = store.read();
            // what the last exchange has brought: one exchange late
            let judged = rounds.is_multiple_of(JUDGED).then(|| would_be_denied(&facts)).flatten().map(Arc::new);
            judged.or_else(|| facts.flows.denied.clone())
        };
        let said = FlowFacts { denied, ..said };
        if said != store.read().flows {
            store.change(|f| f.flows = said);
        }
    }
}
