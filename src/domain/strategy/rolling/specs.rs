//! What is said of the phases of this strategy.

use crate::domain::strategy::{Approval, PhaseSpec};

pub(super) static INSTALL: PhaseSpec = PhaseSpec {
    id: "Install",
    purpose: "Installs Cilium idle beside Flannel: no pod uses it yet.",
    undo: "Cilium is uninstalled, and its leftovers are cleaned from the nodes. Every node is on Flannel. Cilium's CustomResourceDefinitions stay, unless the consent DeleteDefinition names them.",
    approval: Approval::Key,
};

pub(super) static MIGRATE: PhaseSpec = PhaseSpec {
    id: "Migrate",
    purpose: "Moves node after node: drain, switch the CNI, restart, verify, uncordon.",
    undo: "Every node that was moved is rolled back, the last one first.",
    approval: Approval::Key,
};

pub(super) static FINALIZE: PhaseSpec = PhaseSpec {
    id: "Finalize",
    purpose: "Makes Cilium the default of every node; existing NetworkPolicies are enforced.",
    undo: "Nodes decide for themselves again; policies are enforced no longer. The agents restart.",
    approval: Approval::ContextName,
};

pub(super) static REMOVE: PhaseSpec = PhaseSpec {
    id: "Remove",
    purpose: "Deletes Flannel's objects and cleans what it left on the nodes.",
    undo: "What was cleaned on the nodes is put back, and Flannel's objects are created again from Cutover's copy.",
    approval: Approval::ContextName,
};
