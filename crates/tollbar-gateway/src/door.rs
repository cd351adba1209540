//! Where one thread's connections come from: its listeners, and what another process hands over.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc::UnboundedReceiver},
};

/// After a failed accept (no file descriptors, say) the listener rests for this long.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// The listeners of one thread, and the connections that it is to go on with.
pub(crate) struct Door {
    listeners: Vec<TcpListener>,
    /// Which listener is asked first: each in turn, so that a busy one does not hide the others.
    first: usize,
    /// Nothing is accepted before then.
    rest_until: Option<tokio::time::Instant>,
    adopted: UnboundedReceiver<std::net::TcpStream>,
    room: Arc<Semaphore>,
}

/// A connection, and the room that it takes.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) permit: OwnedSemaphorePermit,
    /// No request came on it yet.
    pub(crate) is_new: bool,
}

impl Door {
    pub(crate) fn open(
        listeners: Vec<std::net::TcpListener>,
        adopted: UnboundedReceiver<std::net::TcpStream>,
        connections_max: usize,
    ) -> io::Result<Self> {
        let listeners = listeners.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?;
        let room = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        Ok(Self { listeners, first: 0, rest_until: None, adopted, room })
    }

    /// The next connection, when there is room for one.
    pub(crate) async fn accept(&mut self) -> Option<Accepted> {
        // Kept in mind: whoever waits for a connection may stop and begin again.
        if let Some(until) = self.rest_until {
            tokio::time::sleep_until(until).await;
            self.rest_until = None;
        }
        let permit = self.room.clone().acquire_owned().await.ok()?;
        match std::future::poll_fn(|context| self.poll_next(context)).await {
            Ok((stream, peer, is_new)) => Some(Accepted { stream, peer, permit, is_new }),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                self.rest_until = Some(tokio::time::Instant::now() + ACCEPT_REST);
                None
            }
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr, bool)>> {
        if let Poll::Ready(Some(stream)) = self.adopted.poll_recv(context) {
            return Poll::Ready(register(stream).map(|(stream, peer)| (stream, peer, false)));
        }
        for number in 0..self.listeners.len() {
            let number = (self.first + number) % self.listeners.len();
            if let Poll::Ready(accepted) = self.listeners[number].poll_accept(context) {
                self.first = number + 1;
                return Poll::Ready(accepted.map(|(stream, peer)| (stream, peer, true)));
            }
        }
        Poll::Pending
    }

    /// Closes the listeners here; what waits in their queues is left to whoever else has them open. Returns what was
    /// to be adopted and is not yet.
    pub(crate) fn leave(mut self) -> Vec<std::net::TcpStream> {
        std::iter::from_fn(|| self.adopted.try_recv().ok()).collect()
    }

    /// Closes the listeners. Connections that the system has completed for us are accepted: they may carry requests.
    pub(crate) fn close(mut self) -> io::Result<Vec<Accepted>> {
        let mut waiting = Vec::new();
        for listener in std::mem::take(&mut self.listeners) {
            let listener = listener.into_std()?;
            while let Ok(permit) = self.room.clone().try_acquire_owned()
                && let Ok((stream, _)) = listener.accept()
            {
                if let Ok((stream, peer)) = register(stream) {
                    waiting.push(Accepted { stream, peer, permit, is_new: true });
                }
            }
        }
        while let Ok(permit) = self.room.clone().try_acquire_owned()
            && let Ok(stream) = self.adopted.try_recv()
        {
            if let Ok((stream, peer)) = register(stream) {
                waiting.push(Accepted { stream, peer, permit, is_new: false });
            }
        }
        Ok(waiting)
    }
}

fn register(stream: std::net::TcpStream) -> io::Result<(TcpStream, SocketAddr)> {
    let peer = stream.peer_addr()?;
    stream.set_nonblocking(true)?;
    Ok((TcpStream::from_std(stream)?, peer))
}
