//! The API server without a socket, for tests in virtual time: only the runtime's clock advances.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::Router;
use futures::future::BoxFuture;
use http::{
    HeaderValue, Request, Response,
    header::{AUTHORIZATION, DATE},
};
use kube::{Client, client::Body};
use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};
use tower::{BoxError, Service};

use super::{
    actors::{Hosts, Quiet},
    api::{Look, fresh},
    clock::{self, Pace, begin_day},
    helm, world,
};
use crate::domain::effect::{
    HelmRelease, RELEASE,
    release::{Before, DESCRIPTION, before, changed},
};

/// A cluster in this process.
pub struct Local {
    service: LocalService,
    actors: Quiet,
}

impl Local {
    /// Starts a small cluster and waits until every pod runs.
    ///
    /// # Errors
    /// A sentence.
    pub async fn start(nodes: usize, pace: Pace) -> Result<Self, String> {
        // several threads share the machine's time
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            begin_day();
        }
        let (router, token, look) = fresh();
        let token = format!("Bearer {token}").parse().map_err(|e| format!("the token: {e}"))?;
        let service = LocalService { router, token, look };
        let client = Client::new(service.clone(), "default");
        world::small(&client, nodes).await?;
        let actors = Quiet::start(client.clone(), pace);
        world::settle(&client).await?;
        Ok(Self { service, actors })
    }

    /// The service for requests of a user with all rights.
    pub fn service(&self) -> LocalService {
        self.service.clone()
    }

    /// The names in a host's `/etc/cni/net.d`.
    pub fn cni_configs(&self, node: &str) -> Vec<String> {
        self.disks().cni_configs(node)
    }

    /// The disks of the hosts.
    pub fn disks(&self) -> Disks {
        Disks(self.actors.hosts())
    }

    /// A client with all rights.
    pub fn client(&self) -> Client {
        Client::new(self.service(), "default")
    }
}

/// Installs or upgrades a release as Cutover has helm do it.
///
/// # Errors
/// helm's message.
pub async fn upgrade(client: &Client, release: &HelmRelease) -> Result<(), String> {
    let namespace = &release.namespace;
    let revisions = helm::revisions(client, namespace, RELEASE).await?;
    // nobody else runs helm here
    let starts: Vec<_> = revisions.iter().filter_map(|r| r.at).collect();
    match before(&revisions, release.resumes, &starts) {
        Before::Go => {}
        Before::Wait(pending) => return Err(format!("revision {} is {}", pending.number, pending.status)),
        Before::Changed { by, .. } => return Err(format!("revision {} was made by another actor", by.number)),
        Before::Resolve { deployed: None, .. } => helm::uninstall(client, namespace, RELEASE).await?,
        Before::Resolve { deployed, .. } => drop(helm::rollback(client, namespace, RELEASE, deployed).await?),
    }
    let (version, values) = (&release.version, &release.values);
    helm::upgrade(client, namespace, RELEASE, version, values, Some(DESCRIPTION)).await.map(|_| ())
}

/// Upgrades the release as somebody else does, who knows nothing of Cutover.
///
/// # Errors
/// helm's message.
pub async fn upgrade_by_others(client: &Client, namespace: &str, version: &str, values: &Value) -> Result<u64, String> {
    helm::upgrade(client, namespace, RELEASE, version, values, None).await
}

/// Rolls the release back to a revision, as somebody else does.
///
/// # Errors
/// helm's message.
pub async fn roll_back_by_others(client: &Client, namespace: &str, to: u64) -> Result<u64, String> {
    helm::rollback(client, namespace, RELEASE, Some(to)).await
}

/// Rolls a release that others have made back to the newest revision of Cutover's, as its message says to.
///
/// # Errors
/// helm's message.
pub async fn restore_release(client: &Client, namespace: &str) -> Result<(), String> {
    match changed(&helm::revisions(client, namespace, RELEASE).await?) {
        Some(Before::Changed { ours, .. }) if ours.is_some() => {
            helm::rollback(client, namespace, RELEASE, ours).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// Uninstalls the release, as somebody else does.
///
/// # Errors
/// helm's message.
pub async fn uninstall_by_others(client: &Client, namespace: &str) -> Result<(), String> {
    helm::uninstall(client, namespace, RELEASE).await
}

/// Uninstalls the release; one that is not there is no error.
///
/// # Errors
/// helm's message.
pub async fn uninstall(client: &Client, namespace: &str) -> Result<(), String> {
    if let Some(Before::Changed { by, .. }) = changed(&helm::revisions(client, namespace, RELEASE).await?) {
        return Err(format!("revision {} was made by another actor", by.number));
    }
    match helm::uninstall(client, namespace, RELEASE).await {
        Err(why) if why.contains("release: not found") => Ok(()),
        other => other,
    }
}

/// The disks of the hosts, to be looked at.
#[derive(Clone)]
pub struct Disks(Hosts);

impl Disks {
    /// The names in a host's `/etc/cni/net.d`.
    pub fn cni_configs(&self, node: &str) -> Vec<String> {
        self.0.cni_configs(node)
    }
}

/// Answers requests.
#[derive(Clone)]
pub struct LocalService {
    router: Router,
    /// The header of a user with all rights.
    token: HeaderValue,
    look: Look,
}

impl LocalService {
    /// An object as it is stored, without a request. Resources are named as `daemonsets.apps`.
    pub fn look(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.look.get(resource, namespace, name)
    }

    /// All objects of a resource.
    pub fn look_at_all(&self, resource: &str) -> Vec<Arc<Value>> {
        self.look.all(resource)
    }
}

impl Service<Request<Body>> for LocalService {
    type Response = Response<axum::body::Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut router = self.router.clone();
        let mut request = request.map(axum::body::Body::new);
        request.headers_mut().entry(AUTHORIZATION).or_insert_with(|| self.token.clone());
        Box::pin(async move {
            let mut answer = Service::call(&mut router, request).await?;
            let now = clock::now().to_zoned(jiff::tz::TimeZone::UTC);
            if let Some(date) = jiff::fmt::rfc2822::to_string(&now).ok().and_then(|d| d.parse().ok()) {
                answer.headers_mut().insert(DATE, date);
            }
            Ok(answer)
        })
    }
}
