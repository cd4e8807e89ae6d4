//! How far a node is, in a glyph, a word and a colour.

use crate::{
    cockpit::ui::{Cell, Tone},
    domain::{
        api::{NodeMigrationStatus, Target},
        steps::{NodeStep, Path},
    },
};

/// One glyph for each step of the node's path.
pub(super) fn strip(status: &NodeMigrationStatus, path: Path) -> Cell<'static> {
    let at = status.step.spec().and_then(|spec| path.iter().position(|s| s.spec().id == spec.id));
    let glyph = |i: usize| match at {
        _ if status.step.is_final() => '✓',
        Some(at) if i < at => '✓',
        Some(at) if i == at && status.last_error.is_some() => '!',
        Some(at) if i == at && status.direction == Target::Flannel => '◀',
        Some(at) if i == at => '▶',
        _ => '·',
    };
    Cell::new((0..path.len()).map(glyph).collect::<String>(), tone(status))
}

/// The step by its name.
pub(super) fn name(status: &NodeMigrationStatus) -> Cell<'static> {
    Cell::new(status.step.name(), tone(status))
}

fn tone(status: &NodeMigrationStatus) -> Tone {
    match status.step {
        _ if status.last_error.is_some() => Tone::Bad,
        NodeStep::Done => Tone::Good,
        NodeStep::RolledBack => Tone::Warn,
        NodeStep::Pending => Tone::Dim,
        _ if status.direction == Target::Flannel => Tone::Warn,
        _ => Tone::Accent,
    }
}

/// What the node waits for, or what failed.
pub(super) fn waiting(status: &NodeMigrationStatus) -> Cell<'_> {
    match &status.last_error {
        Some(e) => Cell::new(&*e.problem.message, Tone::Bad),
        None => Cell::plain(&*status.waiting.message),
    }
}
