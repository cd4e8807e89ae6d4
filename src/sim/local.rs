//! The API server without a socket, for tests in virtual time: only the runtime's clock advances.

use std::task::{Context, Poll};

use axum::Router;
use futures::future::BoxFuture;
use http::{
    Request, Response,
    header::{AUTHORIZATION, DATE},
};
use kube::{Client, client::Body};
use tokio::runtime::{Handle, RuntimeFlavor};
use tower::{BoxError, Service};

use super::{
    actors::Quiet,
    api::{Server, fresh},
    clock::{self, Pace, begin_day},
    helm, world,
};
use crate::domain::effect::{
    HelmRelease, RELEASE,
    release::{Before, before},
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
        let service = LocalService(fresh());
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
        self.actors.cni_configs(node)
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
        Before::Resolve { deployed: None, .. } => helm::uninstall(client, namespace, RELEASE).await?,
        Before::Resolve { deployed, .. } => drop(helm::rollback(client, namespace, RELEASE, deployed).await?),
    }
    helm::upgrade(client, namespace, RELEASE, &release.version, &release.values).await.map(|_| ())
}

/// Uninstalls the release; one that is not there is no error.
///
/// # Errors
/// helm's message.
pub async fn uninstall(client: &Client, namespace: &str) -> Result<(), String> {
    match helm::uninstall(client, namespace, RELEASE).await {
        Err(why) if why.contains("release: not found") => Ok(()),
        other => other,
    }
}

/// Answers requests.
#[derive(Clone)]
pub struct LocalService(Router);

impl Service<Request<Body>> for LocalService {
    type Response = Response<axum::body::Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut router = self.0.clone();
        let mut request = request.map(axum::body::Body::new);
        if let Ok(token) = format!("Bearer {}", Server::admin_token()).parse() {
            request.headers_mut().entry(AUTHORIZATION).or_insert(token);
        }
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
