//! Health and metrics over HTTP, for kubelets and Prometheus.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, http::StatusCode, response::IntoResponse, routing::get};
use tokio::{net::TcpListener, task::JoinHandle};

/// What is asked for.
pub trait Report: Send + Sync + 'static {
    /// The engine's loop turns.
    fn is_alive(&self) -> bool;
    /// Why it could not act or take over now; nothing when it could.
    fn not_ready(&self) -> Option<String>;
    /// Everything that is counted, as Prometheus reads it.
    fn metrics(&self) -> String;
}

/// Serves `/healthz`, `/readyz` and `/metrics` until the handle is aborted; returns where.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(at: SocketAddr, report: Arc<impl Report>) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(at).await?;
    let address = listener.local_addr()?;
    let (alive, ready, metrics) = (Arc::clone(&report), Arc::clone(&report), report);
    let app = Router::new()
        .route(
            "/healthz",
            get(async move || {
                if alive.is_alive() {
                    (StatusCode::OK, "ok")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "the loop stands still")
                }
            }),
        )
        .route(
            "/readyz",
            get(async move || match ready.not_ready() {
                None => (StatusCode::OK, "ok".to_owned()),
                Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
            }),
        )
        .route(
            "/metrics",
            get(async move || ([("content-type", "text/plain; version=0.0.4")], metrics.metrics()).into_response()),
        );
    let task = tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, app).await {
            tracing::error!("health and metrics are not served any more: {e}");
        }
    });
    Ok((address, task))
}
