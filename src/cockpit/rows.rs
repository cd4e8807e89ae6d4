//! Rows of the tables, made from the scene. Each has a key that the selection follows.

use super::{Scene, actions::Screen, flows, model::Model, theme::Role};
use crate::{
    domain::{
        api::{Finding, NodeMigrationStatus, PhaseState, PhaseStatus, Severity, Stage, Target},
        checks,
        facts::{Cni, Facts, NodeFact, PodFact},
        log::Kind,
        phase::Phase,
        rolling::View,
        step::Step,
        text::{self, between, duration, safe},
    },
    hubble::detail,
};

/// A row: its key, its cells, and how it is meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) cells: Vec<(String, Role)>,
}

impl Row {
    pub(super) fn keyed(key: impl Into<String>) -> Self {
        Self { key: key.into(), cells: Vec::new() }
    }

    pub(super) fn cell(mut self, text: impl Into<String>, role: Role) -> Self {
        self.cells.push((text.into(), role));
        self
    }

    pub(super) fn plain(self, text: impl Into<String>) -> Self {
        self.cell(text, Role::Plain)
    }

    fn has(&self, words: &str) -> bool {
        words.split_whitespace().all(|w| {
            let (wanted, w) = w.strip_prefix('!').map_or((true, w), |w| (false, w));
            let w = w.to_lowercase();
            self.cells.iter().any(|(c, _)| c.to_lowercase().contains(&w)) == wanted
        })
    }
}

pub(super) fn is_complete(facts: &Facts) -> bool {
    facts.migration.as_ref().and_then(|m| m.status.as_ref()).is_some_and(|s| s.phase == Stage::Complete)
}

/// The rows of the table that has the keys, filtered, as the screen shows them.
pub(super) fn of(model: &Model, scene: &Scene<'_>, table: &str) -> Vec<Row> {
    if let Some((rows, _)) = model.frozen.get(table) {
        return rows.clone();
    }
    let filter = model.table(table).filter;
    let rows = match table {
        "phases" => phases(scene),
        "overview nodes" => overview_nodes(scene),
        "nodes" => nodes(scene),
        "pods" => pods(scene),
        "flows" if model.flows.view == flows::View::Rows => return model.flows.rows(scene, &filter),
        "flows" => model.flows.rows(scene, &filter),
        "checks" => checks_rows(scene),
        _ => log(scene),
    };
    rows.into_iter().filter(|r| r.has(&filter)).collect()
}

/// Every phase, known or not yet.
pub(super) fn phase_states(scene: &Scene<'_>) -> Vec<PhaseStatus> {
    let decided = scene.decision.map(|d| d.migration.phases.clone());
    let known = scene.facts.migration.as_ref().and_then(|m| m.status.as_ref()).map(|s| s.phases.clone());
    let phases = known.filter(|p| !p.is_empty()).or(decided).unwrap_or_default();
    if !phases.is_empty() {
        return phases;
    }
    let blocking = scene.preflight.iter().find(|f| f.severity == Severity::Block);
    let state = |p: Phase| match (p, blocking) {
        (Phase::Preflight, Some(f)) => (PhaseState::Blocked, format!("{}: {}. {}", f.object, f.message, f.remedy)),
        (Phase::Preflight, None) if scene.preflight.is_empty() => (PhaseState::Pending, String::new()),
        (Phase::Preflight, None) => (PhaseState::Done, String::new()),
        (Phase::Install, None) => (PhaseState::NeedsApproval, String::new()),
        _ => (PhaseState::Pending, String::new()),
    };
    let status = |name: Phase| {
        let (state, message) = state(name);
        PhaseStatus { name, state, message, started_at: None, finished_at: None }
    };
    Phase::ALL.map(status).to_vec()
}

fn phases(scene: &Scene<'_>) -> Vec<Row> {
    phase_states(scene)
        .into_iter()
        .map(|p| {
            let (glyph, word, role) = match p.state {
                PhaseState::Pending => ("·", "pending", Role::Dim),
                PhaseState::NeedsApproval => ("?", "needs approval", Role::Accent),
                PhaseState::Running => ("▶", "running", Role::Accent),
                PhaseState::Blocked => ("!", "blocked", Role::Bad),
                PhaseState::Done => ("✓", "done", Role::Good),
                PhaseState::RollingBack => ("◀", "rolling back", Role::Warn),
            };
            let took = match (p.started_at, p.finished_at) {
                (Some(from), Some(to)) => duration(between(from, to)),
                (Some(from), None) => duration(between(from, scene.now)),
                _ => String::new(),
            };
            let message = if p.message.is_empty() && p.state != PhaseState::Done {
                p.name.purpose().to_owned()
            } else {
                safe(&p.message).into_owned()
            };
            let dim = if p.message.is_empty() { Role::Dim } else { Role::Plain };
            Row::keyed(p.name.name())
                .cell(glyph, role)
                .plain(p.name.name())
                .cell(word, role)
                .cell(took, Role::Dim)
                .cell(message, dim)
        })
        .collect()
}

/// Nodes in the migration's order.
pub(super) fn ordered<'a>(scene: &Scene<'a>) -> Vec<&'a NodeFact> {
    with_context(scene, View::nodes_in_order)
}

/// Asks the domain, with what the scene knows.
pub(super) fn with_context<'a, T>(scene: &Scene<'a>, ask: impl FnOnce(&View<'a>) -> T) -> T {
    ask(&View::read_only(scene.facts, scene.migration, scene.now))
}

pub(super) fn status_of(facts: &Facts, node: &str) -> NodeMigrationStatus {
    facts.node_migrations.get(node).and_then(|r| r.status.clone()).unwrap_or_default()
}

/// A node's way as one glyph a step.
pub(super) fn strip(status: &NodeMigrationStatus) -> Vec<(String, Role)> {
    let path = Step::path(status.direction);
    let at = path.iter().position(|s| s.step == status.step);
    path.iter()
        .enumerate()
        .map(|(i, _)| match (status.step, at) {
            (s, _) if s.is_final() => ("✓".into(), Role::Good),
            (_, Some(at)) if i < at => ("✓".into(), Role::Good),
            (_, Some(at)) if i == at && status.last_error.is_some() => ("!".into(), Role::Bad),
            (_, Some(at)) if i == at && status.direction == Target::Flannel => ("◀".into(), Role::Warn),
            (_, Some(at)) if i == at => ("▶".into(), Role::Accent),
            _ => ("·".into(), Role::Dim),
        })
        .collect()
}

fn step_role(status: &NodeMigrationStatus) -> Role {
    match status.step {
        _ if status.last_error.is_some() => Role::Bad,
        Step::Done => Role::Good,
        Step::RolledBack => Role::Warn,
        Step::Pending => Role::Dim,
        _ if status.direction == Target::Flannel => Role::Warn,
        _ => Role::Accent,
    }
}

fn said(status: &NodeMigrationStatus) -> (String, Role) {
    match &status.last_error {
        Some(e) => (safe(&e.message).into_owned(), Role::Bad),
        None => (safe(&status.waiting).into_owned(), Role::Plain),
    }
}

/// Which CNI a node's pods use now.
fn cni_of(facts: &Facts, node: &NodeFact, status: &NodeMigrationStatus) -> (&'static str, Role) {
    let cilium = status.step == Step::Done || facts.pods_with(Cni::Cilium, Some(&node.name)).next().is_some();
    let flannel = facts.pods_with(Cni::Flannel, Some(&node.name)).next().is_some();
    match (flannel, cilium) {
        (true, true) => ("both", Role::Warn),
        (false, true) => ("Cilium", Role::Good),
        (true, false) => ("Flannel", Role::Plain),
        (false, false) => ("—", Role::Dim),
    }
}

fn overview_nodes(scene: &Scene<'_>) -> Vec<Row> {
    ordered(scene)
        .into_iter()
        .map(|n| {
            let status = status_of(scene.facts, &n.name);
            let (cni, role) = cni_of(scene.facts, n, &status);
            let glyphs: String = strip(&status).into_iter().map(|(g, _)| g).collect();
            let (said, said_role) = said(&status);
            Row::keyed(&*n.name)
                .plain(&*n.name)
                .cell(cni, role)
                .cell(glyphs, step_role(&status))
                .cell(status.step.name(), step_role(&status))
                .cell(said, said_role)
        })
        .collect()
}

fn nodes(scene: &Scene<'_>) -> Vec<Row> {
    ordered(scene)
        .into_iter()
        .map(|n| {
            let status = status_of(scene.facts, &n.name);
            let (cni, role) = cni_of(scene.facts, n, &status);
            let pods = scene.facts.pods_on(&n.name).filter(|p| p.is_living() && !p.host_network).count();
            let (ready, ready_role) = if n.ready { ("Ready", Role::Good) } else { ("NotReady", Role::Bad) };
            let cordon = if n.unschedulable { "cordoned" } else { "" };
            let (said, said_role) = said(&status);
            Row::keyed(&*n.name)
                .plain(&*n.name)
                .cell(ready, ready_role)
                .cell(cordon, Role::Warn)
                .cell(cni, role)
                .cell(status.step.name(), step_role(&status))
                .plain(pods.to_string())
                .cell(said, said_role)
        })
        .collect()
}

/// The pods that carry the network: Flannel's, and everything of Cilium's.
pub(super) fn component(facts: &Facts, pod: &PodFact) -> Option<&'static str> {
    let app = pod.labels.get("k8s-app").map(String::as_str).unwrap_or_default();
    match app {
        "cilium" => return Some("Cilium agent"),
        "hubble-relay" => return Some("Hubble relay"),
        "hubble-ui" => return Some("Hubble UI"),
        "cilium-envoy" => return Some("Cilium Envoy"),
        _ => {}
    }
    if pod.labels.get("io.cilium/app").is_some_and(|a| a == "operator") {
        return Some("Cilium operator");
    }
    let owner = pod.owner.as_ref()?;
    facts
        .flannel_daemon_sets()
        .any(|d| d.key.name == owner.name && d.key.namespace == pod.key.namespace)
        .then_some("Flannel")
}

fn pods(scene: &Scene<'_>) -> Vec<Row> {
    let mut rows: Vec<(&str, &PodFact)> =
        scene.facts.pods.values().filter_map(|p| Some((component(scene.facts, p)?, p))).collect();
    rows.sort_by_key(|(c, p)| (*c, p.node.clone(), p.key.clone()));
    rows.into_iter()
        .map(|(what, p)| {
            let (ready, role) = match (p.deleting.is_some(), p.ready) {
                (true, _) => ("terminating", Role::Warn),
                (_, true) => ("ready", Role::Good),
                _ if p.reason.is_empty() => ("not ready", Role::Warn),
                _ => ("not ready", Role::Bad),
            };
            let version = p.image.rsplit_once(':').map_or("", |(_, v)| v.split('@').next().unwrap_or(v));
            Row::keyed(p.key.to_string())
                .plain(what)
                .plain(&*p.key.name)
                .plain(&*p.node)
                .cell(ready, role)
                .cell(p.restarts.to_string(), if p.restarts > 3 { Role::Warn } else { Role::Plain })
                .cell(version, Role::Dim)
                .cell(safe(&p.reason), Role::Bad)
        })
        .collect()
}

/// Findings: of the record where there is one, else what preflight sees now.
pub(super) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    if let Some(migration) = &scene.facts.migration {
        let status = migration.status.clone().unwrap_or_default();
        if matches!(status.phase, Stage::Complete | Stage::Verify) {
            return with_context(scene, checks::verification);
        }
        return status.findings;
    }
    scene.preflight.to_vec()
}

fn checks_rows(scene: &Scene<'_>) -> Vec<Row> {
    findings(scene)
        .into_iter()
        .map(|f| {
            let (glyph, word, role) = match f.severity {
                Severity::Pass => ("✓", "ok", Role::Good),
                Severity::Info => ("i", "info", Role::Plain),
                Severity::Warn => ("!", "warning", Role::Warn),
                Severity::Block => ("✗", "blocks", Role::Bad),
            };
            Row::keyed(format!("{} {}", f.check, f.object))
                .cell(glyph, role)
                .cell(word, role)
                .plain(&f.check)
                .plain(safe(&f.object))
                .plain(safe(&f.message))
                .cell(safe(&f.remedy), Role::Dim)
        })
        .collect()
}

fn log(scene: &Scene<'_>) -> Vec<Row> {
    let lines = scene.log.iter().enumerate().rev().filter(|(_, e)| e.kind != Kind::Done);
    lines
        .map(|(i, e)| {
            let (word, role) = match e.kind {
                Kind::Begin | Kind::Done => ("does", Role::Plain),
                Kind::Failed => ("FAILED", Role::Bad),
                Kind::Waiting => ("waits", Role::Warn),
                Kind::Step => ("step", Role::Accent),
                Kind::Output => ("says", Role::Dim),
                Kind::Wish => ("wish", Role::Accent),
                Kind::Note => ("note", Role::Dim),
            };
            Row::keyed(format!("{i}"))
                .cell(e.at.strftime("%H:%M:%S").to_string(), Role::Dim)
                .cell(word, role)
                .plain(safe(&e.object))
                .cell(safe(&e.text), if role == Role::Bad { role } else { Role::Plain })
                .cell(safe(&e.kubectl.join("; ")), Role::Dim)
        })
        .collect()
}

/// What the detail of a row says.
pub(super) fn detail(model: &Model, scene: &Scene<'_>) -> Vec<String> {
    let table = model.active_table();
    let rows = of(model, scene, table);
    let selected = model.table(table).selected;
    let Some(row) = rows.iter().find(|r| Some(&r.key) == selected.as_ref()).or_else(|| rows.first()) else {
        return vec![];
    };
    match model.screen {
        Screen::Nodes | Screen::Overview if scene.facts.nodes.contains_key(row.key.as_str()) => {
            super::view::node_lines(scene, &row.key)
        }
        _ => {
            if let Some(flow) = model.flows.flow(scene, &row.key).filter(|_| table == "flows") {
                let record = scene.facts.node_migrations.get(&flow.node).and_then(|r| r.status.as_ref());
                let mode = record.and_then(|s| s.evidence.host.as_ref()).map(|h| h.encryption.as_str());
                return detail::lines(flow, mode.filter(|m| !m.is_empty()));
            }
            let heads = super::view::heads(model, table);
            row.cells
                .iter()
                .zip(heads)
                .filter(|((c, _), _)| !c.is_empty())
                .map(|((c, _), (h, ..))| format!("{h:<12} {c}"))
                .collect()
        }
    }
}

/// How many rows of a frozen table would be new.
pub(super) fn newer(model: &Model, scene: &Scene<'_>, table: &str) -> u64 {
    let then = model.frozen.get(table).map_or(0, |(_, n)| *n);
    let now =
        if table == "flows" { scene.window.counts.all.flows } else { u64::try_from(scene.log.len()).unwrap_or(0) };
    now.saturating_sub(then)
}

/// A short count for titles.
pub(super) fn count(n: usize, what: &str) -> String {
    text::count(n, what)
}
