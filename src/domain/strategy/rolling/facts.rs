//! What the facts say about the phases of this strategy, whatever is recorded.

use crate::domain::facts::Facts;

/// The mark on the agents' template when they were restarted to become the default of every node.
pub(super) const FINALIZED: &str = "finalize";
/// The same for the way back.
pub(super) const UNDONE: &str = "undo-finalize";

/// Cilium is there, or half there.
pub(super) fn is_installed(facts: &Facts) -> bool {
    facts.cilium_agents().is_some() || facts.cilium_config.is_some()
}

/// Cilium is the default of every node, or is becoming it.
pub(super) fn is_finalized(facts: &Facts) -> bool {
    facts.cilium_config.as_ref().is_some_and(|c| !c.custom_conf)
        || facts.cilium_agents().is_some_and(|a| a.restarted_for.as_deref() == Some(FINALIZED))
}

/// Flannel is gone, or going: Cutover holds the copy of its objects.
pub(super) const fn is_removed(facts: &Facts) -> bool {
    facts.flannel_backup
}
