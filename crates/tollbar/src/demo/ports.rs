//! The usual ports, or free ones where those are taken: a demo should start.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};

use crate::{config::Config, data_folder::Running};

/// A listener whose usual address somebody else has.
pub(super) struct Taken {
    listener: &'static str,
    address: SocketAddr,
}

/// Lets each listener whose address is taken have a free port.
pub(super) fn avoid_taken(config: &mut Config) -> Vec<Taken> {
    let listeners = [
        ("gateway", &mut config.gateway.listen),
        ("admin", &mut config.admin.listen),
        ("ops", &mut config.ops.listen),
    ];
    let mut taken = Vec::new();
    for (listener, address) in listeners {
        // Every other error is told when the platform starts.
        if TcpListener::bind(*address).is_err_and(|fault| fault.kind() == ErrorKind::AddrInUse) {
            taken.push(Taken { listener, address: *address });
            address.set_port(0);
        }
    }
    taken
}

/// What has to be said about it.
pub(super) fn notes(taken: &[Taken], urls: &Running) -> Vec<String> {
    let note = |Taken { listener, address }: &Taken| {
        let url = match *listener {
            "gateway" => &urls.gateway,
            "admin" => &urls.admin,
            _ => &urls.ops,
        };
        format!("{address} is taken by another program; the {listener} listener is at {url} instead")
    };
    taken.iter().map(note).collect()
}
