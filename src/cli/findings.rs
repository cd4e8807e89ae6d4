//! `cutover preflight` and `cutover verify`: checks that change nothing.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{
    Exit, Global, Wanted, heading, output,
    session::{Failed, Session},
};
use crate::domain::{
    api::{Finding, Migration, Severity},
    checks, consent,
    drain::{
        Sorter,
        verdict::{self, Verdict},
    },
    facts::NodeFact,
    inventory::Inventory,
    text::{count, safe},
    values::line_of,
    versions,
    view::View,
};

/// Check the cluster and list what blocks the migration.
#[derive(Args, Debug)]
#[command(after_help = versions::help())]
pub(super) struct Preflight {
    /// Print only the consents that are needed, one a line, as --consent-file reads them
    #[arg(long, conflicts_with = "drains")]
    consents: bool,
    /// Print what a drain would do with each pod of each node
    #[arg(long)]
    drains: bool,
    #[command(flatten)]
    pub(super) wanted: Wanted,
}

impl Preflight {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let mut spec = self.wanted.spec()?;
        let session = Session::open(global).await?;
        let given = std::mem::take(&mut spec.consents);
        let mut migration = session.migration_or(spec);
        migration.spec.consents.extend(given);
        session.ask_task_pods(&migration).await;
        let facts = session.facts();
        let ctx = View::read_only(&facts, &migration, Timestamp::now());
        if self.consents && global.output.is_json() {
            let listed = wanted_by_node(&ctx).into_iter().map(|(wanted, nodes)| {
                json!({"kind": wanted.kind, "object": wanted.object, "cost": wanted.kind.cost(), "nodes": nodes})
            });
            global.output.print(&json!({"consents": listed.collect::<Vec<_>>()}));
            return Ok(Exit::Done);
        }
        if self.consents {
            for (wanted, nodes) in wanted_by_node(&ctx) {
                output::line(&format!("{wanted}  # {}; {}", wanted.kind.cost(), safe(&nodes.join(", "))));
            }
            return Ok(Exit::Done);
        }
        let drains = drains(&ctx);
        let findings = self.placed(checks::preflight(&ctx));
        let inventory = Inventory::of(&ctx);
        if global.output.is_json() {
            let reported: Vec<Reported<'_>> = findings.iter().map(|f| Reported::of(f, ctx.now)).collect();
            global.output.print(&json!({
                "inventory": inventory, "findings": reported, "policies": policies(&ctx), "drains": drains
            }));
        } else {
            heading::print(&session);
            output::line(&format!("summary   {}\n", summary(&findings, wanted_by_node(&ctx).len(), ctx.is_started())));
            let lines = inventory.lines().into_iter().map(|(what, object, text)| vec![what.to_owned(), object, text]);
            output::table(&["INVENTORY", "OBJECT", "FOUND"], &lines.collect::<Vec<_>>());
            output::line("");
            output::findings(&findings);
            if self.drains {
                drains.iter().for_each(print_drain);
            }
            match (exit_of(&findings), wanted_by_node(&ctx).is_empty()) {
                (Exit::Blocked, _) => heading::next(global, "preflight", "again, once what blocks is fixed"),
                (_, false) => heading::next(global, "preflight --consents > FILE", "for run --consent-file FILE"),
                (_, true) => heading::next(global, "plan", "every change in order; changes nothing"),
            }
        }
        Ok(exit_of(&findings))
    }

    /// Findings about values, with the line of the file that they are in.
    fn placed(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        let Some(path) = &self.wanted.values else { return findings };
        let text = std::fs::read_to_string(path).unwrap_or_default();
        for finding in &mut findings {
            let line = finding.object.strip_prefix(VALUES).and_then(|key| line_of(&text, key));
            if let Some(line) = line {
                finding.message = format!("{}:{line}: {}", path.display(), finding.message);
            }
        }
        findings
    }
}

/// What findings about helm values are about: the path comes after it.
const VALUES: &str = "values/";

/// A finding as it is printed: with all of its objects, and as of when.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reported<'a> {
    check: &'a str,
    severity: Severity,
    object: &'a str,
    objects: Vec<&'a str>,
    message: &'a str,
    remedy: &'a str,
    as_of: Timestamp,
}

impl<'a> Reported<'a> {
    fn of(f: &'a Finding, now: Timestamp) -> Self {
        let all: Vec<&str> = f.objects.iter().map(String::as_str).collect();
        Self {
            check: &f.check,
            severity: f.severity,
            object: &f.object,
            objects: if all.is_empty() { vec![&f.object] } else { all },
            message: &f.message,
            remedy: &f.remedy,
            as_of: f.as_of.unwrap_or(now),
        }
    }
}

/// NetworkPolicies with how many pods each selects; null where that is not known.
fn policies(ctx: &View<'_>) -> Vec<serde_json::Value> {
    let row = |(policy, pods, limits): (String, Option<usize>, &str)| json!({"policy": policy, "pods": pods, "limits": limits});
    checks::selected(ctx.facts).into_iter().map(row).collect()
}

/// Whether it can begin, or go on, and what stands against it.
fn summary(findings: &[Finding], consents: usize, started: bool) -> String {
    let many = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (block, warn, pass) = (many(Severity::Block), many(Severity::Warn), many(Severity::Pass));
    let found = format!("{block} block, {}, {pass} ok", count(warn, "warning"));
    let needs = if consents == 0 { String::new() } else { format!("; {} needed", count(consents, "consent")) };
    let can = if block == 0 { "can" } else { "cannot" };
    let verb = if started { "go on" } else { "begin" };
    format!("the migration {can} {verb}: {found}{needs}")
}

/// What a drain of one node would do.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeDrain {
    node: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
    pods: Vec<verdict::Line>,
}

fn drains(ctx: &View<'_>) -> Vec<NodeDrain> {
    let consents = &ctx.migration.spec.consents;
    let sorter = Sorter::new(ctx.facts, consents);
    let judge = |node: &NodeFact| {
        let drain = sorter.sort(&node.name);
        let judged = verdict::judge_drain(ctx.facts, &drain, consents, ctx.now);
        let why = match &judged {
            Verdict::Clean => String::new(),
            Verdict::NeedsConsent(wanted) => wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Verdict::Impossible { pod, problem: p } => format!("{pod}: {}. Fix {}: {}", p.message, p.object, p.remedy),
        };
        let pods = verdict::lines(ctx.facts, &drain, consents, ctx.now);
        NodeDrain { node: node.name.to_string(), verdict: judged.word(), why, pods }
    };
    ctx.nodes_in_order().into_iter().map(judge).collect()
}

fn print_drain(drain: &NodeDrain) {
    let why = if drain.why.is_empty() { String::new() } else { format!(": {}", safe(&drain.why)) };
    output::line(&format!("\n{}  {}{why}", drain.node, drain.verdict));
    for line in &drain.pods {
        let why = if line.why.is_empty() { String::new() } else { format!("  {}", safe(&line.why)) };
        output::line(&format!("  {:<13} {}{why}", line.fate.word(), line.pod));
    }
}

/// Missing consents, each with the nodes that wait for it.
fn wanted_by_node(ctx: &View<'_>) -> BTreeMap<consent::Wanted, Vec<String>> {
    let mut all: BTreeMap<consent::Wanted, Vec<String>> = BTreeMap::new();
    let sorter = Sorter::new(ctx.facts, &ctx.migration.spec.consents);
    for node in ctx.nodes_in_order() {
        for wanted in verdict::wanted(&sorter.sort(&node.name)) {
            all.entry(wanted).or_default().push(node.name.to_string());
        }
    }
    all
}

pub(super) async fn verify(global: &Global) -> Result<Exit, Failed> {
    let session = Session::open(global).await?;
    let empty = serde_json::from_value(json!({"cilium": {"version": "", "chart": "", "podCidr": ""}}));
    let empty = empty.map_err(|e| Failed::new(Exit::Failed, e.to_string()))?;
    let migration = session.migration_or(empty);
    let findings = check(&session, &migration, checks::verification);
    if !global.output.is_json() {
        heading::print(&session);
        let blocking = findings.iter().filter(|f| f.severity == Severity::Block).count();
        let proven = if blocking == 0 { "nothing blocks".into() } else { format!("not proven: {blocking} block") };
        output::line(&format!("summary   {proven}, {}\n", count(findings.len(), "check")));
    }
    Ok(print(global, &findings))
}

/// Runs checks on the facts.
pub(super) fn check(session: &Session, migration: &Migration, checks: fn(&View<'_>) -> Vec<Finding>) -> Vec<Finding> {
    let facts = session.facts();
    checks(&View::read_only(&facts, migration, Timestamp::now()))
}

fn print(global: &Global, findings: &[Finding]) -> Exit {
    if global.output.is_json() {
        global.output.print(&json!({"findings": findings}));
    } else {
        output::findings(findings);
    }
    exit_of(findings)
}

fn exit_of(findings: &[Finding]) -> Exit {
    if findings.iter().any(|f| f.severity == Severity::Block) { Exit::Blocked } else { Exit::Done }
}
