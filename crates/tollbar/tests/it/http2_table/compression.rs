//! RFC 7541: header blocks that cannot be unpacked end the connection; odd but sound ones are read.

use super::{
    Expected::{GoAway, Passed, Reset},
    Rows, View,
};
use crate::support::frames::{
    error::{ENHANCE_YOUR_CALM, PROTOCOL_ERROR},
    integer, last_headers, literal, remembered, text,
};

pub(super) fn add(rows: &mut Rows) {
    let request = rows.get().block();
    let after = |bytes: &[u8]| last_headers(1, [&request[..], bytes].concat());
    let before = |bytes: &[u8]| last_headers(1, [bytes, &request[..]].concat());
    let value = |bytes: &[u8]| after(&[&[0][..], &text("x-a"), bytes].concat());
    // The library says PROTOCOL_ERROR where COMPRESSION_ERROR is meant; the connection ends either way.
    for (name, bytes) in [
        ("the index 0", after(&[0x80])),
        ("an index of nothing", after(&integer(0x80, 7, 62))),
        ("an index far out", after(&integer(0x80, 7, 1_000_000))),
        ("a name of nothing", after(&[&integer(0, 4, 62)[..], &text("x")].concat())),
        ("a table over what was offered", before(&integer(0x20, 5, 4097))),
        ("a table far over what was offered", before(&integer(0x20, 5, 1 << 30))),
        ("a table's size behind a field", after(&integer(0x20, 5, 0))),
        ("an integer without an end", after(&[0xff; 12])),
        ("an integer over 32 bits", after(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])),
        ("an integer cut short", after(&[0xff])),
        ("a field cut short", after(&[0])),
        ("a name cut short", after(&[0, 5, b'x'])),
        ("a name without a value", after(&[&[0][..], &text("x-a")].concat())),
        ("a string beyond the block", value(&[100, b'a'])),
        ("a string far beyond the block", value(&integer(0, 7, 1 << 24))),
        ("the end of a string within it", value(&[0x84, 0xff, 0xff, 0xff, 0xff])),
        ("padding of a whole byte", value(&[0x82, 0x1f, 0xff])),
        ("padding of noughts", value(&[0x81, 0x18])),
        ("a symbol cut short", value(&[0x81, 0xfe])),
    ] {
        rows.add(name, bytes, GoAway(PROTOCOL_ERROR));
    }
    let orders = || View::get("/orders");
    rows.add("a string packed", value(&[0x82, 0x1c, 0x64]), Passed(orders().has("x-a", "abc")));
    rows.add(
        "a field that must never be remembered",
        after(&[&[0x10][..], &text("x-a"), &text("b")].concat()),
        Passed(orders().has("x-a", "b")),
    );
    rows.add("a table emptied", before(&integer(0x20, 5, 0)), Passed(orders()));
    rows.add(
        "a table emptied and filled again",
        before(&[integer(0x20, 5, 0), integer(0x20, 5, 4096)].concat()),
        Passed(orders()),
    );
    rows.add("a field remembered", after(&remembered("x-a", "b")), Passed(orders().has("x-a", "b")));
    let named_again = [&remembered("x-a", "b")[..], &integer(0, 4, 62), &text("c")].concat();
    rows.add("a name from the table", after(&named_again), Passed(orders()));
    rows.add(
        "fields of the fixed table",
        last_headers(
            1,
            [
                &[0x82, 0x86][..],
                &literal(":authority", "shop.example"),
                &literal(":path", "/v1/orders"),
                &literal("x-api-key", &rows.key),
            ]
            .concat(),
        ),
        Passed(orders()),
    );
    let huge = remembered("x-a", "b".repeat(5000));
    rows.add("a field too large to remember", after(&huge), Passed(orders()));
    rows.add(
        "a field too large to remember, named",
        after(&[&huge[..], &[0xbe]].concat()),
        GoAway(PROTOCOL_ERROR),
    );
    rows.add(
        "a coding from the fixed table",
        after(&[&integer(0, 4, 57)[..], &text("chunked")].concat()),
        Reset(PROTOCOL_ERROR),
    );
    let broken = remembered("connection", "close");
    rows.add_at(
        3,
        "a field of a refused stream, named by the next",
        [after(&broken), last_headers(3, [&request[..], &[0xbe]].concat())].concat(),
        Reset(PROTOCOL_ERROR),
    );
    let kept = remembered("x-a", "from-the-first");
    let next = last_headers(3, [&request[..], &[0xbe]].concat());
    rows.add_at(
        3,
        "a field of one stream, named by another",
        [last_headers(1, &kept), next].concat(),
        Passed(orders().has("x-a", "from-the-first")),
    );
    // A bomb: 4 KiB in the table, named two thousand times.
    let bomb = [&remembered("x-a", "b".repeat(4000))[..], &[0xbe; 2000]].concat();
    rows.add("8 MB out of 6 KB", after(&bomb), GoAway(ENHANCE_YOUR_CALM));
    let small = [&remembered("x-a", "b".repeat(4000))[..], &[0xbe; 100]].concat();
    rows.add("400 KB out of 4 KB", after(&small), GoAway(ENHANCE_YOUR_CALM));
}
