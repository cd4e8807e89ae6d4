//! Plays a scenario file: the program runs as a user runs it, and the API is read from outside.
//!
//! A file (`assets/scenarios/*.yaml`, read by [`Scenario`]) has these keys:
//!
//! | key | what |
//! | --- | --- |
//! | `about` | one sentence or two: what is so, and what follows; printed by `cutover demo --scenario` |
//! | `nodes` | how many nodes the cluster has; 4 without it |
//! | `real` | it is played on the real control plane as well |
//! | `before` | objects that are created before anything begins |
//! | `faults` | changes of objects after those have settled: `{object, change}` or `{object, delete: true}` |
//! | `run` | arguments of the first `cutover run --yes`, beside the standard consents and `--observe 0`; without `--until` it goes until migrate |
//! | `steps` | what is done and expected, in order; each is one of the words below |
//!
//! | word | what |
//! | --- | --- |
//! | `until: {node, step, reason, waiting}` | waits until a node's record says so; `waiting` is a part of the message |
//! | `until: {object, at, is}` | waits until the value at a JSON pointer of an object is so; no `at` is all of it, `null` absent |
//! | `expect: {…}` | the same, now |
//! | `merge: {object, change}` | another client merges this into an object |
//! | `create: {…}` | another client creates this object |
//! | `delete: {object}` | another client deletes an object |
//! | `agree: {to: KIND:OBJECT}` | an operator gives a consent while the program runs |
//! | `run: {arguments}` | `cutover run` again; what ran before has to have ended |
//! | `rollback: {arguments}` | `cutover rollback`, confirmed |
//! | `preflight: {arguments, says}` | `cutover preflight`, whose output has these parts |
//! | `ends: {code, says}` | waits until what runs ends, with this exit code and these parts in its output |
//! | `flows: {filter, says}` | waits until `cutover flows --last 4000` with this filter prints these parts |
//! | `evicted: {prefix}` | in the output of the last run no pod of this name was evicted twice in one drain |
//! | `batches: {label}` | by the times in the records: a canary first, zone after zone, the control plane last, one by one |
//!
//! An object is named `Kind/name` or `Kind/namespace/name`.

use std::{
    collections::BTreeSet,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use cutover::sim::{
    scenario::{Scenario, change, now},
    world,
};
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use super::program;

/// Longer than anything takes: the disruption controller of a real server may be wrong for two minutes, more than once.
const PATIENCE: Duration = Duration::from_secs(900);

/// A word of a scenario; the module says what each does.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Step {
    Until(State),
    Expect(State),
    Merge {
        object: String,
        change: Value,
    },
    Create(Value),
    Delete {
        object: String,
    },
    Agree {
        to: String,
    },
    Run {
        arguments: Vec<String>,
    },
    Rollback {
        arguments: Vec<String>,
    },
    Preflight {
        arguments: Vec<String>,
        says: Vec<String>,
    },
    Ends {
        code: i32,
        #[serde(default)]
        says: Vec<String>,
    },
    Flows {
        filter: Vec<String>,
        says: Vec<String>,
    },
    Evicted {
        prefix: String,
    },
    Batches {
        label: String,
    },
}

/// What a node's record, or an object, is to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    node: Option<String>,
    step: Option<String>,
    reason: Option<String>,
    waiting: Option<String>,
    object: Option<String>,
    at: Option<String>,
    #[serde(default)]
    is: Value,
}

struct Player<'a> {
    client: Client,
    kubeconfig: &'a Path,
    running: Option<(Child, std::thread::JoinHandle<String>)>,
    said: String,
    name: &'a str,
}

/// Ends what it started, even after a failed assertion.
impl Drop for Player<'_> {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Plays a scenario on a cluster that is settled. `client` may do everything; the program uses the kubeconfig.
pub async fn play(name: &str, scenario: &Scenario, kubeconfig: &Path, client: Client) {
    scenario.prepare(&client).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut player = Player { client, kubeconfig, running: None, said: String::new(), name };
    player.run(&scenario.run);
    for (i, step) in scenario.steps.iter().enumerate() {
        let step: Step = serde_json::from_value(step.clone()).unwrap_or_else(|e| panic!("{name}, step {i}: {e}"));
        player.step(i, step).await;
    }
}

impl Player<'_> {
    /// With the standard consents, and those of the scenario.
    fn run(&mut self, arguments: &[String]) {
        let consents = world::CONSENTS.iter().flat_map(|c| ["--consent", *c]);
        let mut all: Vec<String> = ["run", "--yes"].map(str::to_owned).to_vec();
        let until = if arguments.iter().any(|a| a == "--until") {
            ["--confirm-context".to_owned(), super::context(self.kubeconfig)]
        } else {
            ["--until", "migrate"].map(str::to_owned)
        };
        all.extend(until);
        all.extend(consents.map(str::to_owned));
        if !arguments.iter().any(|a| a == "--observe") {
            all.extend(["--observe", "0"].map(str::to_owned));
        }
        all.extend_from_slice(arguments);
        self.start(&all);
    }

    fn start(&mut self, arguments: &[String]) {
        assert!(self.running.is_none(), "{}: a program still runs", self.name);
        let mut child = self.program().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let said = std::thread::spawn(move || {
            let errors = std::thread::spawn(move || {
                let mut text = String::new();
                let _ = err.read_to_string(&mut text);
                text
            });
            let mut text = String::new();
            let _ = out.read_to_string(&mut text);
            text + &errors.join().unwrap_or_default()
        });
        self.running = Some((child, said));
    }

    async fn step(&mut self, i: usize, step: Step) {
        let what = format!("{}, step {i}: {step:?}", self.name);
        match step {
            Step::Until(state) => self.until(&what, &state).await,
            Step::Expect(state) => {
                let (seen, wrong) = self.see(&state).await;
                assert_eq!(wrong, None, "{what}\nsaw {seen:#}");
            }
            Step::Merge { object, change: to } => change(&self.client, &object, &to, false).await.unwrap(),
            Step::Create(object) => world::put(&self.client, object).await.unwrap(),
            Step::Delete { object } => change(&self.client, &object, &Value::Null, true).await.unwrap(),
            Step::Agree { to } => self.agree(&to).await,
            Step::Run { arguments } => self.run(&arguments),
            Step::Rollback { arguments } => {
                let confirmed = ["rollback", "--yes", "--confirm-context", &super::context(self.kubeconfig)];
                self.start(&[confirmed.map(str::to_owned).to_vec(), arguments].concat());
            }
            Step::Preflight { arguments, says } => {
                let output = self.program().arg("preflight").args(arguments).output().unwrap();
                all_said(&what, &String::from_utf8_lossy(&output.stdout), &says);
            }
            Step::Flows { filter, says } => self.flows(&what, &filter, &says).await,
            Step::Ends { code, says } => {
                let (code_seen, said) = self.ended(&what).await;
                assert_eq!(code_seen, code, "{what}\n{said}");
                all_said(&what, &said, &says);
                self.said = said;
            }
            Step::Evicted { prefix } => self.evicted(&what, &prefix),
            Step::Batches { label } => self.batches(&label).await,
        }
    }

    fn program(&self) -> Command {
        let mut command = program();
        command.arg("--kubeconfig").arg(self.kubeconfig);
        command
    }

    async fn agree(&self, to: &str) {
        let (kind, object) = to.split_once(':').unwrap();
        let consents = now(&self.client, "Migration/cutover").await.unwrap()["spec"]["consents"].clone();
        let mut consents = consents.as_array().cloned().unwrap_or_default();
        consents.push(json!({"kind": kind, "object": object, "by": "test", "at": "2026-01-01T00:00:00Z"}));
        change(&self.client, "Migration/cutover", &json!({"spec": {"consents": consents}}), false).await.unwrap();
    }

    async fn flows(&self, what: &str, filter: &[String], says: &[String]) {
        let began = Instant::now();
        loop {
            let output = self.program().args(["flows", "--last", "4000"]).args(filter).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let missing: Vec<&String> = says.iter().filter(|t| !said.contains(*t)).collect();
            if missing.is_empty() {
                return;
            }
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(began.elapsed() < PATIENCE, "{what}: {missing:?} are not in\n{said}{error}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Nodes drain one after the other: a name that is evicted twice in one drain was a successor.
    fn evicted(&self, what: &str, prefix: &str) {
        let (mut evicted, mut all) = (BTreeSet::new(), 0);
        for line in self.said.lines() {
            if line.contains("Cordon → Drain") {
                evicted.clear();
            } else if line.contains(&format!("pod/{prefix}")) && line.ends_with(": evict") {
                let name = line.split(": evict").next().unwrap_or_default().split("pod/").last();
                assert!(evicted.insert(name), "{what}: {name:?} was evicted twice\n{}", self.said);
                all += 1;
            }
        }
        assert!(all >= 3, "{what}: only {all} evictions\n{}", self.said);
    }

    async fn ended(&mut self, what: &str) -> (i32, String) {
        let began = Instant::now();
        loop {
            let (child, _) = self.running.as_mut().unwrap_or_else(|| panic!("{what}: nothing runs"));
            if let Some(status) = child.try_wait().unwrap() {
                let (_, said) = self.running.take().unwrap();
                return (status.code().unwrap_or(-1), said.join().unwrap());
            }
            if began.elapsed() > PATIENCE {
                let records = self.records().await;
                let (child, _) = self.running.as_mut().unwrap();
                child.kill().unwrap();
                let (_, said) = self.running.take().unwrap();
                panic!("{what}: it does not end\n{}\n{records}", said.join().unwrap());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every node's step and what it waits for.
    async fn records(&self) -> String {
        let mut out = String::new();
        let names = world::node_names(12);
        for name in names {
            let record = now(&self.client, &format!("NodeMigration/{name}")).await.unwrap_or_default();
            if !record.is_null() {
                out.push_str(&format!("{name}: {} {}\n", record["status"]["step"], record["status"]["waiting"]));
            }
        }
        out
    }

    /// What is there, and what is not as it should be.
    async fn see(&self, state: &State) -> (Value, Option<String>) {
        if let Some(node) = &state.node {
            let record = now(&self.client, &format!("NodeMigration/{node}")).await.unwrap_or_default();
            let status = record["status"].clone();
            let waiting = &status["waiting"];
            let says = |wanted: &Option<String>, seen: &Value| wanted.as_ref().is_none_or(|w| *seen == **w);
            let message = waiting["message"].as_str().unwrap_or_default();
            let right = says(&state.step, &status["step"])
                && says(&state.reason, &waiting["reason"])
                && state.waiting.as_ref().is_none_or(|w| message.contains(w.as_str()));
            return (status.clone(), (!right).then(|| format!("{} {waiting}", status["step"])));
        }
        let object = state.object.as_deref().unwrap_or_default();
        let seen = now(&self.client, object).await.unwrap_or_default();
        let at = state.at.as_deref().unwrap_or_default();
        let value = seen.pointer(at).cloned().unwrap_or(Value::Null);
        // false and absent are one in the API
        let same = value == state.is || (state.is.is_null() && value == false);
        (value.clone(), (!same).then(|| format!("{object}{at} is {value}")))
    }

    async fn until(&mut self, what: &str, state: &State) {
        let began = Instant::now();
        loop {
            let (_, wrong) = self.see(state).await;
            let Some(wrong) = wrong else { return };
            let ended = self.running.as_mut().and_then(|(c, _)| c.try_wait().ok().flatten());
            if began.elapsed() > PATIENCE || (ended.is_some() && began.elapsed() > Duration::from_secs(20)) {
                let said = self.running.take().map(|(mut c, said)| {
                    let _ = c.kill();
                    said.join().unwrap_or_default()
                });
                panic!("{what}: {wrong}\n{}\n{}", said.unwrap_or_default(), self.records().await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// By the times in the records: no batch begins before another one has ended, and so on.
    async fn batches(&self, label: &str) {
        let mut times = Vec::new();
        for name in world::node_names(12) {
            let node = now(&self.client, &format!("Node/{name}")).await.unwrap();
            let record = now(&self.client, &format!("NodeMigration/{name}")).await.unwrap();
            if record.is_null() {
                continue;
            }
            let steps = record["status"]["steps"].as_array().unwrap().clone();
            let from = steps.iter().find(|s| s["step"] == "Cordon").unwrap()["startedAt"].as_str().unwrap().to_owned();
            let to = steps.iter().find(|s| s["step"] == "Uncordon").unwrap()["finishedAt"].as_str().unwrap().to_owned();
            let parse = |t: String| t.parse::<jiff::Timestamp>().unwrap();
            let zone = node["metadata"]["labels"][label].as_str().unwrap_or_default().to_owned();
            times.push((parse(from), parse(to), name.starts_with("cp-"), zone, name));
        }
        times.sort();
        assert_eq!(times.iter().filter(|t| !t.2).count() + 3, times.len(), "{times:?}");
        for (a, b) in times.iter().zip(times.iter().skip(1)) {
            assert!(a.1 <= b.0 || (a.3 == b.3 && !a.2), "{} and {} ran at once: {times:#?}", a.4, b.4);
        }
        assert!(times[0].1 <= times[1].0, "the canary was not alone: {times:#?}");
        assert!(times.iter().rev().take(3).all(|t| t.2), "the control plane was not last: {times:#?}");
        let mut zones: Vec<&String> = times.iter().filter(|t| !t.2).map(|t| &t.3).collect();
        zones.dedup();
        let seen = zones.len();
        zones.sort();
        zones.dedup();
        assert_eq!(zones.len(), seen, "a zone was begun, left and begun again: {times:#?}");
    }
}

fn all_said(what: &str, said: &str, parts: &[String]) {
    for part in parts {
        assert!(said.contains(part), "{what}: {part:?} is not in\n{said}");
    }
}
