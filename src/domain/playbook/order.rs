//! How many nodes go at once.

use crate::domain::view::View;

/// How many nodes each batch has: canaries one by one, workers as many as may be out, zone by zone, the control plane
/// one by one.
pub(super) fn batches(view: &View<'_>) -> Vec<usize> {
    let spec = &view.migration.spec.nodes;
    let number = |n: u32| usize::try_from(n).unwrap_or(1);
    let order = view.nodes_in_order();
    let mut batches: Vec<usize> = Vec::new();
    let mut zone: Option<Option<&String>> = None;
    for (i, node) in order.iter().enumerate() {
        let here = spec.batch_by.as_ref().and_then(|label| node.labels.get(label));
        let alone = i < number(spec.canaries)
            || view.facts.is_control_plane(node)
            || order.get(i.wrapping_sub(1)).is_some_and(|n| view.facts.is_control_plane(n));
        match batches.last_mut() {
            Some(last)
                if !alone
                    && i > number(spec.canaries)
                    && zone == Some(here)
                    && *last < number(spec.max_unavailable) =>
            {
                *last += 1;
            }
            _ => batches.push(1),
        }
        zone = Some(here);
    }
    batches
}
