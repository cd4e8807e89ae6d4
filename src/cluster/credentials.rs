//! Clients that read their credentials again when the API server refuses them.

use std::{
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use kube::{Client, client::Body};
use tokio::sync::Mutex;
use tower::{BoxError, Service};

use super::connect::ConnectError;

/// Makes a client from what the kubeconfig says now.
type Make = dyn Fn() -> BoxFuture<'static, Result<Client, ConnectError>> + Send + Sync;

/// The shortest pause between two tries: a plugin that opens a browser must not open twenty.
const SELDOM: Duration = Duration::from_secs(10);

/// Sends requests with the client of the moment.
#[derive(Clone)]
pub(super) struct Renewing {
    now: Arc<RwLock<(u64, Client)>>,
    make: Arc<Make>,
    tried: Arc<Mutex<Option<Instant>>>,
}

impl Renewing {
    pub(super) fn new(
        first: Client,
        make: impl Fn() -> BoxFuture<'static, Result<Client, ConnectError>> + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(RwLock::new((0, first))), make: Arc::new(make), tried: Arc::default() }
    }

    fn client(&self) -> (u64, Client) {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another client from now on.
    pub(super) fn exchange(&self, client: Client) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        *now = (now.0 + 1, client);
    }

    /// As [`Self::renew`], to its end, even when the caller is gone.
    async fn renewed(self, seen: u64) -> bool {
        let this = self;
        tokio::spawn(async move { this.renew(seen).await }).await.unwrap_or(false)
    }

    /// Reads the credentials again, unless that was done since `seen`. True when there are others now.
    async fn renew(&self, seen: u64) -> bool {
        let mut tried = self.tried.lock().await;
        if self.client().0 != seen {
            return true;
        }
        if tried.is_some_and(|t| t.elapsed() < SELDOM) {
            return false;
        }
        *tried = Some(Instant::now());
        match (self.make)().await {
            Ok(client) => {
                tracing::info!("credentials were read again");
                self.exchange(client);
                true
            }
            Err(why) => {
                tracing::warn!("no new credentials: {why}");
                false
            }
        }
    }

    async fn send(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let again = |parts: http::request::Parts| Request::from_parts(parts, Body::from(body.to_vec()));
        let (generation, client) = self.client();
        let answer = client.send(again(parts.clone())).await;
        // refused before anything was done
        let refused = match &answer {
            Ok(response) => response.status() == StatusCode::UNAUTHORIZED,
            Err(e) => matches!(e, kube::Error::Auth(_)),
        };
        if refused && self.clone().renewed(generation).await {
            return Ok(self.client().1.send(again(parts)).await?);
        }
        Ok(answer?)
    }
}

impl Service<Request<Body>> for Renewing {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}
