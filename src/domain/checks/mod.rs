//! Checks: before anything begins, and after everything is done. Each is a function of the facts.

mod admission;
mod cluster;
mod encrypted;
mod encryption;
mod network;
mod nodes;
mod rolled_back;
mod verification;
mod workloads;

use super::{
    api::{Finding, Severity},
    view::View,
};

pub use verification::verification;

/// Everything that preflight checks, in the order in which an operator would ask.
pub fn preflight(ctx: &View<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let checks: [fn(&View<'_>, &mut Vec<Finding>); 19] = [
        cluster::flannel,
        cluster::cilium,
        cluster::rights,
        admission::task_pods,
        cluster::helm,
        cluster::values,
        cluster::version,
        cluster::installer,
        network::overlap,
        network::pool_size,
        network::tunnel_port,
        network::backend,
        encryption::needs,
        nodes::ready,
        nodes::marks,
        nodes::kernel,
        nodes::etcd,
        workloads::drains,
        workloads::policies,
    ];
    for check in checks {
        check(ctx, &mut findings);
    }
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    findings
}

pub(crate) fn finding(
    check: &str,
    severity: Severity,
    object: impl Into<String>,
    message: impl Into<String>,
    remedy: &str,
) -> Finding {
    Finding { check: check.into(), severity, object: object.into(), message: message.into(), remedy: remedy.into() }
}

fn pass(check: &str, object: impl Into<String>, message: impl Into<String>) -> Finding {
    finding(check, Severity::Pass, object, message, "")
}
