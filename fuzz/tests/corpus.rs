//! Every input that is kept is tried again, and changed ones besides.

#![allow(clippy::unwrap_used, clippy::panic)]

use tollbar_fuzz::{
    TARGETS,
    bounded::{Finding, run_bounded, try_input},
    corpus::{corpora, read_corpus},
    find_target,
};

fn inputs(target: &str) -> Vec<Vec<u8>> {
    read_corpus(target).unwrap().into_iter().map(|(_, input)| input).collect()
}

fn assert_sound(name: &str) {
    let target = find_target(name).unwrap();
    for (file, input) in read_corpus(name).unwrap() {
        if let Err(Finding { message, .. }) = try_input(target.run, &input) {
            panic!("fuzz/corpus/{name}/{file}: {message}");
        }
    }
    let inputs = inputs(name);
    assert!(inputs.len() >= 10, "{name} has no corpus to speak of");
    if let Err(Finding { input, message }) = run_bounded(target.run, &inputs, target.words, 1, target.tries) {
        panic!("{name}: {message}\n  \"{}\"\nput it into fuzz/corpus/{name}", input.escape_ascii());
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                assert_sound(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_tried() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), tried);
        }
    };
}

targets! {
    request_head_and_framing
    response_head_and_framing
    credentials
    proxy_header
    forwarded_chain
    http2_translation
    openapi_document
    request_checks
}

/// A reader with a fault: it falls over a line that begins with a semicolon.
fn planted(input: &[u8]) {
    assert!(!input.windows(3).any(|three| three == b"\r\n;"), "planted");
}

#[test]
fn a_planted_fault_is_found() {
    let target = find_target("request_head_and_framing").unwrap();
    // Not by those that are kept, which would prove nothing.
    let inputs: Vec<_> =
        inputs(target.name).into_iter().filter(|input| try_input(planted, input).is_ok()).collect();
    let found = run_bounded(planted, &inputs, target.words, 1, target.tries).unwrap_err();
    assert_eq!(found.message, "planted");
    assert!(try_input(planted, &found.input).is_err(), "what is found can be tried again");
    let again = run_bounded(planted, &inputs, target.words, 1, target.tries).unwrap_err();
    assert_eq!(found, again, "the run is the same each time");
}

#[test]
fn each_target_has_its_corpus_and_each_corpus_its_target() {
    let mut named: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    named.sort();
    assert_eq!(corpora().unwrap(), named);
}

#[test]
fn the_corpus_is_small() {
    let bytes: usize = TARGETS.iter().flat_map(|target| inputs(target.name)).map(|input| input.len()).sum();
    assert!(bytes < 1_000_000, "{bytes} bytes: keep what covers something, see `cargo xtask corpus`");
}
