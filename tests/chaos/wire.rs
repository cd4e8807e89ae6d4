//! The wire between one engine and the API server, and everything that can go wrong on it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body as Answer;
use cutover::sim::local::LocalService;
use futures::{StreamExt, future::BoxFuture};
use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};
use tower::{BoxError, Service};

use crate::observer::Observer;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ill {
    /// 429 of flow control, with and without a word when to come again.
    Busy,
    BusyUntil,
    /// 500, 503.
    Broken,
    Unavailable,
    /// Done, and answered with 504.
    DoneAndTimedOut,
    /// The connection breaks before, or after it was done.
    ResetBefore,
    ResetAfter,
    /// Done, and the answer is cut off in the middle.
    Truncated,
    /// Nothing happens any more, before or after it was done.
    StalledBefore,
    StalledAfter,
    /// It arrives half a minute later; nobody waits for it any more.
    Late,
    /// It arrives twice.
    Twice,
    /// The credentials have expired.
    Unauthorized,
    /// A right was taken away.
    Forbidden,
    /// Somebody else is always quicker.
    Conflict,
    /// An admission webhook refuses.
    Denied,
    /// A list from some time ago.
    StaleList,
    /// The server is away.
    Gone,
}

/// What happens to watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchIll {
    #[default]
    None,
    /// They end.
    Cut,
    /// They end with 410.
    Expired,
    /// Nothing comes any more, and they do not end.
    Silent,
    /// What comes comes late.
    Delayed,
    /// What comes comes twice.
    Doubled,
}

/// A rule that holds for a while.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub ill: Ill,
    pub until: Instant,
    /// How many of a hundred requests.
    pub share: u32,
}

pub struct Wire {
    pub seat: &'static str,
    rng: Mutex<fastrand::Rng>,
    rules: Mutex<Vec<Rule>>,
    watches: watch::Sender<(WatchIll, u64)>,
    lists: Mutex<HashMap<String, Value>>,
    pub observer: Arc<Observer>,
}

impl Wire {
    pub fn new(seat: &'static str, seed: u64, observer: Arc<Observer>) -> Self {
        Self {
            seat,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            rules: Mutex::default(),
            watches: watch::Sender::new((WatchIll::None, 0)),
            lists: Mutex::default(),
            observer,
        }
    }

    pub fn rule(&self, rule: Rule) {
        self.rules.lock().unwrap().push(rule);
    }

    pub fn watches(&self, ill: WatchIll) {
        self.watches.send_modify(|(now, n)| {
            *now = ill;
            *n += 1;
        });
    }

    fn ill(&self, mutating: bool) -> Option<Ill> {
        let now = Instant::now();
        let mut rules = self.rules.lock().unwrap();
        rules.retain(|r| r.until > now);
        let mut rng = self.rng.lock().unwrap();
        let rule = rules.iter().find(|_| rng.u32(..100) < 100).filter(|r| rng.u32(..100) < r.share)?;
        // what is about changes leaves reading alone, and the other way round
        let fits = match rule.ill {
            Ill::StaleList => !mutating,
            Ill::Gone | Ill::Unauthorized | Ill::Broken | Ill::Unavailable | Ill::Busy | Ill::BusyUntil => true,
            Ill::ResetBefore | Ill::StalledBefore => true,
            _ => mutating,
        };
        fits.then_some(rule.ill)
    }
}

/// The service of one program's life.
#[derive(Clone)]
pub struct Wired {
    wire: Arc<Wire>,
    process: Arc<str>,
    server: LocalService,
}

impl Wired {
    pub fn new(wire: Arc<Wire>, process: String, server: LocalService) -> Self {
        Self { wire, process: process.into(), server }
    }

    async fn answer(mut self, request: Request<Body>) -> Result<Response<Answer>, BoxError> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?.to_vec();
        let mutating = parts.method != Method::GET;
        let watching = parts.uri.query().is_some_and(|q| q.contains("watch=true"));
        let listed = (!mutating && !watching).then(|| parts.uri.to_string());
        let make = {
            let parts = parts.clone();
            move |body: Vec<u8>| Request::from_parts(parts.clone(), Body::from(body))
        };
        let reset = || -> Result<Response<Answer>, BoxError> { Err("connection reset by peer".into()) };
        match self.wire.ill(mutating) {
            None => {}
            Some(Ill::Busy) => return Ok(failure(429, "TooManyRequests", "the server has received too many requests")),
            Some(Ill::BusyUntil) => {
                let mut answer = failure(429, "TooManyRequests", "the server has received too many requests");
                answer.headers_mut().insert("retry-after", "1".parse().unwrap());
                return Ok(answer);
            }
            Some(Ill::Broken) => return Ok(failure(500, "InternalError", "etcdserver: leader changed")),
            Some(Ill::Unavailable) => return Ok(failure(503, "ServiceUnavailable", "apiserver is shutting down")),
            Some(Ill::Unauthorized) => return Ok(failure(401, "Unauthorized", "Unauthorized")),
            Some(Ill::Forbidden) => return Ok(failure(403, "Forbidden", "User \"x\" cannot do that")),
            Some(Ill::Conflict) => return Ok(failure(409, "Conflict", "the object has been modified")),
            Some(Ill::Denied) => {
                return Ok(failure(400, "BadRequest", "admission webhook \"policy.example.com\" denied the request"));
            }
            Some(Ill::ResetBefore | Ill::Gone) => return reset(),
            Some(Ill::StalledBefore) => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return reset();
            }
            Some(Ill::DoneAndTimedOut) => {
                self.send(make(body), &parts.method, false).await?;
                return Ok(failure(504, "Timeout", "request did not complete within the allotted timeout"));
            }
            Some(Ill::ResetAfter) => {
                self.send(make(body), &parts.method, false).await?;
                return reset();
            }
            Some(Ill::StalledAfter) => {
                self.send(make(body), &parts.method, false).await?;
                tokio::time::sleep(Duration::from_secs(60)).await;
                return reset();
            }
            Some(Ill::Truncated) => {
                let answer = self.send(make(body), &parts.method, false).await?;
                let (parts, body) = answer.into_parts();
                let whole = axum::body::to_bytes(body, usize::MAX).await?;
                return Ok(Response::from_parts(parts, Answer::from(whole.slice(..whole.len() / 2))));
            }
            Some(Ill::Twice) => {
                self.send(make(body.clone()), &parts.method, false).await?;
                return self.send(make(body), &parts.method, true).await;
            }
            Some(Ill::Late) => {
                let request = make(body);
                // whoever sent it may be gone by then
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    let _ = self.send(request, &parts.method, true).await;
                });
                tokio::time::sleep(Duration::from_secs(60)).await;
                return reset();
            }
            Some(Ill::StaleList) => {
                let old = listed.as_ref().and_then(|l| self.wire.lists.lock().unwrap().get(l).cloned());
                if let Some(old) = old {
                    return Ok(Response::new(Answer::from(old.to_string())));
                }
            }
        }
        let answer = self.send(make(body), &parts.method, false).await?;
        if watching {
            return Ok(answer.map(|body| watched(body, self.wire.watches.subscribe())));
        }
        // now and then what a list says is remembered, to be said again later
        if let Some(list) = listed.filter(|l| l.contains("limit=")) {
            let (parts, body) = answer.into_parts();
            let whole = axum::body::to_bytes(body, usize::MAX).await?;
            if let Ok(value) = serde_json::from_slice::<Value>(&whole) {
                self.wire.lists.lock().unwrap().entry(list).or_insert(value);
            }
            return Ok(Response::from_parts(parts, Answer::from(whole)));
        }
        Ok(answer)
    }

    /// Arrives at the server, seen by the observer.
    async fn send(
        &mut self,
        request: Request<Body>,
        method: &Method,
        stray: bool,
    ) -> Result<Response<Answer>, BoxError> {
        if *method == Method::GET {
            return Service::call(&mut self.server, request).await;
        }
        let observer = Arc::clone(&self.wire.observer);
        observer.arrives(&self.process, request, stray, &mut self.server).await
    }
}

fn failure(code: u16, reason: &str, message: &str) -> Response<Answer> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message});
    let mut answer = Response::new(Answer::from(status.to_string()));
    *answer.status_mut() = http::StatusCode::from_u16(code).unwrap();
    answer
}

/// A watch's lines, as long as nothing is wrong with watches.
fn watched(body: Answer, mut ill: watch::Receiver<(WatchIll, u64)>) -> Answer {
    let mut lines = body.into_data_stream();
    ill.borrow_and_update();
    let stream = async_stream::stream! {
        loop {
            let now = ill.borrow().0;
            let line = tokio::select! {
                biased;
                changed = ill.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = ill.borrow_and_update().0;
                    match now {
                        WatchIll::Cut => yield Err(std::io::Error::other("connection reset by peer")),
                        WatchIll::Expired => yield Ok(bytes(json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1",
                            "metadata": {}, "status": "Failure", "code": 410, "reason": "Expired", "message": "too old resource version"}}).to_string() + "\n")),
                        _ => continue,
                    }
                    return;
                }
                line = lines.next(), if now != WatchIll::Silent => line,
            };
            let Some(Ok(line)) = line else { return };
            match now {
                WatchIll::Delayed => tokio::time::sleep(Duration::from_millis(1_500)).await,
                WatchIll::Doubled => yield Ok(line.clone()),
                _ => {}
            }
            yield Ok(line);
        }
    };
    Answer::from_stream(stream)
}

fn bytes(text: String) -> bytes::Bytes {
    bytes::Bytes::from(text)
}

impl Service<Request<Body>> for Wired {
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
