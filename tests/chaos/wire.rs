//! The wire between one workstation and the API server, and everything that can go wrong on it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body as Answer;
use cutover::sim::local::LocalService;
use futures::{StreamExt, future::BoxFuture};
use http::{Method, Request, Response, request::Parts};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};
use tower::{BoxError, Service};

use crate::observer::Observer;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFault {
    TooManyRequests,
    /// The same, with a header that says when to come again.
    RetryAfter,
    InternalError,
    Unavailable,
    /// Done, and answered with 504.
    DoneThenTimeout,
    /// The connection breaks before it is done.
    ResetBefore,
    /// The connection breaks after it was done.
    ResetAfter,
    /// Done, and the answer is cut off in the middle.
    Truncated,
    /// No answer, and not done.
    StalledBefore,
    /// No answer, but done.
    StalledAfter,
    /// It arrives half a minute later, when nobody waits for it any more.
    Late,
    Duplicated,
    /// The credentials have expired.
    Unauthorized,
    /// A right was taken away.
    Forbidden,
    /// Another client always writes first.
    Conflict,
    /// An admission webhook refuses.
    Denied,
    /// A list from some time ago.
    StaleList,
    /// No connection at all.
    Unreachable,
}

impl RequestFault {
    /// Some faults hit changes alone, one hits reads alone.
    const fn hits(self, mutating: bool) -> bool {
        match self {
            Self::StaleList => !mutating,
            Self::Unreachable
            | Self::Unauthorized
            | Self::InternalError
            | Self::Unavailable
            | Self::TooManyRequests
            | Self::RetryAfter
            | Self::ResetBefore
            | Self::StalledBefore => true,
            _ => mutating,
        }
    }

    /// What the server answers without doing anything.
    fn refusal(self) -> Option<Response<Answer>> {
        Some(match self {
            Self::TooManyRequests => failure(429, "TooManyRequests", "the server has received too many requests"),
            Self::RetryAfter => {
                let mut answer = failure(429, "TooManyRequests", "the server has received too many requests");
                answer.headers_mut().insert("retry-after", "1".parse().unwrap());
                answer
            }
            Self::InternalError => failure(500, "InternalError", "etcdserver: leader changed"),
            Self::Unavailable => failure(503, "ServiceUnavailable", "apiserver is shutting down"),
            Self::Unauthorized => failure(401, "Unauthorized", "Unauthorized"),
            Self::Forbidden => failure(403, "Forbidden", "User \"x\" cannot do that"),
            Self::Conflict => failure(409, "Conflict", "the object has been modified"),
            Self::Denied => failure(400, "BadRequest", "admission webhook \"policy.example.com\" denied the request"),
            _ => return None,
        })
    }
}

/// What happens to watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchFault {
    #[default]
    None,
    /// They end without a word.
    Reset,
    /// They end with 410.
    Expired,
    /// No event comes any more, and they do not end.
    Silent,
    Delayed,
    Duplicated,
}

/// A fault for requests that lasts a while.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub fault: RequestFault,
    pub until: Instant,
    /// Percentage of requests that it hits.
    pub share: u32,
}

pub struct Wire {
    /// The workstation at its end.
    station: &'static str,
    rng: Mutex<fastrand::Rng>,
    rules: Mutex<Vec<Rule>>,
    watches: watch::Sender<(WatchFault, u64)>,
    /// The first answer to each list, to be given again later.
    lists: Mutex<HashMap<String, Value>>,
    pub observer: Arc<Observer>,
}

impl Wire {
    pub fn new(station: &'static str, seed: u64, observer: Arc<Observer>) -> Self {
        Self {
            station,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            rules: Mutex::default(),
            watches: watch::Sender::new((WatchFault::None, 0)),
            lists: Mutex::default(),
            observer,
        }
    }

    pub fn rule(&self, rule: Rule) {
        self.observer.deaf(self.station, Some(rule.until));
        self.rules.lock().unwrap().push(rule);
    }

    pub fn watches(&self, fault: WatchFault) {
        self.observer.deaf(self.station, (fault == WatchFault::None).then(Instant::now));
        self.watches.send_modify(|(now, n)| {
            *now = fault;
            *n += 1;
        });
    }

    /// The fault that hits this request.
    fn fault(&self, mutating: bool) -> Option<RequestFault> {
        let now = Instant::now();
        let mut rules = self.rules.lock().unwrap();
        rules.retain(|r| r.until > now);
        let rule = rules.first()?;
        let hit = self.rng.lock().unwrap().u32(..100) < rule.share;
        (hit && rule.fault.hits(mutating)).then_some(rule.fault)
    }
}

/// The client's transport, for one life of the program.
#[derive(Clone)]
pub struct Transport {
    wire: Arc<Wire>,
    process: Arc<str>,
    server: LocalService,
}

impl Transport {
    pub fn new(wire: Arc<Wire>, process: String, server: LocalService) -> Self {
        Self { wire, process: process.into(), server }
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Answer>, BoxError> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?.to_vec();
        match self.wire.fault(parts.method != Method::GET) {
            Some(fault) => self.with(fault, parts, body).await,
            None => self.well(parts, body).await,
        }
    }

    async fn with(mut self, fault: RequestFault, parts: Parts, body: Vec<u8>) -> Result<Response<Answer>, BoxError> {
        if let Some(refusal) = fault.refusal() {
            return Ok(refusal);
        }
        match fault {
            RequestFault::ResetBefore | RequestFault::Unreachable => reset(),
            RequestFault::StalledBefore => stalled().await,
            RequestFault::DoneThenTimeout => {
                self.send(&parts, body, false).await?;
                Ok(failure(504, "Timeout", "request did not complete within the allotted timeout"))
            }
            RequestFault::ResetAfter => {
                self.send(&parts, body, false).await?;
                reset()
            }
            RequestFault::StalledAfter => {
                self.send(&parts, body, false).await?;
                stalled().await
            }
            RequestFault::Truncated => {
                let (parts, body) = self.send(&parts, body, false).await?.into_parts();
                let whole = axum::body::to_bytes(body, usize::MAX).await?;
                Ok(Response::from_parts(parts, Answer::from(whole.slice(..whole.len() / 2))))
            }
            RequestFault::Duplicated => {
                self.send(&parts, body.clone(), false).await?;
                self.send(&parts, body, true).await
            }
            RequestFault::Late => {
                // its sender may be gone by then
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    let _ = self.send(&parts, body, true).await;
                });
                stalled().await
            }
            RequestFault::StaleList => {
                let old = self.wire.lists.lock().unwrap().get(&parts.uri.to_string()).cloned();
                match old.filter(|_| !is_watch(&parts)) {
                    Some(old) => Ok(Response::new(Answer::from(old.to_string()))),
                    None => self.well(parts, body).await,
                }
            }
            refused => unreachable!("{refused:?} has been answered"),
        }
    }

    async fn well(mut self, parts: Parts, body: Vec<u8>) -> Result<Response<Answer>, BoxError> {
        let answer = self.send(&parts, body, false).await?;
        if is_watch(&parts) {
            return Ok(answer.map(|body| watched(body, self.wire.watches.subscribe())));
        }
        let list = parts.uri.to_string();
        if parts.method != Method::GET || !list.contains("limit=") {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let whole = axum::body::to_bytes(body, usize::MAX).await?;
        if let Ok(value) = serde_json::from_slice::<Value>(&whole) {
            self.wire.lists.lock().unwrap().entry(list).or_insert(value);
        }
        Ok(Response::from_parts(parts, Answer::from(whole)))
    }

    /// Arrives at the server, before the observer's eyes. `stray`: late, or a second time.
    async fn send(&mut self, parts: &Parts, body: Vec<u8>, stray: bool) -> Result<Response<Answer>, BoxError> {
        let request = Request::from_parts(parts.clone(), Body::from(body));
        if parts.method == Method::GET {
            return Service::call(&mut self.server, request).await;
        }
        let observer = Arc::clone(&self.wire.observer);
        observer.arrives(&self.process, request, stray, &mut self.server).await
    }
}

fn is_watch(parts: &Parts) -> bool {
    parts.method == Method::GET && parts.uri.query().is_some_and(|q| q.contains("watch=true"))
}

fn reset() -> Result<Response<Answer>, BoxError> {
    Err("connection reset by peer".into())
}

/// Longer than any client waits.
async fn stalled() -> Result<Response<Answer>, BoxError> {
    tokio::time::sleep(Duration::from_secs(60)).await;
    reset()
}

fn failure(code: u16, reason: &str, message: &str) -> Response<Answer> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message});
    let mut answer = Response::new(Answer::from(status.to_string()));
    *answer.status_mut() = http::StatusCode::from_u16(code).unwrap();
    answer
}

/// The events of a watch, until a fault ends it.
fn watched(body: Answer, mut faults: watch::Receiver<(WatchFault, u64)>) -> Answer {
    let mut lines = body.into_data_stream();
    faults.borrow_and_update();
    let stream = async_stream::stream! {
        loop {
            let now = faults.borrow().0;
            let line = tokio::select! {
                biased;
                changed = faults.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = faults.borrow_and_update().0;
                    match now {
                        WatchFault::Reset => yield Err(std::io::Error::other("connection reset by peer")),
                        WatchFault::Expired => yield Ok(expired()),
                        _ => continue,
                    }
                    return;
                }
                line = lines.next(), if now != WatchFault::Silent => line,
            };
            let Some(Ok(line)) = line else { return };
            match now {
                WatchFault::Delayed => tokio::time::sleep(Duration::from_millis(1_500)).await,
                WatchFault::Duplicated => yield Ok(line.clone()),
                _ => {}
            }
            yield Ok(line);
        }
    };
    Answer::from_stream(stream)
}

fn expired() -> bytes::Bytes {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
        "reason": "Expired", "message": "too old resource version"});
    bytes::Bytes::from(json!({"type": "ERROR", "object": status}).to_string() + "\n")
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Answer>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Answer>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}
