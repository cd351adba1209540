//! Connections to one address, of one thread.

use std::{
    cell::{Cell, RefCell},
    io,
    mem::MaybeUninit,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::HeaderValue;
use socket2::SockRef;
use tollbar_http::{Limits, MessageReader, MessageWriter};

use super::{address::Address, health::Failure};
use crate::{
    Shared, UpstreamSettings,
    body::{Reader, Writer},
    transport::Transport,
};

/// An address with the connections that this thread has to it.
pub(super) struct Lane {
    pub(super) address: Arc<Address>,
    idle: RefCell<Vec<(Instant, Connection)>>,
    in_flight: Cell<usize>,
    keep_idle: Duration,
    idle_connections_max: usize,
}

/// A request's place at an address, from the choice to the end of its exchange.
pub(super) struct Place {
    pub(super) lane: Rc<Lane>,
    /// When it was chosen.
    pub(super) since: Duration,
}

/// A connection to an upstream.
pub(crate) struct Connection {
    pub(crate) reader: Reader,
    /// Taken by an upload that streams.
    pub(crate) writer: Option<Writer>,
    /// Where an upload puts the writer when it has ended.
    pub(crate) parked: Rc<Cell<Option<Writer>>>,
    /// The upstream said that the connection goes on after its answer.
    pub(crate) keeps_alive: bool,
    /// `None` while it is idle.
    place: Option<Place>,
}

/// An exchange with an address: what it says of the address is told to this.
pub(crate) struct Visit {
    address: Arc<Address>,
    since: Duration,
    /// On a connection that was idle before.
    is_reused: bool,
}

impl Lane {
    pub(super) fn new(address: Arc<Address>, settings: &UpstreamSettings) -> Self {
        Self {
            address,
            idle: RefCell::default(),
            in_flight: Cell::new(0),
            keep_idle: settings.keep_idle,
            idle_connections_max: settings.idle_connections_max,
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    pub(super) fn is_unused(&self) -> bool {
        self.in_flight() == 0 && self.idle.borrow().is_empty()
    }

    /// Closes what was idle for too long.
    pub(super) fn sweep(&self) {
        self.idle.borrow_mut().retain(|(since, _)| since.elapsed() < self.keep_idle);
    }

    /// Closes what is idle: it may be as dead as the address was.
    pub(super) fn close_idle(&self) {
        self.idle.borrow_mut().clear();
    }
}

impl Place {
    pub(super) fn take(lane: Rc<Lane>, since: Duration) -> Self {
        lane.in_flight.set(lane.in_flight.get() + 1);
        Self { lane, since }
    }

    /// An idle connection that is still open; the place, if there is none.
    pub(super) fn idle_connection(self) -> Result<(Connection, Visit), Self> {
        loop {
            let Some((since, mut connection)) = self.lane.idle.borrow_mut().pop() else { return Err(self) };
            // Quiet: nothing unasked came, and it was not closed.
            if since.elapsed() < self.lane.keep_idle && connection.is_quiet() {
                let visit = self.visit(true);
                connection.place = Some(self);
                return Ok((connection, visit));
            }
        }
    }
}

impl Place {
    /// A connection that was just made.
    pub(super) fn new_connection(self, transport: Transport) -> (Connection, Visit) {
        let visit = self.visit(false);
        (Connection { place: Some(self), ..Connection::apart(transport) }, visit)
    }

    fn visit(&self, is_reused: bool) -> Visit {
        Visit { address: self.lane.address.clone(), since: self.since, is_reused }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lane.in_flight.set(self.lane.in_flight.get() - 1);
    }
}

impl Connection {
    /// One that is not kept.
    pub(super) fn apart(transport: Transport) -> Self {
        let (read, write) = transport.split();
        Self {
            reader: MessageReader::new(read, Limits::default()),
            writer: Some(MessageWriter::new(write)),
            parked: Rc::default(),
            keeps_alive: false,
            place: None,
        }
    }

    /// Nothing unasked came, and the upstream has not closed. The system is asked too: what it knows may not have
    /// reached the runtime yet.
    fn is_quiet(&mut self) -> bool {
        // TLS has messages of its own (tickets, say): it takes them in first, then nothing may be left.
        let is_quiet = self.reader.is_quiet();
        let peeked = self
            .reader
            .get_ref()
            .ask(|transport| SockRef::from(transport.tcp()).peek(&mut [MaybeUninit::uninit()]));
        is_quiet && matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Keeps the connection for another request, if the exchange on it is complete on both sides.
    pub(crate) fn give_back(mut self) {
        self.writer = self.writer.take().or_else(|| self.parked.take());
        let is_whole = self.keeps_alive
            && self.reader.body_is_finished()
            && !self.reader.has_started()
            && self.writer.as_ref().is_some_and(|w| w.is_between_messages() && w.keeps_open());
        // An idle connection has no place: the address keeps it, not it the address.
        let Some(place) = self.place.take().filter(|_| is_whole) else { return };
        let mut idle = place.lane.idle.borrow_mut();
        if idle.len() < place.lane.idle_connections_max {
            idle.push((Instant::now(), self));
        }
    }
}

impl Visit {
    /// It was answered.
    pub(crate) fn succeeded(&self, shared: &Shared) {
        self.address.succeed(shared, self.since);
    }

    /// It was not answered. That an idle connection was closed as it was used says nothing of the address.
    pub(crate) fn failed(&self, shared: &Shared, cause: &str, nothing_came: bool) {
        if !(self.is_reused && nothing_came) {
            self.address.fail(shared, Failure::Exchange, self.since, cause);
        }
    }

    /// For the `Host` field.
    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.address.server.authority
    }
}
