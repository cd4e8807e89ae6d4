//! Dialogs: what exactly will happen, before it does.

use jiff::Timestamp;

use super::{EngineState, Scene, model::Model, rows};
use crate::domain::{
    api::{Consent, NodeMigrationStatus, PhaseState, Target},
    consent::{ConsentKind, Wanted, given as given_to},
    drain::{self, budget, verdict},
    facts::Facts,
    intent::Intent,
    phase::Phase,
    plan::{self, Planned},
    rolling::cluster::Standing,
    step::Step,
    text::{count, safe},
};

/// A question with everything that hangs on it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dialog {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    /// Consents that it needs, and those that would get past what blocks: given only when they are ticked.
    pub(super) consents: Vec<Asked>,
    pub(super) intents: Vec<Intent>,
    /// What has to be typed; nothing when a key is enough.
    pub(super) type_this: Option<String>,
    pub(super) typed: String,
    pub(super) scroll: u16,
    pub(super) does: Does,
}

/// A consent that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) consent: Consent,
    pub(super) ticked: bool,
}

impl Asked {
    /// It is needed from the start; the others are only ticked one by one.
    pub(super) const fn is_needed(&self) -> bool {
        !self.consent.kind.is_escalation()
    }
}

/// What a confirmed dialog leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Change,
    Arm,
    Disarm,
    TakeOver,
    Quit,
    /// It only tells.
    Nothing,
}

impl Dialog {
    fn new(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self {
            title: title.into(),
            lines,
            consents: vec![],
            intents: vec![],
            type_this: None,
            typed: String::new(),
            scroll: 0,
            does: Does::Change,
        }
    }

    /// Something that cannot be done now, and why.
    pub(super) fn refuse(title: &str, why: impl Into<String>) -> Self {
        Self { does: Does::Nothing, ..Self::new(title, vec![why.into()]) }
    }

    /// Ticks all that is needed, or nothing of it.
    pub(super) fn tick_needed(&mut self) {
        let all = self.consents.iter().all(|a| a.ticked || !a.is_needed());
        self.consents.iter_mut().filter(|a| a.is_needed()).for_each(|a| a.ticked = !all);
    }

    /// Ticks one of those that are shown with a number.
    pub(super) fn tick(&mut self, nth: usize) {
        if let Some(asked) = self.consents.get_mut(nth) {
            asked.ticked = !asked.ticked;
        }
    }

    /// Everything that was agreed to, as changes of `spec`.
    pub(super) fn changes(&self) -> Vec<Intent> {
        let ticked: Vec<Consent> = self.consents.iter().filter(|a| a.ticked).map(|a| a.consent.clone()).collect();
        let consent = (!ticked.is_empty()).then_some(Intent::Consent(ticked));
        consent.into_iter().chain(self.intents.clone()).collect()
    }
}

/// Which cluster it is about: the first line of every dialog that changes something.
fn cluster(model: &Model) -> String {
    let production = if model.cluster.production { "  PRODUCTION" } else { "" };
    format!("cluster   {} at {}{production}", safe(&model.cluster.context), safe(&model.cluster.server))
}

/// `a` with the phases in focus.
pub(super) fn advance_phase(model: &Model, scene: &Scene<'_>) -> Dialog {
    if !scene.facts.is_known() {
        return Dialog::refuse("Not yet", "The cluster is still being looked at.");
    }
    let states = rows::phase_states(scene);
    if let Some(p) = states.iter().find(|p| p.name == Phase::Preflight && p.state == PhaseState::Blocked) {
        return Dialog::refuse("Preflight blocks", format!("{} See the Checks screen (5).", p.message));
    }
    let approved = scene
        .facts
        .migration
        .as_ref()
        .filter(|m| m.spec.target == Target::Cilium)
        .map_or(Phase::Preflight, |m| m.spec.approved);
    let Some(next) = approved.next() else {
        return Dialog::refuse("Nothing to approve", "Every phase is approved already.");
    };
    if let Some(p) =
        states.iter().find(|p| p.name <= approved && p.name > Phase::Preflight && p.state != PhaseState::Done)
    {
        return Dialog::refuse("Not yet", format!("{} is still at work: {}", p.name, p.message));
    }
    let mut lines = vec![cluster(model), format!("phase     {next}: {}", next.purpose())];
    let mut dialog = Dialog::new(format!("Approve {next}?"), vec![]);
    if next == Phase::Install {
        lines.push(String::new());
        lines.push("Every node gets the taint node.cilium.io/agent-not-ready for some seconds while the agents start: new pods wait that long. That is how Cilium's operator works and no fault.".into());
    }
    if next == Phase::Migrate {
        migrate_lines(scene, &mut lines);
        dialog.consents = missing_consents(scene.facts, None);
        consent_lines(&dialog.consents, &mut lines);
    }
    if next == Phase::Finalize && !scene.facts.policies.is_empty() {
        let names: Vec<String> = scene.facts.policies.iter().take(8).map(ToString::to_string).collect();
        lines.push(String::new());
        lines.push(format!(
            "{} that Flannel ignored will be enforced from now on:",
            count(scene.facts.policies.len(), "network policy").replace("policys", "policies")
        ));
        lines.push(format!("  {}", names.join(", ")));
    }
    plan_lines(&rows::with_context(scene, |ctx| plan::phase(ctx, next)), &mut lines);
    dialog.intents = vec![Intent::Approve(next)];
    requests(&dialog.intents, &mut lines);
    dialog.lines = lines;
    if next.is_point_of_no_easy_return() {
        dialog.type_this = Some(model.cluster.context.clone());
    }
    dialog
}

fn migrate_lines(scene: &Scene<'_>, lines: &mut Vec<String>) {
    let order = rows::ordered(scene);
    let names: Vec<&str> = order.iter().map(|n| &*n.name).collect();
    lines.push(format!("nodes     {} in this order: {}", names.len(), names.join(", ")));
    lines.push("          each: check, cordon, drain, switch, restart, verify, uncordon, observe".into());
    let blocked: Vec<&_> = scene.facts.budgets.values().filter(|b| b.allowed <= 0 && b.expected > 0).collect();
    for b in blocked.iter().take(5) {
        lines.push(format!(
            "budget    {} allows no disruption now: needs {} healthy, has {}",
            b.key, b.desired, b.healthy
        ));
    }
}

/// Consents that somebody has to give, for a node or for all; for one node also what would get past its blocks.
fn missing_consents(facts: &Facts, node: Option<&str>) -> Vec<Asked> {
    let given = facts.migration.as_ref().map(|m| m.spec.consents.clone()).unwrap_or_default();
    let nodes = facts.nodes.keys().filter(|n| node.is_none_or(|wanted| *wanted == ***n));
    let sorter = drain::Sorter::new(facts, &given);
    let mut missing: Vec<Wanted> = nodes.flat_map(|n| verdict::wanted(&sorter.sort(n))).collect();
    missing.sort();
    missing.dedup();
    let (by, at) = (operator(facts), Timestamp::now());
    missing.extend(node.into_iter().flat_map(|n| verdict::offers(facts, n, &given, at)));
    let failing = facts.migration.iter().filter_map(|m| m.status.as_ref()).flat_map(|s| &s.flows);
    let failing = failing.filter(|f| !given_to(&given, ConsentKind::BrokenFlow, &f.edge));
    missing.extend(failing.map(|f| Wanted { kind: ConsentKind::BrokenFlow, object: f.edge.clone() }));
    missing.dedup();
    let asked =
        |w: Wanted| Asked { consent: Consent { kind: w.kind, object: w.object, by: by.clone(), at }, ticked: false };
    missing.into_iter().map(asked).collect()
}

/// Every consent by its name: what is ticked all at once has to be read all at once.
fn consent_lines(asked: &[Asked], lines: &mut Vec<String>) {
    if asked.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(format!("{} that their nodes wait for:", count(asked.len(), "consent")));
    lines.extend(
        asked.iter().map(|a| format!("  {} {}: {}", a.consent.kind, safe(&a.consent.object), a.consent.kind.cost())),
    );
}

/// Who gives a consent.
fn operator(facts: &Facts) -> String {
    let here = std::env::var("USER").unwrap_or_else(|_| "operator".into());
    facts.surroundings.signed(&here)
}

fn plan_lines(plan: &[Planned], lines: &mut Vec<String>) {
    if plan.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(format!("{}, and what you would type instead:", count(plan.len(), "change")));
    for p in plan {
        let step = p.step.map(|s| format!("{s:<9}")).unwrap_or_default();
        lines.push(format!("  {step}{} {}", p.object, p.effect));
        lines.extend(p.kubectl.iter().map(|k| format!("      $ {}", safe(k))));
    }
}

fn requests(intents: &[Intent], lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push("This wish itself is one request:".into());
    lines.extend(intents.iter().map(|i| format!("  $ {}", i.kubectl())));
}

/// `a` or `r` with a node in focus.
pub(super) fn node(model: &Model, scene: &Scene<'_>, name: &str, target: Target) -> Dialog {
    let Some(fact) = scene.facts.nodes.get(name) else { return Dialog::refuse("No node", "Select a node first.") };
    let status = rows::status_of(scene.facts, name);
    if scene
        .facts
        .migration
        .as_ref()
        .is_none_or(|m| m.spec.approved < Phase::Install || m.spec.target == Target::Flannel)
    {
        return Dialog::refuse(
            "Not yet",
            "Cilium is not installed beside Flannel: approve the phase Install first (Overview, a).",
        );
    }
    if Standing::of(scene.facts).finalized {
        return Dialog::refuse(
            "Not any more",
            "Cilium is the default of every node. Roll the phase Finalize back first (Overview, r).",
        );
    }
    if target == status.direction && needs_go_on(&status) {
        return retries(model, scene, name, &status);
    }
    if target == Target::Cilium && status.step == Step::Done {
        return Dialog::refuse("Nothing to do", format!("{name} is on Cilium already."));
    }
    if target == Target::Flannel && matches!(status.step, Step::Pending | Step::RolledBack) && !fact.switched {
        return Dialog::refuse("Nothing to do", format!("{name} is on Flannel."));
    }
    let (verb, arrow) =
        if target == Target::Cilium { ("Move", "to Cilium") } else { ("Roll", "back to Flannel and hold it there") };
    let mut lines = vec![cluster(model), format!("node      {name}")];
    let consents = scene.facts.migration.as_ref().map(|m| m.spec.consents.clone()).unwrap_or_default();
    let drain = drain::sort(scene.facts, name, &consents);
    lines.push(format!("pods      {} to be evicted or started anew, {} stay", drain.left(), drain.stays.len()));
    let going = drain.evict.iter().chain(drain.consent.iter().map(|(p, _)| p));
    for (pod, block) in going.filter_map(|p| Some((p, budget::blocker(scene.facts, p)?))) {
        lines.push(format!("budget    {}: {}. {}", pod.key, block.problem.message, block.problem.remedy));
    }
    plan_lines(&rows::with_context(scene, |ctx| plan::node(ctx, fact, target)), &mut lines);
    let mut dialog = Dialog::new(format!("{verb} {name} {arrow}?"), vec![]);
    dialog.consents = missing_consents(scene.facts, Some(name));
    consent_lines(&dialog.consents, &mut lines);
    dialog.intents = vec![Intent::Node { node: name.to_owned(), target }];
    requests(&dialog.intents, &mut lines);
    dialog.lines = lines;
    dialog
}

/// Something on the node ran out of time and waits for a word.
fn needs_go_on(status: &NodeMigrationStatus) -> bool {
    status.drain.as_ref().is_some_and(|d| d.paused)
        || (status.step == Step::Restart && status.evidence.reboot_asked.is_some() && status.last_error.is_some())
}

/// `a` on a node whose time is up.
fn retries(model: &Model, scene: &Scene<'_>, name: &str, status: &NodeMigrationStatus) -> Dialog {
    let mut lines =
        vec![cluster(model), format!("node      {name}"), String::new(), safe(&status.waiting).into_owned()];
    let held = status.drain.iter().flat_map(|d| &d.blockers);
    lines.extend(held.map(|h| format!("  {}: {}", safe(&h.object), safe(&h.message))));
    lines.push(String::new());
    lines.push(
        "Its time starts anew. Nothing is forced: what no consent was given for is asked again as before.".into(),
    );
    let seen = scene.facts.node_migrations.get(name).map_or(0, |r| r.spec.retries);
    let mut dialog = Dialog::new(format!("Let {name} go on?"), vec![]);
    dialog.consents = missing_consents(scene.facts, Some(name));
    consent_lines(&dialog.consents, &mut lines);
    dialog.intents = vec![Intent::Retry { node: name.to_owned(), times: seen.max(status.observed_retries) + 1 }];
    requests(&dialog.intents, &mut lines);
    dialog.lines = lines;
    dialog
}

/// `r` with the phases in focus: what lies beyond the phase before the last one.
pub(super) fn roll_back_phase(model: &Model, scene: &Scene<'_>) -> Dialog {
    let Some(migration) = scene
        .facts
        .migration
        .as_ref()
        .filter(|m| m.spec.target == Target::Cilium && m.spec.approved > Phase::Preflight)
    else {
        return Dialog::refuse("Nothing to roll back", "No phase that changes anything has been approved.");
    };
    let last = migration.spec.approved;
    let to = last.previous().unwrap_or_default();
    let mut lines = vec![cluster(model), format!("phase     {last} is taken back; {to} stays")];
    lines.push(match last {
        Phase::Install => "Cilium is uninstalled. Every node is on Flannel.".into(),
        Phase::Migrate => "Every node that was moved is rolled back, the last one first: drain, revert, restore, restart, verify, uncordon.".into(),
        Phase::Finalize => "Nodes decide for themselves again; policies are enforced no longer. The agents restart.".into(),
        Phase::Remove => "Flannel's objects are created again from Cutover's copy.".into(),
        Phase::Preflight | Phase::Verify => "Nothing is changed on the cluster.".to_owned(),
    });
    let mut dialog = Dialog::new(format!("Roll {last} back?"), vec![]);
    if last == Phase::Migrate {
        dialog.consents = missing_consents(scene.facts, None);
        consent_lines(&dialog.consents, &mut lines);
    }
    dialog.intents = vec![Intent::RollBackTo(to)];
    requests(&dialog.intents, &mut lines);
    dialog.lines = lines;
    dialog
}

/// `R`.
pub(super) fn roll_back_all(model: &Model, scene: &Scene<'_>) -> Dialog {
    if scene.facts.migration.is_none() {
        return Dialog::refuse("Nothing to roll back", "No migration has been begun.");
    }
    let moved = scene
        .facts
        .node_migrations
        .values()
        .filter(|r| r.status.as_ref().is_some_and(|s| s.step == Step::Done))
        .count();
    let mut lines = vec![
        cluster(model),
        format!(
            "Everything is taken back, the last thing first: {} rolled back one by one, then Cilium is uninstalled.",
            count(moved, "node")
        ),
    ];
    let standing = Standing::of(scene.facts);
    if standing.removed {
        lines.push("First Flannel's objects are created again from Cutover's copy.".into());
    }
    if standing.finalized {
        lines.push("Then nodes decide for themselves again: helm upgrade, and the agents restart.".into());
    }
    plan_lines(&rows::with_context(scene, plan::back), &mut lines);
    let mut dialog = Dialog::new("Roll everything back to Flannel?", vec![]);
    dialog.consents = missing_consents(scene.facts, None);
    consent_lines(&dialog.consents, &mut lines);
    dialog.intents = vec![Intent::RollBackAll];
    requests(&dialog.intents, &mut lines);
    dialog.lines = lines;
    dialog.type_this = Some(model.cluster.context.clone());
    dialog
}

/// `P`.
pub(super) fn pause(model: &Model, scene: &Scene<'_>) -> Dialog {
    let Some(migration) = &scene.facts.migration else {
        return Dialog::refuse("Nothing to pause", "No migration has been begun.");
    };
    let on = !migration.spec.paused;
    let mut lines = vec![cluster(model)];
    lines.push(if on {
        "Requests that are under way end; no new one is made until you let it go on. A drained node stays cordoned."
            .into()
    } else {
        "It goes on from what the cluster looks like now.".to_owned()
    });
    let mut dialog = Dialog::new(if on { "Hold the migration?" } else { "Let the migration go on?" }, vec![]);
    dialog.intents = vec![Intent::Pause(on)];
    requests(&dialog.intents, &mut lines);
    dialog.lines = lines;
    dialog
}

/// `w`.
pub(super) fn arm(model: &Model) -> Dialog {
    if model.armed {
        let lines = vec![
            cluster(model),
            "This cockpit changes nothing any more, and gives the lock back: the migration stops where it is.".into(),
        ];
        return Dialog { does: Does::Disarm, ..Dialog::new("Back to read-only?", lines) };
    }
    let lines = vec![
        cluster(model),
        "This cockpit takes the lock and runs the engine: whatever is approved is carried out.".into(),
        "Nothing new is approved by this.".into(),
    ];
    Dialog { does: Does::Arm, ..Dialog::new("Allow changes from this cockpit?", lines) }
}

/// `t`: the lock is taken from an engine that lives.
pub(super) fn take_over(model: &Model, scene: &Scene<'_>) -> Dialog {
    let EngineState::Elsewhere(who) = scene.engine else {
        return Dialog::refuse("Nothing to take over", "No other engine holds the lock, as far as this cockpit knows.");
    };
    let waiting = scene.migration.status.as_ref().map(|s| s.waiting.clone()).filter(|w| !w.is_empty());
    let lines = vec![
        cluster(model),
        format!("runs it   {}", safe(who)),
        format!("it does   {}", safe(&waiting.unwrap_or_else(|| "nothing at the moment".into()))),
        "The lock is taken now. This engine begins some seconds later, when the other one has to have noticed.".into(),
        "What the other one has begun on hosts, and a helm that it runs, go on there to their end.".into(),
    ];
    Dialog { does: Does::TakeOver, ..Dialog::new("Take over from another engine?", lines) }
}

/// `q` while something is under way.
pub(super) fn quit(scene: &Scene<'_>) -> Option<Dialog> {
    let at_work = rows::phase_states(scene)
        .iter()
        .any(|p| matches!(p.state, PhaseState::Running | PhaseState::RollingBack | PhaseState::Blocked));
    if !at_work || *scene.engine != EngineState::Here {
        return None;
    }
    let out: Vec<&str> = scene
        .facts
        .node_migrations
        .iter()
        .filter(|(_, r)| r.status.as_ref().is_some_and(|s| s.step.is_underway()))
        .map(|(n, _)| &**n)
        .collect();
    let left = if out.is_empty() {
        "No node is out.".to_owned()
    } else {
        format!("Cordoned and half way: {}. It stays so until Cutover is started again.", out.join(", "))
    };
    Some(Dialog { does: Does::Quit, ..Dialog::new("Leave while the migration is at work?", vec!["This cockpit runs the engine: without it nothing goes on. Nothing is lost; start Cutover again and it continues.".into(), left]) })
}
