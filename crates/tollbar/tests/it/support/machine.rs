//! What the tests ask of the machine: many files, other addresses of its own, the memory of a process, the time.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use rustix::{
    net::{AddressFamily, SocketType},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// No answer takes longer; a test that waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lets this process open so many files; panics, and says what to do, where the machine does not.
pub(crate) fn raise_file_limit(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    let (current, maximum) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
    assert!(
        maximum >= wanted,
        "this test opens up to {wanted} files, and the hard limit is {maximum}: raise it (ulimit -Hn {wanted})"
    );
    if current < wanted {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).unwrap();
    }
}

/// 127.0.0.`number`: from another one, a caller is another caller.
pub(crate) fn own_address(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, number))
}

/// Connects from this address of the machine's own.
pub(crate) fn connect_from(source: IpAddr, address: SocketAddr) -> std::io::Result<TcpStream> {
    connect(source, address, None)
}

/// The same with a receive buffer of so few bytes that its other side soon cannot go on.
pub(crate) fn connect_narrowly(
    source: IpAddr,
    address: SocketAddr,
    bytes: usize,
) -> std::io::Result<TcpStream> {
    connect(source, address, Some(bytes))
}

fn connect(source: IpAddr, address: SocketAddr, buffer: Option<usize>) -> std::io::Result<TcpStream> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    if let Some(bytes) = buffer {
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    rustix::net::bind(&socket, &SocketAddr::new(source, 0))?;
    rustix::net::connect(&socket, &address)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Ends a connection by a reset and not in order.
pub(crate) fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// What a process has in memory, in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    memory_kib(pid, "VmRSS:")
}

/// The most that a process ever had in memory, in KiB.
pub(crate) fn peak_kib(pid: u32) -> u64 {
    memory_kib(pid, "VmHWM:")
}

fn memory_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the process runs");
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Says that it is over, also where a test has failed: the others would go on for ever.
pub(crate) struct Ending<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Something to be done in even steps of time until its [`Stop`] is dropped. Steps that are missed are caught up with.
pub(crate) struct Ticker {
    ended: Receiver<()>,
    step: Duration,
    next: Instant,
}

/// Ends a [`Ticker`].
pub(crate) struct Stop(#[expect(dead_code, reason = "what counts is that it is dropped")] Sender<()>);

impl Ticker {
    pub(crate) fn every(step: Duration) -> (Self, Stop) {
        let (stop, ended) = channel();
        (Self { ended, step, next: Instant::now() }, Stop(stop))
    }

    /// Waits for the next step; false at the end.
    pub(crate) fn tick(&mut self) -> bool {
        self.next += self.step;
        let left = self.next.saturating_duration_since(Instant::now());
        matches!(self.ended.recv_timeout(left), Err(RecvTimeoutError::Timeout))
    }
}
