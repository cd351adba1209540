//! Bodies that are far larger than what a gateway may hold of them.

use std::{
    io::{Read, Write},
    process::Stdio,
};

use serde_json::Value;

use crate::streaming::peak_bytes;

use super::{
    curl::{curl, present},
    site::Site,
};

const DOWN_BYTES: usize = 200_000_000;
const UP_BYTES: usize = 100_000_000;
const GROWTH_MAX_BYTES: usize = 30_000_000;

/// A whole number of the server's patterns.
fn block() -> Vec<u8> {
    (0..=250).cycle().take(251 * 1000).collect()
}

fn download(site: &Site) {
    let mut command = curl(site, &format!("/v1/stream/{DOWN_BYTES}"));
    command.args(["--header", &format!("X-API-Key: {}", site.key)]).stdout(Stdio::piped());
    let mut process = present(command.spawn());
    let mut stdout = process.stdout.take().unwrap();
    let (expected, mut piece) = (block(), Vec::new());
    let mut left = DOWN_BYTES;
    while left > 0 {
        piece.clear();
        let wanted = left.min(expected.len());
        stdout.by_ref().take(wanted.try_into().unwrap()).read_to_end(&mut piece).unwrap();
        assert!(piece == expected[..wanted], "{site}: other bytes, {left} before the end");
        left -= wanted;
    }
    assert_eq!(stdout.read(&mut [0]).unwrap(), 0, "{site}");
    assert!(process.wait().unwrap().success(), "{site}");
}

fn upload(site: &Site) {
    let mut command = curl(site, "/v1/digest");
    command
        .args(["--request", "POST", "--upload-file", "-", "--header", &format!("X-API-Key: {}", site.key)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut process = present(command.spawn());
    let (mut stdin, piece) = (process.stdin.take().unwrap(), block());
    let mut left = UP_BYTES;
    while left > 0 {
        stdin.write_all(&piece[..left.min(piece.len())]).unwrap();
        left = left.saturating_sub(piece.len());
    }
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["bytes"], UP_BYTES, "{site}: {told}");
}

fn assert_passes(tls: bool, http2: bool) {
    let site = Site::open(tls, http2);
    let before = peak_bytes(&site.platform);
    download(&site);
    upload(&site);
    let grown = peak_bytes(&site.platform) - before;
    assert!(grown < GROWTH_MAX_BYTES, "{site}: grown by {grown} bytes");
}

#[test]
fn hundreds_of_megabytes_pass_over_http1_and_are_not_gathered() {
    assert_passes(false, false);
}

#[test]
fn hundreds_of_megabytes_pass_over_http2_and_are_not_gathered() {
    assert_passes(true, true);
}
