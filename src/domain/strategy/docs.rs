//! The strategies as tables of the README: generated from what phases and steps say of themselves, so that nothing
//! describes the procedure a second time.

use std::fmt::Write;

use super::{Approval, Phase, all};
use crate::domain::{
    api::Target,
    steps::{Path, Presence},
};

/// Every strategy with its phases and the steps of its nodes, as Markdown.
pub fn markdown() -> String {
    let mut out = String::new();
    for (i, strategy) in all().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let (major, minor) = strategy.oldest_cilium();
        let _ = writeln!(out, "**{}**: {}; Cilium {major}.{minor} or newer.\n", strategy.id(), strategy.about());
        out.push_str("| phase | does | rolled back | approved by |\n| --- | --- | --- | --- |\n");
        for phase in strategy.phases() {
            let spec = phase.spec();
            let approval = match spec.approval {
                Approval::None => "–",
                Approval::Key => "a key",
                Approval::ContextName => "typing the context's name",
            };
            let _ = writeln!(out, "| {} | {} | {} | {approval} |", spec.id, spec.purpose, spec.undo);
        }
        for phase in strategy.phases() {
            steps(*phase, &mut out);
        }
    }
    out
}

fn steps(phase: &dyn Phase, out: &mut String) {
    let Some(roll) = phase.roll() else { return };
    let order = |path: Path| path.iter().map(|s| s.spec().id).collect::<Vec<_>>().join(" → ");
    let _ = writeln!(
        out,
        "\nNodes in {}: {}; back: {}.\n",
        phase.id(),
        order(roll.path(Target::Cilium)),
        order(roll.path(Target::Flannel))
    );
    out.push_str("| step | does | the node is |\n| --- | --- | --- |\n");
    let back = roll.path(Target::Flannel).iter();
    let only_back = back.filter(|b| roll.path(Target::Cilium).iter().all(|f| f.spec().id != b.spec().id));
    for step in roll.path(Target::Cilium).iter().chain(only_back) {
        let spec = step.spec();
        let presence = match spec.presence {
            Presence::AtRest => "in service",
            Presence::Out => "out",
            Presence::Observed => "in service, the next one waits",
        };
        let _ = writeln!(out, "| {} | {} | {presence} |", spec.id, spec.does);
    }
}
