//! Clients that mean well: each of their requests is answered.

use std::{
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::{Duration, Instant},
};

use super::http2;
use crate::support::{Connection, Platform, ShopClient, Ticker, connect_from, get, own_address};

/// A pause between two requests, so that there is something left of the machine for the others.
const STEP: Duration = Duration::from_millis(10);
/// A connection that is kept is kept for so many.
const REQUESTS_PER_CONNECTION: usize = 500;
const TARGET: &str = "/v1/orders";

/// How an honest client calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Http1Kept,
    Http1New,
    Http2Kept,
    Http2New,
}

pub(super) const WAYS: [Way; 4] = [Way::Http1Kept, Way::Http1New, Way::Http2Kept, Way::Http2New];

/// Makes requests until it is over; panics if one fails. Gives back how long they took,
/// the quickest first.
pub(super) fn call(
    way: Way,
    platform: &Platform,
    client: &ShopClient,
    made: &AtomicUsize,
    is_over: &dyn Fn() -> bool,
) -> Vec<Duration> {
    let (mut ticker, _stop) = Ticker::every(STEP);
    let (mut http1, mut http2) = (None, None);
    let mut took = Vec::new();
    while !is_over() && ticker.tick() {
        let began = Instant::now();
        if took.len() % REQUESTS_PER_CONNECTION == 0 {
            (http1, http2) = (None, None);
        }
        match way {
            Way::Http1Kept => {
                let connection = http1.get_or_insert_with(|| Connection::open(platform.gateway));
                connection
                    .send(format!("GET {TARGET} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", client.key));
                assert_eq!(connection.receive().status, 200);
            }
            Way::Http1New => {
                let response = get(platform.gateway, TARGET, &[("X-API-Key", &client.key)]);
                assert_eq!(response.status, 200, "{response:?}");
            }
            Way::Http2Kept => {
                let connection = http2.get_or_insert_with(|| http2::Client::begin(connect(platform)));
                connection.get(TARGET, &client.key);
            }
            Way::Http2New => http2::Client::begin(connect(platform)).get(TARGET, &client.key),
        }
        took.push(began.elapsed());
        made.fetch_add(1, SeqCst);
    }
    took.sort();
    took
}

fn connect(platform: &Platform) -> TcpStream {
    connect_from(own_address(1), platform.gateway).unwrap()
}
