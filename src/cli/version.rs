//! `cutover --version`: which build this is, and what it works with.

use std::fmt::Write;

use crate::domain::strategy;

/// Of these Cutover is known to work: the suites run against such a control plane, and real clusters were moved.
const TRIED: &str = "Kubernetes 1.36 (others were not tried), Flannel 0.28, Cilium 1.15";

/// Version and commit.
pub(super) fn short() -> String {
    let commit = option_env!("CUTOVER_COMMIT").unwrap_or("unknown");
    format!("{} (commit {commit})", env!("CARGO_PKG_VERSION"))
}

/// The same with the versions that are supported.
pub(super) fn long() -> String {
    let mut text = short();
    for strategy in strategy::all() {
        let (major, minor) = strategy.oldest_cilium();
        let _ = write!(text, "\nstrategy {}: Cilium {major}.{minor} or newer", strategy.id());
    }
    let _ = write!(text, "\ntried on: {TRIED}");
    text
}
