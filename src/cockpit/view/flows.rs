//! Live flows.

use ratatui::{Frame, layout::Rect};

use super::{
    super::{Scene, model::Model, rows, theme::Theme},
    table::{self, Look},
};
use crate::{
    domain::text::safe,
    hubble::{filter::Filter, window::Stream},
};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &mut Model, scene: &Scene<'_>, theme: Theme) {
    let w = scene.window;
    let mut title =
        format!("Flows: {} seen, {} dropped, {} of Cilium's own probes hidden", w.seen, w.dropped, w.probes);
    if w.lost > 0 {
        title.push_str(&format!(", {} lost by Hubble", w.lost));
    }
    if w.shed > 0 {
        title.push_str(&format!(", {} older ones shed", w.shed));
    }
    if model.frozen.contains_key("flows") {
        title.push_str(&format!(" — FROZEN, {} new", rows::newer(model, scene, "flows")));
    }
    if let Err(why) = Filter::parse(&model.table("flows").filter) {
        title.push_str(&format!(" — {why}"));
    }
    let on_cilium = !scene.facts.cilium_ranges.is_empty();
    let empty = match &w.stream {
        Stream::Starting if !on_cilium => "Hubble comes with Cilium: flows appear once the phase Install is done.".to_owned(),
        Stream::Starting => "asking Hubble's relay…".to_owned(),
        Stream::None(why) => format!("no flows: {}", safe(why)),
        Stream::Retrying(why) => format!("no flows: {}; tried again all the time", safe(why)),
        Stream::Live => "No flows yet. Hubble sees only connections with one end on Cilium, so there are few before the first node is moved.".to_owned(),
    };
    table::draw(frame, area, model, scene, theme, &Look { table: "flows", title, focused: true, empty: &empty });
}
