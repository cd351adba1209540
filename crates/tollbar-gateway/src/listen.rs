//! One runtime and thread per core, which share the listening sockets; drain on stop, or hand-over to a successor.

use std::{
    io,
    net::{TcpListener, TcpStream},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{mpsc::UnboundedSender, watch};
use tollbar_core::port::UsageJournal;

use crate::{GatewaySettings, Shared, door::Door, observe::Aside, worker::Worker};

/// Connections that the system holds for us until we accept them.
const BACKLOG: i32 = 1024;

/// Binds the listeners, one for each thread, all on one address. They share the port (SO_REUSEPORT), so that the
/// system spreads connections.
pub fn bind(settings: &GatewaySettings) -> io::Result<Vec<TcpListener>> {
    // The first bind is exclusive: a port that another program holds, even a second Tollbar, is an error
    // and not a silent half of the traffic.
    let address = TcpListener::bind(settings.listen)?.local_addr()?;
    (0..settings.threads.max(1)).map(|_| listener(address)).collect()
}

fn listener(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Each listener has a queue of its own and must be accepted from: where there are more than threads, a thread has
/// several; where there are fewer, threads share one.
fn spread(listeners: Vec<TcpListener>, threads: usize) -> io::Result<Vec<Vec<TcpListener>>> {
    if listeners.is_empty() {
        return Err(io::Error::other("there is no listening socket"));
    }
    let mut shares: Vec<Vec<TcpListener>> = (0..threads).map(|_| Vec::new()).collect();
    for number in listeners.len()..threads {
        shares[number].push(listeners[number % listeners.len()].try_clone()?);
    }
    for (number, listener) in listeners.into_iter().enumerate() {
        listener.set_nonblocking(true)?;
        shares[number % threads].push(listener);
    }
    Ok(shares)
}

/// The data plane, running.
pub struct Running {
    stop: watch::Sender<Stop>,
    threads: Threads,
    /// Ends when no thread needs the store any more.
    settled: tokio::sync::mpsc::Receiver<()>,
    adopting: Adopting,
}

/// Gives connections to the threads, each in turn.
#[derive(Clone)]
pub struct Adopting {
    threads: Vec<UnboundedSender<TcpStream>>,
    next: Arc<AtomicUsize>,
}

/// What becomes of connections that wait in the listeners' queues when this process leaves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    /// They are answered here: nobody else has the sockets.
    Taken,
    /// They are left where they are: another process has the same sockets, now or soon.
    Left,
}

/// What the threads are told.
pub(crate) enum Stop {
    No,
    Drain(Queued),
    /// Idle connections are sent away instead of closed.
    HandOver(Queued, mpsc::Sender<TcpStream>),
}

impl Stop {
    pub(crate) fn is_asked(&self) -> bool {
        !matches!(self, Self::No)
    }
}

/// Starts one thread for each journal, which it writes.
pub fn start<J: UsageJournal + Send + 'static>(
    listeners: Vec<TcpListener>,
    shared: &Arc<Shared>,
    journals: Vec<J>,
) -> io::Result<Running> {
    let (stop, stopped) = watch::channel(Stop::No);
    let (settling, settled) = tokio::sync::mpsc::channel(1);
    let mut threads = Vec::new();
    let mut adopting = Vec::new();
    let connections_max = shared.settings.connections_max.div_ceil(journals.len().max(1)).max(1);
    let shares = spread(listeners, journals.len())?;
    let aside = Aside::start(shared)?;
    for (number, (listeners, journal)) in shares.into_iter().zip(journals).enumerate() {
        let (shared, stopped, settling) = (shared.clone(), stopped.clone(), settling.clone());
        let observer = aside.entrance();
        let (adopt, adopted) = tokio::sync::mpsc::unbounded_channel();
        adopting.push(adopt);
        let thread = std::thread::Builder::new().name(format!("gateway-{number}")).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let worker = Rc::new(Worker::new(shared, Box::new(journal), stopped, observer()));
            let ended = tokio::task::LocalSet::new().block_on(&runtime, async move {
                worker.run(Door::open(listeners, adopted, connections_max)?, settling).await
            });
            // A resolver that hangs is not waited for.
            runtime.shutdown_background();
            ended
        })?;
        threads.push(thread);
    }
    let adopting = Adopting { threads: adopting, next: Arc::default() };
    Ok(Running { stop, threads: Threads { serving: threads, aside }, settled, adopting })
}

impl Running {
    /// Stops accepting, answers everything that was accepted (within the drain time), then returns.
    pub fn drain(self, queued: Queued) -> io::Result<()> {
        self.stop.send_replace(Stop::Drain(queued));
        self.threads.join()
    }

    /// The same for a successor that goes on with idle connections: they are sent to it, between two requests and
    /// with nothing read from them. Returns when no request needs the store any more.
    pub fn hand_over(mut self, queued: Queued, idle: mpsc::Sender<TcpStream>) -> Relaying {
        self.stop.send_replace(Stop::HandOver(queued, idle));
        tracing::info!("handing over: what was accepted is answered, nothing new is accepted here");
        // Nothing is ever sent: the end says it.
        while self.settled.blocking_recv().is_some() {}
        Relaying { threads: self.threads }
    }

    /// For connections of a predecessor.
    pub fn adopting(&self) -> Adopting {
        self.adopting.clone()
    }
}

impl Adopting {
    /// Goes on with an idle connection, as if it had been accepted here.
    pub fn adopt(&self, connection: TcpStream) {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len().max(1);
        // A thread that has ended closes it.
        let _ = self.threads.get(number).map(|thread| thread.send(connection));
    }
}

/// A data plane that still delivers answers which were complete, or under way, when it was handed over.
pub struct Relaying {
    threads: Threads,
}

/// Those of the data plane, and the one beside them that looks at observed answers.
struct Threads {
    serving: Vec<JoinHandle<io::Result<()>>>,
    aside: Aside,
}

impl Relaying {
    /// Waits until all are delivered, or the drain time is over.
    pub fn finish(self) -> io::Result<()> {
        self.threads.join()
    }
}

impl Threads {
    fn join(self) -> io::Result<()> {
        for thread in self.serving {
            thread.join().map_err(|_| io::Error::other("a data-plane thread panicked"))??;
        }
        self.aside.end()
    }
}
