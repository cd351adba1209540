//! Much at once, and nothing wrong with it.

use std::io::Write;

use super::{beside_an_honest_client, request, shop};
use crate::support::{
    Http2, Outcome, Reply, Shop,
    frames::{ACK, data, error, frame, headers, kind, last_data, last_headers, reset, window_update},
};

fn ask(shop: &Shop, connection: &mut Http2, streams: impl Iterator<Item = u32>) {
    let get = request(shop, "GET", "/v1/orders");
    let streams: Vec<u32> = streams.collect();
    connection.send(streams.iter().flat_map(|stream| last_headers(*stream, &get)).collect::<Vec<u8>>());
    for stream in streams {
        assert_eq!(connection.outcome(stream).answer().status, 200, "{stream}");
    }
}

#[test]
fn many_requests_one_by_one_and_at_once_are_served() {
    let shop = shop(&[]);
    let mut connection = Http2::open(shop.platform.gateway);
    (0..2000).for_each(|n| ask(&shop, &mut connection, std::iter::once(n * 2 + 1)));
    for round in 0..20 {
        ask(&shop, &mut connection, (0..100).map(|n| 5001 + (round * 100 + n) * 2));
    }
    assert_eq!(connection.goodbye, None);
}

/// As a client may that does not know the limit yet.
#[test]
fn what_was_too_much_at_once_may_be_sent_again() {
    let shop = shop(&[]);
    let get = request(&shop, "GET", "/v1/orders");
    let mut connection = Http2::open(shop.platform.gateway);
    let mut wanted: Vec<u32> = (0..300).map(|n| n * 2 + 1).collect();
    let (mut served, mut next) = (0, 601);
    while !wanted.is_empty() {
        connection.send(wanted.iter().flat_map(|stream| last_headers(*stream, &get)).collect::<Vec<u8>>());
        let mut again = Vec::new();
        for stream in wanted {
            match connection.outcome(stream) {
                Outcome::Answer(answer) if answer.status == 200 => served += 1,
                Outcome::Reset(error::REFUSED_STREAM) => {
                    again.push(next);
                    next += 2;
                }
                other => panic!("{stream}: {other:?}"),
            }
        }
        wanted = again;
    }
    assert_eq!((served, shop.live.count()), (300, 300), "what is refused was not passed on");
}

#[test]
fn cancelling_as_a_browser_does_is_no_flood() {
    let shop = shop(&[]);
    let get = request(&shop, "GET", "/v1/orders");
    let mut connection = Http2::open(shop.platform.gateway);
    // A page is left: all at once, before any was taken up.
    let all: Vec<u8> = (0..100).flat_map(|n| last_headers(n * 2 + 1, &get)).collect();
    let none: Vec<u8> = (0..100).flat_map(|n| reset(n * 2 + 1, error::CANCEL)).collect();
    connection.send([all, none].concat());
    ask(&shop, &mut connection, std::iter::once(1001));
    // Every second one, while the others are waited for.
    for round in 0..4 {
        let first = 1003 + round * 80;
        let mut bytes = Vec::new();
        for n in 0..20 {
            bytes.extend(last_headers(first + n * 4, &get));
            bytes.extend(last_headers(first + n * 4 + 2, &get));
            bytes.extend(reset(first + n * 4, error::CANCEL));
        }
        connection.send(bytes);
        for n in 0..20 {
            assert_eq!(connection.outcome(first + n * 4 + 2).answer().status, 200);
        }
    }
    assert_eq!(connection.goodbye, None);
}

#[test]
fn large_bodies_pass_through_small_windows() {
    let shop = shop(&[]);
    let large: Vec<u8> = (0..=250).cycle().take(50_000_000).collect();
    let body = large.clone();
    shop.live.answer(move |received| match received.method.as_str() {
        "GET" => Reply::Full { status: 200, headers: vec![], body: body.clone() },
        _ => Reply::json(201, "{}"),
    });
    let mut connection = Http2::open(shop.platform.gateway);
    connection.send(last_headers(1, request(&shop, "GET", "/v1/orders")));
    let answer = connection.outcome(1).answer();
    assert!(answer.status == 200 && answer.body == large, "{} bytes", answer.body.len());
    let upload = &large[..20_000_000];
    assert_eq!(connection.goodbye, None);
    let mut connection = Http2::open(shop.platform.gateway);
    let mut windows = Windows::open(&mut connection, 3, &request(&shop, "POST", "/v1/orders"));
    for piece in upload.chunks(10_000) {
        windows.send(&mut connection, piece);
    }
    connection.send(last_data(3, []));
    assert_eq!(connection.outcome(3).answer().status, 201);
    assert!(shop.live.last().body == upload);
    assert_eq!(connection.goodbye, None);
}

/// What a client may still send.
struct Windows {
    stream: u32,
    left: i64,
    connection_left: i64,
}

impl Windows {
    fn open(connection: &mut Http2, stream: u32, request: &[u8]) -> Self {
        connection.send(headers(stream, request));
        Self { stream, left: 65_535, connection_left: 65_535 }
    }

    fn send(&mut self, connection: &mut Http2, piece: &[u8]) {
        let length = i64::try_from(piece.len()).unwrap();
        while self.left < length || self.connection_left < length {
            let frame = connection.next().expect("the connection ended");
            match frame.kind {
                kind::WINDOW_UPDATE => {
                    let bytes = i64::from(u32::from_be_bytes(frame.payload.try_into().unwrap()));
                    if frame.stream == 0 {
                        self.connection_left += bytes;
                    } else if frame.stream == self.stream {
                        self.left += bytes;
                    }
                }
                kind::SETTINGS => {
                    if frame.flags & ACK == 0 {
                        connection.send(self::frame(kind::SETTINGS, ACK, 0, []));
                    }
                    for setting in frame.payload.chunks(6) {
                        if setting[..2] == [0, 4] {
                            let window = u32::from_be_bytes(setting[2..].try_into().unwrap());
                            self.left += i64::from(window) - 65_535;
                        }
                    }
                }
                kind::GOAWAY | kind::RST_STREAM => panic!("{frame:?}"),
                _ => {}
            }
        }
        self.left -= length;
        self.connection_left -= length;
        connection.send(data(self.stream, piece));
    }
}

#[test]
fn bodies_in_very_small_pieces_are_whole() {
    let shop = shop(&[]);
    let mut connection = Http2::open(shop.platform.gateway);
    connection.send(headers(1, request(&shop, "POST", "/v1/orders")));
    // Fills what may wait, in lines as of a log, and byte for byte.
    let lines: Vec<u8> = (0..900).flat_map(|_| data(1, [b'x'; 64])).collect();
    let bytes: Vec<u8> = (0..3000).flat_map(|_| data(1, "y")).collect();
    connection.send([lines, bytes, last_data(1, [])].concat());
    assert_eq!(connection.outcome(1).answer().status, 200);
    assert_eq!(shop.live.last().body.len(), 900 * 64 + 3000);
    // Each upload ends in an empty frame, as many clients have it.
    for n in 1..400 {
        let stream = n * 2 + 1;
        connection.send(headers(stream, request(&shop, "POST", "/v1/orders")));
        connection.send([data(stream, "{}"), last_data(stream, [])].concat());
        assert_eq!(connection.outcome(stream).answer().status, 200, "{stream}");
    }
    assert_eq!(connection.goodbye, None);
}

#[test]
fn events_that_are_acknowledged_one_by_one_go_on() {
    let shop = shop(&[]);
    let event = b"data: tick\n\n".to_vec();
    shop.live.answer(move |_| {
        let opened = crate::support::Gate::opened();
        Reply::Chunks(vec![(opened, event.clone()); 10_000])
    });
    let mut connection = Http2::open(shop.platform.gateway);
    // Each piece is answered by two window updates, and by a ping now and then.
    connection.send(last_headers(1, request(&shop, "GET", "/v1/events")));
    let answer = connection.outcome(1).answer();
    assert_eq!(answer.body.len(), 120_000);
    assert_eq!(connection.goodbye, None);
}

#[test]
fn pings_beside_a_large_answer_are_allowed() {
    let shop = shop(&[]);
    let large = vec![b'x'; 20_000_000];
    shop.live.answer(move |_| Reply::Full { status: 200, headers: vec![], body: large.clone() });
    let mut connection = Http2::open(shop.platform.gateway);
    connection.send(last_headers(1, request(&shop, "GET", "/v1/orders")));
    // One in each round trip, to measure it.
    let (mut pings, mut bytes) = (0, 0);
    while bytes < 20_000_000 {
        let answer = connection.next().expect("the connection ended");
        assert_ne!(answer.kind, kind::GOAWAY, "{answer:?} after {pings} pings");
        if answer.kind == kind::DATA {
            let length = answer.payload.len();
            bytes += length;
            if length > 0 {
                let length = u32::try_from(length).unwrap();
                connection.send([window_update(0, length), window_update(1, length)].concat());
            }
            if bytes / 32_768 > pings {
                pings += 1;
                connection.send(frame(kind::PING, 0, 0, [0; 8]));
            }
        }
    }
    assert!(pings > 300, "{pings}");
}

#[test]
fn uploads_that_are_refused_early_leave_the_connection_in_order() {
    let shop = shop(&[]);
    let nowhere = request(&shop, "POST", "/v1/nothing");
    let mut connection = Http2::open(shop.platform.gateway);
    beside_an_honest_client(&shop, || {
        let mut writer = connection.writer();
        for round in 0..5 {
            let streams: Vec<u32> = (0..80).map(|n| (round * 80 + n) * 2 + 1).collect();
            for stream in &streams {
                writer.write_all(&headers(*stream, &nowhere)).unwrap();
            }
            for stream in &streams {
                assert_eq!(connection.outcome(*stream).answer().status, 404);
            }
            // What was already on its way.
            for stream in &streams {
                writer.write_all(&[data(*stream, [b'x'; 500]), last_data(*stream, "y")].concat()).unwrap();
            }
        }
        let get = request(&shop, "GET", "/v1/orders");
        connection.send(last_headers(2001, &get));
        let outcome = connection.outcome(2001);
        assert!(matches!(outcome, Outcome::Answer(ref answer) if answer.status == 200), "{outcome:?}");
    });
}
