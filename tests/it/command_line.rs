//! What the command line offers around a migration: files of options, guards, waiting, the audit log, completions, manual
//! pages, captures without a cluster.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cutover::sim::{Embedded, Settings, clock::Pace};
use serde_json::Value;

use crate::support::{Cutover, program, said};

/// The program without a kubeconfig.
fn alone(arguments: &[&str]) -> (i32, String, String) {
    said(&program().args(arguments).output().unwrap())
}

fn file(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

async fn cluster(folder: &Path, nodes: usize) -> (Embedded, Cutover) {
    let cluster = Embedded::start(Settings { nodes, pace: Pace::MAX }, folder).await.unwrap();
    let cutover = Cutover { kubeconfig: cluster.kubeconfig.clone() };
    (cluster, cutover)
}

fn capture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows/mixed.jsonl")
}

#[test]
fn a_capture_is_shown_without_a_cluster_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let plain = std::fs::read_to_string(capture()).unwrap();
    let pretty: Vec<String> =
        plain.lines().map(|l| format!("{:#}", serde_json::from_str::<Value>(l).unwrap())).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(pretty.join("\n").as_bytes()).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(plain.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let (code, wanted, err) = alone(&["flows", "--input", capture().to_str().unwrap()]);
    assert!(code == 0 && wanted.lines().count() > 10, "{wanted}{err}");
    for (name, bytes) in [
        ("pretty.json", pretty.join("\n").into_bytes()),
        ("list.json", format!("[\n  {}\n]\n", pretty.join(",\n").replace('\n', "\n  ")).into_bytes()),
        ("capture.gz", gzip.finish().unwrap()),
        ("capture.zst", zstd),
    ] {
        let (code, out, err) = alone(&["flows", "--input", &file(folder.path(), name, bytes)]);
        assert_eq!((code, out.as_str()), (0, wanted.as_str()), "{name}: {err}");
    }
    let cut = file(folder.path(), "cut.gz", [0x1f, 0x8b, 8, 0]);
    let (code, _, err) = alone(&["flows", "--input", &cut]);
    assert!(code == 2 && err.contains("cut.gz cannot be read"), "{err}");
}

#[test]
fn shells_and_man_take_what_is_printed_for_them() {
    let (code, script, _) = alone(&["completions", "bash"]);
    assert_eq!(code, 0);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = serde_json::json!({"apiVersion": "v1", "kind": "Config", "contexts": [
        {"name": "prod-eu", "context": {"cluster": "c"}}, {"name": "prod-us", "context": {"cluster": "c"}}]});
    let kubeconfig = file(folder.path(), "config", kubeconfig.to_string());
    let sourced = file(folder.path(), "completions.bash", script);
    let completed = |words: &[&str]| {
        let last = words.len() - 1;
        let quoted: Vec<String> = words.iter().map(|w| format!("'{w}'")).collect();
        let text = format!(
            "source '{sourced}'; COMP_WORDS=({}); COMP_CWORD={last}; _clap_complete_cutover cutover '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            quoted.join(" "),
            words[last]
        );
        let (code, out, err) = said(&Command::new("bash").args(["--norc", "-c", &text]).output().unwrap());
        assert_eq!(code, 0, "{err}");
        out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(completed(&["cutover", "pre"]).contains(&"preflight".to_owned()));
    assert!(completed(&["cutover", "audit", ""]).contains(&"tail".to_owned()));
    assert!(completed(&["cutover", "run", "--max-u"]).contains(&"--max-unavailable".to_owned()));
    assert_eq!(completed(&["cutover", "rollback", "--phase", "inst"]), ["install"]);
    let contexts = completed(&["cutover", "--kubeconfig", &kubeconfig, "--context", "prod-e"]);
    assert_eq!(contexts, ["prod-eu"]);
    for shell in ["zsh", "fish"] {
        let (code, out, _) = alone(&["completions", shell]);
        assert!(code == 0 && out.contains("cutover"), "{shell}: {out}");
    }
    let (code, page, _) = alone(&["man"]);
    assert!(code == 0 && page.contains(".TH cutover 1") && page.contains("preflight"), "{page}");
    assert!(page.contains("Exit codes"), "{page}");
    let (code, page, _) = alone(&["man", "audit", "list"]);
    assert!(code == 0 && page.contains("\\-\\-since"), "{page}");
    let (code, _, err) = alone(&["man", "audit", "lists"]);
    assert!(code == 2 && err.contains("list, show, tail, verify"), "{err}");
    // as a plugin of kubectl it says so
    let plugin = folder.path().join("kubectl-cutover");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cutover"), &plugin).unwrap();
    let (code, out, _) = said(&Command::new(&plugin).arg("--help").output().unwrap());
    assert!(code == 0 && out.contains("Usage: kubectl cutover "), "{out}");
    let (code, out, _) = alone(&["--version"]);
    assert!(code == 0 && out.contains("(commit ") && out.contains("Cilium 1.14 or newer"), "{out}");
}

#[test]
fn options_have_their_groups_and_the_config_file_is_checked() {
    let (_, out, _) = alone(&["run", "--help"]);
    let place = |words: &str| out.find(words).unwrap_or_else(|| panic!("{words} is not in:\n{out}"));
    assert!(place("--until") < place("Migration:") && place("Migration:") < place("Connection:"), "{out}");
    for group in ["Hubble:", "Output and files:", "Nodes and their order:", "Hosts:", "Consents:"] {
        place(group);
    }
    let folder = tempfile::tempdir().unwrap();
    let (code, template, _) = alone(&["config", "template"]);
    assert_eq!(code, 0);
    let (code, out, err) = alone(&["--config", &file(folder.path(), "good.toml", &template), "config", "check"]);
    assert!(code == 0 && out.contains("good.toml") && err.is_empty(), "{out}{err}");
    let typo = file(folder.path(), "typo.toml", "[contexts.prod]\nreadonly = true\n");
    let (code, out, _) = alone(&["--config", &typo, "config", "check"]);
    assert!(code == 2 && out.contains("typo.toml:2: unknown setting contexts.prod.readonly"), "{out}");
    let (code, _, err) = alone(&["--config", "/nonexistent.toml", "status"]);
    assert!(code == 2 && err.contains("/nonexistent.toml cannot be read"), "{err}");
    // another file than the program knows does not keep it from saying so
    let (code, _, err) = alone(&["--config", &typo, "flows", "--input", capture().to_str().unwrap()]);
    assert!(code == 0 && err.contains("warning: ") && err.contains("did you mean read-only?"), "{err}");
    let (code, _, err) = alone(&["plan", "--file", &file(folder.path(), "c.yaml", "canaries: 1\nmax-unavailble: 2\n")]);
    assert!(
        code == 2 && err.contains("c.yaml:2: unknown key \"max-unavailble\" (did you mean max-unavailable?)"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_context_is_not_changed_and_one_that_asks_for_its_name_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, cutover) = cluster(folder.path(), 2).await;
    let guarded = file(folder.path(), "guarded.toml", "[contexts.embedded]\nread-only = true\n");
    for command in
        [&["run", "--until", "install", "--yes"][..], &["rollback", "--confirm-context", "embedded"], &["engine"]]
    {
        let (code, out, err) = cutover.run(&[&["--config", &guarded], command].concat());
        assert_eq!(code, 2, "{command:?}: {out}{err}");
        assert!(err.contains("context embedded is read-only (") && err.contains("guarded.toml:2"), "{err}");
        assert!(err.contains("Nothing was changed"), "{err}");
    }
    let (_, all, _) = cutover.json(&["status"]);
    assert_eq!(all["migration"], Value::Null);
    // what only looks still does
    let (code, out, err) = cutover.run(&["--config", &guarded, "preflight"]);
    assert_eq!(code, 0, "{out}{err}");

    let named =
        "[contexts.embedded]\nconfirm = \"context\"\n[contexts.embedded.migration]\nobserve = 7\ncanaries = 2\n";
    let named = file(folder.path(), "named.toml", named);
    let run = ["--config", &named, "run", "--until", "install", "--timeout", "60"];
    let (code, _, err) = cutover.run(&[&run[..], &["--yes"]].concat());
    assert!(code == 2 && err.contains("--confirm-context embedded"), "{err}");
    // the file of the migration goes before the config file, the command line before both
    let options = file(folder.path(), "cutover.yaml", "canaries: 3\nobserve: 8\nfirst: [worker-2, worker-1]\n");
    let more = ["--confirm-context", "embedded", "--file", &options, "--canaries", "1"];
    let (code, out, err) = cutover.run(&[&run[..], &more].concat());
    assert_eq!(code, 0, "{out}{err}");
    let (_, all, _) = cutover.json(&["status"]);
    let spec = &all["migration"]["spec"];
    assert_eq!(spec["observeSeconds"], 8, "{spec}");
    assert_eq!(spec["nodes"]["canaries"], 1);
    assert_eq!(spec["nodes"]["order"], serde_json::json!(["worker-2", "worker-1"]));
    // a config file says how one is created: one that there is keeps what it has
    let (code, out, err) = cutover.run(&[&run[..], &["--confirm-context", "embedded"]].concat());
    assert_eq!(code, 0, "{out}{err}");
    let (_, all, _) = cutover.json(&["status"]);
    assert_eq!(all["migration"]["spec"]["observeSeconds"], 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_followed_waited_for_and_found_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, cutover) = cluster(folder.path(), 2).await;
    let (code, out, _) = cutover.run(&["status"]);
    assert!(code == 0 && out.starts_with("cluster   embedded at https://127.0.0.1:"), "{out}");
    assert!(out.contains("Next: cutover --kubeconfig ") && out.trim_end().contains("preflight"), "{out}");
    let (code, out, _) = cutover.run(&["plan"]);
    assert!(
        code == 0 && out.contains("summary   ") && out.contains("2 nodes reboot (1 of the control plane)"),
        "{out}"
    );
    assert!(out.contains("time      "), "{out}");
    let (code, plan, _) = cutover.json(&["plan"]);
    let plan_of = |kind: &str| plan["totals"][kind].as_u64().unwrap();
    let listed = plan["plan"].as_array().unwrap();
    assert_eq!((code, plan_of("changes")), (0, listed.len() as u64));
    assert_eq!(plan_of("reboots"), 2);
    assert_eq!(plan_of("evictions"), listed.iter().filter(|p| p["effect"] == "evict").count() as u64);

    let log = folder.path().join("audit.jsonl").display().to_string();
    let (code, _, err) = cutover.run(&["wait", "--for=install=done", "--timeout", "1s"]);
    assert!(code == 5 && err.contains("not Done in Install within 1s: there is no Migration"), "{err}");
    // events and the last object: as lines of one stream
    let run = ["run", "--until", "install", "--yes", "--timeout", "60", "--audit-log", &log, "-o", "jsonl"];
    let (code, out, err) = cutover.run(&run);
    assert_eq!(code, 0, "{out}{err}");
    let lines: Vec<Value> =
        out.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect();
    let types: Vec<&str> = lines.iter().filter_map(|l| l["type"].as_str()).collect();
    assert_eq!((types[0], types.last().copied()), ("started", Some("ended")), "{types:?}");
    for wanted in ["progress", "approved", "step", "changeBegun", "changeDone"] {
        assert!(types.contains(&wanted), "{wanted}: {types:?}");
    }
    let ended = &lines[lines.len() - 2];
    assert_eq!((&ended["type"], &ended["exit"]), (&"ended".into(), &0.into()));
    assert_eq!(lines[lines.len() - 1]["migration"]["status"]["phase"], "Migrate");

    for condition in ["Install=Done", "phase=Done", "phase=Migrate", "condition=NeedsOperator"] {
        let (code, out, err) = cutover.run(&["wait", "--for", condition, "--timeout", "20s"]);
        assert_eq!(code, 0, "{condition}: {out}{err}");
    }
    let (code, _, err) = cutover.run(&["wait", "--for=Complete", "--timeout", "0"]);
    assert!(code == 5 && err.contains("at Migrate, 0/2 nodes on Cilium"), "{err}");
    let (code, _, err) = cutover.run(&["wait", "--for=node/worker-9=Done", "--timeout", "1s"]);
    assert!(code == 2 && err.contains("worker-1"), "{err}");

    // a named log needs no cluster
    let (code, out, err) = alone(&["audit", "list", &log]);
    assert!(code == 0 && out.contains("helm upgrade (install)") && out.contains("every one done"), "{out}{err}");
    let (_, changes, _) = {
        let (code, out, err) = alone(&["audit", "list", &log, "-o", "json"]);
        (code, serde_json::from_str::<Value>(&out).unwrap(), err)
    };
    let changes = changes["changes"].as_array().unwrap();
    let helm = changes.iter().find(|c| c["effect"] == "helm upgrade (install)").unwrap();
    assert_eq!(helm["outcome"], "done");
    let (code, out, _) = alone(&["audit", "tail", "-n", "2", &log]);
    assert!(code == 0 && out.lines().count() == 2, "{out}");
    let line = changes[0]["line"].to_string();
    let (code, out, _) = alone(&["audit", "show", &line, &log]);
    assert!(code == 0 && out.contains("outcome   done") && out.contains("operator  "), "{out}");
    assert!(out.lines().any(|l| l.starts_with("POST ") && l.contains(" -> 20")), "{out}");
    let (code, _, err) = alone(&["audit", "show", "4711", &log]);
    assert!(code == 2 && err.contains("no change at line 4711"), "{err}");
    let (code, out, _) = alone(&["audit", "list", &log, "--object", "nothing-like-it"]);
    assert!(code == 0 && out.contains(&format!("0 changes of {}", changes.len())), "{out}");
    // an edited log is shown, and said to be one
    let edited = std::fs::read_to_string(&log).unwrap().replacen("helm", "Helm", 1);
    let (code, out, _) = alone(&["audit", "list", &file(folder.path(), "edited.jsonl", edited)]);
    assert!(code == 0 && out.contains("BROKEN: line "), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_status_follows_what_changes_until_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let (_cluster, cutover) = cluster(folder.path(), 2).await;
    let mut watch = program()
        .arg("--kubeconfig")
        .arg(&cutover.kubeconfig)
        .args(["status", "--watch", "-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(watch.stdout.take().unwrap()));
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["migration"], Value::Null);
    let (code, out, err) = cutover.run(&["run", "--until", "install", "--yes", "--timeout", "60"]);
    assert_eq!(code, 0, "{out}{err}");
    while next()["migration"]["status"]["phase"] != "Migrate" {}
    let id = i32::try_from(watch.id()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), rustix::process::Signal::INT).unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}
