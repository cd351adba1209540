//! A table of answers from an upstream that are malformed, ambiguous, or more than was asked for. What is wrong before
//! anything was passed on becomes an internal error in the envelope; what breaks later is seen by the client as broken
//! off; and a connection on which something was odd carries no other request.

mod bodies;
mod cut;
mod fields;
mod framing;
mod interim;
mod row;
mod sizes;
mod status_lines;
mod unasked;

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::support::{Connection, Platform, Reply, Response, Shop, post};
use row::{Expected, Row};

/// What every other request is answered with.
const GOOD: &str = r#"{"ok":true}"#;

#[test]
fn what_is_no_sound_answer_is_not_passed_on_and_its_connection_is_not_used_again() {
    // One thread: its idle connections are all there are.
    let shop = Shop::open_with(Platform::with().set("gateway.threads", "1"));
    let rows = rows();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "each row has a name of its own");
    let (mut exchanges, mut charged, mut faults) = (0, 0, Vec::new());
    for row in &rows {
        let ways = row.methods.iter().flat_map(|method| [(*method, false), (*method, true)]);
        for (method, closes) in ways.filter(|(_, closes)| row.is_sent_so(*closes)) {
            // Whatever a test would panic at belongs to a row, too.
            let judged = catch_unwind(AssertUnwindSafe(|| judge(&shop, row, method, closes)));
            let judged =
                judged.unwrap_or_else(|_| Err("nothing came, or nothing that could be read".to_owned()));
            exchanges += 1;
            // The next request is served.
            charged += u64::from(!matches!(row.expected, Expected::Failed)) + 1;
            if let Err(fault) = judged {
                let then = if closes { "closes" } else { "stays" };
                faults.push(format!("{} ({method}, and the upstream {then}): {fault}", row.name));
            }
        }
    }
    println!("{} rows, {exchanges} exchanges: {} not as expected", rows.len(), faults.len());
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), rows.len(), faults.join("\n"));
    assert_eq!(shop.live.count(), 2 * exchanges, "each was asked once");
    assert_eq!(shop.used(&shop.client.id), charged, "what ends in a 5xx is given back");
    assert!(rows.len() >= 260, "{} rows: the table may only grow", rows.len());
}

/// An answer to a request with a key is read whole before it is delivered, and whatever it was, there is no second one.
#[test]
fn what_is_no_sound_answer_to_a_request_with_a_key_is_an_unknown_outcome_and_not_asked_for_again() {
    let shop = Shop::open();
    let mut faults = Vec::new();
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.methods.contains(&"POST")).collect();
    for (number, row) in rows.iter().enumerate() {
        let closes = !row.is_sent_so(false);
        let bytes = row.bytes.clone();
        shop.live
            .answer(move |_| if closes { Reply::Raw(bytes.clone()) } else { Reply::Open(bytes.clone()) });
        let count = shop.live.count();
        let answers = [(); 2].map(|()| post(&shop, &format!("row-{number}")));
        for response in answers {
            let (status, code, body) = match &row.expected {
                Expected::Failed | Expected::Cut(_) => (500, Some("internal_error"), None),
                Expected::Error(status, code) => (*status, Some(*code), None),
                Expected::Whole(status, body) => (*status, None, Some(body)),
            };
            let is_as_expected = response.status == status
                && !response.truncated
                && response.header("x-error-code") == code
                && body.is_none_or(|body| response.body == *body);
            if !is_as_expected || code.is_some_and(|code| response.code() != code) {
                faults.push(format!("{}: {response:?}", row.name));
            }
        }
        if shop.live.count() != count + 1 {
            faults.push(format!("{}: sent {} times", row.name, shop.live.count() - count));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn rows() -> Vec<Row> {
    let themes = [
        status_lines::rows(),
        fields::rows(),
        framing::rows(),
        bodies::rows(),
        cut::rows(),
        interim::rows(),
        unasked::rows(),
        sizes::rows(),
    ];
    themes.into_iter().flatten().collect()
}

/// The row's answer to one request, and a good one to the next.
fn judge(shop: &Shop, row: &Row, method: &str, closes: bool) -> Result<(), String> {
    let bytes = row.bytes.clone();
    shop.live.answer(move |received| match received.target.as_str() {
        "/orders/next" => Reply::json(200, GOOD),
        _ if closes => Reply::Raw(bytes.clone()),
        _ => Reply::Open(bytes.clone()),
    });
    let mut connection = Connection::open(shop.platform.gateway);
    let key = &shop.client.key;
    let (target, length) = match method {
        "POST" => ("/v1/orders", "Content-Length: 2\r\n\r\n{}"),
        "DELETE" => ("/v1/orders/1", "\r\n"),
        _ => ("/v1/orders", "\r\n"),
    };
    connection.send(format!("{method} {target} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{length}"));
    if !connection.has_more() {
        return Err("closed without an answer".to_owned());
    }
    let response = connection.receive_to(method);
    judge_answer(row, method, &response)?;
    if response.truncated && !connection.is_closed() {
        return Err("the client's connection goes on behind a body that broke off".to_owned());
    }
    drop(connection);
    let connections = shop.live.connections();
    let next = shop.get("/v1/orders/next");
    if (next.status, next.text().as_str()) != (200, GOOD) {
        return Err(format!("the next request got {next:?}"));
    }
    let is_used_again = shop.live.connections() == connections;
    if is_used_again != (row.keeps && !closes) {
        return Err(format!("the upstream's connection is used again: {is_used_again}"));
    }
    Ok(())
}

fn judge_answer(row: &Row, method: &str, response: &Response) -> Result<(), String> {
    let odd = |what: &str| Err(format!("{what}: {response:?}"));
    if response.headers.iter().any(|(name, _)| name.starts_with("x-injected")) {
        return odd("a field that the upstream did not send");
    }
    let is_envelope = response.headers.iter().any(|(name, _)| name == "x-error-code");
    let is_internal = || {
        // An answer to HEAD has no body to look at.
        let code = response.header("x-error-code").map(str::to_owned);
        response.status == 500 && code.as_deref() == Some("internal_error") && {
            method == "HEAD" || response.code() == "internal_error"
        }
    };
    match &row.expected {
        Expected::Failed if !is_internal() || response.truncated => odd("not an internal error"),
        Expected::Failed => Ok(()),
        Expected::Error(status, code) if response.status != *status || response.code() != *code => {
            odd("another error")
        }
        Expected::Error(..) => Ok(()),
        Expected::Cut(body) | Expected::Whole(_, body) if response.body != *body => odd("another body"),
        Expected::Cut(_) if response.status != 200 || is_envelope => odd("another answer"),
        Expected::Cut(_) if !response.truncated => odd("not seen as broken off"),
        Expected::Whole(status, _) if response.status != *status || is_envelope => odd("another answer"),
        Expected::Whole(..) if response.truncated => odd("cut off"),
        Expected::Cut(_) | Expected::Whole(..) => Ok(()),
    }
}
