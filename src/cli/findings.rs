//! `cutover preflight` and `cutover verify`: checks that change nothing.

use jiff::Timestamp;
use serde_json::json;

use super::{
    Exit, Global, Output, Wanted, output,
    session::{Failed, Session},
};
use crate::domain::{
    api::{Finding, Migration, Severity},
    checks,
    rolling::Context,
};

pub(super) async fn preflight(global: &Global, wanted: &Wanted) -> Result<Exit, Failed> {
    let spec = wanted.spec()?;
    let session = Session::open(global).await?;
    let migration = session.migration_or(spec);
    Ok(print(global, &check(&session, &migration, checks::preflight)))
}

pub(super) async fn verify(global: &Global) -> Result<Exit, Failed> {
    let session = Session::open(global).await?;
    let empty = serde_json::from_value(json!({"cilium": {"version": "", "chart": "", "podCidr": ""}}));
    let empty = empty.map_err(|e| Failed::new(Exit::Failed, e.to_string()))?;
    let migration = session.migration_or(empty);
    Ok(print(global, &check(&session, &migration, checks::verification)))
}

/// Runs checks on what is known now.
pub(super) fn check(
    session: &Session,
    migration: &Migration,
    checks: fn(&Context<'_>) -> Vec<Finding>,
) -> Vec<Finding> {
    let facts = session.facts();
    checks(&Context::looking(&facts, migration, Timestamp::now()))
}

fn print(global: &Global, findings: &[Finding]) -> Exit {
    match global.output {
        Output::Json => output::json(&json!({"findings": findings})),
        Output::Table => output::findings(findings),
    }
    if findings.iter().any(|f| f.severity == Severity::Block) { Exit::Blocked } else { Exit::Done }
}
