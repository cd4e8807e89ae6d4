//! What stays on the normal screen after the cockpit.

use crate::domain::{api::Stage, facts::Facts, text::safe};

/// A few lines: what was reached, what is half way, how to continue.
pub fn summary(facts: &Facts, context: &str) -> String {
    let context = safe(context);
    let Some(migration) = &facts.migration else {
        return format!("Cutover: {context}: no migration has been started. Nothing was changed.\n");
    };
    let status = migration.status.clone().unwrap_or_default();
    let mut out = format!(
        "Cutover: {context}: {}\n",
        match status.phase {
            Stage::Complete => "complete, the cluster is on Cilium".to_owned(),
            Stage::RolledBack => "rolled back, the cluster is on Flannel".to_owned(),
            Stage::RollingBack => "rolling back".to_owned(),
            phase => format!("phase {phase}"),
        }
    );
    out.push_str(&format!("  nodes on Cilium: {}; approved up to {}\n", status.progress, migration.spec.approved));
    for (name, record) in &facts.node_migrations {
        let Some(s) = record.status.as_ref().filter(|s| s.step.is_out() || s.step.is_observed()) else {
            continue;
        };
        out.push_str(&format!(
            "  {name}: at {}{}\n",
            s.step,
            if s.waiting.is_empty() { String::new() } else { format!(", {}", safe(&s.waiting.message)) }
        ));
    }
    if !matches!(status.phase, Stage::Complete | Stage::RolledBack) {
        if !status.waiting.is_empty() {
            out.push_str(&format!("  waiting: {}\n", safe(&status.waiting.message)));
        }
        out.push_str("  Start Cutover again to continue; `cutover status` says more.\n");
    }
    out
}
