//! The metrics of a running engine, in the Prometheus text format.

use std::{collections::BTreeMap, fmt::Write};

use super::{api::PhaseState, facts::Facts};

/// Counters of the engine itself.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// It holds the Lease and may act.
    pub acting: bool,
    /// Effects that succeeded.
    pub done: u64,
    /// Effects that failed.
    pub failed: u64,
    /// Effects that were refused and have to wait.
    pub waited: u64,
    /// How often the Lease was lost or could not be taken.
    pub lock_lost: u64,
    /// Lines in the audit log.
    pub audit_lines: u64,
}

/// All metrics.
pub fn render(facts: &Facts, counts: &Counts) -> String {
    let mut out = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, values: &[(String, i64)]| {
        let _ = writeln!(out, "# HELP cutover_{name} {help}\n# TYPE cutover_{name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(out, "cutover_{name}{labels} {value}");
        }
    };
    let one = |n: i64| [(String::new(), n)];
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    metric("acting", "gauge", "1 while this engine holds the Lease and may act.", &one(counts.acting.into()));
    metric("epoch", "gauge", "The highest term of the Lease in any record.", &one(facts.epoch()));
    let effects = [("done", counts.done), ("failed", counts.failed), ("waits", counts.waited)];
    metric(
        "effects_total",
        "counter",
        "Changes that this engine made or tried, by result.",
        &effects.map(|(result, n)| (format!("{{result=\"{result}\"}}"), number(n))),
    );
    metric("lock_lost_total", "counter", "How often this engine lost the Lease.", &one(number(counts.lock_lost)));
    metric("audit_lines", "gauge", "Lines in this engine's audit log.", &one(number(counts.audit_lines)));
    metric(
        "sources_stale",
        "gauge",
        "Sources of facts that are late; any of them holds the engine.",
        &one(facts.stale().len().try_into().unwrap_or(i64::MAX)),
    );
    let mut steps: BTreeMap<String, i64> = BTreeMap::new();
    for status in facts.node_migrations.values().filter_map(|n| n.status.as_ref()) {
        *steps.entry(format!("{{step=\"{}\"}}", status.step)).or_default() += 1;
    }
    metric("nodes", "gauge", "Nodes by step.", &steps.into_iter().collect::<Vec<_>>());
    let phases = facts.migration.iter().filter_map(|m| m.status.as_ref()).flat_map(|s| &s.phases);
    let phases: Vec<(String, i64)> = phases
        .map(|p| (format!("{{phase=\"{}\",state=\"{:?}\"}}", p.name, p.state), (p.state != PhaseState::Pending).into()))
        .collect();
    metric("phase", "gauge", "Phases by state; 0 while pending.", &phases);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_can_read_it() {
        let text = render(&Facts::default(), &Counts { acting: true, done: 3, ..Counts::default() });
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("cutover_") && value.parse::<f64>().is_ok(), "{line}");
        }
        assert!(text.contains("cutover_acting 1\n") && text.contains("cutover_effects_total{result=\"done\"} 3\n"));
    }
}
