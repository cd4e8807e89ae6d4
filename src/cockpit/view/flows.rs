//! Live flows.

use ratatui::{Frame, layout::Rect};

use super::{
    super::{
        Scene,
        flows::{View, title},
        model::Model,
        rows,
        theme::Theme,
    },
    table::{self, Look},
};
use crate::{
    domain::text::safe,
    hubble::{
        filter::Filter,
        window::{Stream, Window},
    },
};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &mut Model, scene: &Scene<'_>, theme: Theme) {
    let mut title = title(model, scene);
    if model.frozen.contains_key("flows") {
        title.push_str(&format!(" — FROZEN, {} new", rows::newer(model, scene, "flows")));
    }
    if let Err(why) = Filter::parse(&model.table("flows").filter) {
        title = format!("{why} — {title}");
    }
    let empty = match model.flows.view {
        View::Rows => no_rows(scene),
        View::Failing => "Nothing fails. Only connections with one end on Cilium are seen.".into(),
        View::Reasons if scene.window.counts.all.flows > 0 => "Nothing was dropped.".into(),
        _ => no_rows(scene),
    };
    table::draw(frame, area, model, scene, theme, &Look { table: "flows", title, focused: true, empty: &empty });
}

fn no_rows(scene: &Scene<'_>) -> String {
    let w: &Window = scene.window;
    let installed = !scene.facts.cilium_ranges.is_empty();
    match &w.stream {
        Stream::None(why) => format!("No flows: {}.", safe(why)),
        _ if !installed && w.stream != Stream::Replayed => {
            "Hubble comes with Cilium: flows appear once the phase Install is done.".to_owned()
        }
        Stream::Starting => "asking Hubble's relay…".to_owned(),
        Stream::Retrying(why) => format!("No flows: {}. Tried again all the time.", safe(why)),
        Stream::Replayed => "There is no flow in this capture.".to_owned(),
        Stream::Live if w.counts.all.probes > 0 => format!(
            "No flows but {} of Cilium's own probes (X shows them). Hubble sees only connections with one end on Cilium: there are few before the first node is moved.",
            w.counts.all.probes
        ),
        Stream::Live => "No flows yet. Hubble sees only connections with one end on Cilium: there are few before the first node is moved.".to_owned(),
    }
}
