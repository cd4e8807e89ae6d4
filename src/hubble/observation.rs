//! Which nodes are observed after their move, and for how long, from what the cluster says now and said before. Pure:
//! facts and time in, nodes under observation out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use crate::domain::{
    api::{NodeMigrationStatus, Target},
    facts::Facts,
    text::between,
};

/// How long a node that sends flows is observed: a connection without an answer is known after five seconds.
const OBSERVED: Duration = Duration::from_secs(10);
/// A node that sends nothing for this long has nothing to send.
const SILENT: Duration = Duration::from_secs(60);

/// What the cluster says of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Its agent manages the CNI configuration.
    pub switched: bool,
    /// When it entered the step in which its flows are observed, while it is there.
    pub observed_since: Option<Timestamp>,
}

/// The placement of every node.
pub fn placements(facts: &Facts) -> BTreeMap<Arc<str>, Placement> {
    let of = |name: &Arc<str>| facts.node_migrations.get(name).and_then(|r| r.status.as_ref()).and_then(observed_since);
    let placed = facts.nodes.iter();
    placed.map(|(n, f)| (n.clone(), Placement { switched: f.switched, observed_since: of(n) })).collect()
}

fn observed_since(status: &NodeMigrationStatus) -> Option<Timestamp> {
    status.since.filter(|_| status.step.is_observed() && status.direction == Target::Cilium)
}

#[derive(Clone, Copy, Debug)]
struct Observation {
    /// The visit of the step to which it belongs; none for a node that had moved before this process started.
    step: Option<Timestamp>,
    began: Timestamp,
    /// Its first flow since.
    first_flow: Option<Timestamp>,
}

impl Observation {
    fn is_over(&self, now: Timestamp) -> bool {
        between(self.began, now) >= SILENT || self.first_flow.is_some_and(|first| between(first, now) >= OBSERVED)
    }
}

/// The nodes under observation.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    known: BTreeMap<Arc<str>, Placement>,
    open: BTreeMap<Arc<str>, Observation>,
}

impl Observations {
    /// Compares with the placements before: opens an observation for each visit of the step, and on the first call for
    /// every node that has moved already; closes those whose node left the step. Returns the nodes that moved, either
    /// way.
    pub fn update(&mut self, placements: BTreeMap<Arc<str>, Placement>, now: Timestamp) -> Vec<Arc<str>> {
        let first = self.known.is_empty();
        let mut moved = Vec::new();
        for (node, placement) in &placements {
            let before = self.known.get(node);
            if before.is_some_and(|b| b.switched != placement.switched) {
                moved.push(node.clone());
            }
            let entered = placement.observed_since.is_some_and(|s| before.and_then(|b| b.observed_since) != Some(s));
            if entered || (first && placement.switched) {
                let observation = Observation { step: placement.observed_since, began: now, first_flow: None };
                self.open.insert(node.clone(), observation);
            }
        }
        self.open.retain(|node, o| {
            let placement = placements.get(node);
            placement.is_some_and(|p| o.step.is_none() || o.step == p.observed_since)
        });
        self.known = placements;
        moved
    }

    /// A flow came from this node.
    pub fn flow(&mut self, node: &str, now: Timestamp) {
        if let Some(observation) = self.open.get_mut(node) {
            observation.first_flow.get_or_insert(now);
        }
    }

    /// Nodes whose observation is not over.
    pub fn open(&mut self, now: Timestamp) -> BTreeSet<Arc<str>> {
        self.open.retain(|_, o| !o.is_over(now));
        self.open.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// What happens to node `n`.
    enum Event {
        /// The cluster says: switched, and in the step since that second.
        Is(bool, Option<i64>),
        Flow,
        Gone,
    }
    use Event::{Flow, Gone, Is};

    /// The seconds in which `n` is observed, of the first hundred, and the seconds in which it moved.
    fn played(story: &[(i64, Event)]) -> (Vec<i64>, Vec<i64>) {
        let mut observations = Observations::default();
        let (mut observed, mut moved) = (vec![], vec![]);
        for second in 0..100 {
            for (_, event) in story.iter().filter(|(s, _)| *s == second) {
                let placed = match event {
                    Is(switched, since) => Some(Placement { switched: *switched, observed_since: since.map(at) }),
                    Gone => None,
                    Flow => {
                        observations.flow("n", at(second));
                        continue;
                    }
                };
                let other = (Arc::from("other"), Placement::default());
                let placements = placed.map(|p| (Arc::from("n"), p)).into_iter().chain([other]).collect();
                if observations.update(placements, at(second)) == [Arc::from("n")] {
                    moved.push(second);
                }
            }
            if !observations.open(at(second)).is_empty() {
                observed.push(second);
            }
        }
        (observed, moved)
    }

    #[test]
    fn a_node_is_observed_once_for_each_visit_of_the_step() {
        type Case<'a> = (&'a str, &'a [(i64, Event)], &'a [std::ops::Range<i64>], &'a [i64]);
        let cases: &[Case<'_>] = &[
            ("on Flannel", &[(0, Is(false, None)), (1, Flow)], &[], &[]),
            ("not before the step", &[(0, Is(false, None)), (5, Is(true, None))], &[], &[5]),
            (
                "ten seconds of flows",
                &[(0, Is(false, None)), (5, Is(true, Some(5))), (8, Flow), (9, Flow)],
                &[5..18],
                &[5],
            ),
            ("a silent node", &[(0, Is(false, None)), (5, Is(true, Some(5)))], &[5..65], &[5]),
            ("a first look finds it moved", &[(3, Is(true, None)), (4, Flow)], &[3..14], &[]),
            ("a first look finds it in the step", &[(3, Is(true, Some(1))), (4, Flow)], &[3..14], &[]),
            (
                "its record is read later",
                &[(3, Is(true, None)), (4, Flow), (6, Is(true, Some(1))), (7, Flow)],
                &[3..17],
                &[],
            ),
            (
                "said again, it is not observed again",
                &[(0, Is(false, None)), (5, Is(true, Some(5))), (6, Flow), (20, Is(true, Some(5))), (21, Flow)],
                &[5..16],
                &[5],
            ),
            (
                "a second visit between two looks",
                &[(0, Is(false, None)), (5, Is(true, Some(5))), (6, Flow), (20, Is(true, Some(19))), (21, Flow)],
                &[5..16, 20..31],
                &[5],
            ),
            (
                "rolled back meanwhile",
                &[(0, Is(false, None)), (5, Is(true, Some(5))), (9, Is(false, None))],
                &[5..9],
                &[5, 9],
            ),
            ("deleted meanwhile", &[(0, Is(true, None)), (7, Gone)], &[0..7], &[]),
            ("joined already switched", &[(0, Gone), (7, Is(true, None))], &[], &[]),
        ];
        for (name, story, observed, moved) in cases {
            let wanted: Vec<i64> = observed.iter().cloned().flatten().collect();
            assert_eq!(played(story), (wanted, moved.to_vec()), "{name}");
        }
    }
}
