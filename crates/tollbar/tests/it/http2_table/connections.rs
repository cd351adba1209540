//! RFC 9113, sections 3.4, 4 and 6: the preface, and frames by themselves.

use super::{
    Expected::{Closed, GoAway, Passed, Reset},
    Rows, View,
};
use crate::support::frames::{
    ACK, END_HEADERS, END_STREAM, PADDED, PREFACE, PRIORITISED, data,
    error::{ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, PROTOCOL_ERROR},
    frame, kind, last_data, settings, window_update,
};

pub(super) fn add(rows: &mut Rows) {
    add_prefaces(rows);
    add_sizes(rows);
    add_ignored(rows);
    add_padding_and_priority(rows);
    add_settings(rows);
    add_windows(rows);
    add_others(rows);
}

fn orders() -> View {
    View::get("/orders")
}

fn add_prefaces(rows: &mut Rows) {
    let get = rows.get().whole();
    let with = |bytes: &[u8]| [PREFACE, bytes].concat();
    rows.add_bare("a preface and nothing more", with(&[]), Closed);
    rows.add_bare("a preface without settings", with(&get), GoAway(PROTOCOL_ERROR));
    rows.add_bare("a ping before settings", with(&frame(kind::PING, 0, 0, [0; 8])), GoAway(PROTOCOL_ERROR));
    rows.add_bare("data before settings", with(&data(1, "x")), GoAway(PROTOCOL_ERROR));
    rows.add_bare(
        "an acknowledgement before settings",
        with(&[frame(kind::SETTINGS, ACK, 0, []), get.clone()].concat()),
        GoAway(PROTOCOL_ERROR),
    );
    rows.add_bare(
        "half a frame, and then the end",
        with(&[settings(&[]), get[..20].to_vec()].concat()),
        Closed,
    );
    rows.add_bare("half a frame header, and then the end", with(&[0, 0, 4]), Closed);
    rows.add("a preface again", [PREFACE, &get].concat(), GoAway(ENHANCE_YOUR_CALM));
}

fn add_sizes(rows: &mut Rows) {
    let over = vec![0; 16_385];
    rows.add(
        "data over the frame size",
        [rows.post().open(), last_data(1, &over)].concat(),
        GoAway(FRAME_SIZE_ERROR),
    );
    rows.add(
        "headers over the frame size",
        rows.get().add("x", "y".repeat(16_384)).whole(),
        GoAway(FRAME_SIZE_ERROR),
    );
    rows.add("an unknown frame over the frame size", frame(0xfa, 0, 0, &over), GoAway(ENHANCE_YOUR_CALM));
    // The library says PROTOCOL_ERROR for most of these; the connection ends either way.
    for (name, kind, flags, stream, length) in [
        ("a ping of 7 bytes", kind::PING, 0, 0, 7),
        ("a ping of 9 bytes", kind::PING, 0, 0, 9),
        ("settings of 5 bytes", kind::SETTINGS, 0, 0, 5),
        ("an acknowledgement with settings in it", kind::SETTINGS, ACK, 0, 6),
        ("a window update of 3 bytes", kind::WINDOW_UPDATE, 0, 0, 3),
        ("a window update of 5 bytes", kind::WINDOW_UPDATE, 0, 0, 5),
        ("a goaway of 7 bytes", kind::GOAWAY, 0, 0, 7),
        ("a reset of 3 bytes", kind::RST_STREAM, 0, 1, 3),
        ("a reset of 5 bytes", kind::RST_STREAM, 0, 1, 5),
        ("a priority of 4 bytes", kind::PRIORITY, 0, 3, 4),
    ] {
        let bytes = [rows.post().open(), frame(kind, flags, stream, vec![0; length])].concat();
        rows.add(name, bytes, GoAway(PROTOCOL_ERROR));
    }
}

fn add_ignored(rows: &mut Rows) {
    let get = rows.get();
    let whole = get.whole();
    let then = |bytes: Vec<u8>| [bytes, whole.clone()].concat();
    rows.add("an unknown frame", then(frame(0xfa, 0xff, 0, "whatever")), Passed(orders()));
    rows.add("an unknown frame on a stream", then(frame(0xfa, 0xff, 1, "whatever")), Passed(orders()));
    rows.add("flags that mean nothing", then(frame(kind::PING, 0xfe, 0, [0; 8])), Passed(orders()));
    let mut reserved = whole.clone();
    reserved[5] |= 0x80;
    rows.add("a reserved bit beside the stream", reserved, Passed(orders()));
    let unknown = END_HEADERS | END_STREAM | 0x40 | 0x80;
    rows.add("headers with unknown flags", frame(kind::HEADERS, unknown, 1, get.block()), Passed(orders()));
    rows.add(
        "an acknowledged ping that nobody sent",
        then(frame(kind::PING, ACK, 0, [0; 8])),
        Passed(orders()),
    );
    let acknowledged = frame(kind::SETTINGS, ACK, 0, []).repeat(3);
    rows.add("settings acknowledged that nobody sent", then(acknowledged), GoAway(PROTOCOL_ERROR));
    rows.add(
        "a priority of an idle stream",
        then(frame(kind::PRIORITY, 0, 9, [0, 0, 0, 0, 1])),
        Passed(orders()),
    );
    rows.add(
        "an idle stream that depends on another",
        then(frame(kind::PRIORITY, 0, 9, [0x80, 0, 0, 7, 255])),
        Passed(orders()),
    );
}

fn add_padding_and_priority(rows: &mut Rows) {
    let (get, post) = (rows.get(), rows.post());
    let flags = END_HEADERS | END_STREAM;
    let padded = |pad: u8, filled: usize| [&[pad][..], &get.block(), &vec![0; filled]].concat();
    rows.add("padded headers", frame(kind::HEADERS, flags | PADDED, 1, padded(20, 20)), Passed(orders()));
    rows.add(
        "headers padded beyond their end",
        frame(kind::HEADERS, flags | PADDED, 1, [200, 0, 0]),
        GoAway(PROTOCOL_ERROR),
    );
    rows.add(
        "padded headers of no bytes",
        frame(kind::HEADERS, flags | PADDED, 1, []),
        GoAway(PROTOCOL_ERROR),
    );
    let prioritised = |on: u32| [&on.to_be_bytes()[..], &[16], &get.block()].concat();
    rows.add(
        "headers with a priority",
        frame(kind::HEADERS, flags | PRIORITISED, 1, prioritised(0x8000_0000)),
        Passed(orders()),
    );
    rows.add(
        "headers that depend on themselves",
        frame(kind::HEADERS, flags | PRIORITISED, 1, prioritised(1)),
        Reset(PROTOCOL_ERROR),
    );
    rows.add(
        "headers too short for their priority",
        frame(kind::HEADERS, flags | PRIORITISED, 1, [0; 4]),
        GoAway(PROTOCOL_ERROR),
    );
    rows.add(
        "a stream that depends on itself",
        [post.open(), frame(kind::PRIORITY, 0, 1, [0, 0, 0, 1, 1])].concat(),
        Reset(PROTOCOL_ERROR),
    );
    rows.add(
        "a priority of the connection",
        frame(kind::PRIORITY, 0, 0, [0, 0, 0, 1, 1]),
        GoAway(PROTOCOL_ERROR),
    );
    let body = |flags: u8, bytes: &[u8]| [post.open(), frame(kind::DATA, flags, 1, bytes)].concat();
    rows.add("padded data", body(END_STREAM | PADDED, b"\x03{}\0\0\0"), Passed(View::post(b"{}")));
    rows.add(
        "data that is padding alone",
        [body(PADDED, b"\x03\0\0\0"), last_data(1, "{}")].concat(),
        Passed(View::post(b"{}")),
    );
    rows.add(
        "data padded beyond its end",
        body(END_STREAM | PADDED, b"\x07{}\0\0\0"),
        GoAway(PROTOCOL_ERROR),
    );
    rows.add(
        "data padded by its whole length",
        body(END_STREAM | PADDED, b"\x04{}\0"),
        GoAway(PROTOCOL_ERROR),
    );
    rows.add("padding that is not nought", body(END_STREAM | PADDED, b"\x03{}\0"), Passed(View::post(b"")));
    rows.add("padded data of no bytes", body(END_STREAM | PADDED, b""), GoAway(PROTOCOL_ERROR));
}

fn add_settings(rows: &mut Rows) {
    let whole = rows.get().whole();
    for (name, setting, value, code) in [
        ("a push setting of 2", 2, 2, PROTOCOL_ERROR),
        ("an initial window over the most", 4, 0x8000_0000, FLOW_CONTROL_ERROR),
        ("a frame size under the least", 5, 16_383, PROTOCOL_ERROR),
        ("a frame size over the most", 5, 16_777_216, PROTOCOL_ERROR),
    ] {
        // The library says PROTOCOL_ERROR for a window too.
        let code = if code == FLOW_CONTROL_ERROR { PROTOCOL_ERROR } else { code };
        rows.add(name, settings(&[(setting, value)]), GoAway(code));
    }
    for (name, values) in [
        ("an unknown setting", &[(0xfafa, 7)][..]),
        ("a push setting of 1", &[(2, 1)]),
        ("no table for compression", &[(1, 0)]),
        ("a huge table for compression", &[(1, u32::MAX)]),
        ("a setting twice", &[(4, 1), (4, 70_000)]),
        ("no streams allowed to us", &[(3, 0)]),
        ("the largest frames", &[(5, 16_777_215)]),
    ] {
        rows.add(name, [settings(values), whole.clone()].concat(), Passed(orders()));
    }
    rows.add(
        "settings of a stream",
        frame(kind::SETTINGS, 0, 1, [0, 4, 0, 0, 255, 255]),
        GoAway(PROTOCOL_ERROR),
    );
}

fn add_windows(rows: &mut Rows) {
    let post = rows.post().open();
    let then = |bytes: Vec<u8>| [post.clone(), bytes].concat();
    rows.add("a window update of nothing", then(window_update(0, 0)), GoAway(PROTOCOL_ERROR));
    // The library takes it for an error of the connection, as section 5.4.2 allows.
    rows.add("a stream's window update of nothing", then(window_update(1, 0)), GoAway(PROTOCOL_ERROR));
    rows.add("a window over the most", then(window_update(0, 0x7fff_ffff)), GoAway(FLOW_CONTROL_ERROR));
    rows.add(
        "a stream's window over the most",
        then(window_update(1, 0x7fff_ffff)),
        Reset(FLOW_CONTROL_ERROR),
    );
    rows.add(
        "a stream's window over the most by settings",
        then([window_update(1, 0x7fff_0000), settings(&[(4, 0x7fff_ffff)])].concat()),
        GoAway(FLOW_CONTROL_ERROR),
    );
    rows.add("a window update of an idle stream", window_update(5, 1), GoAway(PROTOCOL_ERROR));
}

fn add_others(rows: &mut Rows) {
    let get = rows.get();
    let promise = [&4_u32.to_be_bytes()[..], &get.block()].concat();
    rows.add(
        "a push by a client",
        [rows.post().open(), frame(kind::PUSH_PROMISE, END_HEADERS, 1, promise)].concat(),
        GoAway(PROTOCOL_ERROR),
    );
    rows.add("a ping of a stream", frame(kind::PING, 0, 1, [0; 8]), GoAway(PROTOCOL_ERROR));
    rows.add("a goaway of a stream", frame(kind::GOAWAY, 0, 1, [0; 8]), GoAway(PROTOCOL_ERROR));
    let goaway = [PREFACE, &settings(&[]), &frame(kind::GOAWAY, 0, 0, [0; 8]), &get.whole()].concat();
    rows.add_bare("a goaway, and one more request", goaway, Passed(orders()));
    rows.add("a reset of the connection", frame(kind::RST_STREAM, 0, 0, [0; 4]), GoAway(PROTOCOL_ERROR));
    rows.add("a reset of an idle stream", frame(kind::RST_STREAM, 0, 5, [0; 4]), GoAway(PROTOCOL_ERROR));
}
