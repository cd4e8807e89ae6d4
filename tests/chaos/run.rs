//! One run: faults come and go, the operator steers, until the goal is reached.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use cutover::{
    domain::{api::Migration, audit},
    sim::{
        clock::Pace,
        local::{Local, restore_release, roll_back_by_others, uninstall_by_others},
        world,
    },
};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    aftermath::{left_behind, unsettled},
    faults::{Fault, World, begins_again, gitops::in_git},
    observer::{Observer, release::newest},
    plan::{Goal, Plan},
    wire::Wire,
    workstation::Workstation,
};

const MARK: &str = "cutover.dev/cordoned";
const MIGRATIONS: &str = "migrations.cutover.dev";
const RECORDS: &str = "nodemigrations.cutover.dev";

/// How long a run may take after its faults are over, in virtual and in real time.
const PATIENCE: Duration = Duration::from_secs(3_600);
const REAL_PATIENCE: Duration = Duration::from_secs(600);

/// Plays a plan. The number of changes that the observer saw, or what went wrong.
pub async fn play(plan: &Plan) -> Result<u64, String> {
    let cluster = Local::start(plan.nodes, pace()).await?;
    let client = cluster.client();
    let folder = tempfile::Builder::new().tempdir_in(memory()).map_err(|e| e.to_string())?;
    cutover::cluster::records::install_definitions(&client).await.map_err(|p| p.to_string())?;
    cutover::cluster::records::create_migration(&client, plan.spec()).await.map_err(|p| p.to_string())?;
    let server = cluster.service();
    let observer = Arc::new(Observer::new(server.clone(), cluster.disks()));
    observer.consents(&world::FEW_CONSENTS);
    let nodes = world::node_names(plan.nodes);
    let began = Instant::now();
    let mut world = World {
        cluster: &cluster,
        client: &client,
        observer: &observer,
        nodes: &nodes,
        began,
        server: &server,
        flannel: &[],
        notes: Mutex::default(),
    };
    let flannel = in_git(&world);
    world.flannel = &flannel;
    let stations = ["a", "b"].map(|name| {
        let seed = plan.seed ^ u64::from(name.as_bytes()[0]);
        Workstation::new(name, Wire::new(name, seed, Arc::clone(&observer)), folder.path())
    });
    let wanted = json!({"approved": "Verify"});
    let mut run = Run { plan, world, stations, wanted, turned: 0, tick: 0, over: None };
    run.change_spec().await;
    run.stations[0].start(&cluster, began);
    run.reach_goal().await?;
    for station in &mut run.stations {
        station.stop().await;
    }
    let wrong = left_behind(&cluster, run.world.server, plan);
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    run.audit_logs_hold()?;
    Ok(observer.changes())
}

struct Run<'a> {
    plan: &'a Plan,
    world: World<'a>,
    stations: [Workstation; 2],
    /// What the operator wants, whatever becomes of the Migration meanwhile.
    wanted: Value,
    /// How often the target was changed.
    turned: u32,
    tick: u64,
    /// When the last fault was over.
    over: Option<Instant>,
}

impl Run<'_> {
    async fn reach_goal(&mut self) -> Result<(), String> {
        let (mut waiting, mut active): (Vec<&Fault>, Vec<&Fault>) = (self.plan.faults.iter().collect(), vec![]);
        loop {
            let now = u64::try_from(self.world.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.faults(now, &mut waiting, &mut active).await;
            self.turn(now).await;
            if self.tick.is_multiple_of(50) {
                self.operator().await;
            }
            let broken = self.world.observer.broken();
            if !broken.is_empty() {
                return Err(broken.join("\n"));
            }
            if waiting.is_empty() && active.is_empty() && self.is_over()? {
                return Ok(());
            }
            self.tick += 1;
            // once nothing goes wrong any more there is no hurry
            let calm = self.over.is_some_and(|o| o.elapsed() > Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(if calm { 1_000 } else { 100 })).await;
        }
    }

    async fn faults<'f>(&mut self, now: u64, waiting: &mut Vec<&'f Fault>, active: &mut Vec<&'f Fault>) {
        while waiting.first().is_some_and(|f| f.at <= now) {
            let fault = waiting.remove(0);
            self.world.begin(fault, &mut self.stations).await;
            active.push(fault);
        }
        for fault in active.iter() {
            self.world.during(fault, self.tick).await;
        }
        let (still, ended): (Vec<&Fault>, Vec<&Fault>) = active.iter().partition(|f| f.at + f.lasts > now);
        for fault in ended {
            self.world.end(fault, &mut self.stations).await;
        }
        *active = still;
    }

    /// The operator changes the target, as planned.
    async fn turn(&mut self, now: u64) {
        match self.plan.goal {
            Goal::BackAfter(at) | Goal::ThereAndBack(at) if self.turned == 0 && now >= at => {
                self.wanted = json!({"approved": "Verify", "target": "Flannel"});
                self.change_spec().await;
                self.turned = 1;
            }
            Goal::ThereAndBack(at) if self.turned == 1 && now >= at + 6_000 => {
                self.wanted = json!({"approved": "Verify", "target": "Cilium"});
                self.change_spec().await;
                self.turned = 2;
            }
            _ => {}
        }
    }

    /// An operator who looks now and then: grants a retry where one is needed, and starts an engine where none runs.
    async fn operator(&mut self) {
        // a Migration that was restored from a backup wants what was wanted then
        if let Some(migration) = self.world.server.look(MIGRATIONS, "", "cutover") {
            let forgotten = self.wanted.as_object().into_iter().flatten().any(|(k, v)| migration["spec"][k] != *v);
            if forgotten {
                self.change_spec().await;
            }
            if self.over.is_some() && migration["spec"]["paused"] == true {
                self.world.merge("Migration", "cutover", &json!({"spec": {"paused": false}})).await;
            }
        }
        self.restore_the_release().await;
        self.give_nodes_back().await;
        self.uninstall_what_nobody_owns().await;
        for record in self.world.server.look_at_all(RECORDS) {
            let status = &record["status"];
            let asks =
                status["drain"]["paused"] == true || (status["step"] == "Restart" && status["lastError"].is_object());
            let (retries, observed) =
                (record["spec"]["retries"].as_i64().unwrap_or(0), status["observedRetries"].as_i64().unwrap_or(0));
            if asks && retries <= observed {
                let name = record["metadata"]["name"].as_str().unwrap_or_default();
                self.world.merge("NodeMigration", name, &json!({"spec": {"retries": observed + 1}})).await;
            }
        }
        if !self.stations.iter().any(Workstation::is_running) {
            self.stations[0].start(self.world.cluster, self.world.began);
        }
    }

    /// What a colleague did to the release and did not take back, or what a deleted Migration did: Cutover says what to
    /// type.
    async fn restore_the_release(&self) {
        if self.over.is_none() {
            return;
        }
        if !self.plan.faults.iter().any(begins_again) {
            let _ = restore_release(self.world.client, "kube-system").await;
            return;
        }
        let migration = self.world.server.look(MIGRATIONS, "", "cutover").unwrap_or_default();
        if migration["status"]["waiting"]["reason"] == "IdentityChanged" {
            let _ = roll_back_by_others(self.world.client, "kube-system", 1).await;
        }
    }

    /// A node that a deleted Migration has cordoned is another actor's for the one that was begun again: it waits until an
    /// operator gives the node back.
    async fn give_nodes_back(&self) {
        let waits = self.over.is_some_and(|o| o.elapsed() > PATIENCE / 4) && self.plan.faults.iter().any(begins_again);
        let nodes = self.world.server.look_at_all("nodes");
        for node in nodes.iter().filter(|n| waits && n["spec"]["unschedulable"] == true) {
            let name = node["metadata"]["name"].as_str().unwrap_or_default();
            let given_back = json!({"metadata": {"annotations": {MARK: null}}, "spec": {"unschedulable": null}});
            self.world.merge("Node", name, &given_back).await;
        }
    }

    /// What a deleted Migration has installed is another actor's for the one that was begun again: it rolls the nodes
    /// back and leaves the release.
    async fn uninstall_what_nobody_owns(&self) {
        // until then a backup may come back whose nodes need it
        if self.over.is_none() {
            return;
        }
        let migration = self.world.server.look(MIGRATIONS, "", "cutover").unwrap_or_default();
        let status = &migration["status"];
        let rolled_back = status["phase"] == "RolledBack";
        let begun_again = rolled_back && self.plan.faults.iter().any(begins_again);
        // a backup from before the first change knows nothing of what was begun between it and the deletion
        let waiting = &status["waiting"];
        let refused = waiting["reason"] == "CheckFailed" && waiting["object"] == "daemonset/kube-system/cilium";
        let restored = self.plan.faults.iter().any(Fault::is_ending);
        // what it says was decided on what is wanted now
        let answers = status["observedGeneration"] == migration["metadata"]["generation"];
        let unknown = restored && answers && status["startedAt"].is_null() && (rolled_back || refused);
        if (begun_again || unknown) && newest(self.world.server).is_some() {
            let _ = uninstall_by_others(self.world.client, "kube-system").await;
        }
    }

    /// The goal is reached and the cluster at rest. An error when it takes too long.
    fn is_over(&mut self) -> Result<bool, String> {
        let goal = match self.plan.goal {
            Goal::Forward => "Complete",
            Goal::BackAfter(_) if self.turned == 1 => "RolledBack",
            Goal::ThereAndBack(_) if self.turned == 2 => "Complete",
            _ => "",
        };
        let since = *self.over.get_or_insert_with(Instant::now);
        let migration = self.world.server.look(MIGRATIONS, "", "cutover");
        if migration.is_some_and(|m| m["status"]["phase"] == goal) && unsettled(self.world.server).is_empty() {
            return Ok(true);
        }
        let patience = if self.plan.threaded { REAL_PATIENCE } else { PATIENCE };
        if since.elapsed() > patience {
            let standing: Vec<String> = self.stations.iter().map(Workstation::standing).collect();
            let unsettled = unsettled(self.world.server);
            return Err(format!(
                "{goal} is not reached {} s after the last fault\n{}\n{unsettled:?}",
                patience.as_secs(),
                standing.join("\n")
            ));
        }
        Ok(false)
    }

    async fn change_spec(&self) {
        let migrations: Api<Migration> = Api::all(self.world.client.clone());
        let patch = json!({"spec": self.wanted});
        let _ = migrations.patch("cutover", &PatchParams::default(), &Patch::Merge(&patch)).await;
    }

    /// Every line of the audit logs follows from the one before, and the anchors in the status are in them.
    fn audit_logs_hold(&self) -> Result<(), String> {
        let migration = self.world.server.look(MIGRATIONS, "", "cutover").unwrap_or_default();
        let anchors =
            serde_json::from_value::<Vec<audit::Anchor>>(migration["status"]["audit"].clone()).unwrap_or_default();
        for station in &self.stations {
            audit::verify(&station.audit_log(), &anchors)
                .map_err(|e| format!("the audit log of {}: {e}", station.name))?;
        }
        Ok(())
    }
}

/// So slow that a migration takes about as long as its faults.
fn pace() -> Pace {
    "100".parse().unwrap()
}

/// Logs go where a sync costs nothing.
fn memory() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}
