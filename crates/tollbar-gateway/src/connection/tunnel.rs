//! After `101 Switching Protocols`: bytes both ways, until one side is done.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{
    body::{Reader, Writer},
    upstream::Connection,
    worker::Worker,
};

const BUFFER_BYTES: usize = 16 * 1024;
/// How often it is asked whether the caller is still admitted.
const CHECK: Duration = Duration::from_secs(1);

/// Runs a tunnel to its end. `is_admitted` is asked every second: a revoked key, a suspended client or a switch ends
/// what it began, as it would refuse it anew.
pub(super) async fn run(
    worker: &Rc<Worker>,
    client: (Reader, Writer),
    upstream: Connection,
    mut is_admitted: impl FnMut() -> bool,
) {
    // It needs no store any more.
    let _delivering = worker.delivering();
    let idle_timeout = worker.shared.settings.upstream.idle_timeout;
    let write_timeout = worker.shared.settings.write_timeout;
    let Connection { reader, writer, parked, .. } = upstream;
    let Some(upstream_writer) = writer.or_else(|| parked.take()) else { return };
    let ((mut client_read, from_client), mut client_write) = (client.0.into_inner(), client.1.into_inner());
    let ((mut upstream_read, from_upstream), mut upstream_write) =
        (reader.into_inner(), upstream_writer.into_inner());
    let activity = std::cell::Cell::new(tokio::time::Instant::now());
    let up = copy(&mut client_read, from_client, &mut upstream_write, write_timeout, &activity);
    let down = copy(&mut upstream_read, from_upstream, &mut client_write, write_timeout, &activity);
    let watch = async {
        let mut tick = tokio::time::interval(CHECK);
        loop {
            tick.tick().await;
            if activity.get().elapsed() >= idle_timeout || !is_admitted() {
                return;
            }
        }
    };
    tokio::select! {
        // Each direction ends by itself; when both have, it is over.
        _ = async { tokio::join!(up, down) } => {}
        () = watch => {}
        // It has no end of its own that a stop could wait for. Beside a successor it may go on for the drain's time.
        () = stopping_alone(worker) => {}
    }
}

async fn stopping_alone(worker: &Worker) {
    worker.stopping().await;
    if worker.hands_over() {
        std::future::pending::<()>().await;
    }
}

/// Copies until the end, and passes the end on.
async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    first: Bytes,
    to: &mut (impl AsyncWrite + Unpin),
    timeout: Duration,
    activity: &std::cell::Cell<tokio::time::Instant>,
) {
    let copying = async {
        send(to, &first, timeout).await?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return to.shutdown().await;
            }
            activity.set(tokio::time::Instant::now());
            send(to, &buffer[..count], timeout).await?;
        }
    };
    // A broken direction is over like one that ended; the other side learns it by the shutdown.
    if copying.await.is_err() {
        let _ = to.shutdown().await;
    }
}

async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], timeout: Duration) -> std::io::Result<()> {
    let sending = async {
        to.write_all(bytes).await?;
        to.flush().await
    };
    tokio::time::timeout(timeout, sending).await.map_err(|_| std::io::ErrorKind::TimedOut)?
}
