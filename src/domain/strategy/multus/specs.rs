//! What is said of the phases of this strategy.

use crate::domain::strategy::{Approval, PhaseSpec};

pub(super) static CREATE: PhaseSpec = PhaseSpec {
    id: "CreateMultus",
    purpose: "Creates Multus' objects. No node has its label yet, so that none runs it.",
    undo: "Multus' objects are deleted, once every node is back on Flannel alone.",
    approval: Approval::Key,
};

pub(super) static BOTH: PhaseSpec = PhaseSpec {
    id: "BothNetworks",
    purpose: "Restarts the pods of node after node with two interfaces: Flannel's address first, Cilium's second.",
    undo: "Every node is emptied once more, and its pods get an address of Flannel alone.",
    approval: Approval::Key,
};

pub(super) static SWAP: PhaseSpec = PhaseSpec {
    id: "SwapNetworks",
    purpose: "Restarts the pods of node after node with the order swapped: Cilium's address first, Flannel's second.",
    undo: "Every node is emptied once more, and its pods get Flannel's address first again.",
    approval: Approval::Key,
};

pub(super) static ALONE: PhaseSpec = PhaseSpec {
    id: "CiliumAlone",
    purpose: "Moves node after node to Cilium alone: drain, switch the CNI, remove Multus, restart, verify, uncordon.",
    undo: "Every node is emptied once more, and Multus is put before both CNIs again, Cilium first.",
    approval: Approval::Key,
};

pub(super) static DELETE: PhaseSpec = PhaseSpec {
    id: "RemoveMultus",
    purpose: "Deletes Multus' objects: no node needs it any more.",
    undo: "Multus' objects are created again.",
    approval: Approval::ContextName,
};
