//! A table of requests that are malformed, or that two parsers could read in two ways: rule by rule of RFC 9112 and
//! RFC 9110, and as published advisories describe them. Each is sent as it is, in two segments split at many places,
//! and with a good request hidden behind it. What is refused is refused in the envelope, and the upstream sees exactly
//! what it may see.

mod chunks;
mod extensions;
mod field_lines;
mod head_lines;
mod hosts;
mod lengths;
mod options;
mod pipelines;
mod protocols;
mod request_lines;
mod row;
mod run;
mod sizes;
mod targets;
mod trailers;
mod transfer_codings;
mod truncated;

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Platform, Shop};
use row::Row;
use run::{Tally, Way, run};

#[test]
fn what_is_malformed_or_ambiguous_is_refused_in_the_envelope_and_gets_nothing_past_the_checks() {
    let shop = Shop::open_with(Platform::with().set("authentication.failures_per_minute", "1000000"));
    shop.platform.change("PUT", "/tiers/enterprise", &json!({ "rate_per_minute": 1_000_000 }));
    let rows = rows(shop.client.key.len());
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let requests: BTreeSet<(&[u8], bool)> = rows.iter().map(|row| (row.bytes.as_slice(), row.ends)).collect();
    assert_eq!(
        (names.len(), requests.len()),
        (rows.len(), rows.len()),
        "each row has its own name and bytes"
    );
    let mut tally = Tally::default();
    for row in &rows {
        // What is wrong in one way is not tried in the others.
        let _ = [Way::Hiding, Way::Whole, Way::Halves].iter().all(|way| run(&shop, row, *way, &mut tally));
    }
    println!("{} rows, {}", rows.len(), tally.counts());
    assert!(tally.is_clean(), "{} rows, {}\n{}", rows.len(), tally.counts(), tally.faults.join("\n"));
    // Nothing came late: all that the upstream ever saw is what the rows account for.
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert_eq!(shop.live.count(), tally.seen + 1);
    assert_eq!(shop.sandbox.bytes_seen(), 0);
    assert_eq!(shop.used(&shop.client.id), u64::try_from(tally.seen + 1).unwrap());
    assert!(rows.len() >= 750, "{} rows: the table may only grow", rows.len());
}

/// `key_bytes`: the length of the key that `$K` stands for.
fn rows(key_bytes: usize) -> Vec<Row> {
    [
        head_lines::rows(),
        request_lines::rows(),
        protocols::rows(),
        targets::rows(),
        hosts::rows(),
        field_lines::rows(),
        lengths::rows(),
        transfer_codings::rows(),
        chunks::rows(),
        extensions::rows(),
        trailers::rows(),
        options::rows(),
        sizes::rows(key_bytes),
        truncated::rows(),
        pipelines::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
