//! HTTP/2, rule by rule: what is malformed or could be read in two ways is reset or refused, and nothing of it reaches
//! the upstream; what is odd but sound arrives there as one plain HTTP/1.1 request.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::support::{Http2, Outcome, Platform, Received, Response, Shop, frames::error};

mod bodies;
mod compression;
mod connections;
mod fields;
mod request;
mod smuggling;
mod streams;

use request::Request;

/// What is sent, and what has to come of it.
struct Row {
    name: &'static str,
    /// Sent as one piece.
    bytes: Vec<u8>,
    /// Without preface and settings: `bytes` are all that is sent.
    is_bare: bool,
    stream: u32,
    expected: Expected,
}

#[derive(Debug)]
enum Expected {
    /// The stream is reset.
    Reset(u32),
    /// The connection ends.
    GoAway(u32),
    /// The request was sound, and may have been passed on; what came after it ends the connection.
    GoAwayLate(u32),
    /// The connection ends without a word.
    Closed,
    /// `invalid_request` in the envelope.
    Invalid,
    /// Another refusal in the envelope.
    Refused(u16, &'static str),
    Passed(View),
}

/// A request as the upstream gets it.
#[derive(Debug, Default)]
struct View {
    method: &'static str,
    target: &'static str,
    body: &'static [u8],
    has: Vec<(&'static str, &'static str)>,
    has_not: Vec<&'static str>,
}

impl View {
    fn get(target: &'static str) -> Self {
        Self { method: "GET", target, ..Self::default() }
    }

    fn post(body: &'static [u8]) -> Self {
        Self { method: "POST", target: "/orders", body, ..Self::default() }
    }

    fn has(mut self, name: &'static str, value: &'static str) -> Self {
        self.has.push((name, value));
        self
    }

    fn has_not(mut self, name: &'static str) -> Self {
        self.has_not.push(name);
        self
    }
}

/// The table as it grows.
struct Rows {
    key: String,
    rows: Vec<Row>,
}

impl Rows {
    /// A sound GET of `/v1/orders`.
    fn get(&self) -> Request {
        Request::new("GET", &self.key)
    }

    /// A sound POST to `/v1/orders`.
    fn post(&self) -> Request {
        Request::new("POST", &self.key)
    }

    fn add(&mut self, name: &'static str, bytes: impl Into<Vec<u8>>, expected: Expected) {
        self.rows.push(Row { name, bytes: bytes.into(), is_bare: false, stream: 1, expected });
    }

    fn add_at(&mut self, stream: u32, name: &'static str, bytes: Vec<u8>, expected: Expected) {
        self.rows.push(Row { name, bytes, is_bare: false, stream, expected });
    }

    fn add_bare(&mut self, name: &'static str, bytes: Vec<u8>, expected: Expected) {
        self.rows.push(Row { name, bytes, is_bare: true, stream: 1, expected });
    }
}

#[test]
fn what_is_malformed_is_refused_and_what_is_sound_arrives_as_it_was_meant() {
    let shop = Shop::open_with(Platform::with().set("gateway.http2_prior_knowledge", "true"));
    let mut table = Rows { key: shop.client.key.clone(), rows: Vec::new() };
    for part in [connections::add, streams::add, fields::add, smuggling::add, bodies::add, compression::add] {
        part(&mut table);
    }
    let rows = table.rows;
    let (mut is_unsafe, mut without_envelope, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let Ok((outcome, seen)) = catch_unwind(AssertUnwindSafe(|| run(&shop, row))) else {
            wrong.push(format!("{}: said above", row.name));
            continue;
        };
        let may_pass = matches!(row.expected, Expected::Passed(_) | Expected::GoAwayLate(_));
        if !may_pass && !seen.is_empty() || seen.len() > 1 {
            is_unsafe.push(row.name);
        }
        if let Outcome::Answer(response) = &outcome
            && response.status >= 400
            && !is_envelope(response)
        {
            without_envelope.push(row.name);
        }
        if let Err(difference) = compare(&row.expected, &outcome, &seen) {
            wrong.push(format!("{}: {difference}", row.name));
        }
    }
    let mut names: Vec<_> = rows.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    println!(
        "HTTP/2: {} rows, {} unsafe, {} answerable without envelope",
        rows.len(),
        is_unsafe.len(),
        without_envelope.len()
    );
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert!(is_unsafe.is_empty(), "{is_unsafe:?}");
    assert!(without_envelope.is_empty(), "{without_envelope:?}");
    assert_eq!(names.len(), rows.len(), "names are unique");
    assert!(rows.len() >= 100);
    assert_eq!(shop.sandbox.count(), 0);
}

/// What came of a row, and which complete requests the upstream saw of it.
fn run(shop: &Shop, row: &Row) -> (Outcome, Vec<Received>) {
    let before = shop.live.count();
    let gateway = shop.platform.gateway;
    let mut connection = if row.is_bare { Http2::bare(gateway) } else { Http2::open(gateway) };
    let _ = connection.try_send(&row.bytes);
    if matches!(row.expected, Expected::Closed) {
        connection.finish_sending();
    }
    let outcome = connection.outcome(row.stream);
    let seen = |shop: &Shop| -> Vec<Received> {
        let all = shop.live.requests().split_off(before);
        all.into_iter().filter(|received| received.complete && received.header("x-good").is_none()).collect()
    };
    match outcome {
        Outcome::Answer(_) | Outcome::Reset(_) if !row.is_bare => {
            // The connection goes on.
            let good = Request::new("GET", &shop.client.key).add("x-good", "1");
            let _ = connection.try_send(good.whole_at(1001));
            match connection.outcome(1001) {
                Outcome::Answer(response) if response.status == 200 => {}
                other => panic!("{}: afterwards, {other:?} (first {outcome:?})", row.name),
            }
        }
        Outcome::GoAway(_) => {
            connection.end();
        }
        _ => {}
    }
    (outcome, seen(shop))
}

fn compare(expected: &Expected, outcome: &Outcome, seen: &[Received]) -> Result<(), String> {
    let is_right = match (expected, outcome) {
        (Expected::Reset(code), Outcome::Reset(was)) => code == was,
        (Expected::GoAway(code) | Expected::GoAwayLate(code), Outcome::GoAway(was)) => code == was,
        (Expected::Closed, Outcome::Closed | Outcome::GoAway(error::NO_ERROR)) => true,
        (Expected::Invalid, Outcome::Answer(answer)) => {
            answer.status == 400 && answer.code() == "invalid_request"
        }
        (Expected::Refused(status, code), Outcome::Answer(answer)) => {
            answer.status == *status && answer.code() == *code
        }
        (Expected::Passed(view), Outcome::Answer(answer)) => {
            return match seen {
                [received] if answer.status == 200 => compare_view(view, received),
                _ => Err(format!("{outcome:?}, and {} requests", seen.len())),
            };
        }
        _ => false,
    };
    if is_right { Ok(()) } else { Err(format!("{expected:?}, but {outcome:?}")) }
}

fn compare_view(view: &View, received: &Received) -> Result<(), String> {
    let same = received.method == view.method && received.target == view.target && received.body == view.body;
    // Twice in either spelling is not the same as once.
    let values = |name: &str| -> Vec<&str> {
        received.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    };
    let has = view.has.iter().all(|(name, value)| values(name) == [*value]);
    let has_not = view.has_not.iter().all(|name| values(name).is_empty());
    let is_plain =
        values("via") == ["2.0 tollbar"] && values("x-api-key").is_empty() && values("host").len() == 1;
    if same && has && has_not && is_plain { Ok(()) } else { Err(format!("{view:?}, but {received:?}")) }
}

fn is_envelope(response: &Response) -> bool {
    catch_unwind(|| response.code()).is_ok()
}
