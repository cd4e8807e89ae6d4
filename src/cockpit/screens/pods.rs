//! The pods that carry the network.

use ratatui::layout::Rect;

use super::{Follows, Screen, Spec};
use crate::{
    cockpit::{
        components::Component,
        scene::Scene,
        ui::{Canvas, Cell, Column, Look, Pane, Table, Tone},
    },
    domain::facts::{DaemonSetFact, Key, PodFact, Source},
};

pub(super) static SPEC: Spec = Spec {
    title: "CNI pods",
    help: "CNI pods: Flannel, Cilium, operator, Hubble relay.",
    follows: Follows::Facts,
    actions: &[],
    new: || Box::new(Pods::default()),
};

#[derive(Default)]
struct Pods {
    table: Table<(Component, Key)>,
}

type Row<'a> = (Component, &'a PodFact);

const COLUMNS: &[Column<for<'a> fn(&Row<'a>) -> Cell<'a>>] = &[
    Column("COMPONENT", 15, 15, |(component, _)| Cell::plain(component.name())),
    Column("POD", 16, 40, |(_, pod)| Cell::plain(&*pod.key.name)),
    Column("NODE", 8, 24, |(_, pod)| Cell::plain(&*pod.node)),
    Column("STATE", 11, 11, |(_, pod)| match (pod.deleting.is_some(), pod.ready) {
        (true, _) => Cell::new("terminating", Tone::Warn),
        (_, true) => Cell::new("ready", Tone::Good),
        _ if pod.reason.is_empty() => Cell::new("not ready", Tone::Warn),
        _ => Cell::new("not ready", Tone::Bad),
    }),
    Column("RST", 3, 3, |(_, pod)| {
        Cell::new(pod.restarts.to_string(), if pod.restarts > 3 { Tone::Warn } else { Tone::Plain })
    }),
    Column("VERSION", 8, 14, |(_, pod)| Cell::dim(version(&pod.image))),
    Column("REASON", 6, 60, |(_, pod)| Cell::new(&*pod.reason, Tone::Bad)),
];

/// The tag of an image.
fn version(image: &str) -> &str {
    image.rsplit_once(':').map_or("", |(_, v)| v.split('@').next().unwrap_or(v))
}

fn row<'a>(scene: &Scene<'a>, (component, key): &(Component, Key)) -> Option<Row<'a>> {
    scene.facts.pods.get(key).map(|pod| (*component, pod))
}

impl Screen for Pods {
    fn refresh(&mut self, scene: &Scene<'_>) {
        self.table.list((scene.outlook.number, 0), || scene.outlook.pods.clone(), COLUMNS, |k| row(scene, k));
    }

    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>) {
        let ready = |set: Option<&DaemonSetFact>| set.map_or("none".into(), |d| format!("{}/{}", d.ready, d.desired));
        let flannel = ready(scene.facts.flannel_daemon_sets().next());
        let title = format!("CNI pods: Flannel {flannel}, Cilium agents {}", ready(scene.facts.cilium_agents()));
        let empty = scene.missing(Source::Pods).unwrap_or("no pod of Flannel or Cilium".into());
        let look = Look { title: &title, focused: true, empty: &empty };
        self.table.draw(canvas, area, &look, COLUMNS.iter(), |k| row(scene, k));
    }

    fn pane(&mut self) -> &mut dyn Pane {
        &mut self.table
    }

    fn selected(&self, scene: &Scene<'_>) -> Vec<(&'static str, String)> {
        super::cells(COLUMNS.iter(), self.table.selected().and_then(|k| row(scene, k)))
    }
}
