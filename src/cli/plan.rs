//! `cutover plan`: every change in order, and what an operator would type instead.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::{
    Exit, Global, Output, Wanted, ansible, output,
    session::{Failed, Session},
};
use crate::domain::{plan, strategy::PhaseId, text::safe, view::View};

/// Print every change in order.
#[derive(Args, Debug)]
pub(super) struct Plan {
    /// Up to and with this phase (otherwise all)
    #[arg(long, value_name = "PHASE")]
    until: Option<PhaseId>,
    /// Write it as Ansible playbooks with an inventory into this folder instead
    #[arg(long, value_name = "DIR")]
    ansible: Option<PathBuf>,
    /// Only the tasks of this node, with the settings that DIR was written with: the playbooks call it when the node's
    /// turn comes
    #[arg(long, value_name = "NODE", requires = "ansible", conflicts_with = "until")]
    node: Option<String>,
    #[command(flatten)]
    wanted: Wanted,
}

impl Plan {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        let spec = match (&self.ansible, &self.node) {
            (Some(folder), Some(_)) => ansible::settings(folder)?,
            _ => self.wanted.spec()?,
        };
        let session = Session::open(global).await?;
        let migration = session.migration_or(spec);
        let facts = session.facts();
        let ctx = View::read_only(&facts, &migration, Timestamp::now());
        if let Some(folder) = &self.ansible {
            match &self.node {
                Some(node) => ansible::write_node(&ctx, folder, node)?,
                None => ansible::write(&ctx, folder, &session.connection.context)?,
            }
            return Ok(Exit::Done);
        }
        let plan = plan::forward(&ctx, self.until.unwrap_or_else(|| ctx.strategy.last()));
        if global.output == Output::Json {
            output::json(&json!({"plan": plan}));
            return Ok(Exit::Done);
        }
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
            p.before.iter().for_each(|proof| output::line(&format!("        first: {}", safe(&proof.words))));
            output::line(&format!("  {:>4}. {object}: {effect}  ({risk}{only_if})", i + 1));
            for command in &p.kubectl {
                output::line(&format!("        {}", safe(command)));
            }
            p.after.iter().for_each(|proof| output::line(&format!("        then: {}", safe(&proof.words))));
        }
        output::line(&format!("\n{} changes. Nothing was changed.", plan.len()));
        Ok(Exit::Done)
    }
}
