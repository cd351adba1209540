//! Upstreams as one thread sees them: which addresses each has, and which one a request goes to.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Uri;

use crate::{
    GatewaySettings,
    concurrency::{ConcurrencyBounds, Limiter},
    worker::Worker,
};

mod address;
mod care;
mod choice;
mod connection;
mod health;
mod server;
mod servers;

use address::Address;
pub(crate) use care::care;
use choice::{Candidate, choose};
pub(crate) use connection::{Connection, Visit};
use connection::{Lane, Place};
use health::{Failure, Standing};
use server::Server;
pub(crate) use servers::Servers;

/// Connecting to one address after another may take so many connect time-outs in all.
pub(crate) const CONNECT_TIMEOUTS_MAX: u32 = 3;
/// What all threads together may let queue, if it is worked off in so long.
const SHORT: Duration = Duration::from_millis(200);
/// Requests that an upstream is always sent at once, by all threads together.
const CONCURRENCY_MIN: usize = 8;
/// Failed addresses that an error names.
const FAULTS_SHOWN_MAX: usize = 4;

/// The upstreams that this thread talks to, by their URLs.
#[derive(Default)]
pub(crate) struct Upstreams {
    by_urls: RefCell<HashMap<Vec<String>, Rc<Upstream>>>,
}

/// One upstream.
pub(crate) struct Upstream {
    /// Its servers, for the log.
    name: String,
    /// Stands before the rest of the target; no slash at its end.
    pub(crate) path: String,
    servers: Vec<Arc<Server>>,
    lanes: RefCell<Lanes>,
    turn: Cell<usize>,
    pub(crate) limiter: Rc<Limiter>,
    /// Requests were refused because it has enough, and the log said so.
    is_limited: Cell<bool>,
    /// The last exchange failed.
    fails: Cell<bool>,
}

#[derive(Default)]
struct Lanes {
    /// The addresses that they were made for, by server.
    known: Vec<Arc<Vec<Arc<Address>>>>,
    all: Vec<Rc<Lane>>,
}

/// One request's way to an upstream: each address is tried at most once.
pub(crate) struct Way<'w> {
    worker: &'w Worker,
    upstream: Rc<Upstream>,
    /// The request changes nothing.
    is_safe: bool,
    untried: Vec<Rc<Lane>>,
    /// Chosen, and nothing was tried there yet.
    place: Option<Place>,
    faults: Vec<String>,
    last: Option<Rc<Lane>>,
    /// What the connection took that was made.
    connect_time: Option<Duration>,
}

impl Upstreams {
    /// The upstream with these URLs; `None` if they are not URLs of one (import has checked them).
    pub(crate) fn find(&self, worker: &Worker, urls: &[String]) -> Option<Rc<Upstream>> {
        if let Some(upstream) = self.by_urls.borrow().get(urls) {
            return Some(upstream.clone());
        }
        let uris: Vec<Uri> = urls.iter().map(|url| url.parse().ok()).collect::<Option<_>>()?;
        let servers: Vec<Arc<Server>> =
            uris.iter().map(|uri| worker.shared.servers.find(uri)).collect::<Option<_>>()?;
        servers.iter().for_each(|server| server.show(&worker.shared.metrics));
        let upstream = Rc::new(Upstream {
            name: servers.iter().map(|server| server.is.origin.as_str()).collect::<Vec<_>>().join(", "),
            path: uris.first()?.path().trim_end_matches('/').to_owned(),
            servers,
            lanes: RefCell::default(),
            turn: Cell::new(0),
            limiter: Limiter::new(bounds(&worker.shared.settings), worker.shared.epoch, Instant::now()),
            is_limited: Cell::new(false),
            fails: Cell::new(false),
        });
        self.by_urls.borrow_mut().insert(urls.to_vec(), upstream.clone());
        Some(upstream)
    }

    /// Closes what was idle for too long, and forgets upstreams without connections.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        self.by_urls.borrow_mut().retain(|_, upstream| {
            let lanes = upstream.lanes.borrow();
            lanes.all.iter().for_each(|lane| lane.sweep());
            upstream.note_limit(now);
            // One that fails is remembered: its return is to be noticed.
            !lanes.all.iter().all(|lane| lane.is_unused())
                || upstream.fails.get()
                || !upstream.limiter.is_fresh(now)
                || Rc::strong_count(upstream) > 1
        });
    }
}

impl Upstream {
    /// Notes how an exchange ended. The log hears of it when an upstream begins to fail and when it answers again,
    /// not for each request.
    pub(crate) fn note(&self, worker: &Worker, failure: Option<&str>) {
        if failure.is_some() {
            worker.shared.metrics.upstream_failures.inc();
        }
        if self.fails.replace(failure.is_some()) != failure.is_some() {
            let upstream = &self.name;
            match failure {
                Some(cause) => tracing::warn!(%upstream, "an upstream fails: {cause}"),
                None => tracing::info!(%upstream, "an upstream answers again"),
            }
        }
    }

    /// Notes that a request was refused because of how many are under way.
    pub(crate) fn note_refusal(&self) {
        if !self.is_limited.replace(true) {
            let (upstream, limit) = (&self.name, self.limiter.limit());
            tracing::warn!(%upstream, limit, "an upstream is asked for more than it answers in time; what is too much is refused");
        }
    }

    fn note_limit(&self, now: Instant) {
        if self.is_limited.get() && self.limiter.is_fresh(now) {
            self.is_limited.set(false);
            tracing::info!(upstream = %self.name, "an upstream answers all it is asked in time again");
        }
    }

    /// A way for one request. Where no name has an address yet, one is asked for first.
    pub(crate) async fn way<'w>(
        self: &Rc<Self>,
        worker: &'w Worker,
        is_safe: bool,
    ) -> Result<Way<'w>, String> {
        let mut faults = Vec::new();
        for server in &self.servers {
            if !self.servers.iter().all(|server| server.addresses().is_empty()) {
                break;
            }
            if let Err(fault) = server.wait_for_addresses(&worker.shared).await {
                faults.push(fault);
            }
        }
        let untried = self.lanes(worker);
        if untried.is_empty() {
            return Err(joined(&faults));
        }
        Ok(Way {
            worker,
            upstream: self.clone(),
            is_safe,
            untried,
            place: None,
            faults: Vec::new(),
            last: None,
            connect_time: None,
        })
    }

    /// A lane for each address that is known now.
    fn lanes(&self, worker: &Worker) -> Vec<Rc<Lane>> {
        let mut lanes = self.lanes.borrow_mut();
        let is_known = |server: &Arc<Server>, known: &Arc<_>| Arc::ptr_eq(&server.addresses(), known);
        let is_current = lanes.known.len() == self.servers.len()
            && self.servers.iter().zip(&lanes.known).all(|(server, known)| is_known(server, known));
        if !is_current {
            let known: Vec<_> = self.servers.iter().map(|server| Arc::clone(&server.addresses())).collect();
            let lane = |address: &Arc<Address>| {
                let old = lanes.all.iter().find(|lane| Arc::ptr_eq(&lane.address, address)).cloned();
                old.unwrap_or_else(|| Rc::new(Lane::new(address.clone(), &worker.shared.settings.upstream)))
            };
            let all = known.iter().flat_map(|addresses| addresses.iter()).map(lane).collect();
            *lanes = Lanes { known, all };
        }
        lanes.all.clone()
    }
}

impl Way<'_> {
    /// An idle connection, if there is one to the address whose turn it is.
    pub(crate) fn take_idle(&mut self) -> Option<(Connection, Visit)> {
        match self.choose()?.idle_connection() {
            Ok(found) => Some(found),
            Err(place) => {
                self.place = Some(place);
                None
            }
        }
    }

    /// A new connection: to the address whose turn it is, or, as nothing was sent yet, to the next.
    pub(crate) async fn connect(&mut self) -> Result<(Connection, Visit), String> {
        let shared = &self.worker.shared;
        let each = shared.settings.upstream.connect_timeout;
        let began = shared.servers.now();
        let end = began + each * CONNECT_TIMEOUTS_MAX;
        while let Some(place) = self.place.take().or_else(|| self.choose()) {
            let left = end.saturating_sub(shared.servers.now());
            if left.is_zero() {
                break;
            }
            let address = place.lane.address.clone();
            self.untried.retain(|lane| !Rc::ptr_eq(lane, &place.lane));
            match address.connect(shared, each.min(left)).await {
                Ok(transport) => {
                    self.connect_time = Some(shared.servers.now().saturating_sub(began));
                    return Ok(place.new_connection(transport));
                }
                Err(error) => {
                    address.fail(shared, Failure::Connect, place.since, &error.to_string());
                    place.lane.close_idle();
                    self.faults.push(format!("{}: {error}", address.at));
                }
            }
        }
        Err(joined(&self.faults))
    }

    /// The address that was chosen last.
    pub(crate) fn last(&self) -> Option<SocketAddr> {
        self.last.as_ref().map(|lane| lane.address.at)
    }

    /// How long it took until there was a new connection, where one was made.
    pub(crate) const fn connect_time(&self) -> Option<Duration> {
        self.connect_time
    }

    fn choose(&mut self) -> Option<Place> {
        let now = self.worker.shared.servers.now();
        let turn = self.upstream.turn.get();
        self.upstream.turn.set(turn.wrapping_add(1));
        let mut candidates: Vec<Candidate> = self
            .untried
            .iter()
            .map(|lane| Candidate {
                standing: lane.address.health.standing(now, self.is_safe),
                in_flight: lane.in_flight(),
            })
            .collect();
        loop {
            let chosen = choose(&candidates, turn)?;
            let lane = &self.untried[chosen];
            match candidates[chosen].standing {
                Standing::Due if !lane.address.health.claim_try(now) => {
                    // Another thread's request was faster.
                    candidates[chosen].standing = Standing::Out(u64::MAX);
                    continue;
                }
                Standing::Due | Standing::Out(_) => lane.close_idle(),
                Standing::Well => {}
            }
            self.last = Some(lane.clone());
            return Some(Place::take(lane.clone(), now));
        }
    }
}

/// Few enough that they overload no upstream, though each thread has so many of its own.
fn bounds(settings: &GatewaySettings) -> ConcurrencyBounds {
    let max = settings.upstream.concurrency_max;
    let min = (CONCURRENCY_MIN / settings.threads.max(1)).max(2).min(max);
    ConcurrencyBounds { min, max, short: SHORT / u32::try_from(settings.threads.max(1)).unwrap_or(u32::MAX) }
}

/// What was wrong with each address.
fn joined(faults: &[String]) -> String {
    let shown = faults.iter().take(FAULTS_SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
    match faults.len().saturating_sub(FAULTS_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
