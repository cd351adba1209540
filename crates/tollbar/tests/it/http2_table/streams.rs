//! RFC 9113, sections 4.3, 5.1 and 6.10: which frames may follow which.

use super::{
    Expected::{GoAway, GoAwayLate, Passed, Reset},
    Rows, View,
};
use crate::support::frames::{
    END_HEADERS, END_STREAM, data,
    error::{CANCEL, PROTOCOL_ERROR, STREAM_CLOSED},
    frame, headers, kind, last_data, reset, window_update,
};

pub(super) fn add(rows: &mut Rows) {
    add_identifiers(rows);
    add_states(rows);
    add_continuations(rows);
}

fn add_identifiers(rows: &mut Rows) {
    let get = rows.get();
    rows.add("headers of the connection", get.whole_at(0), GoAway(PROTOCOL_ERROR));
    rows.add_at(2, "a stream with an even number", get.whole_at(2), GoAway(PROTOCOL_ERROR));
    rows.add("data of the connection", last_data(0, "x"), GoAway(PROTOCOL_ERROR));
    rows.add_at(
        3,
        "a stream below the last one",
        [get.whole_at(5), get.whole_at(3)].concat(),
        GoAwayLate(PROTOCOL_ERROR),
    );
    rows.add_at(999, "a stream far up", get.whole_at(999), Passed(View::get("/orders")));
}

fn add_states(rows: &mut Rows) {
    let (get, post) = (rows.get(), rows.post());
    // Where the library says PROTOCOL_ERROR of the connection, section 5.1 has STREAM_CLOSED of the stream; the stream has
    // ended either way.
    rows.add("data of an idle stream", last_data(1, "x"), GoAway(PROTOCOL_ERROR));
    rows.add("data after the end", [get.whole(), data(1, "x")].concat(), GoAwayLate(PROTOCOL_ERROR));
    rows.add(
        "empty data after the end",
        [get.whole(), last_data(1, "")].concat(),
        GoAwayLate(PROTOCOL_ERROR),
    );
    rows.add("headers after the end", [get.whole(), get.whole()].concat(), GoAwayLate(PROTOCOL_ERROR));
    rows.add(
        "data after a body's end",
        [post.open(), last_data(1, "{}"), data(1, "x")].concat(),
        GoAwayLate(PROTOCOL_ERROR),
    );
    rows.add(
        "a second head in the midst of a body",
        [post.open(), data(1, "{"), post.open(), last_data(1, "}")].concat(),
        Reset(PROTOCOL_ERROR),
    );
    rows.add(
        "a window update after the end",
        [get.whole(), window_update(1, 1)].concat(),
        Passed(View::get("/orders")),
    );
    let cancelled = [post.open(), reset(1, CANCEL)].concat();
    rows.add_at(
        3,
        "a stream beside one that was reset",
        [cancelled.clone(), get.whole_at(3)].concat(),
        Passed(View::get("/orders")),
    );
    rows.add("data after a reset", [cancelled.clone(), data(1, "x")].concat(), Reset(STREAM_CLOSED));
    rows.add("headers after a reset", [cancelled, get.whole()].concat(), GoAway(PROTOCOL_ERROR));
}

fn add_continuations(rows: &mut Rows) {
    let get = rows.get();
    let block = get.block();
    let (front, rest) = block.split_at(30);
    let begun = frame(kind::HEADERS, END_STREAM, 1, front);
    let ended = |stream| frame(kind::CONTINUATION, END_HEADERS, stream, rest);
    let between = |bytes: Vec<u8>| [begun.clone(), bytes, ended(1)].concat();
    let orders = || Passed(View::get("/orders"));
    rows.add("a header block in two", between(vec![]), orders());
    rows.add("a header block in pieces of 10 bytes", get.in_pieces(10), orders());
    rows.add("an empty continuation", between(frame(kind::CONTINUATION, 0, 1, [])), orders());
    rows.add(
        "empty headers, then all",
        [frame(kind::HEADERS, END_STREAM, 1, []), frame(kind::CONTINUATION, END_HEADERS, 1, &block)].concat(),
        orders(),
    );
    for (name, bytes) in [
        ("data in a header block", data(1, "x")),
        ("a ping in a header block", frame(kind::PING, 0, 0, [0; 8])),
        ("settings in a header block", frame(kind::SETTINGS, 0, 0, [])),
        ("a window update in a header block", window_update(0, 1)),
        ("an unknown frame in a header block", frame(0xfa, 0, 0, [])),
        ("a reset in a header block", reset(1, CANCEL)),
        ("another stream's headers in a header block", get.whole_at(3)),
        ("another stream's continuation in a header block", frame(kind::CONTINUATION, 0, 3, [])),
    ] {
        rows.add(name, between(bytes), GoAway(PROTOCOL_ERROR));
    }
    rows.add("a continuation of nothing", ended(1), GoAway(PROTOCOL_ERROR));
    rows.add("a continuation of the connection", [begun.clone(), ended(0)].concat(), GoAway(PROTOCOL_ERROR));
    rows.add(
        "a continuation after the end of headers",
        [headers(1, &block), ended(1)].concat(),
        GoAwayLate(PROTOCOL_ERROR),
    );
}
