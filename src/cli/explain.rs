//! `cutover explain`: what a check looks at, why it matters, what to do, and where it bit someone.

use clap::Args;
use serde_json::json;

use super::{Exit, Global, Output, output, session::Failed};
use crate::domain::checks::{self, CHECKS, Check, preflight::Source};

/// Explain a check of preflight, or list them.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The check's name; without one all of them are listed
    #[arg(value_name = "CHECK")]
    check: Option<String>,
}

impl Explain {
    pub(super) fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let Some(name) = &self.check else {
            list(global);
            return Ok(Exit::Done);
        };
        // names were words before they were kept the same
        let id = name.trim().to_lowercase().replace([' ', '_'], "-");
        let check = checks::check_named(&id).ok_or_else(|| {
            let near =
                CHECKS.iter().map(|c| c.id).filter(|c| c.split('-').any(|part| id.split('-').any(|p| p == part)));
            let near: Vec<&str> = near.collect();
            let hint = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(", ")) };
            Failed::new(Exit::Usage, format!("no check is called {name}.{hint} `cutover explain` lists them"))
        })?;
        if global.output == Output::Json {
            output::json(&described(check));
        } else {
            output::line(&text(check));
        }
        Ok(Exit::Done)
    }
}

fn list(global: &Global) {
    if global.output == Output::Json {
        return output::json(&json!({"checks": CHECKS.iter().map(|c| described(c)).collect::<Vec<_>>()}));
    }
    let rows: Vec<Vec<String>> = CHECKS.iter().map(|c| vec![c.id.to_owned(), c.looks_at.to_owned()]).collect();
    output::table(&["CHECK", "LOOKS AT"], &rows);
}

fn described(check: &Check) -> serde_json::Value {
    let reports: Vec<String> = check.reports.iter().map(|r| address(r)).collect();
    json!({"check": check.id, "looksAt": check.looks_at, "why": check.why, "remedy": check.next, "reports": reports})
}

fn text(check: &Check) -> String {
    let asked = match check.source {
        Source::Watched => "watches: as of now",
        Source::Asked => "asked at the start and now and then: asOf says when",
    };
    let mut lines = vec![
        check.id.to_owned(),
        format!("  looks at  {}", check.looks_at),
        format!("  why       {}", check.why),
        format!("  remedy    {}", check.next),
        format!("  facts     {asked}"),
    ];
    lines.extend(check.reports.iter().map(|r| format!("  report    {}", address(r))));
    lines.join("\n")
}

/// `owner/repository#number` as an address.
fn address(report: &str) -> String {
    format!("https://github.com/{}", report.replace('#', "/issues/"))
}
