//! What preflight and verification found.

use std::hash::{DefaultHasher, Hash, Hasher};

use ratatui::layout::Rect;

use super::{Follows, Screen, Spec, Subject};
use crate::{
    cockpit::{
        scene::Scene,
        ui::{Canvas, Cell, Column, Look, Pane, Table, Tone, beneath, detail},
    },
    domain::{
        api::{Finding, Severity, Stage},
        text::count,
    },
};

pub(super) static SPEC: Spec = Spec {
    title: "Checks",
    help: "Checks: what preflight and verification found.",
    follows: Follows::Facts,
    actions: &[],
    new: || Box::new(Checks::default()),
};

#[derive(Default)]
struct Checks {
    table: Table<Key>,
}

/// A finding by what it is about; its place in the list is not part of that.
#[derive(Clone, Copy, Debug)]
struct Key {
    about: u64,
    at: usize,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.about == other.about
    }
}

impl Key {
    fn of(at: usize, finding: &Finding) -> Self {
        let mut hasher = DefaultHasher::new();
        (&finding.check, &finding.object, finding.severity as u8).hash(&mut hasher);
        Self { about: hasher.finish(), at }
    }
}

const COLUMNS: &[Column<for<'a> fn(&&'a Finding) -> Cell<'a>>] = &[
    Column("", 1, 1, |f| Cell::new(look(f.severity).0, look(f.severity).2)),
    Column("RESULT", 8, 8, |f| Cell::new(look(f.severity).1, look(f.severity).2)),
    Column("CHECK", 8, 12, |f| Cell::plain(&*f.check)),
    Column("OBJECT", 12, 40, |f| Cell::plain(&*f.object)),
    Column("FINDING", 20, 90, |f| Cell::plain(&*f.message)),
    // the pane below has it in full: part of it is of no use
    Column("REMEDY", 60, 200, |f| Cell::dim(&*f.remedy)),
];

/// What is found, and what to do about it, in full.
fn text(finding: &Finding) -> Vec<(String, Tone)> {
    let mut lines = vec![(finding.message.clone(), look(finding.severity).2)];
    if !finding.remedy.is_empty() {
        lines.push((format!("→ {}", finding.remedy), Tone::Plain));
    }
    lines
}

const fn look(severity: Severity) -> (&'static str, &'static str, Tone) {
    match severity {
        Severity::Pass => ("✓", "ok", Tone::Good),
        Severity::Info => ("i", "info", Tone::Plain),
        Severity::Unknown => ("?", "not known", Tone::Warn),
        Severity::Warn => ("!", "warning", Tone::Warn),
        Severity::Block => ("✗", "blocking", Tone::Bad),
    }
}

/// The findings, and then what was found before anything was judged.
fn rows<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a Finding> {
    scene.findings().iter().chain(&scene.outlook.inventory)
}

fn row<'a>(scene: &Scene<'a>, at: usize) -> Option<&'a Finding> {
    let findings = scene.findings();
    findings.get(at).or_else(|| scene.outlook.inventory.get(at - findings.len()))
}

impl Screen for Checks {
    fn refresh(&mut self, scene: &Scene<'_>) {
        let keys = || rows(scene).enumerate().map(|(i, f)| Key::of(i, f)).collect();
        let stamp = (scene.revision, scene.outlook.number);
        self.table.list(stamp, keys, COLUMNS, |k| row(scene, k.at));
    }

    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, scene: &Scene<'_>) {
        let findings = scene.findings();
        let of = |s: Severity| findings.iter().filter(|f| f.severity == s).count();
        let blocking = of(Severity::Block);
        let what = match scene.stage() {
            Stage::Complete if blocking == 0 => "PROVEN: this cluster is on Cilium",
            _ if scene.shows_verification() => "Verification",
            _ => scene.view().strategy.first().as_str(),
        };
        // what preflight found before the first change is not checked again
        let recorded = scene.phases().first().filter(|_| scene.status().is_some() && !scene.shows_verification());
        let as_of = recorded.and_then(|p| p.finished_at).map(|at| format!(" as of {}", at.strftime("%F %T UTC")));
        let as_of = as_of.unwrap_or_default();
        let (ok, warnings) = (of(Severity::Pass), count(of(Severity::Warn), "warning"));
        let title = format!("{what}{as_of}: {ok} ok, {warnings}, {blocking} blocking");
        let empty = if scene.facts.is_known() { "no findings yet" } else { "loading the cluster's state…" };
        let look = Look { title: &title, focused: true, empty };
        let (list, below) = beneath(area);
        self.table.draw(canvas, list, &look, COLUMNS.iter(), |k| row(scene, k.at));
        if let (Some(area), Some(finding)) = (below, self.table.selected().and_then(|k| row(scene, k.at))) {
            detail(canvas, area, &format!("{}: {}", finding.check, finding.object), &text(finding));
        }
    }

    fn pane(&mut self) -> &mut dyn Pane {
        &mut self.table
    }

    fn subject(&self, scene: &Scene<'_>) -> Subject {
        let finding = self.table.selected().and_then(|k| row(scene, k.at));
        let node = finding.and_then(|f| f.object.strip_prefix("node/")).and_then(|n| scene.facts.nodes.get(n));
        let none =
            Subject::Nothing("This finding is not about a node: nothing here can be moved. enter shows its remedy.");
        node.map_or(none, |n| Subject::Node(n.name.clone()))
    }

    fn selected(&self, scene: &Scene<'_>) -> Vec<(&'static str, String)> {
        super::cells(COLUMNS.iter(), self.table.selected().and_then(|k| row(scene, k.at)))
    }
}
