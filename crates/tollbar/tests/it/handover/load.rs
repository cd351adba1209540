//! Callers that notice everything: a connection refused or reset, a request without its answer, an answer that is not
//! 200, a connection that ends without a word.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use crate::support::{Connection, Shop, wait_until};

/// Callers of each kind.
const CALLERS: usize = 4;
/// Connections that one caller uses in turn, so that each is idle most of the time.
const IN_TURN: usize = 16;

/// Callers at work until they are stopped.
pub(super) struct Load {
    callers: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

struct Shared {
    gateway: SocketAddr,
    request: String,
    stopped: AtomicBool,
    answered: AtomicUsize,
}

impl Load {
    pub(super) fn start(shop: &Shop) -> Self {
        let shared = Arc::new(Shared {
            gateway: shop.platform.gateway,
            request: super::request(shop),
            stopped: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
        });
        let call: [fn(&Shared); 3] = [on_new_connections, on_one_connection, on_connections_in_turn];
        let callers = (0..CALLERS * call.len())
            .map(|number| {
                let shared = shared.clone();
                std::thread::spawn(move || call[number % call.len()](&shared))
            })
            .collect();
        Self { callers, shared }
    }

    /// Waits until so many more requests are answered.
    pub(super) fn wait_for_more(&self, count: usize) {
        let wanted = self.shared.answered.load(Ordering::SeqCst) + count;
        wait_until("more requests are answered", || {
            assert!(!self.callers.iter().any(JoinHandle::is_finished), "a caller has failed");
            self.shared.answered.load(Ordering::SeqCst) >= wanted
        });
    }

    /// Ends it; panics if any caller met a failure. Returns the number of requests, all answered.
    pub(super) fn stop(self) -> usize {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for caller in self.callers {
            caller.join().unwrap();
        }
        self.shared.answered.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::SeqCst)
    }

    fn open(&self) -> Connection {
        Connection::try_open(self.gateway).unwrap_or_else(|fault| panic!("a connection failed: {fault}"))
    }

    /// One request. False: the server announced that the connection ends.
    fn call(&self, connection: &mut Connection) -> bool {
        let sent = connection.try_send(&self.request);
        assert!(sent.is_ok(), "a request could not be sent: {sent:?}");
        assert!(connection.has_more(), "a connection was closed without an answer, and without announcement");
        let response = connection.receive();
        assert_eq!((response.status, response.truncated), (200, false), "{response:?}");
        self.answered.fetch_add(1, Ordering::SeqCst);
        response.header("connection").is_none()
    }
}

fn on_new_connections(shared: &Shared) {
    while shared.goes_on() {
        shared.call(&mut shared.open());
    }
}

fn on_one_connection(shared: &Shared) {
    let mut connection = shared.open();
    while shared.goes_on() {
        if !shared.call(&mut connection) {
            connection = shared.open();
        }
    }
}

fn on_connections_in_turn(shared: &Shared) {
    let mut connections: Vec<_> = (0..IN_TURN).map(|_| shared.open()).collect();
    while shared.goes_on() {
        for connection in &mut connections {
            if !shared.call(connection) {
                *connection = shared.open();
            }
        }
    }
}
