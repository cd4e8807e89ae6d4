//! What is said of the phases of this strategy.

use crate::domain::strategy::{Approval, PhaseSpec};

pub(super) static INSTALL: PhaseSpec = PhaseSpec {
    id: "Install",
    purpose: "Installs Cilium as the CNI of every node: new pods get its addresses, running ones stay on Flannel.",
    undo: "Nothing is left of Cilium but its CustomResourceDefinitions; those that the consent DeleteDefinition names are deleted.",
    approval: Approval::Key,
};

pub(super) static REMOVE: PhaseSpec = PhaseSpec {
    id: "Remove",
    purpose: "Deletes Flannel's objects. Its links stay on the nodes until they are cleaned.",
    undo: "Flannel's objects are created again from Cutover's copy.",
    approval: Approval::ContextName,
};

pub(super) static REBOOT: PhaseSpec = PhaseSpec {
    id: "Reboot",
    purpose: "Cleans what Flannel left on the nodes and reboots them, as many at once as are allowed: every pod restarts on Cilium.",
    undo: "Cilium is uninstalled, Flannel's configuration is restored on every node, and the nodes with pods on Cilium reboot.",
    approval: Approval::ContextName,
};
