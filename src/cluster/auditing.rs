//! Records the requests that are made for an effect: what was sent, what came back, and what changed by it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use tower::{BoxError, Service};

use super::port::Permit;
use crate::domain::audit::{Exchange, fields};

tokio::task_local! {
    static TAKEN: Arc<Mutex<Taken>>;
}

#[derive(Default)]
struct Taken {
    exchanges: Vec<Exchange>,
    /// The last object that was read, and from where.
    read: Option<(String, Value)>,
    permit: Option<Permit>,
}

/// Does something, and returns the requests that it made to change anything.
/// What would change something is not sent once the permit does not hold any more.
pub(super) async fn record_requests<T>(permit: Option<Permit>, work: impl Future<Output = T>) -> (T, Vec<Exchange>) {
    let taken = Arc::new(Mutex::new(Taken { permit, ..Taken::default() }));
    let result = TAKEN.scope(Arc::clone(&taken), work).await;
    let exchanges = std::mem::take(&mut taken.lock().unwrap_or_else(PoisonError::into_inner).exchanges);
    (result, exchanges)
}

/// Stands before a client's service.
#[derive(Clone)]
pub(super) struct AuditingService<S>(pub(super) S);

impl<S> Service<Request<Body>> for AuditingService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let clone = self.0.clone();
        let mut inner = std::mem::replace(&mut self.0, clone);
        Box::pin(async move {
            // the task that polls is the one that asked; the client's own is another
            let Ok(taken) = TAKEN.try_with(Arc::clone) else { return inner.call(request).await };
            // a watch has no end that could be waited for
            if request.uri().query().is_some_and(|q| q.contains("watch=")) {
                return inner.call(request).await;
            }
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await?;
            let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
            let with = |f: &mut dyn FnMut(&mut Taken)| f(&mut taken.lock().unwrap_or_else(PoisonError::into_inner));
            let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
            if method != Method::GET {
                let permit = taken.lock().unwrap_or_else(PoisonError::into_inner).permit.clone();
                if permit.is_some_and(|p| !p.holds()) {
                    return Err("the lock was lost before it was sent".into());
                }
                // before it is sent: a request without an answer is in the log, too
                with(&mut |t| {
                    let before = match &t.read {
                        Some((from, object)) if *from == path => changed(&method, &sent, object),
                        _ => named(&sent),
                    };
                    let (method, path) = (method.to_string(), path.clone());
                    t.exchanges.push(Exchange {
                        method,
                        path,
                        status: None,
                        audit_id: None,
                        before,
                        after: Value::Null,
                    });
                });
            }
            let response = inner.call(Request::from_parts(parts, Body::from(body.to_vec()))).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect_bytes().await?;
            let got: Value = serde_json::from_slice(&body).unwrap_or_default();
            with(&mut |t| {
                if method == Method::GET {
                    t.read = Some((path.clone(), got.clone()));
                    return;
                }
                if let Some(exchange) = t.exchanges.last_mut() {
                    exchange.status = Some(parts.status.as_u16());
                    exchange.audit_id = parts.headers.get("audit-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
                    exchange.after = if got["kind"] == "Status" {
                        json!({"status": got["status"], "reason": got["reason"], "message": got["message"]})
                    } else {
                        changed(&method, &sent, &got)
                    };
                }
            });
            Ok(Response::from_parts(parts, Body::from(body.to_vec())))
        })
    }
}

/// The fields that a request changes, with the object's identity.
fn changed(method: &Method, sent: &Value, object: &Value) -> Value {
    let mut out = if *method == Method::PATCH { fields(sent, object) } else { json!({}) };
    for (name, at) in [("uid", "/metadata/uid"), ("resourceVersion", "/metadata/resourceVersion")] {
        if let Some(value) = object.pointer(at) {
            out[name] = value.clone();
        }
    }
    if let Some(at) = object.pointer("/metadata/deletionTimestamp") {
        out["deletionTimestamp"] = at.clone();
    }
    out
}

/// Without having read it, what is known of an object is which one was meant.
fn named(sent: &Value) -> Value {
    let uid = sent.pointer("/deleteOptions/preconditions/uid").or_else(|| sent.pointer("/preconditions/uid"));
    uid.map_or(Value::Null, |uid| json!({"uid": uid}))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    #[tokio::test]
    async fn nothing_that_changes_is_sent_after_the_term() {
        let second = Duration::from_secs(1);
        for (method, left, wanted) in
            [(Method::PATCH, second, 1), (Method::PATCH, Duration::ZERO, 0), (Method::GET, Duration::ZERO, 1)]
        {
            let sent = Arc::new(AtomicUsize::new(0));
            let counts = Arc::clone(&sent);
            let mut auditing = AuditingService(tower::service_fn(move |_: Request<Body>| {
                counts.fetch_add(1, Ordering::Relaxed);
                async { Ok::<_, BoxError>(Response::new(Body::empty())) }
            }));
            let request = Request::builder().method(method.clone()).uri("/api/v1/nodes/a").body(Body::empty()).unwrap();
            let (answer, _) = record_requests(Some(Permit::new(1, move || left)), auditing.call(request)).await;
            assert_eq!((sent.load(Ordering::Relaxed), answer.is_ok()), (wanted, wanted == 1), "{method} with {left:?}");
        }
    }
}
