//! The server: routes requests and answers them.

use std::{borrow::Cow, collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, Method, Uri, header},
    response::Response,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    answer::{Failure, Result, json_response, text_response, unknown_address},
    discovery, eviction,
    query::Filter,
    requests::{self, Target},
    store::{Name, Store},
    table,
    tls::Identity,
    users::{Tokens, User},
    watch::{self, Shape, versioned},
    writes::{self, Options, PatchKind},
};

/// A running API server. It stops when this is dropped.
pub struct Server {
    /// Its address, on loopback.
    pub address: SocketAddr,
    /// Its certificate in PEM, to be trusted by clients.
    pub certificate: String,
    /// The bearer tokens of its users.
    pub(in crate::sim) tokens: Arc<Tokens>,
    store: Arc<Store>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Compacts the event log, so that older watches get 410.
    pub fn compact(&self) {
        self.store.transact(super::store::Inner::compact);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a server on loopback, on a free port or a given one.
///
/// # Errors
/// The port cannot be bound, or no certificate made.
pub async fn serve(port: u16) -> std::io::Result<Server> {
    let (store, tokens) = (Arc::new(Store::default()), Arc::new(Tokens::generate()));
    let identity = Identity::generate()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let listener = identity.accept(listener, address);
    let app = router(&store, &tokens);
    let task = tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, app).await {
            tracing::error!("the embedded API server ended: {e}");
        }
    });
    Ok(Server { address, certificate: identity.pem, tokens, store, task })
}

/// The router of an empty server, the bearer token of a user with all rights, and a look into its store.
pub(in crate::sim) fn fresh() -> (Router, String, Look) {
    let (store, tokens) = (Arc::default(), Arc::new(Tokens::generate()));
    (router(&store, &tokens), tokens.admin.clone(), Look(store))
}

/// Reads what a server has stored, without a request.
#[derive(Clone)]
pub(in crate::sim) struct Look(Arc<Store>);

impl Look {
    pub(in crate::sim) fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.0.lock().get(resource, &(namespace.to_owned(), name.to_owned()))
    }

    pub(in crate::sim) fn all(&self, resource: &str) -> Vec<Arc<Value>> {
        self.0.lock().list(resource, None).map(|(_, object)| Arc::clone(object)).collect()
    }
}

fn router(store: &Arc<Store>, tokens: &Arc<Tokens>) -> Router {
    // an audit id for every request, as on the real server
    let numbered = axum::middleware::map_response(async |mut answer: Response| {
        if let Ok(id) = uuid::Uuid::new_v4().to_string().parse() {
            answer.headers_mut().insert("audit-id", id);
        }
        answer
    });
    Router::new().fallback(handle).with_state((Arc::clone(store), Arc::clone(tokens))).layer(numbered)
}

async fn handle(
    State((store, tokens)): State<(Arc<Store>, Arc<Tokens>)>,
    method: Method,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    if matches!(path, "/readyz" | "/livez" | "/healthz") {
        let verbose = query.contains_key("verbose");
        return Response::new(if verbose { "[+]ping ok\n[+]etcd ok\nreadyz check passed\n" } else { "ok" }.into());
    }
    let kinds = store.kinds();
    if path == "/version" {
        return discovery::answer(path, &kinds).map_or_else(unknown_address, |v| json_response(200, &v));
    }
    let user = match User::of(&headers, &tokens) {
        Ok(user) => user,
        Err(f) => return f.response(),
    };
    if method == Method::GET
        && let Some(answer) = discovery::answer(path, &kinds)
    {
        return json_response(200, &answer);
    }
    if path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" {
        return review(user, &body);
    }
    if path == "/apis/authentication.k8s.io/v1/selfsubjectreviews" {
        let who = json!({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
            "status": {"userInfo": {"username": user.name(), "groups": ["system:authenticated"]}}});
        return json_response(201, &who);
    }
    let Some(target) = requests::parse(path, &kinds) else { return unknown_address() };
    let request = Request { store, method, query, headers, body, target };
    let checked = user.check(&request.method, &request.target.kind.plural);
    match checked.and_then(|()| request.answer()) {
        Ok(response) => response,
        Err(failure) => failure.response(),
    }
}

fn review(user: User, body: &[u8]) -> Response {
    let mut review: Value = serde_json::from_slice(body).unwrap_or_default();
    let verb = review["spec"]["resourceAttributes"]["verb"].as_str().unwrap_or_default();
    let allowed = user.may_change() || matches!(verb, "get" | "list" | "watch");
    review["status"] = json!({"allowed": allowed});
    json_response(201, &review)
}

struct Request {
    store: Arc<Store>,
    method: Method,
    query: HashMap<String, String>,
    headers: HeaderMap,
    body: Bytes,
    target: Target,
}

impl Request {
    fn answer(self) -> Result<Response> {
        let options = self.options()?;
        let target = &self.target;
        match (self.method.as_str(), target.name.is_some(), target.sub.as_deref()) {
            ("GET", false, None) => self.list(),
            ("GET", true, None | Some("status")) => self.get(),
            ("POST", false, None) => {
                let body = self.object()?;
                let created = self.store.transact(|i| writes::create(i, target, body, &options))?;
                Ok(self.show(201, &created))
            }
            ("POST", true, Some("eviction")) if target.kind.plural == "pods" => {
                let body = self.object()?;
                let status = self.store.transact(|i| eviction::evict(i, target, &body, &options))?;
                Ok(json_response(201, &status))
            }
            ("POST", true, Some("binding")) if target.kind.plural == "pods" => self.bind(&options),
            ("PUT", true, None | Some("status")) => {
                let body = self.object()?;
                let now = self.store.transact(|i| writes::replace(i, target, body, &options))?;
                Ok(self.show(200, &now))
            }
            ("PATCH", true, None | Some("status")) => {
                let (kind, body) = self.patch()?;
                let now = self.store.transact(|i| writes::patch(i, target, kind, &body, &options))?;
                Ok(self.show(200, &now))
            }
            ("PUT", true, Some("finalize")) if target.kind.plural == "namespaces" => {
                let body = self.object()?;
                let now = self.store.transact(|i| writes::finalize(i, target, &body))?;
                Ok(self.show(200, &now))
            }
            ("DELETE", true, None) => {
                let gone = self.store.transact(|i| writes::delete(i, target, &options))?;
                Ok(self.show(200, &gone))
            }
            _ => Err(Failure::new(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            )),
        }
    }

    fn options(&self) -> Result<Options> {
        let query = |k: &str| self.query.get(k).map(String::as_str).unwrap_or_default();
        let mut options = Options {
            dry_run: query("dryRun") == "All",
            manager: query("fieldManager").to_owned(),
            force: query("force") == "true",
            grace: query("gracePeriodSeconds").parse().ok(),
            ..Options::default()
        };
        if self.method == Method::DELETE && !self.body.is_empty() {
            let body = self.object()?;
            let text = |v: &Value| v.as_str().map(str::to_owned);
            options.grace = options.grace.or_else(|| body["gracePeriodSeconds"].as_i64());
            options.uid = text(&body["preconditions"]["uid"]);
            options.version = text(&body["preconditions"]["resourceVersion"]);
            options.dry_run |= body["dryRun"].as_array().is_some_and(|d| d.iter().any(|v| v == "All"));
        }
        Ok(options)
    }

    fn content_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    fn object(&self) -> Result<Value> {
        if self.content_type().contains("protobuf") {
            return Err(Failure::new(415, "UnsupportedMediaType", "the embedded API server reads JSON"));
        }
        serde_json::from_slice(&self.body).map_err(|e| Failure::bad(format!("the body is not JSON: {e}")))
    }

    fn patch(&self) -> Result<(PatchKind, Value)> {
        let content = self.content_type().to_owned();
        let kind = match content.split(';').next().unwrap_or_default() {
            "application/merge-patch+json" => PatchKind::Merge,
            "application/strategic-merge-patch+json" => PatchKind::Strategic,
            "application/json-patch+json" => PatchKind::Json,
            "application/apply-patch+yaml" => {
                let text = String::from_utf8_lossy(&self.body);
                let body =
                    serde_saphyr::from_str(&text).map_err(|e| Failure::bad(format!("the body is not YAML: {e}")))?;
                return Ok((PatchKind::Apply, body));
            }
            other => {
                return Err(Failure::new(
                    415,
                    "UnsupportedMediaType",
                    format!("the body of the request was in an unknown format - {other}"),
                ));
            }
        };
        Ok((kind, self.object()?))
    }

    fn shape(&self) -> Shape {
        let accept = self.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        Shape {
            kind: self.target.kind.clone(),
            table: accept.contains("as=Table"),
            metadata_only: accept.contains("as=PartialObjectMetadata"),
        }
    }

    fn show(&self, code: u16, object: &Value) -> Response {
        json_response(code, &self.shape().show(object))
    }

    fn get(&self) -> Result<Response> {
        let name = self.target.name.as_deref().unwrap_or_default();
        let resource = self.target.kind.resource();
        let found = self.store.lock().get(&resource, &self.target.key(name));
        let found = found.ok_or_else(|| Failure::not_found(&resource, name))?;
        Ok(self.show(200, &found))
    }

    fn list(self) -> Result<Response> {
        let filter = Filter::parse(&self.query, &self.target.kind.plural)?;
        let shape = self.shape();
        if self.query.get("watch").is_some_and(|w| w == "true" || w == "1") {
            return Ok(watch::watch(self.store, self.target, filter, &self.query, shape));
        }
        let limit =
            self.query.get("limit").and_then(|l| l.parse::<usize>().ok()).filter(|l| *l > 0).unwrap_or(usize::MAX);
        let (version, after) = self.position()?;
        let inner = self.store.lock();
        if version.is_some_and(|v| v < inner.compacted) {
            return Err(Failure::new(410, "Expired", "The provided continue parameter is too old"));
        }
        // all pages of a list have the version of the first
        let version = version.unwrap_or_else(|| inner.version()).to_string();
        let resource = self.target.kind.resource();
        let all = inner
            .list(&resource, self.target.namespace.as_deref())
            .filter(|(k, o)| after.as_ref().is_none_or(|a| *k > a) && filter.matches(o));
        let mut page: Vec<_> = all.take(limit.saturating_add(1)).map(|(k, o)| (k.clone(), Arc::clone(o))).collect();
        drop(inner);
        let more = page.len() > limit;
        page.truncate(limit);
        let next =
            page.last().filter(|_| more).map(|((ns, name), _)| format!("{version}|{ns}|{name}")).unwrap_or_default();
        if shape.table {
            let mut table = table::table(&shape.kind, page.iter().map(|(_, o)| &**o), &version);
            table["metadata"]["continue"] = json!(next);
            return Ok(json_response(200, &table));
        }
        let items: Vec<Cow<'_, Value>> = page
            .iter()
            .map(|(_, o)| if shape.metadata_only { shape.show(o) } else { versioned(&shape.kind, o) })
            .collect();
        let (list_kind, api_version) = if shape.metadata_only {
            ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned())
        } else {
            (format!("{}List", shape.kind.kind), shape.kind.api_version())
        };
        let mut meta = json!({"resourceVersion": version});
        if more {
            meta["continue"] = json!(next);
        }
        // written as it is: a list in between would be a copy of everything
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        let (items, list_kind, api_version) = (items.join(","), json!(list_kind), json!(api_version));
        let list =
            format!("{{\"kind\":{list_kind},\"apiVersion\":{api_version},\"metadata\":{meta},\"items\":[{items}]}}");
        Ok(text_response(200, list))
    }

    fn position(&self) -> Result<(Option<u64>, Option<Name>)> {
        let Some(token) = self.query.get("continue").filter(|t| !t.is_empty()) else { return Ok((None, None)) };
        let mut parts = token.splitn(3, '|');
        match (parts.next().and_then(|v| v.parse().ok()), parts.next(), parts.next()) {
            (Some(version), Some(ns), Some(name)) => Ok((Some(version), Some((ns.into(), name.into())))),
            _ => Err(Failure::bad("continue key is not valid")),
        }
    }

    fn bind(&self, options: &Options) -> Result<Response> {
        let body = self.object()?;
        let node = body["target"]["name"].clone();
        let pod = Target { sub: None, ..self.target.clone() };
        self.store.transact(|inner| {
            let name = pod.name.clone().unwrap_or_default();
            let current = inner.get("pods", &pod.key(&name)).ok_or_else(|| Failure::not_found("pods", &name))?;
            if current["spec"]["nodeName"].as_str().is_some_and(|n| !n.is_empty()) {
                return Err(Failure::conflict("pods/binding", &name));
            }
            writes::patch(inner, &pod, PatchKind::Merge, &json!({"spec": {"nodeName": node}}), options)
        })?;
        Ok(json_response(201, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})))
    }
}
