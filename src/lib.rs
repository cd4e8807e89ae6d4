//! Cutover moves a live Kubernetes cluster from Flannel to Cilium, one phase and one node at a time.
//!
//! ```text
//!         Kubernetes watches ─▶ facts ─┐                      ┌─▶ effects ─▶ Kubernetes, helm, host tasks
//!                                      ├─▶ decide (pure) ─────┤
//!    Migration, NodeMigration ─────────┘                      └─▶ status
//!         Hubble relay ─▶ flow window ─┐
//!                 facts, status ───────┼─▶ model ─▶ view (pure) ─▶ terminal
//!                           keys ──────┘     └─▶ spec patches
//! ```
//!
//! Who may use whom; `tests/it/layers.rs` fails when a wall is crossed:
//!
//! | layer | may use |
//! | --- | --- |
//! | [`domain`] | nothing of the others, no clock, no network, no files |
//! | [`hubble`] | `domain` |
//! | [`cluster`] | `domain`, `hubble` |
//! | [`engine`] | `domain`, `cluster` |
//! | [`cockpit`] | `domain`, and `hubble`'s types; never a client |
//! | [`sim`] | `domain`, `hubble`; nothing else knows that it exists, but for the command `demo` |
//! | [`cli`] | everything |

pub mod cli;
pub mod cluster;
pub mod cockpit;
pub mod domain;
pub mod engine;
pub mod hubble;
pub mod sim;
