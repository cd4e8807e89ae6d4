//! Flows beside the facts: addresses are looked up in what is known of the cluster, and what the flows say becomes
//! a fact itself.

use std::{sync::PoisonError, time::Duration};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::board::Board;
use crate::hubble::{
    channel::Dial,
    client::{Flows, follow},
    directory::Directory,
};

/// How often what is known of the cluster is given to the flows, and the other way round.
const LOOK: Duration = Duration::from_secs(1);
/// Every so many looks what works is gathered anew.
const GATHER: u32 = 5;

/// Follows the flows until the tasks are dropped.
pub fn watch(dial: Dial, board: &Board, flows: &Flows) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(follow(dial, flows.clone()));
    tasks.spawn(exchange(board.clone(), flows.clone()));
    tasks
}

async fn exchange(board: Board, flows: Flows) {
    let (mut facts_changed, mut flows_changed) = (board.changes(), flows.changes());
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut nth = 0_u32;
    loop {
        look.tick().await;
        if facts_changed.has_changed().unwrap_or(false) {
            facts_changed.mark_unchanged();
            flows.know(Directory::of(&board.read()));
        }
        if flows_changed.has_changed().unwrap_or(false) || !nth.is_multiple_of(GATHER) {
            flows_changed.mark_unchanged();
            nth += 1;
            let before = board.read().flows.clone();
            let now = jiff::Timestamp::now();
            let said = {
                let mut window = flows.window.write().unwrap_or_else(PoisonError::into_inner);
                window.facts(now, nth % GATHER == 1, &before)
            };
            if said != before {
                board.change(|f| f.flows = said);
            }
        }
    }
}
