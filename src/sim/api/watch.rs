//! Watches: newline-separated events, bookmarks, and 410 inside the stream if the version is too old.

use std::{borrow::Cow, collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use async_stream::stream;
use axum::{body::Body, http::header, response::Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{
    kinds::Kind,
    query::Filter,
    requests::Target,
    store::{Change, Event, Store},
    table,
};

/// An item of the body's stream; it cannot fail.
type Line = Result<Bytes, Infallible>;

const BOOKMARKS: Duration = Duration::from_secs(20);

/// How objects are sent to a client.
#[derive(Clone)]
pub(super) struct Shape {
    pub(super) kind: Arc<Kind>,
    pub(super) table: bool,
    pub(super) metadata_only: bool,
}

impl Shape {
    pub(super) fn show<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        if self.table {
            Cow::Owned(table::table(&self.kind, std::iter::once(object), ""))
        } else if self.metadata_only {
            Cow::Owned(
                json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]}),
            )
        } else {
            versioned(&self.kind, object)
        }
    }
}

/// An object in the requested version; most are stored in it.
pub(super) fn versioned<'a>(kind: &Kind, object: &'a Value) -> Cow<'a, Value> {
    let version = kind.api_version();
    if object["apiVersion"] == *version && object["kind"] == *kind.kind {
        return Cow::Borrowed(object);
    }
    let mut object = object.clone();
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind.kind);
    Cow::Owned(object)
}

pub(super) fn watch(
    store: Arc<Store>,
    target: Target,
    filter: Filter,
    query: &HashMap<String, String>,
    shape: Shape,
) -> Response {
    let from = query.get("resourceVersion").and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    let initial = query.get("sendInitialEvents").is_some_and(|v| v == "true");
    let bookmarks = query.get("allowWatchBookmarks").is_some_and(|v| v == "true" || v == "1");
    let limit = query.get("timeoutSeconds").and_then(|v| v.parse().ok()).unwrap_or(290);
    let end = Instant::now() + Duration::from_secs(limit);
    let resource = target.kind.resource();
    let namespace = target.namespace.clone();
    let mine = move |object: &Value| {
        namespace.as_deref().is_none_or(|n| object["metadata"]["namespace"] == n) && filter.matches(object)
    };
    let body = stream! {
        let mut moves = store.moves(&resource);
        let mut last = from;
        if from == 0 || initial {
            let (objects, version) = {
                let inner = store.lock();
                (inner.list(&resource, None).map(|(_, o)| o.clone()).filter(|o| mine(o)).collect::<Vec<_>>(), inner.version())
            };
            for object in objects {
                yield line("ADDED", &shape.show(&object));
            }
            last = version;
            if initial {
                yield bookmark(&shape.kind, last, true);
            }
        } else if from < store.lock().compacted {
            let gone = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
                "message": format!("too old resource version: {from}")});
            yield line("ERROR", &gone);
            return;
        }
        let mut next_bookmark = Instant::now() + BOOKMARKS;
        loop {
            moves.borrow_and_update();
            let (events, version, lost) = {
                let inner = store.lock();
                (inner.since(&resource, last).cloned().collect::<Vec<Event>>(), inner.version(), inner.compacted > last)
            };
            if lost {
                // compacted events are lost: the client has to list again
                yield line("ERROR", &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410, "message": "too old resource version"}));
                return;
            }
            for event in events {
                if let Some((word, object)) = seen(&event, &mine) {
                    yield line(word, &shape.show(object));
                }
            }
            last = version;
            if Instant::now() >= next_bookmark {
                next_bookmark = Instant::now() + BOOKMARKS;
                if bookmarks {
                    yield bookmark(&shape.kind, last, false);
                }
            }
            tokio::select! {
                biased;
                changed = moves.changed() => if changed.is_err() { return },
                () = sleep_until(end) => return,
                () = sleep_until(next_bookmark) => {}
            }
        }
    };
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// The event for a watch with a selector: an object may enter or leave the selection.
fn seen<'a>(event: &'a Event, mine: &impl Fn(&Value) -> bool) -> Option<(&'static str, &'a Value)> {
    let now = event.change != Change::Deleted && mine(&event.object);
    let before = event.before.as_ref().is_some_and(|b| mine(b));
    match (before, now) {
        (false, true) => Some(("ADDED", &event.object)),
        (true, true) => Some(("MODIFIED", &event.object)),
        (true, false) => Some(("DELETED", &event.object)),
        (false, false) => None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a stream of a body consists of results")]
fn line(word: &str, object: &Value) -> Line {
    Ok(Bytes::from(format!("{{\"type\":\"{word}\",\"object\":{object}}}\n")))
}

fn bookmark(kind: &Kind, version: u64, initial: bool) -> Line {
    let mut object = json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null}});
    if initial {
        object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    line("BOOKMARK", &object)
}
