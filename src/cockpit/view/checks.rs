//! What preflight and verification found.

use ratatui::{Frame, layout::Rect};

use super::{
    super::{Scene, model::Model, rows, theme::Theme},
    table::{self, Look},
};
use crate::domain::api::{Severity, Stage};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &mut Model, scene: &Scene<'_>, theme: Theme) {
    let findings = rows::findings(scene);
    let of = |s: Severity| findings.iter().filter(|f| f.severity == s).count();
    let stage = scene.facts.migration.as_ref().and_then(|m| m.status.as_ref()).map(|s| s.phase).unwrap_or_default();
    let what = match stage {
        Stage::Complete if of(Severity::Block) == 0 => "PROVEN: this cluster is on Cilium —",
        Stage::Complete | Stage::Verify => "Verification:",
        _ => "Preflight:",
    };
    let title =
        format!("{what} {} ok, {} warnings, {} blocking", of(Severity::Pass), of(Severity::Warn), of(Severity::Block));
    let empty = if scene.facts.is_known() { "nothing was checked yet" } else { "looking at the cluster…" };
    table::draw(frame, area, model, scene, theme, &Look { table: "checks", title, focused: true, empty });
}
