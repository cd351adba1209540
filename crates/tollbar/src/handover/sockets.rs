//! Listening sockets by the listener that they are of: found open, or bound.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
};

use anyhow::{Context, Result, bail};
use listenfd::ListenFd;

use super::systemd;
use crate::{
    config::{Config, Variables},
    instance,
};

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Listener {
    /// For partners; may have several sockets.
    Gateway,
    /// The admin API.
    Admin,
    /// For load balancers and Prometheus.
    Ops,
}

/// The listening sockets of a server.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    open: BTreeMap<Listener, Vec<TcpListener>>,
    /// systemd has them open as well.
    shared: Vec<Listener>,
    /// Idle connections that systemd kept.
    pub(crate) connections: Vec<TcpStream>,
}

impl Listener {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Gateway, Self::Admin, Self::Ops];

    /// As it is called in `FileDescriptorName=`, and between two servers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Admin => "admin",
            Self::Ops => "ops",
        }
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|listener| listener.name() == name)
    }

    /// Where it is to listen.
    fn address(self, config: &Config) -> SocketAddr {
        match self {
            Self::Gateway => config.gateway.listen,
            Self::Admin => config.admin.listen,
            Self::Ops => config.ops.listen,
        }
    }
}

impl Sockets {
    /// What systemd passes (`LISTEN_FDS`, `LISTEN_FDNAMES`): a server that is started for its sockets has them already.
    pub(crate) fn from_systemd(variables: &Variables) -> Result<Self> {
        let mut passed = ListenFd::from_env();
        let names: Vec<&str> = variables.find("LISTEN_FDNAMES").unwrap_or_default().split(':').collect();
        let mut sockets = Self::default();
        let is_connection = |number: &usize| names.get(*number) == Some(&systemd::CONNECTION);
        let listening = (0..passed.len()).filter(|number| !is_connection(number)).count();
        for number in 0..passed.len() {
            if is_connection(&number) {
                // One that cannot be used is closed: its client connects again.
                if let Ok(Some(socket)) = passed.take_tcp_listener(number) {
                    sockets.connections.push(TcpStream::from(OwnedFd::from(socket)));
                }
                continue;
            }
            let name = names.get(number).copied().unwrap_or_default();
            let listener = match Listener::find(name) {
                Some(listener) => listener,
                // systemd names a socket after its unit if nobody else does.
                None if listening == 1 => Listener::Gateway,
                None => bail!(
                    "systemd passes {listening} sockets, and number {} is named `{name}`: set FileDescriptorName= of each \
                     socket unit to gateway, admin or ops",
                    number + 1
                ),
            };
            let what = || format!("the socket that systemd passes for {}", listener.name());
            let socket = passed.take_tcp_listener(number).with_context(what)?;
            let socket = socket.with_context(|| format!("{} is not there", what()))?;
            if !rustix::net::sockopt::socket_acceptconn(&socket)? {
                bail!("{} does not listen; give it as ListenStream=, with Accept=no", what());
            }
            sockets.open.entry(listener).or_default().push(socket);
        }
        for listener in [Listener::Admin, Listener::Ops] {
            let count = sockets.open.get(&listener).map_or(0, Vec::len);
            if count > 1 {
                bail!("systemd passes {count} sockets for {}, which has one", listener.name());
            }
        }
        sockets.shared = sockets.open.keys().copied().collect();
        for socket in sockets.open.values().flatten() {
            socket.set_nonblocking(true)?;
        }
        Ok(sockets)
    }

    /// What is not where the configuration says: systemd's socket units decide.
    pub(crate) fn warnings(&self, config: &Config) -> Vec<String> {
        let mut warnings = Vec::new();
        for (listener, sockets) in &self.open {
            let (name, wanted) = (listener.name(), listener.address(config));
            if let Some(Ok(address)) = sockets.first().map(TcpListener::local_addr)
                && !matches(wanted, address)
            {
                warnings.push(format!(
                    "{name}.listen = {wanted} is not used: systemd's socket unit says {address}"
                ));
            }
        }
        warnings
    }

    pub(super) fn add(&mut self, listener: Listener, sockets: impl IntoIterator<Item = TcpListener>) {
        self.open.entry(listener).or_default().extend(sockets);
    }

    /// Goes on with those sockets of another server that are where the configuration says. The others are closed.
    pub(super) fn keep_matching(&mut self, received: Self, config: &Config) -> Result<Vec<String>> {
        let mut kept = Vec::new();
        for (listener, sockets) in received.open {
            let wanted = listener.address(config);
            let addresses = sockets.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
            if !self.open.contains_key(&listener) && addresses.iter().all(|address| matches(wanted, *address))
            {
                for socket in &sockets {
                    socket.set_nonblocking(true)?;
                }
                self.open.insert(listener, sockets);
                kept.push(listener.name().to_owned());
            }
        }
        Ok(kept)
    }

    /// Binds what is not open yet.
    pub(crate) fn bind_missing(&mut self, config: &Config) -> Result<()> {
        for listener in Listener::ALL {
            let (name, address) = (listener.name(), listener.address(config));
            let Entry::Vacant(missing) = self.open.entry(listener) else { continue };
            missing.insert(match listener {
                Listener::Gateway => instance::bind_gateway(config)
                    .with_context(|| format!("the gateway cannot listen on {address}"))?,
                Listener::Admin | Listener::Ops => vec![
                    TcpListener::bind(address)
                        .with_context(|| format!("the {name} listener cannot listen on {address}"))?,
                ],
            });
        }
        for socket in self.open.values().flatten() {
            socket.set_nonblocking(true)?;
        }
        Ok(())
    }

    /// The same sockets once more.
    pub(crate) fn of(&self, listener: Listener) -> io::Result<Vec<TcpListener>> {
        self.open.get(&listener).into_iter().flatten().map(TcpListener::try_clone).collect()
    }

    /// The same socket of a listener that has one.
    pub(crate) fn one_of(&self, listener: Listener) -> Result<TcpListener> {
        let name = listener.name();
        self.of(listener)?.pop().with_context(|| format!("the {name} listener has no socket"))
    }

    /// Where a listener listens.
    pub(crate) fn address(&self, listener: Listener) -> Result<SocketAddr> {
        Ok(self.one_of(listener)?.local_addr()?)
    }

    /// Whether somebody else keeps the listener's sockets open when this process ends.
    pub(crate) fn outlives_us(&self, listener: Listener) -> bool {
        self.shared.contains(&listener)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Listener, &[TcpListener])> {
        self.open.iter().map(|(listener, sockets)| (*listener, sockets.as_slice()))
    }
}

/// Port 0 takes any.
fn matches(wanted: SocketAddr, open: SocketAddr) -> bool {
    wanted == open || (wanted.port() == 0 && wanted.ip() == open.ip())
}
