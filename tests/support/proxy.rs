//! Stands between the program and an API server, and kills the program at the edges of its writes.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use http::{Method, Request, StatusCode, Uri};
use kube::Client;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

/// The context of its kubeconfig.
pub const CONTEXT: &str = "proxied";

/// Where a write is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Before it is sent.
    Before,
    /// It was done, and nobody heard the answer.
    Unanswered,
    /// It was answered, and nothing after it was done any more.
    Answered,
}

pub struct Proxy {
    pub kubeconfig: PathBuf,
    /// Told when the program is to be killed: where it was.
    pub kills: mpsc::UnboundedReceiver<String>,
    state: Arc<Shared>,
}

struct Shared {
    client: Client,
    edge: Edge,
    /// Kills at most so many times.
    most: usize,
    /// What was cut already: node or phase, step, what was written.
    cut: Mutex<BTreeSet<String>>,
    /// The node and the step that the last record spoke of.
    at: Mutex<String>,
    dying: AtomicBool,
    writes: AtomicUsize,
    kill: mpsc::UnboundedSender<String>,
}

impl Proxy {
    pub async fn start(client: Client, helm: &Path, folder: &Path, edge: Edge, most: usize) -> Self {
        let (kill, kills) = mpsc::unbounded_channel();
        let state = Arc::new(Shared {
            client,
            edge,
            most,
            cut: Mutex::default(),
            at: Mutex::new("start".into()),
            dying: AtomicBool::new(false),
            writes: AtomicUsize::new(0),
            kill,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(handle).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let kubeconfig = folder.join(format!("proxied-{}", address.port()));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": CONTEXT,
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": "c", "user": "u",
                "extensions": [{"name": "cutover.dev", "extension": {"helm": helm}}]}}],
        });
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        Self { kubeconfig, kills, state }
    }

    /// The program is dead: the next one may speak.
    pub fn revive(&self) {
        self.state.dying.store(false, Ordering::SeqCst);
    }

    /// How many different places were cut.
    pub fn cuts(&self) -> usize {
        self.state.cut.lock().unwrap().len()
    }

    pub fn writes(&self) -> usize {
        self.state.writes.load(Ordering::Relaxed)
    }
}

async fn handle(
    State(state): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: http::HeaderMap,
    body: Bytes,
) -> Response {
    if state.dying.load(Ordering::SeqCst) {
        return state.no_answer().await;
    }
    // a dry run asks, and writes nothing
    let asks = uri.query().is_some_and(|q| q.contains("dryRun=All"));
    let kind = if asks { None } else { what(&state, &method, uri.path(), &body) };
    let cuts = kind.is_some_and(|kind| {
        let place = format!("{} {kind}", state.at.lock().unwrap());
        let mut cut = state.cut.lock().unwrap();
        cut.len() < state.most && cut.insert(place)
    });
    if method != Method::GET && !asks {
        state.writes.fetch_add(1, Ordering::Relaxed);
    }
    let place = || state.at.lock().unwrap().clone();
    if cuts && state.edge == Edge::Before {
        return state.die(place()).await;
    }
    let mut request = Request::builder().method(method).uri(uri);
    for name in ["content-type", "accept"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let request = request.body(kube::client::Body::from(body.to_vec())).unwrap();
    let answer = match state.client.send(request).await {
        Ok(answer) => answer,
        Err(e) => {
            let mut answer = Response::new(Body::from(e.to_string()));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            return answer;
        }
    };
    if cuts && state.edge == Edge::Unanswered {
        return state.die(place()).await;
    }
    if cuts {
        state.dying.store(true, Ordering::SeqCst);
        let (kill, place) = (state.kill.clone(), place());
        tokio::spawn(async move {
            // the answer is on its way; nothing else gets through
            tokio::time::sleep(Duration::from_millis(30)).await;
            let _ = kill.send(place);
        });
    }
    answer.map(Body::new)
}

impl Shared {
    async fn die(&self, place: String) -> Response {
        self.dying.store(true, Ordering::SeqCst);
        let _ = self.kill.send(place);
        self.no_answer().await
    }

    /// Nothing, until whoever asked is dead; what it had started (helm) then hears that it failed.
    async fn no_answer(&self) -> Response {
        while self.dying.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut answer = Response::new(Body::from("gone"));
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer
    }
}

/// What is written, and to what end; nothing for what only reads.
fn what(state: &Shared, method: &Method, path: &str, body: &[u8]) -> Option<String> {
    if *method == Method::GET || path.contains("selfsubject") || path.contains("/events") {
        return None;
    }
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let resource = parts.iter().rev().find(|p| p.ends_with('s') && **p != "status").copied().unwrap_or("");
    if path.ends_with("/status") {
        let status = &sent["status"];
        let step = status["step"].as_str().or_else(|| status["phase"].as_str()).unwrap_or("");
        let direction = status["direction"].as_str().unwrap_or("");
        let name = sent["metadata"]["name"].as_str().unwrap_or("");
        *state.at.lock().unwrap() = format!("{name} {step} {direction}");
        return Some("status".into());
    }
    // which fields of a node, so that a cordon and a label are two
    let fields: Vec<String> = sent["spec"].as_object().into_iter().flatten().map(|(k, _)| k.clone()).collect();
    let labels = if sent["metadata"]["labels"].is_object() { " labels" } else { "" };
    let detail = if resource == "nodes" {
        format!("{} {}{labels}", fields.join(","), parts.last().unwrap_or(&""))
    } else {
        String::new()
    };
    Some(format!("{method} {resource} {detail}"))
}
