//! `P`.

use super::{Dialog, cluster, requests};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::intent::Intent,
};

pub(in crate::cockpit) fn pause(name: &ClusterName, scene: &Scene<'_>) -> Dialog {
    let Some(migration) = &scene.facts.migration else {
        return Dialog::refuse("Nothing to pause", "No migration has been started.");
    };
    let pause = !migration.spec.paused;
    let (title, what) = if pause {
        let what =
            "Changes that are under way finish; no new one begins until it is resumed. A drained node stays cordoned.";
        ("Pause migration?", what)
    } else {
        ("Resume migration?", "It continues from what the cluster looks like now.")
    };
    let intents = vec![Intent::Pause(pause)];
    let mut lines = vec![cluster(name), what.to_owned()];
    lines.extend(requests(scene, &intents));
    Dialog::change(title, lines, intents)
}
