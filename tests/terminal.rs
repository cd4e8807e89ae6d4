//! The program in a real terminal: drawn, driven by keys, left; and killed in the middle of its work.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

mod support;

use std::{
    io::{Read, Write},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use cutover::{
    domain::{
        api::{NodeMigration, Target},
        steps::NodeStep,
    },
    sim::{Embedded, Settings, clock::Pace, world},
};
use kube::{Api, ResourceExt, api::ListParams};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use support::{Cutover, client, program};
use vt100::Parser;

/// A terminal with the program in it.
struct Terminal {
    parser: Arc<Mutex<Parser>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// Has to live as long as the program.
    master: Box<dyn MasterPty + Send>,
    /// Nobody reads what it draws any more.
    unread: Arc<AtomicBool>,
}

impl Terminal {
    fn start(arguments: &[&str]) -> Self {
        let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cutover"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let parser = Arc::new(Mutex::new(Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0)));
        let (mut reader, screen) = (pty.master.try_clone_reader().unwrap(), Arc::clone(&parser));
        let unread = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&unread);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = reader.read(&mut bytes) {
                if n == 0 || ends.load(Ordering::SeqCst) {
                    break;
                }
                screen.lock().unwrap().process(&bytes[..n]);
            }
        });
        let keys = pty.master.take_writer().unwrap();
        Self { parser, keys, child, master: pty.master, unread }
    }

    /// Looks first, and presses one key after the other, as a person does.
    fn press(&mut self, keys: &str) {
        std::thread::park_timeout(Duration::from_millis(400));
        for key in keys.chars() {
            self.send(&key.to_string());
            std::thread::park_timeout(Duration::from_millis(60));
        }
    }

    /// Sends all of it at once.
    fn send(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// The state of the process, as `/proc` has it.
    fn state(&self) -> String {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.process_id().unwrap())).unwrap();
        stat.rsplit(") ").next().unwrap().chars().take(1).collect()
    }

    fn is_alternate(&self) -> bool {
        self.parser.lock().unwrap().screen().alternate_screen()
    }

    /// Closes the terminal under the program; gives the exit code.
    fn close(mut self) -> portable_pty::ExitStatus {
        self.unread.store(true, Ordering::SeqCst);
        // the reader holds the terminal open until it has read once more
        self.send("?");
        std::thread::park_timeout(Duration::from_millis(500));
        drop((self.keys, self.master));
        self.child.wait().unwrap()
    }

    fn screen(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    /// Waits until the screen no longer says something.
    fn gone(&self, words: &str) {
        let began = Instant::now();
        while self.screen().contains(words) {
            assert!(began.elapsed() < Duration::from_secs(60), "{words:?} never went:\n{}", self.screen());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until the screen says something.
    fn until(&self, words: &str) {
        let began = Instant::now();
        while !self.screen().contains(words) {
            assert!(began.elapsed() < Duration::from_secs(120), "{words:?} never came:\n{}", self.screen());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_whole_migration_by_keys_alone() {
    let mut t = Terminal::start(&["demo", "--nodes", "4", "--speed", "max"]);
    t.until("phase Install: press a to approve it");
    assert!(t.parser.lock().unwrap().screen().alternate_screen());
    for (phase, keys) in [
        ("Install", "y"),
        ("Migrate", "\tc\treboot\r"),
        ("Finalize", "embedded\r"),
        ("Remove", "embedded\r"),
        ("Verify", "y"),
    ] {
        t.until(&format!("phase {phase}: press a to approve it"));
        t.press("a");
        t.until(&format!("Approve {phase}?"));
        t.press(keys);
    }
    t.until("PROVEN: this cluster is on Cilium");
    t.press("q");
    t.until("Cutover: embedded: complete, the cluster is on Cilium");
    assert!(t.child.wait().unwrap().success());
    assert!(!t.parser.lock().unwrap().screen().alternate_screen(), "the terminal was not given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_until_changes_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 2, pace: Pace::MAX }, folder.path()).await.unwrap();
    let kubeconfig = cluster.kubeconfig.display().to_string();
    let ended = tokio::task::spawn_blocking(move || {
        let mut t = Terminal::start(&["--kubeconfig", &kubeconfig]);
        t.until("READ-ONLY");
        t.until("needs approval");
        t.press("a");
        t.until("This cockpit is read-only");
        t.press("\x1b");
        t.gone("This cockpit is read-only");
        t.press("w");
        t.until("Allow changes from this cockpit?");
        t.press("y");
        t.until(" WRITE ");
        t.press("?");
        t.until("Keys on Overview");
        t.press("\x1b");
        t.gone("Keys on Overview");
        t.press("q");
        t.until("no migration has been started");
        t.child.wait().unwrap().success()
    });
    assert!(ended.await.unwrap());
}

/// Text with an `a` and a `y` after it: as keys it would approve a phase.
const SHELL: &str = "kubectl -n gateway get pods -A; yes\n";

#[test]
fn pasted_text_approves_nothing() {
    let mut t = Terminal::start(&["demo", "--nodes", "2", "--speed", "max"]);
    t.until("phase Install: press a to approve it");
    t.until("engine: here");
    for (pasted, wanted) in [
        (format!("\x1b[200~{SHELL}\x1b[201~"), "Pasted text ignored"),
        // a terminal that knows no brackets
        (SHELL.to_owned(), "Pasted text ignored"),
    ] {
        t.send(&pasted);
        t.until(wanted);
        assert!(!t.screen().contains("Approve"), "{}", t.screen());
        t.gone(wanted);
    }
    t.press("a");
    t.until("Approve Install?");
    t.send(SHELL);
    t.until("Pasted text ignored");
    assert!(t.screen().contains("Approve Install?"), "{}", t.screen());
    t.press("\x1b");
    t.gone("Approve Install?");
    t.press("q");
    t.until("no migration has been started");
    assert!(t.child.wait().unwrap().success());
}

#[test]
fn a_small_terminal_takes_no_key_but_q() {
    let mut t = Terminal::start(&["demo", "--nodes", "2", "--speed", "max"]);
    t.until("phase Install: press a to approve it");
    t.master.resize(PtySize { rows: 8, cols: 30, pixel_width: 0, pixel_height: 0 }).unwrap();
    t.parser.lock().unwrap().screen_mut().set_size(8.try_into().unwrap(), 30.try_into().unwrap());
    t.until("too small");
    t.press("ay");
    t.press("q");
    t.until("no migration has been started");
    assert!(t.child.wait().unwrap().success());
}

/// The holder of the Lease; empty once it was given back.
async fn holder(kubeconfig: &std::path::Path) -> String {
    let leases: Api<k8s_openapi::api::coordination::v1::Lease> =
        Api::namespaced(client(kubeconfig).await, "kube-system");
    let lease = leases.get("cutover").await.unwrap();
    lease.spec.and_then(|s| s.holder_identity).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_gone_ends_the_engine_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 2, pace: Pace::MAX }, folder.path()).await.unwrap();
    let kubeconfig = cluster.kubeconfig.display().to_string();
    let start = move || {
        let t = Terminal::start(&["--kubeconfig", &kubeconfig, "--write"]);
        t.until("engine: here");
        t
    };
    let t = tokio::task::spawn_blocking(start).await.unwrap();
    assert!(!holder(&cluster.kubeconfig).await.is_empty());
    let status = tokio::task::spawn_blocking(|| t.close()).await.unwrap();
    assert!(status.signal().is_none(), "killed: {status:?}");
    assert_eq!(holder(&cluster.kubeconfig).await, "", "the Lease is still held");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_suspended_unless_the_engine_runs_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 2, pace: Pace::MAX }, folder.path()).await.unwrap();
    let kubeconfig = cluster.kubeconfig.display().to_string();
    let ended = tokio::task::spawn_blocking(move || {
        let mut t = Terminal::start(&["--kubeconfig", &kubeconfig]);
        t.until("engine: none");
        t.press("\x1a");
        let began = Instant::now();
        while t.state() != "T" || t.is_alternate() {
            assert!(began.elapsed() < Duration::from_secs(30), "{} {}", t.state(), t.screen());
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let pid = rustix::process::Pid::from_raw(t.child.process_id().unwrap().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        t.until("READ-ONLY");
        assert!(t.is_alternate());
        t.press("wy");
        t.until("engine: here");
        t.press("\x1a");
        t.until("Not suspended: the engine runs here");
        assert_ne!(t.state(), "T");
        t.press("q");
        t.child.wait().unwrap().success()
    });
    assert!(ended.await.unwrap());
}

/// Killed without warning, with a node half way: the next one goes on, and no node reboots twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 3, pace: "60".parse().unwrap() }, folder.path()).await.unwrap();
    let records: Api<NodeMigration> = Api::all(client(&cluster.kubeconfig).await);
    let consents = world::CONSENTS.iter().flat_map(|c| ["--consent", *c]);
    let arguments = ["run", "--until", "migrate", "--yes", "--observe", "0"].into_iter().chain(consents);
    let mut first = program()
        .arg("--kubeconfig")
        .arg(&cluster.kubeconfig)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    loop {
        assert!(first.try_wait().unwrap().is_none(), "it ended before any node was at Recycle");
        let list = records.list(&ListParams::default()).await.map(|l| l.items).unwrap_or_default();
        if list.iter().any(|r| r.status.as_ref().is_some_and(|s| s.step.name() == "Restart")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let cutover = Cutover { kubeconfig: cluster.kubeconfig.clone() };
    let (code, out, err) =
        tokio::task::spawn_blocking(move || cutover.run(&["run", "--until", "migrate", "--yes", "--timeout", "120"]))
            .await
            .unwrap();
    assert_eq!(code, 0, "{out}\n{err}");
    for record in records.list(&ListParams::default()).await.unwrap() {
        let status = record.status.clone().unwrap();
        assert_eq!(
            (status.step, status.direction, status.attempt),
            (NodeStep::Done, Target::Cilium, 1),
            "{}",
            record.name_any()
        );
        let evidence = status.evidence;
        let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(client(&cluster.kubeconfig).await);
        let now = nodes.get(&record.name_any()).await.unwrap().status.unwrap().node_info.unwrap().boot_id;
        assert_eq!(evidence.boot_id_after, Some(now), "{} has rebooted once more", record.name_any());
    }
}

/// A credential plugin that paints wherever it can, and asks when it may.
const PLUGIN: &str = r#"#!/bin/sh
echo called >> "$0.calls"
echo PAINTED >&2
(echo PAINTED > /dev/tty) 2>/dev/null
if [ -e "$0.ask" ]; then
  case $KUBERNETES_EXEC_INFO in
  *'"interactive":true'*) printf 'PASSWORD? ' > /dev/tty; read -r word < /dev/tty; [ "$word" = open ] && rm "$0.ask" ;;
  esac
fi
[ -e "$0.ask" ] && token=expired || token=GOOD
cat <<END
{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
 "status": {"token": "$token", "expirationTimestamp": "2026-01-01T00:00:00Z"}}
END
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_plugin_never_paints_over_the_screen_and_asks_when_told_to() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 2, pace: Pace::MAX }, folder.path()).await.unwrap();
    let plugin = folder.path().join("plugin");
    let mut config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&cluster.kubeconfig).unwrap()).unwrap();
    std::fs::write(&plugin, PLUGIN.replace("GOOD", config["users"][0]["user"]["token"].as_str().unwrap())).unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    config["users"][0]["user"] = serde_json::json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": plugin, "interactiveMode": "IfAvailable"}});
    let kubeconfig = folder.path().join("with-plugin");
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let kubeconfig = kubeconfig.display().to_string();
    let ended = tokio::task::spawn_blocking(move || {
        let mut t = Terminal::start(&["--kubeconfig", &kubeconfig, "--write"]);
        t.until("needs approval");
        t.until("engine: here");
        // it runs again and again behind the screen
        let calls = || std::fs::read_to_string(plugin.with_extension("calls")).unwrap_or_default().lines().count();
        let (before, began) = (calls(), Instant::now());
        while calls() < before + 5 {
            assert!(began.elapsed() < Duration::from_secs(60), "the plugin was not called again");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        assert!(!t.screen().contains("PAINTED"), "{}", t.screen());
        // what it says is no longer accepted: shown as such, not as a failure, and asked for on the bare terminal
        std::fs::write(plugin.with_extension("ask"), "").unwrap();
        t.until("LOG IN AGAIN");
        assert!(!t.screen().contains("PASSWORD?"), "{}", t.screen());
        t.press("L");
        t.until("PASSWORD?");
        assert!(!t.parser.lock().unwrap().screen().alternate_screen());
        t.press("open\n");
        t.until("engine: here");
        assert!(t.parser.lock().unwrap().screen().alternate_screen());
        assert!(!t.screen().contains("PAINTED"), "{}", t.screen());
        t.press("q");
        t.until("no migration has been started");
        t.child.wait().unwrap().success()
    });
    assert!(ended.await.unwrap());
}
