//! `cutover engine`, as processes: which one acts, which ones wait, and what they report.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::support::program;
use cutover::sim::{Embedded, Settings, clock::Pace};
use rustix::process::{Pid, Signal, kill_process};

struct Engine {
    child: Child,
    said: Arc<Mutex<String>>,
    address: String,
}

impl Engine {
    fn start(kubeconfig: &Path, more: &[&str]) -> Self {
        let mut child = program()
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["engine", "--listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (errors, heard) = (child.stderr.take().unwrap(), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                heard.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let engine = Self { child, said, address: String::new() };
        engine.says("metrics at http://");
        let text = engine.said.lock().unwrap().clone();
        let address = text.split("metrics at http://").nth(1).and_then(|t| t.lines().next()).unwrap();
        engine.at(address)
    }

    fn at(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    fn says(&self, words: &str) {
        let began = Instant::now();
        while !self.said.lock().unwrap().contains(words) {
            assert!(began.elapsed() < Duration::from_secs(60), "never said {words:?}:\n{}", self.said.lock().unwrap());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn forget(&self) {
        self.said.lock().unwrap().clear();
    }

    fn get(&self, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        std::io::Write::write_all(&mut stream, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn acts(&self) -> bool {
        self.get("/metrics").contains("\ncutover_acting 1\n")
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ACTS: &str = "this engine holds the lease and acts";

#[tokio::test(flavor = "multi_thread")]
async fn one_engine_acts_and_another_one_takes_over_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Embedded::start(Settings { nodes: 2, pace: Pace::MAX }, folder.path()).await.unwrap();
    let kubeconfig = cluster.kubeconfig.clone();
    tokio::task::spawn_blocking(move || {
        let a = Engine::start(&kubeconfig, &[]);
        a.says(ACTS);
        assert!(a.get("/readyz").contains("200 OK") && a.get("/healthz").contains("200 OK"));
        let b = Engine::start(&kubeconfig, &[]);
        b.says("runs the engine; this is a view");
        assert!(a.acts() && !b.acts());
        // a laptop sleeps: the other takes over by itself, and this one notices when it wakes
        a.signal(Signal::STOP);
        b.says(ACTS);
        a.forget();
        a.signal(Signal::CONT);
        a.says("runs the engine; this is a view");
        assert!(b.acts() && !a.acts());
        // an engine that is alive loses the lease at an operator's request alone
        b.forget();
        let c = Engine::start(&kubeconfig, &["--take-over"]);
        c.says("the lease is taken over");
        b.says("runs the engine; this is a view");
        c.says(ACTS);
        assert!(!b.acts());
        // one that is stopped releases the lease: one of the others has it at once
        c.signal(Signal::TERM);
        c.says("stopping");
        let began = Instant::now();
        while !a.acts() && !b.acts() {
            assert!(began.elapsed() < Duration::from_secs(60), "no engine acts");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    })
    .await
    .unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()));
}

#[test]
fn the_manifests_name_the_image_and_refuse_anything_else() {
    let output = program().args(["manifests", "--engine", "--image", "registry.example/cutover:1"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let kinds: Vec<String> = text
        .split("\n---\n")
        .map(|doc| cutover::domain::values::parse(doc).unwrap())
        .map(|doc| doc["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.iter().filter(|k| *k == "Deployment").count(), 1);
    assert!(text.contains("image: registry.example/cutover:1") && !text.contains("IMAGE"));
    let refused = program().args(["manifests", "--engine", "--image", "a\nb: c"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}
