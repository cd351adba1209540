//! Callers who come when they come, whether or not those before them were answered, and leave when it takes too long.

use std::{
    cell::RefCell,
    io::{Error, ErrorKind},
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::LocalSet,
    time::{Instant, MissedTickBehavior, interval, timeout_at},
};

use crate::support::own_address;

/// Nobody waits longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Threads of callers, each with an address of its own.
const THREADS: u8 = 2;
/// How often it is looked who is to come.
const STEP: Duration = Duration::from_millis(5);

/// What a caller got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 200.
    Served,
    /// What was said: the status and the head, in lower case.
    Refused(u16, String),
    /// Nothing while it was patient.
    TooLate,
    /// The connection could not be made, or broke.
    Failed(String),
}

/// One caller.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// When it came, after the beginning.
    pub(super) at: Duration,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
}

/// So many come each second, evenly, for so long. All there were, when the last has left.
pub(super) fn come(gateway: SocketAddr, key: &str, per_second: u32, lasting: Duration) -> Vec<Call> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let rate = f64::from(per_second) / f64::from(THREADS);
                scope.spawn(move || come_from(own_address(2 + number), gateway, key, rate, lasting))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn come_from(source: IpAddr, gateway: SocketAddr, key: &str, rate: f64, lasting: Duration) -> Vec<Call> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let callers = Rc::new(Callers {
        source,
        gateway,
        request: format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n"),
        idle: RefCell::default(),
    });
    LocalSet::new().block_on(&runtime, async {
        let began = Instant::now();
        let mut ticker = interval(STEP);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut tasks = Vec::new();
        let mut next = Duration::ZERO;
        while next < lasting {
            ticker.tick().await;
            while next < lasting.min(began.elapsed()) {
                let (callers, at) = (callers.clone(), next);
                tasks.push(tokio::task::spawn_local(async move {
                    let outcome = callers.call(began + at + PATIENCE).await;
                    Call { at, took: began.elapsed() - at, outcome }
                }));
                next += Duration::from_secs_f64(1.0 / rate);
            }
        }
        let mut calls = Vec::new();
        for task in tasks {
            calls.push(task.await.unwrap());
        }
        calls
    })
}

struct Callers {
    source: IpAddr,
    gateway: SocketAddr,
    request: String,
    idle: RefCell<Vec<TcpStream>>,
}

impl Callers {
    async fn call(&self, until: Instant) -> Outcome {
        match timeout_at(until, self.exchange()).await {
            Err(_) => Outcome::TooLate,
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
        }
    }

    async fn exchange(&self) -> std::io::Result<Outcome> {
        let kept = self.idle.borrow_mut().pop();
        let mut stream = match kept {
            Some(stream) => stream,
            None => {
                let socket = TcpSocket::new_v4()?;
                socket.bind(SocketAddr::new(self.source, 0))?;
                let stream = socket.connect(self.gateway).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(self.request.as_bytes()).await?;
        let mut seen = Vec::new();
        let head_end = loop {
            if let Some(at) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            read_more(&mut stream, &mut seen).await?;
        };
        let head = String::from_utf8_lossy(&seen[..head_end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|text| text.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        while seen.len() < head_end + length {
            read_more(&mut stream, &mut seen).await?;
        }
        if !head.contains("\r\nconnection: close\r\n") {
            self.idle.borrow_mut().push(stream);
        }
        let status =
            head.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        Ok(if status == 200 { Outcome::Served } else { Outcome::Refused(status, head) })
    }
}

async fn read_more(stream: &mut TcpStream, seen: &mut Vec<u8>) -> std::io::Result<()> {
    match stream.read_buf(seen).await? {
        0 => Err(Error::from(ErrorKind::UnexpectedEof)),
        _ => Ok(()),
    }
}
