//! The ops listener: for load balancers and Prometheus. It changes nothing and tells nothing of clients.

use std::{future::Future, io, sync::Arc};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use tokio::net::TcpListener;

use crate::serve::serve_until;

/// Where the ops listener has its answers from.
#[derive(Clone)]
pub struct Ops {
    /// Whether this process should be sent traffic; if not, why.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// All metrics in the text format of OpenMetrics, `# EOF` at the end.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Serves `/livez`, `/readyz` and `/metrics` until `stop` completes.
pub async fn serve_ops(
    listener: TcpListener,
    ops: Ops,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/livez", get(async || text(StatusCode::OK, "ok\n")))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(async || text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n"))
        .with_state(ops);
    serve_until(listener, router, stop).await
}

async fn ready(State(ops): State<Ops>) -> Response {
    match (ops.ready)() {
        Ok(()) => text(StatusCode::OK, "ready\n"),
        Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store")], (ops.metrics)()).into_response()
}

fn text(status: StatusCode, text: impl Into<String>) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], text.into()).into_response()
}
