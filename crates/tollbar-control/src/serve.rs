//! The admin listener.

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::middleware;
use tokio::{net::TcpListener, sync::watch};

use crate::{control::Control, routes, safety};

/// After being asked to stop, open connections get so long to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Serves the admin API until `stop` completes. Returns when every change that has begun has ended.
pub async fn serve_admin(
    listener: TcpListener,
    control: Arc<Control>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let guard = middleware::from_fn_with_state(control.clone(), safety::guard);
    let router = routes::router().layer(guard).with_state(control.clone());
    let outcome = serve_until(listener, router, stop).await;
    control.settle().await;
    outcome
}

/// Serves until `stop` completes, and then for a bounded time what is open: a connection that sends nothing must not
/// keep the program from ending.
pub(crate) async fn serve_until(
    listener: TcpListener,
    router: axum::Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, mut stopped) = watch::channel(false);
    let stopped = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let serve = axum::serve(listener, router).with_graceful_shutdown(stopped).into_future();
    let drained = async move {
        stop.await;
        let _ = stopping.send(true);
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        outcome = serve => outcome,
        () = drained => Ok(()),
    }
}
