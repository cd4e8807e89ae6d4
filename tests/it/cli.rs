//! Bad input: one clear message that names the object and what to do, an exit code, and an unchanged cluster.

use std::{
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
};

use crate::support::{Cutover, client, program, said};
use cutover::{
    domain::api::Migration,
    sim::{Embedded, Settings, clock::Pace},
};
use k8s_openapi::{
    api::apps::v1::DaemonSet, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

/// Runs, and expects an exit code and words on standard error.
fn refused(cutover: &Cutover, arguments: &[&str], code: i32, words: &[&str]) {
    let (got, out, err) = cutover.run(arguments);
    assert_eq!(got, code, "{arguments:?}\n{out}\n{err}");
    for word in words {
        assert!(err.contains(word), "{arguments:?}: {word:?} is not in:\n{err}");
    }
    assert_eq!(err.lines().filter(|l| l.starts_with("error:")).count(), 1, "one message:\n{err}");
}

fn kubeconfig(folder: &Path, server: &str) -> Cutover {
    let path = folder.join("config");
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "there",
        "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}]});
    std::fs::write(&path, config.to_string()).unwrap();
    Cutover { kubeconfig: path }
}

fn script(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn wrong_arguments_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Cutover { kubeconfig: folder.path().join("missing") };
    refused(&nobody, &["status"], 3, &["no usable kubeconfig", "missing", "--kubeconfig"]);
    let values = folder.path().join("values.yaml");
    std::fs::write(&values, "a: [unclosed").unwrap();
    refused(
        &nobody,
        &["plan", "--values", values.to_str().unwrap()],
        2,
        &["values.yaml", "not YAML", "Nothing was changed"],
    );
    std::fs::write(&values, "- a list").unwrap();
    refused(&nobody, &["preflight", "--values", values.to_str().unwrap()], 2, &["not a mapping"]);
    refused(&nobody, &["run", "--until", "everything", "--yes"], 2, &["everything", "Preflight, Install"]);
    refused(
        &nobody,
        &["run", "--until", "install", "--yes", "--consent", "Anything:x"],
        2,
        &["consent Anything:x", "DeleteBarePod"],
    );
    refused(&nobody, &["demo", "--headless", "--speed", "fast"], 2, &["speed"]);
    // the cockpit without a terminal
    refused(&nobody, &[], 2, &["needs a terminal", "cutover run"]);
    let (code, out, _) = said(&program().arg("--help").output().unwrap());
    assert!(code == 0 && out.contains("Exit codes"), "{out}");
}

#[test]
fn servers_that_are_no_api_servers() {
    let folder = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cutover = kubeconfig(folder.path(), &format!("http://{closed}"));
    refused(&cutover, &["status"], 3, &[&closed.to_string(), "there", "does not answer"]);
    refused(&cutover, &["status", "--context", "elsewhere"], 3, &["\"elsewhere\"", "it has there"]);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/html\r\nconnection: close\r\n\r\nhello",
            );
        }
    });
    let cutover = kubeconfig(folder.path(), &format!("http://{address}"));
    refused(&cutover, &["status"], 3, &[&address.to_string(), "not as a Kubernetes API server"]);
}

/// As kubectl reads them: what the chosen context does not need does no harm, and nothing secret is printed.
#[tokio::test(flavor = "multi_thread")]
async fn kubeconfigs_are_read_as_kubectl_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 2, pace: Pace::MAX }, folder.path()).await.unwrap();
    let served: Value = serde_json::from_str(&std::fs::read_to_string(&cluster.kubeconfig).unwrap()).unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let run = |kubeconfig: &str| said(&program().env("KUBECONFIG", kubeconfig).arg("status").output().unwrap());
    let with = |change: fn(&mut Value)| {
        let mut config = served.clone();
        change(&mut config);
        config.to_string()
    };
    let other = write(
        "other",
        "apiVersion: v1\nkind: Config\nclusters:\nusers:\n- name: eks\n  user: {exec: {command: aws, args: null}}\n- user: {token: SECRET-9}\n",
    );
    let list = format!("/nonexistent/config:{}:{}", other.display(), cluster.kubeconfig.display());
    for (name, kubeconfig) in [
        ("a list", list),
        (
            "others",
            write(
                "others",
                &with(|c| {
                    let contexts = c["contexts"].as_array_mut().unwrap();
                    contexts.insert(0, json!({"name": "dead", "context": null}));
                    contexts.insert(0, json!({"context": {"cluster": 1}}));
                    c["users"]
                        .as_array_mut()
                        .unwrap()
                        .insert(0, json!({"name": "gke", "user": {"auth-provider": {"name": "gcp", "config": null}}}));
                }),
            )
            .display()
            .to_string(),
        ),
        ("a mark", write("bom", &format!("\u{feff}{served}")).display().to_string()),
    ] {
        let (code, out, err) = run(&kubeconfig);
        assert_eq!(code, 0, "{name}: {out}\n{err}");
    }
    for (name, text, words) in [
        ("tabs", "apiVersion: v1\n\tclusters: []\n".to_owned(), &["tabs", "not YAML", "line"][..]),
        ("secret", "users:\n- name: u\n  user: {token: SECRET-9\n".to_owned(), &["secret", "not YAML"]),
        ("user", with(|c| c["contexts"][0]["context"]["user"] = json!("nope")), &["users[nope]", "user"]),
        (
            "type",
            with(|c| c["users"][0]["user"] = json!({"token": "SECRET-9", "exec": 5})),
            &["users[admin] of", "exec"],
        ),
        (
            "proxy",
            with(|c| c["clusters"][0]["cluster"]["proxy-url"] = json!("socks5://127.0.0.1:9")),
            &["does not answer"],
        ),
        (
            "missing",
            with(|c| {
                c["users"][0]["user"] = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
                "command": "kubelogin-that-is-not-here", "installHint": "See the wiki", "interactiveMode": "Never"}});
            }),
            &["kubelogin-that-is-not-here", "users[admin] of", "not installed", "See the wiki"],
        ),
        (
            "nonsense",
            with(|c| {
                c["users"][0]["user"] = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
                "command": "/bin/echo", "args": ["SECRET-9, log in"], "interactiveMode": "Never"}});
            }),
            &["/bin/echo", "printed no ExecCredential"],
        ),
    ] {
        let (code, out, err) = run(&write(name, &text).display().to_string());
        assert_eq!(code, 3, "{name}: {out}\n{err}");
        assert!(words.iter().all(|w| err.contains(w)), "{name}: {err}");
        assert!(!err.contains("SECRET"), "{name}: {err}");
    }
}

#[test]
fn checks_are_explained_by_their_names() {
    let run = |arguments: &[&str]| said(&program().args(arguments).output().unwrap());
    let (code, out, _) = run(&["explain"]);
    assert!(code == 0 && out.contains("host-ports") && out.contains("pod-cidr"), "{out}");
    let (code, out, _) = run(&["explain", "Host Ports"]);
    assert!(code == 0 && out.contains("https://github.com/rancher/rke2/issues/2325"), "{out}");
    let (code, out, _) = run(&["explain", "host-ports", "-o", "json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &said["check"]), (0, &json!("host-ports")));
    let (code, _, err) = run(&["explain", "host-port"]);
    assert!(code == 2 && err.contains("host-ports"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_that_cannot_be_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 3, pace: Pace::MAX }, folder.path()).await.unwrap();
    let cutover = Cutover { kubeconfig: cluster.kubeconfig.clone() };
    let client = client(&cluster.kubeconfig).await;
    let run = ["run", "--until", "verify", "--confirm-context", "embedded", "--timeout", "60"];
    let with = |more: &[&'static str]| [&run[..], more].concat();

    refused(
        &cutover,
        &["status", "--context", "embedded-expired"],
        3,
        &["401 Unauthorized: credentials invalid or expired", "Log in again"],
    );
    refused(
        &cutover,
        &with(&["--context", "embedded-viewer"]),
        4,
        &["you may not", "create pods/eviction", "manifests --rbac"],
    );
    refused(&cutover, &with(&["--helm", "/nonexistent/helm"]), 4, &["/nonexistent/helm", "--helm"]);
    refused(&cutover, &with(&["--helm", "/bin/false"]), 4, &["/bin/false"]);
    refused(&cutover, &with(&["--pod-cidr", "10.233.0.0/16"]), 4, &["overlaps", "10.233.64.0/18", "--pod-cidr"]);
    refused(&cutover, &with(&["--pod-cidr", "10.245.0.0/24"]), 4, &["1 ranges of /24", "3 nodes"]);
    refused(&cutover, &with(&["--tunnel-port", "8472"]), 4, &["UDP 8472", "--tunnel-port"]);
    refused(&cutover, &["run", "--until", "install"], 2, &["--yes"]);
    refused(&cutover, &["run", "--until", "install", "--confirm-context", "prod"], 2, &["prod", "embedded"]);
    refused(&cutover, &["run", "--until", "remove", "--yes"], 2, &["--confirm-context embedded"]);
    let (code, out, _) = cutover.run(&["verify"]);
    assert!(code == 4 && out.contains("BLOCK"), "{out}");
    let (code, out, _) = cutover.run(&["rollback", "--yes"]);
    assert!(code == 0 && out.contains("nothing to roll back"), "{out}");
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    assert!(crds.list(&ListParams::default()).await.unwrap().items.is_empty(), "something was left behind");

    // half migrated without Cutover: Cilium idle beside Flannel, and no record
    let values = folder.path().join("values.json");
    std::fs::write(&values, json!({"cni": {"customConf": true}, "policyEnforcementMode": "never"}).to_string())
        .unwrap();
    let helm = |arguments: &[&str]| {
        let status = std::process::Command::new(&cluster.helm)
            .arg("--kubeconfig")
            .arg(&cluster.kubeconfig)
            .args(arguments)
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    };
    helm(&[
        "upgrade",
        "--install",
        "cilium",
        "cilium/cilium",
        "-n",
        "kube-system",
        "--values",
        values.to_str().unwrap(),
    ]);
    refused(&cutover, &run, 4, &["a migration that Cutover did not start", "daemonset/kube-system/cilium"]);
    // already on Cilium
    let sets: Api<DaemonSet> = Api::namespaced(client.clone(), "kube-system");
    sets.delete("kube-flannel", &DeleteParams::default()).await.unwrap();
    refused(&cutover, &run, 4, &["already"]);
    helm(&["uninstall", "cilium", "-n", "kube-system"]);
    refused(&cutover, &run, 4, &["no DaemonSet runs Flannel"]);
}

/// Its version is fine and its upgrade fails: its message is shown, and the next run continues.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_helm_is_shown_and_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 2, pace: Pace::MAX }, folder.path()).await.unwrap();
    let cutover = Cutover { kubeconfig: cluster.kubeconfig.clone() };
    let failing = script(
        folder.path(),
        "failing-helm",
        "[ \"$1\" = version ] && { echo v4.3.1; exit 0; }\necho 'Error: chart not found' >&2; exit 1",
    );
    let (code, out, err) = cutover.run(&["run", "--until", "install", "--yes", "--timeout", "4", "--helm", &failing]);
    assert_eq!(code, 5, "{out}{err}");
    assert!(err.contains("chart not found") && err.contains("run again to go on"), "{err}");
    let sets: Api<DaemonSet> = Api::namespaced(client(&cluster.kubeconfig).await, "kube-system");
    assert!(sets.list(&ListParams::default()).await.unwrap().iter().all(|d| d.name_any() != "cilium"));
    let (code, out, err) = cutover.run(&["run", "--until", "install", "--yes", "--timeout", "60"]);
    assert_eq!(code, 0, "{out}{err}");
}

/// What the migration has begun with cannot be had otherwise: said before anything is written, with the way out.
#[tokio::test(flavor = "multi_thread")]
async fn a_begun_migration_keeps_its_cilium() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 3, pace: Pace::MAX }, folder.path()).await.unwrap();
    let cutover = Cutover { kubeconfig: cluster.kubeconfig.clone() };
    let (code, out, err) = cutover.run(&["run", "--until", "install", "--yes", "--timeout", "60"]);
    assert_eq!(code, 0, "{out}{err}");
    let values = script(folder.path(), "values.yaml", "debug: {enabled: true}");
    for (arguments, words) in [
        (["--cilium-version", "1.16.5"], "spec.cilium.version cannot change from \"1.15.19\" to \"1.16.5\""),
        (["--values", &values], "spec.cilium.values cannot change: "),
    ] {
        let arguments: Vec<&str> =
            ["run", "--until", "install", "--yes", "--timeout", "60"].into_iter().chain(arguments).collect();
        refused(
            &cutover,
            &arguments,
            2,
            &["migration/cutover: ", words, "Nothing was changed", "cutover rollback --yes"],
        );
    }
    // the API server refuses it, too, whoever asks
    let migrations: Api<Migration> = Api::all(client(&cluster.kubeconfig).await);
    let change = json!({"spec": {"cilium": {"chart": "oci://example.org/other"}}});
    let refused = migrations.patch("cutover", &PatchParams::default(), &Patch::Merge(change)).await.unwrap_err();
    assert!(refused.to_string().contains("spec.cilium cannot change once the migration has begun"), "{refused}");
}
