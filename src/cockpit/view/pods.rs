//! The pods that carry the network.

use ratatui::{Frame, layout::Rect};

use super::{
    super::{Scene, model::Model, theme::Theme},
    frame::why_empty,
    table::{self, Look},
};
use crate::domain::facts::{DaemonSetFact, Source};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &mut Model, scene: &Scene<'_>, theme: Theme) {
    let of = |set: Option<&DaemonSetFact>| {
        set.map_or("not there".to_owned(), |d| format!("{}/{}", d.ready, d.desired))
    };
    let title = format!(
        "CNI pods: Flannel {}, Cilium agents {}",
        of(scene.facts.flannel_daemon_sets().next()),
        of(scene.facts.cilium_agents())
    );
    let empty = why_empty(scene.facts, Source::Pods).unwrap_or_else(|| "neither Flannel nor Cilium runs a pod here".into());
    table::draw(frame, area, model, scene, theme, &Look { table: "pods", title, focused: true, empty: &empty });
}
