//! The admin listener.

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::middleware;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{control::Control, routes, safety};

/// After being asked to stop, open connections get so long to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// From a connection's readiness for a request to the last byte of the request's head: silent ones are closed.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// Connections at once; operators and their tools need few. Further ones wait.
const CONNECTIONS_MAX: usize = 256;
/// After a failed accept (no file descriptors, say) the listener rests for this long.
const ACCEPT_REST: Duration = Duration::from_millis(50);

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
#[expect(
    clippy::disallowed_methods,
    reason = "a task for each connection; `GracefulShutdown` waits for them"
)]
pub(crate) async fn serve_until(
    listener: TcpListener,
    router: axum::Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
    let service = TowerToHyperService::new(router);
    let (open, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, permit) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &room) => match accepted {
                Some(accepted) => accepted,
                None => continue,
            },
        };
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
        tokio::spawn(async move {
            // What goes wrong on one connection is its client's affair.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN_LIMIT, open.shutdown()).await;
    Ok(())
}

/// The next connection, when there is room for one.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_REST).await;
            None
        }
    }
}
