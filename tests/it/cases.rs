//! Cases of real clusters as files (`tests/cases`): the objects that are put on an embedded cluster of Kubespray's kind,
//! and what preflight says of them. Whatever a case is not about stays as it is on the plain cluster.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cutover::sim::{Embedded, Settings, clock::Pace};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde::Deserialize;
use serde_json::Value;

use crate::support::{Cutover, client};

/// Checks that say something about whatever pods there are.
const SIDE: [&str; 3] = ["drain", "consent", "pod-capacity"];

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    #[serde(default)]
    objects: Vec<Value>,
    #[serde(default)]
    patches: Vec<Change>,
    #[serde(default)]
    arguments: Vec<String>,
    values: Option<String>,
    finds: Vec<Wanted>,
    /// Checks that may speak as well, for a moment.
    #[serde(default)]
    besides: Vec<String>,
}

#[derive(Deserialize)]
struct Change {
    object: Value,
    patch: Value,
}

/// A finding that has to be there; with severity Pass the check may have no other one.
#[derive(Deserialize, Debug)]
struct Wanted {
    check: String,
    severity: String,
    object: Option<String>,
    #[serde(default)]
    says: Vec<Value>,
}

fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let case = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, case)
    };
    paths.iter().map(read).collect()
}

fn api(client: &Client, object: &Value) -> (Api<DynamicObject>, String) {
    let parsed: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let types = parsed.types.unwrap();
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let kind = kube::api::GroupVersionKind::gvk(group, version, &types.kind);
    let mut resource = ApiResource::from_gvk(&kind);
    if types.kind == "NetworkPolicy" {
        resource.plural = "networkpolicies".into();
    }
    let api = match parsed.metadata.namespace.as_deref() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    (api, parsed.metadata.name.unwrap())
}

/// Severities by check, and everything of one.
type Found = Vec<Value>;

fn gravest(found: &Found) -> BTreeMap<String, String> {
    let order = ["Pass", "Info", "Unknown", "Warn", "Block"];
    let rank = |f: &Value| order.iter().position(|s| f["severity"] == *s).unwrap();
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    for f in found {
        let known = all.entry(f["check"].as_str().unwrap().to_owned()).or_default();
        *known = (*known).max(rank(f));
    }
    all.into_iter().map(|(check, rank)| (check, order[rank].to_owned())).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What is missing of what a case wants; empty where all is there.
fn missing(case: &Case, found: &Found) -> Vec<String> {
    let is = |f: &&Value, w: &Wanted| {
        let words = format!("{} {}", f["message"], f["remedy"]);
        let objects = f["objects"].as_array().into_iter().flatten();
        f["check"] == w.check.as_str()
            && f["severity"] == w.severity.as_str()
            && w.object.as_ref().is_none_or(|o| objects.into_iter().any(|x| x == o.as_str()))
            && w.says.iter().all(|s| words.contains(&text(s)))
    };
    let not_there = |w: &&Wanted| {
        let others = found.iter().filter(|f| f["check"] == w.check.as_str() && f["severity"] != "Pass");
        !found.iter().any(|f| is(&f, w)) || (w.severity == "Pass" && others.count() > 0)
    };
    case.finds.iter().filter(not_there).map(|w| format!("{w:?}")).collect()
}

struct Cluster {
    client: Client,
    cutover: Cutover,
    folder: PathBuf,
}

impl Cluster {
    fn preflight(&self, case: &Case) -> Found {
        let mut arguments: Vec<String> = vec!["preflight".into()];
        arguments.extend(case.arguments.clone());
        if let Some(values) = &case.values {
            let path = self.folder.join("values.yaml");
            std::fs::write(&path, values).unwrap();
            arguments.extend(["--values".into(), path.display().to_string()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (_, said, err) = self.cutover.json(&arguments);
        assert!(said["inventory"]["distribution"]["name"].is_string(), "{err}\n{said:#}");
        said["findings"].as_array().unwrap_or_else(|| panic!("{err}\n{said:#}")).clone()
    }

    /// Until what a case wants is found; pods take their time.
    async fn until(&self, name: &str, case: &Case) -> Found {
        let began = Instant::now();
        loop {
            let found = self.preflight(case);
            let missing = missing(case, &found);
            if missing.is_empty() {
                return found;
            }
            let about = |f: &&Value| case.finds.iter().any(|w| f["check"] == w.check.as_str());
            let near: Vec<&Value> = found.iter().filter(about).collect();
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{name} ({}): missing {missing:#?}\n{near:#?}",
                case.about
            );
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn play(&self, name: &str, case: &Case, plain: &BTreeMap<String, String>) {
        for object in &case.objects {
            let (api, at) = api(&self.client, object);
            let parsed = serde_json::from_value(object.clone()).unwrap();
            let made = async {
                // a definition takes a moment until it is served
                for _ in 0..50 {
                    match api.create(&PostParams::default(), &parsed).await {
                        Ok(_) => return,
                        // namespaces stay from case to case
                        Err(kube::Error::Api(s)) if s.code == 409 && object["kind"] == "Namespace" => return,
                        Err(kube::Error::Api(s)) if s.code == 404 => {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                        Err(e) => panic!("{name}: {at}: {e}"),
                    }
                }
                panic!("{name}: {at} is not served");
            };
            made.await;
        }
        let mut before = Vec::new();
        for change in &case.patches {
            let (api, at) = api(&self.client, &change.object);
            before.push(api.get(&at).await.unwrap());
            api.patch(&at, &PatchParams::default(), &Patch::Merge(&change.patch)).await.unwrap();
        }
        let found = self.until(name, case).await;
        for (check, severity) in gravest(&found) {
            let about = case.finds.iter().any(|w| w.check == check);
            let side = SIDE.contains(&check.as_str()) || case.besides.contains(&check);
            let worse = severity == "Block" || plain[&check] == "Pass" && severity == "Warn";
            let known = plain[&check] == severity;
            let alone: Vec<&Value> = found.iter().filter(|f| f["check"] == check.as_str()).collect();
            assert!(about || side || known || !worse, "{name}: {check} is {severity}, too: {alone:#?}");
        }
        for f in &found {
            for field in ["check", "severity", "object", "message", "remedy", "asOf"] {
                assert!(f[field].is_string(), "{name}: {field}: {f:#}");
            }
        }
        for (change, old) in case.patches.iter().zip(before) {
            let (api, at) = api(&self.client, &change.object);
            for _ in 0..50 {
                let now = api.get(&at).await.unwrap();
                let mut back = old.clone();
                back.metadata.resource_version = now.metadata.resource_version;
                if api.replace(&at, &PostParams::default(), &back).await.is_ok() {
                    break;
                }
            }
        }
        for object in case.objects.iter().rev().filter(|o| o["kind"] != "Namespace") {
            let (api, at) = api(&self.client, object);
            let _ = api.delete(&at, &DeleteParams::default()).await;
        }
        // pods of what was deleted take their time
        let nothing = Case::default();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            let now = gravest(&self.preflight(&nothing));
            if now.iter().all(|(check, severity)| SIDE.contains(&check.as_str()) || plain[check] == *severity) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_case_is_found_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 4, pace: Pace::MAX }, folder.path()).await.unwrap();
    let cluster = Cluster {
        client: client(&cluster.kubeconfig).await,
        cutover: Cutover { kubeconfig: cluster.kubeconfig.clone() },
        folder: folder.path().to_owned(),
        // it stops when it is dropped
    }
    .with(cluster);
    let cases = cases();
    let plain = cases.iter().find(|(name, _)| name == "plain").unwrap();
    let found = cluster.0.preflight(&plain.1);
    let blocking: Vec<&Value> =
        found.iter().filter(|f| ["Block", "Unknown"].iter().any(|s| f["severity"] == *s)).collect();
    assert!(blocking.is_empty(), "a plain cluster: {blocking:#?}");
    let plain = gravest(&found);
    let warned: Vec<&String> = plain.iter().filter(|(_, s)| *s == "Warn").map(|(check, _)| check).collect();
    // whether a node drains now depends on where its pods have landed
    let known = ["consent", "control-plane", "drain", "policies"];
    assert!(warned.iter().all(|w| known.contains(&w.as_str())), "{found:#?}");
    let only = std::env::var("CUTOVER_CASE").ok();
    for (name, case) in cases.iter().filter(|(name, _)| only.as_ref().is_none_or(|o| o == name)) {
        let began = Instant::now();
        cluster.0.play(name, case, &plain).await;
        eprintln!("{name}: {:.1?}", began.elapsed());
    }
}

impl Cluster {
    fn with<T>(self, cluster: T) -> (Self, T) {
        (self, cluster)
    }
}
