//! One listener, runtime and thread per core; drain on stop.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    thread::JoinHandle,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;
use tollbar_core::port::UsageJournal;

use crate::{GatewaySettings, Shared, worker::Worker};

/// Connections that the system holds for us until we accept them.
const BACKLOG: i32 = 1024;

/// Listeners that are bound, one for each thread, all on one address.
pub struct Bound {
    /// The address.
    pub address: SocketAddr,
    listeners: Vec<TcpListener>,
}

/// Binds the listeners. They share the port (SO_REUSEPORT), so that the system spreads connections.
pub fn bind(settings: &GatewaySettings) -> io::Result<Bound> {
    // The first bind is exclusive: a port that another program holds, even a second Tollbar, is an error
    // and not a silent half of the traffic.
    let address = TcpListener::bind(settings.listen)?.local_addr()?;
    let listeners = (0..settings.threads.max(1)).map(|_| listener(address)).collect::<io::Result<_>>()?;
    Ok(Bound { address, listeners })
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The data plane, running.
pub struct Running {
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// Starts one thread for each listener; each writes its own journal.
pub fn start<J: UsageJournal + Send + 'static>(
    bound: Bound,
    shared: &Arc<Shared>,
    journals: Vec<J>,
) -> io::Result<Running> {
    let (stop, stopped) = watch::channel(false);
    let mut threads = Vec::new();
    for (number, (listener, journal)) in bound.listeners.into_iter().zip(journals).enumerate() {
        let (shared, stopped) = (shared.clone(), stopped.clone());
        let thread = std::thread::Builder::new().name(format!("gateway-{number}")).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let worker = Rc::new(Worker::new(shared, Box::new(journal), stopped));
            let ended = tokio::task::LocalSet::new().block_on(&runtime, worker.run(listener));
            // A resolver that hangs is not waited for.
            runtime.shutdown_background();
            ended
        })?;
        threads.push(thread);
    }
    Ok(Running { stop, threads })
}

impl Running {
    /// Stops accepting, answers everything that was accepted (within the drain time), then returns.
    pub fn drain(self) -> io::Result<()> {
        self.stop.send_replace(true);
        for thread in self.threads {
            thread.join().map_err(|_| io::Error::other("a data-plane thread panicked"))??;
        }
        Ok(())
    }
}
