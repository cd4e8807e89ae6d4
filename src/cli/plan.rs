//! `cutover plan`: every change in order, and what an operator would type instead.

use std::path::PathBuf;

use clap::Args;
use clap_complete::ArgValueCompleter;
use jiff::Timestamp;
use serde_json::json;

use super::{
    Exit, Global, Wanted, ansible, completions, heading, output,
    session::{Failed, Session},
};
use crate::domain::{
    plan,
    strategy::PhaseId,
    text::{self, safe},
    totals::{Time, Totals},
    view::View,
};

/// Print every change in order.
#[derive(Args, Debug)]
pub(super) struct Plan {
    /// Up to and with this phase (otherwise all)
    #[arg(long, value_name = "PHASE", add = ArgValueCompleter::new(completions::phases))]
    until: Option<PhaseId>,
    /// Write it as Ansible playbooks with an inventory into this folder instead
    #[arg(long, value_name = "DIR")]
    ansible: Option<PathBuf>,
    /// Only the tasks of this node, with the settings that DIR was written with: the playbooks call it when the node's
    /// turn comes
    #[arg(long, value_name = "NODE", requires = "ansible", conflicts_with = "until", add = ArgValueCompleter::new(completions::nodes))]
    node: Option<String>,
    /// Only the tasks that take back what was done to the cluster, with the settings that DIR was written with
    #[arg(long, requires = "ansible", conflicts_with_all = ["until", "node"])]
    back: bool,
    #[command(flatten)]
    pub(super) wanted: Wanted,
}

impl Plan {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let spec = match &self.ansible {
            Some(folder) if self.back || self.node.is_some() => ansible::settings(folder)?,
            _ => self.wanted.spec()?,
        };
        let session = Session::open(global).await?;
        let migration = session.migration_or(spec);
        let facts = session.facts();
        let ctx = View::read_only(&facts, &migration, Timestamp::now());
        if let Some(folder) = &self.ansible {
            match &self.node {
                Some(node) => ansible::write_node(&ctx, folder, node)?,
                None if self.back => ansible::write_back(&ctx, folder)?,
                None => ansible::write(&ctx, folder, &session.connection.context)?,
            }
            return Ok(Exit::Done);
        }
        let plan = plan::forward(&ctx, self.until.unwrap_or_else(|| ctx.strategy.last()));
        let (totals, time) = (Totals::of(&ctx, &plan), Time::of(&ctx, &plan, Timestamp::now()));
        if global.output.is_json() {
            global.output.print(&json!({"plan": plan, "totals": totals, "time": time}));
            return Ok(Exit::Done);
        }
        heading::print(&session);
        output::paragraph(&format!("summary   {totals}"), 10);
        time.iter().for_each(|t| output::paragraph(&format!("time      {t}"), 10));
        let mut heading = String::new();
        for (i, p) in plan.iter().enumerate() {
            let step = p.step.map(|s| format!(" / {s}")).unwrap_or_default();
            let now = format!("{}{}{step}", p.phase, p.node.as_ref().map(|n| format!(" / {n}")).unwrap_or_default());
            if now != heading {
                output::line(&format!("\n{now}"));
                heading = now;
            }
            let only_if = p.only_if.map(|c| format!(", only if {c}")).unwrap_or_default();
            let (object, effect, risk) = (safe(&p.object), safe(&p.effect), p.risk.word());
            p.before.iter().for_each(|proof| output::paragraph(&format!("        first: {}", proof.words), 15));
            output::paragraph(&format!("  {:>4}. {object}: {effect}  ({risk}{only_if})", i + 1), 8);
            for command in &p.kubectl {
                output::line(&format!("        {}", safe(command)));
            }
            p.after.iter().for_each(|proof| output::paragraph(&format!("        then: {}", proof.words), 14));
        }
        output::line(&format!("\n{}. Nothing was changed.", text::count(plan.len(), "change")));
        let begun = facts.migration.is_some();
        match plan.first().filter(|_| begun) {
            _ if plan.is_empty() => heading::next(global, "status", ""),
            Some(first) => heading::next(global, &format!("run --until {}", first.phase), ""),
            None => heading::next(global, "preflight", "says whether it can begin"),
        }
        Ok(Exit::Done)
    }
}
