//! Checks: before anything begins, and after everything is done. Each is a function of the facts.

mod encrypted;
pub mod preflight;
mod report;
mod rolled_back;
mod verification;
mod without_multus;

pub use preflight::{CHECKS, Check, check_named, markdown, preflight, refreshed, selected};
pub use verification::verification;

use super::api::{Finding, Severity};

pub(crate) fn finding(
    check: &str,
    severity: Severity,
    object: impl Into<String>,
    message: impl Into<String>,
    remedy: &str,
) -> Finding {
    Finding {
        check: check.into(),
        severity,
        object: object.into(),
        objects: vec![],
        message: message.into(),
        remedy: remedy.into(),
        as_of: None,
    }
}

fn pass(check: &str, object: impl Into<String>, message: impl Into<String>) -> Finding {
    finding(check, Severity::Pass, object, message, "")
}
