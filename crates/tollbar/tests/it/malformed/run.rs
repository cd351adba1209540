//! Sends a row, and judges what came of it.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::row::{Answer, Row, SERVED, Seen, got};
use crate::support::{Connection, Response, Shop, get};

/// A request behind a row that must not come through where the row closes.
const HIDDEN: &[u8] = b"GET /v1/orders/hidden HTTP/1.1\r\n$H$K\r\n";
/// Rows up to this length are also sent in two segments...
const SHORT_BYTES: usize = 180;
/// ...split at every so many bytes.
const SPLIT_BYTES: usize = 7;

/// How a row is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    /// In one segment.
    Whole,
    /// In one segment, with a good request behind it.
    Hiding,
    /// In two segments, split at many places, each on a connection of its own.
    Halves,
}

/// What was found.
#[derive(Default)]
pub(super) struct Tally {
    exchanges: usize,
    /// Requests that the upstream was to see, and did.
    pub(super) seen: usize,
    not_safe: usize,
    bare: usize,
    otherwise: usize,
    pub(super) faults: Vec<String>,
}

/// What is wrong.
enum Fault {
    /// Something got past the checks, or the connection went on in doubt.
    Unsafe(String),
    /// No envelope, where an answer was possible.
    Bare(String),
    /// Another answer than the row says.
    Otherwise(String),
}

impl Tally {
    pub(super) fn counts(&self) -> String {
        format!(
            "{} exchanges: {} unsafe, {} without an envelope where an answer is possible, {} otherwise than expected",
            self.exchanges, self.not_safe, self.bare, self.otherwise
        )
    }

    pub(super) const fn is_clean(&self) -> bool {
        self.not_safe == 0 && self.bare == 0 && self.otherwise == 0
    }

    fn note(&mut self, row: &Row, way: Way, fault: Fault) {
        let (count, kind, text) = match fault {
            Fault::Unsafe(text) => (&mut self.not_safe, "unsafe", text),
            Fault::Bare(text) => (&mut self.bare, "without an envelope", text),
            Fault::Otherwise(text) => (&mut self.otherwise, "otherwise than expected", text),
        };
        *count += 1;
        self.faults.push(format!("{kind}: {} ({way:?}): {text}", row.name));
    }
}

/// Whether the row fared as it says.
pub(super) fn run(shop: &Shop, row: &Row, way: Way, tally: &mut Tally) -> bool {
    let bytes = fill(&row.bytes, &shop.client.key);
    let (sent, is_hiding) = match way {
        // Behind what breaks off stands nothing.
        Way::Hiding if row.ends => return true,
        Way::Hiding => (vec![vec![[&bytes, fill(HIDDEN, &shop.client.key).as_slice()].concat()]], true),
        Way::Whole => (vec![vec![bytes]], false),
        Way::Halves if bytes.len() > SHORT_BYTES => return true,
        Way::Halves => (halves(&bytes), false),
    };
    if sent.is_empty() {
        return true;
    }
    tally.exchanges += sent.len();
    let goes_on = is_hiding && !row.closes;
    let mut answers = row.answers.clone();
    answers.extend(goes_on.then_some(SERVED));
    let mut expected: Vec<Seen> = row.seen.clone();
    expected.extend(goes_on.then(|| got("/orders/hidden")));
    let expected: Vec<Seen> = sent.iter().flat_map(|_| expected.clone()).collect();
    let (count, bytes_seen) = (shop.live.count(), shop.live.bytes_seen());
    // Whatever a test would panic at belongs to a row, too.
    let judged = catch_unwind(AssertUnwindSafe(|| {
        for connection in &mut open(shop.platform.gateway, &sent, row.ends) {
            judge_answers(connection, row, &answers)?;
        }
        judge_upstream(shop, row, expected.clone(), count, bytes_seen)
    }));
    match judged {
        Ok(Ok(())) => {
            tally.seen += expected.len();
            return true;
        }
        Ok(Err(fault)) => tally.note(row, way, fault),
        Err(_) => {
            tally.note(row, way, Fault::Unsafe("nothing came, or nothing that could be read".to_owned()))
        }
    }
    false
}

/// Sends on connections of their own what each is to get, the first segments of all before the second ones.
fn open(gateway: SocketAddr, sent: &[Vec<Vec<u8>>], ends: bool) -> Vec<Connection> {
    let mut connections: Vec<Connection> = sent.iter().map(|_| Connection::open(gateway)).collect();
    for number in 0..sent[0].len() {
        if number > 0 {
            // Answered behind the first segments: by now they have been read, or most of them.
            assert_eq!(get(gateway, "/v1/health", &[]).status, 200);
        }
        for (connection, segments) in connections.iter_mut().zip(sent) {
            // It may have been refused already.
            let _ = connection.try_send(&segments[number]);
        }
    }
    if ends {
        connections.iter().for_each(Connection::finish_sending);
    }
    connections
}

fn judge_answers(connection: &mut Connection, row: &Row, answers: &[Answer]) -> Result<(), Fault> {
    let method = if row.bytes.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
    for (number, expected) in answers.iter().enumerate() {
        if !connection.has_more() {
            return Err(Fault::Bare(format!("closed before answer {}", number + 1)));
        }
        let response = connection.receive_to(if number == 0 { method } else { "GET" });
        judge_answer(&response, *expected, row.closes && number + 1 == answers.len())?;
    }
    if (row.closes || row.ends) && !connection.is_closed() {
        return Err(Fault::Unsafe("something is answered behind the last answer".to_owned()));
    }
    Ok(())
}

fn judge_answer(response: &Response, expected: Answer, is_last: bool) -> Result<(), Fault> {
    let otherwise = || {
        let (code, status) = (expected.code, expected.status);
        Err(Fault::Otherwise(format!("not {status} {code:?} {:?}: {response:?}", expected.says)))
    };
    let is_envelope = response.headers.iter().any(|(name, _)| name == "x-error-code");
    if response.status >= 400 && !is_envelope {
        return Err(Fault::Bare(format!("{response:?}")));
    }
    if expected.code.is_some() && response.status < 400 {
        return Err(Fault::Unsafe(format!("served: {response:?}")));
    }
    if response.status != expected.status || is_envelope != expected.code.is_some() {
        return otherwise();
    }
    if let Some(code) = expected.code
        && (response.code() != code || !response.message().contains(expected.says))
    {
        return otherwise();
    }
    if is_last && response.header("connection") != Some("close") {
        return Err(Fault::Otherwise(format!("the end is not announced: {response:?}")));
    }
    Ok(())
}

fn judge_upstream(
    shop: &Shop,
    row: &Row,
    mut expected: Vec<Seen>,
    count: usize,
    bytes: usize,
) -> Result<(), Fault> {
    if expected.is_empty() {
        return if shop.live.bytes_seen() == bytes {
            Ok(())
        } else {
            Err(Fault::Unsafe(format!("the upstream saw {:?}", shop.live.requests_since(count))))
        };
    }
    shop.live.wait_for(count + expected.len());
    let received = shop.live.requests_since(count);
    for request in received.iter().filter(|request| request.target != "/orders/hidden") {
        for (name, value) in row.fields {
            if request.header(name) != *value {
                return Err(Fault::Unsafe(format!("{name} is not {value:?}: {request:?}")));
            }
        }
    }
    let mut seen: Vec<Seen> = received
        .into_iter()
        .map(|request| Seen {
            // Of what breaks off, how much got through is of no matter.
            body: if request.complete { request.body } else { Vec::new() },
            method: request.method,
            target: request.target,
            complete: request.complete,
        })
        .collect();
    seen.sort();
    expected.sort();
    if seen == expected { Ok(()) } else { Err(Fault::Unsafe(format!("the upstream saw {seen:?}"))) }
}

/// Puts Host and key where they belong.
fn fill(bytes: &[u8], key: &str) -> Vec<u8> {
    let key = format!("X-API-Key: {key}\r\n");
    let mut filled = Vec::with_capacity(bytes.len() + key.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match rest {
            [b'$', b'H', after @ ..] => {
                filled.extend_from_slice(b"Host: x\r\n");
                rest = after;
            }
            [b'$', b'K', after @ ..] => {
                filled.extend_from_slice(key.as_bytes());
                rest = after;
            }
            _ => {
                filled.push(*first);
                rest = after;
            }
        }
    }
    filled
}

fn halves(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let splits = (1..bytes.len()).step_by(SPLIT_BYTES);
    splits.map(|at| vec![bytes[..at].to_vec(), bytes[at..].to_vec()]).collect()
}
