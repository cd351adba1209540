//! `tollbar`: the commercial access layer for an HTTP API, in one binary.
//!
//! Here are the command line, the configuration and the wiring; no rule of admission, and no SQL.

mod cli;
mod client;
mod clock;
mod config;
mod data_folder;
mod demo;
mod doctor;
mod handover;
mod instance;
mod keyring;
mod master_rotation;
mod output;
mod serve;
mod tls;
mod tour;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The one place where the environment and the command line's clock are read.
    let variables = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    cli::run(std::env::args_os(), variables, jiff::Timestamp::now())
}
