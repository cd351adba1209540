//! How connections end that could go on for ever.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use super::{request, shop};
use crate::support::{
    Http2, Outcome, Reply, Ticker,
    frames::{error, last_headers, window_update},
};

#[test]
fn a_busy_connection_hears_of_a_stop_and_everything_on_it_is_answered() {
    let mut shop = shop(&[]);
    let get = request(&shop, "GET", "/v1/orders");
    let mut connection = Http2::open(shop.platform.gateway);
    let (mut stream, mut answered) = (1, 0);
    let mut stopped_at = None;
    // One after the other without a pause, until we are told that it ends.
    while connection.goodbye.is_none() {
        connection.send(last_headers(stream, &get));
        match connection.outcome(stream) {
            Outcome::Answer(answer) => assert_eq!(answer.status, 200),
            // Sent when it was too late: the last stream that is served is known by now.
            Outcome::GoAway(error::NO_ERROR) if stopped_at.is_some() => break,
            other => panic!("{stream}: {other:?}"),
        }
        stream += 2;
        answered += 1;
        if answered == 50 {
            shop.platform.terminate();
            stopped_at = Some(Instant::now());
        }
        let waited = stopped_at.map_or(Duration::ZERO, |at| at.elapsed());
        assert!(waited < Duration::from_secs(10), "{answered} requests, and no word of the end");
    }
    assert!(matches!(connection.end(), None | Some(error::NO_ERROR)));
    shop.platform.wait_for_end();
    assert!(stopped_at.unwrap().elapsed() < Duration::from_secs(20), "it waited for the drain time");
}

#[test]
fn a_reader_of_a_byte_now_and_then_is_cut_off() {
    let shop = shop(&[("gateway.write_timeout_seconds", "2")]);
    shop.live.answer(|_| Reply::Zeros(1_000_000));
    // No window at all, and then a byte at a time.
    let mut connection = Http2::open_with(shop.platform.gateway, &[(4, 0)]);
    connection.opens_windows = false;
    connection.send(last_headers(1, request(&shop, "GET", "/v1/events")));
    let mut writer = connection.writer();
    let (mut ticker, stop) = Ticker::every(Duration::from_millis(100));
    let drip =
        std::thread::spawn(move || while ticker.tick() && writer.write_all(&window_update(1, 1)).is_ok() {});
    let began = Instant::now();
    assert!(matches!(connection.outcome(1), Outcome::Reset(error::INTERNAL_ERROR)));
    assert!(began.elapsed() < Duration::from_secs(10));
    drop(stop);
    drop(connection);
    drip.join().unwrap();
}
