//! One running platform: store, data plane and control plane put together.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::{Arc, mpsc},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{net::TcpListener, runtime::Runtime};
use tollbar_control::{Control, ControlSettings, Keyed, LeftOut, Lifetimes, RequestKeeping};
use tollbar_core::{
    Clock, Directory, PolicyState,
    port::{PolicyStore, StoreFailure},
    secret::sha256,
};
use tollbar_gateway::{Adopting, GatewaySettings, Metrics, Parts, Queued, Relaying, RequestIds, Shared};
use tollbar_store::{Store, StoreOptions};

use crate::{
    clock::{AnchoredClock, Machine},
    config::{Config, plain_http_fault},
    data_folder::{Announcement, DataFolder, Running},
    handover::{Listener, Sockets},
    keyring::{self, Unlocked},
    tls::{Renewal, Tls},
};

mod control_thread;
mod file_limit;
mod load;
mod outdated;
mod settings;

use control_thread::ControlThread;
use load::{first_changes, load, note_restore};
use outdated::read_outdated_again;

/// A process that ends lets go of its files one after the other: its lock may come after its end was noticed.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// How long the store may take to say that it can be written; it waits for another program that has it locked.
const LEAVING_CHECK: Duration = Duration::from_secs(15);

/// A running platform.
pub(crate) struct Instance {
    /// Where it listens.
    pub(crate) urls: Running,
    gateway: tollbar_gateway::Running,
    control: ControlThread,
    store: Store,
    announcement: Announcement,
    certificates: Renewal,
}

/// What a start has at hand before it opens the store.
struct Prepared {
    operator_token: String,
    clock: Arc<AnchoredClock>,
    tls: Tls,
}

impl Instance {
    /// Starts everything. When this returns, all listeners answer.
    pub(crate) fn start(config: &Config, data: &DataFolder) -> Result<Self> {
        Self::start_on(&mut Sockets::default(), config, data, Duration::ZERO)
    }

    /// The same on sockets that are open, after another process that may not have let go of the folder entirely.
    pub(crate) fn follow(sockets: &mut Sockets, config: &Config, data: &DataFolder) -> Result<Self> {
        Self::start_on(sockets, config, data, LOCK_PATIENCE)
    }

    /// Finds out what would keep a start from succeeding, before a running server is asked to leave.
    pub(crate) fn check(config: &Config, data: &DataFolder) -> Result<()> {
        crate::tls::check(config)?;
        data.master_secret()?;
        data.operator_token()?;
        file_limit::connections_that_fit();
        Ok(())
    }

    /// The same of the store of a server that is still to leave; what cannot be read beside it is tried when it has left.
    pub(crate) fn check_following(data: &DataFolder) -> Result<()> {
        // What waits takes the place of what is read here.
        if tollbar_store::is_pending(data.path()) {
            return Ok(());
        }
        tollbar_store::check_schemas(data.path())?;
        match tollbar_store::read_keyring(data.path()) {
            Ok(keyring) => keyring::check(&data.master_secret()?, &keyring, data),
            Err(_) => Ok(()),
        }
    }

    /// Starts everything on these sockets, and adds those that are missing. Waits for so long where another process has
    /// the folder.
    pub(crate) fn start_on(
        sockets: &mut Sockets,
        config: &Config,
        data: &DataFolder,
        patience: Duration,
    ) -> Result<Self> {
        let clock = Arc::new(AnchoredClock::start(Machine));
        let tls = Tls::load(config, clock.clone())?;
        // The master secret first: a store without it would have to be thrown away.
        data.master_secret()?;
        let operator_token = data.operator_token()?;
        let store = open(sockets, config, data, patience, &clock)?;
        // An end in good order also where the start fails: it is no power loss.
        let parts = Prepared { operator_token, clock, tls };
        Self::start_with(&store, sockets, parts, config, data).inspect_err(|_| {
            let _ = store.clone().close();
        })
    }

    fn start_with(
        store: &Store,
        sockets: &mut Sockets,
        Prepared { operator_token, clock, tls }: Prepared,
        config: &Config,
        data: &DataFolder,
    ) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut state = runtime.block_on(store.load()).with_context(|| cannot_read(data))?;
        // Read again: now that the store is ours nobody else changes it.
        let Unlocked { secrets, to_store } =
            keyring::unlock(&data.master_secret()?, &state, data, clock.now())?;
        let directory = Arc::new(Directory::new(config.route_settings(), secrets));
        runtime
            .block_on(read_outdated_again(store, &mut state, &directory.routes, clock.now()))
            .context("what an older version stored cannot be renewed")?;
        let lifetime = config.tokens.lifetime_seconds;
        let first = first_changes(&state, to_store, &directory, lifetime, clock.now())?;
        let last_change = runtime.block_on(load(store, state, first, &directory, &*clock))?;
        let last_change = runtime.block_on(note_restore(store, last_change, clock.now()))?;
        warn_of_upstreams(&directory, &tls);

        let mut settings = settings::gateway(config);
        settings.connections_max =
            file_limit::lowered(settings.connections_max, config.connections_max_is_set);
        let gateway_address = bind(sockets, config)?;
        let admin = listen(&runtime, sockets, Listener::Admin)?;
        let ops = listen(&runtime, sockets, Listener::Ops)?;
        let addresses = [gateway_address, admin.local_addr()?, ops.local_addr()?];
        settings.own_addresses = addresses.to_vec();
        let [gateway_url, admin_url, ops_url] = addresses.map(|address| format!("http://{address}"));
        let gateway_url = gateway_url.replacen("http", tls.scheme(), 1);

        let request_ids =
            runtime.block_on(RequestIds::start(directory.secrets.request_id_key(), store, clock.now()))?;
        let shared = Arc::new(shared(settings, &directory, &clock, store, request_ids, &gateway_url, &tls));
        let control = control(config, &shared, store, &operator_token, &gateway_url, last_change, &tls);
        let journals =
            (0..config.gateway_threads()).map(|n| store.journal(n)).collect::<Result<Vec<_>, _>>()?;
        let gateway = tollbar_gateway::start(sockets.of(Listener::Gateway)?, &shared, journals)
            .context("the gateway cannot be started")?;
        let control =
            ControlThread::start(runtime, [admin, ops], control, shared, clock, store.clone(), &tls.renewal)?;
        let (pid, folder) = (std::process::id(), data.identity());
        let urls = Running { pid, gateway: gateway_url, admin: admin_url, ops: ops_url, folder };
        let announcement = data.announce(urls.clone())?;
        Ok(Self { urls, gateway, control, store: store.clone(), announcement, certificates: tls.renewal })
    }

    /// Reads certificates and keys again, now.
    pub(crate) fn reload(&self) {
        self.certificates.ask();
    }

    /// Answers what was accepted, then ends everything in good order. Sockets that are open elsewhere too are its own
    /// to close.
    pub(crate) fn stop(self) -> Result<()> {
        self.stop_leaving(Queued::Taken)
    }

    /// The same; `queued` says what becomes of connections that nobody has accepted.
    pub(crate) fn stop_leaving(self, queued: Queued) -> Result<()> {
        self.control.drain();
        self.gateway.drain(queued).context("the gateway did not drain")?;
        let ended = self.control.end();
        drop(self.announcement);
        close(self.store)?;
        ended
    }

    /// The same for a successor, which gets idle connections: ends everything but answers that are being delivered. It
    /// stays announced, and ready, until the successor is. Says also whether all ended in good order; an error of its own
    /// only where the successor could not have the store.
    pub(crate) fn hand_over(
        self,
        queued: Queued,
        idle: mpsc::Sender<TcpStream>,
    ) -> Result<(Relaying, Announcement, Result<()>)> {
        let relaying = self.gateway.hand_over(queued, idle);
        let ended = self.control.end();
        let closed = close(self.store.clone());
        match closed {
            Err(error) if self.store.is_locked() => Err(error),
            closed => Ok((relaying, self.announcement, closed.and(ended))),
        }
    }

    /// Finds out, when asked, what would keep the store from being closed here and opened by a successor.
    pub(crate) fn may_leave(&self) -> impl Fn() -> Result<()> + Send + 'static {
        let store = self.store.clone();
        move || {
            store.check_room()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let checked = async { tokio::time::timeout(LEAVING_CHECK, store.check()).await };
            let checked = runtime.block_on(checked);
            Ok(checked.context("the disk does not answer in time")??)
        }
    }

    /// For connections of a predecessor.
    pub(crate) fn adopting(&self) -> Adopting {
        self.gateway.adopting()
    }
}

/// The gateway's sockets, where the configuration wants them.
pub(crate) fn bind_gateway(config: &Config) -> io::Result<Vec<std::net::TcpListener>> {
    tollbar_gateway::bind(&settings::gateway(config))
}

fn open(
    sockets: &mut Sockets,
    config: &Config,
    data: &DataFolder,
    patience: Duration,
    clock: &AnchoredClock,
) -> Result<Store> {
    let mut options = StoreOptions::of_this_machine();
    options.clock_offset_millis = Some(clock.offset_millis());
    options.lock_patience = patience;
    options.request_log_bytes = config.requests.keep_bytes;
    // Whoever had it before may have to serve again, and knows nothing of what this version makes of it.
    let mut accept = |state| {
        let tried = bind(sockets, config).and_then(|_| try_out(state, config, data, clock));
        tried.map_err(|error| StoreFailure::new(format!("{error:#}")))
    };
    Store::open_if(data.path(), &options, &mut accept).context("the store cannot be opened")
}

/// Binds what is not bound yet; where partners call.
fn bind(sockets: &mut Sockets, config: &Config) -> Result<SocketAddr> {
    sockets.bind_missing(config)?;
    // What it is bound to need not be what was asked for.
    let address = sockets.address(Listener::Gateway)?;
    if let Some(fault) = plain_http_fault(config, address) {
        bail!("the gateway does not serve: {fault}");
    }
    Ok(address)
}

/// Whether what an earlier version stored can be served: unlocked and taken into memory.
fn try_out(state: PolicyState, config: &Config, data: &DataFolder, clock: &AnchoredClock) -> Result<()> {
    let Unlocked { secrets, to_store } = keyring::unlock(&data.master_secret()?, &state, data, clock.now())?;
    let directory = Directory::new(config.route_settings(), secrets);
    first_changes(&state, to_store, &directory, config.tokens.lifetime_seconds, clock.now())?;
    directory.load(state).context("the stored policy cannot be used")
}

fn cannot_read(data: &DataFolder) -> String {
    let folder = data.path().display();
    format!(
        "what is stored in {folder}/tollbar.db cannot be read; `tollbar doctor --full --data {folder}` says what is wrong with \
         it, and `tollbar restore BACKUP --replace --data {folder}` puts a backup in its place"
    )
}

fn close(store: Store) -> Result<()> {
    store.close().context("the store did not end in good order; the next start takes it up")
}

fn listen(runtime: &Runtime, sockets: &Sockets, listener: Listener) -> Result<TcpListener> {
    let _inside = runtime.enter();
    Ok(TcpListener::from_std(sockets.one_of(listener)?)?)
}

fn shared(
    settings: GatewaySettings,
    directory: &Arc<Directory>,
    clock: &Arc<AnchoredClock>,
    store: &Store,
    request_ids: RequestIds,
    url: &str,
    tls: &Tls,
) -> Shared {
    let parts = Parts {
        settings,
        directory: directory.clone(),
        clock: clock.clone(),
        policy: Arc::new(store.clone()),
        allowance: Arc::new(store.clone()),
        idempotency: Arc::new(store.clone()),
        requests: Arc::new(store.clone()),
        request_ids,
        metrics: Arc::new(Metrics::default()),
        tls: tls.gateway.clone(),
        upstream_tls: tls.upstream.clone(),
    };
    Shared::new(parts, url)
}

fn control(
    config: &Config,
    shared: &Shared,
    store: &Store,
    operator_token: &str,
    gateway_url: &str,
    last_change: u64,
    tls: &Tls,
) -> Control {
    let settings = ControlSettings {
        operator_token: sha256(&[operator_token.as_bytes()]),
        brand: config.keys.brand.clone(),
        own_addresses: shared.settings.own_addresses.clone(),
        authorities_are_known: tls.authorities_are_known,
        gateway_url: config.gateway.public_url.clone().unwrap_or_else(|| gateway_url.to_owned()),
        version: env!("CARGO_PKG_VERSION"),
        started_at: shared.clock.now(),
    };
    let store = Arc::new(store.clone());
    let keyed = Keyed { store: store.clone(), under_way: shared.under_way() };
    let metrics = shared.metrics.clone();
    let keeping = RequestKeeping {
        days: config.requests.keep_days,
        bytes: config.requests.keep_bytes,
        ids: store.clone(),
        left_out: Arc::new(move || LeftOut {
            errors: metrics.log_left_out.get(),
            successes: metrics.log_successes_left_out.get(),
        }),
    };
    Control::new(
        shared.directory.clone(),
        store.clone(),
        store.clone(),
        store.clone(),
        shared.clock.clone(),
        settings,
        last_change,
    )
    .with_upkeep(store)
    .with_keyed(keyed)
    .with_lifetimes(Lifetimes {
        token_seconds: config.tokens.lifetime_seconds,
        answer_seconds: config.idempotency.keep_seconds,
    })
    .with_request_keeping(keeping)
}

/// An upstream whose certificate nothing speaks for will not be reached.
fn warn_of_upstreams(directory: &Directory, tls: &Tls) {
    let is_tls = |url: &String| url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
    let snapshot = directory.snapshot();
    let mut upstreams =
        snapshot.catalogue.apis().iter().flat_map(|api| api.record.upstreams.iter().flatten());
    if !tls.authorities_are_known && upstreams.any(is_tls) {
        tracing::warn!(
            "no certificate authority is known, so no https upstream can be trusted; install the system's certificates \
             (package ca-certificates) or set upstream.ca_file"
        );
    }
}
