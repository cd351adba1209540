//! What is done for upstreams without a request: names are resolved again, and addresses checked. One thread does it.

use std::{collections::HashMap, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{HOST, USER_AGENT},
};
use tokio::sync::Semaphore;
use tollbar_http::Framing;

use super::{address::Address, connection::Connection, server::Server};
use crate::{
    forward::{Outbound, Request, converse},
    worker::Worker,
};

const TICK: Duration = Duration::from_secs(1);
/// Checks under way at once.
const CHECKS_MAX: usize = 64;

/// Takes care of all servers of the catalogue until the platform stops, unless another thread does.
pub(crate) async fn care(worker: Rc<Worker>) {
    if !worker.shared.servers.take_care() {
        return;
    }
    let checks = Rc::new(Semaphore::new(CHECKS_MAX));
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    // What the catalogue names is held, so that it is known before its first request and between them.
    let mut named = HashMap::new();
    loop {
        tokio::select! {
            () = worker.stopping() => return,
            _ = tick.tick() => look_after(&worker, &mut named, &checks),
        }
    }
}

fn look_after(worker: &Rc<Worker>, named: &mut HashMap<String, Arc<Server>>, checks: &Rc<Semaphore>) {
    let shared = &worker.shared;
    let snapshot = shared.directory.snapshot();
    let urls = snapshot.catalogue.apis().iter().flat_map(|api| api.record.upstreams.iter().flatten());
    let mut before = std::mem::take(named);
    for url in urls {
        if named.contains_key(url) {
            continue;
        }
        let known = before.remove(url).or_else(|| {
            let server = shared.servers.find(&url.parse().ok()?)?;
            server.show(&shared.metrics);
            Some(server)
        });
        if let Some(server) = known {
            named.insert(url.clone(), server);
        }
    }
    drop(before);
    for unused in shared.servers.take_unused() {
        unused.hide(&shared.metrics);
    }
    // What would be due before the middle of the next second is due now.
    let (settings, now) = (&shared.settings.upstream, shared.servers.now() + TICK / 2);
    for server in named.values() {
        if server.is_resolution_due(now, settings.resolve_every) {
            server.resolve(shared);
        }
        let Some(path) = &settings.health_path else { continue };
        if server.is_check_due(now, settings.health_every) {
            for address in server.addresses().iter() {
                let Some(checking) = address.begin_check() else { continue };
                let (worker, path, checks) = (worker.clone(), path.clone(), checks.clone());
                tokio::task::spawn_local(async move {
                    let _room = checks.acquire().await;
                    let outcome = check(&worker, &checking.0, &path).await;
                    checking.0.check(&worker.shared, outcome.err().as_deref());
                });
            }
        }
    }
}

/// One GET on a connection of its own. It is no request of anybody's: nothing is counted or logged.
async fn check(worker: &Worker, address: &Arc<Address>, path: &str) -> Result<(), String> {
    let shared = &worker.shared;
    let timeout = shared.settings.upstream.health_timeout;
    let headers = HeaderMap::from_iter([
        (HOST, address.server.authority.clone()),
        (USER_AGENT, HeaderValue::from_static("tollbar-health")),
    ]);
    let request = Request {
        method: Method::GET,
        target: path.into(),
        headers: Rc::new(headers),
        framing: Framing::None,
        upgrade: None,
    };
    let asking = async {
        let transport = address.connect(shared, timeout).await.map_err(|error| error.to_string())?;
        let body = Outbound { first: Bytes::new(), rest: None };
        let answered = converse(worker, Connection::apart(transport), request, body).await;
        answered.map(|(head, ..)| head.status).map_err(|failed| failed.cause().to_owned())
    };
    let asked = tokio::time::timeout(timeout, asking).await;
    match asked.unwrap_or_else(|_| Err(format!("no answer within {} s", timeout.as_secs()))) {
        Ok(status) if status.is_success() || status.is_redirection() => Ok(()),
        Ok(status) => Err(format!("the health check was answered with {}", status.as_u16())),
        Err(fault) => Err(format!("the health check failed: {fault}")),
    }
}
