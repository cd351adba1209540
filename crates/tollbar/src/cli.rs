//! The command line: one binary, one command a module.

mod api;
mod audit;
mod backup;
mod client;
mod confirm;
mod context;
mod credential;
mod definition;
mod diff;
mod doctor;
mod document;
mod endpoint;
mod idempotency;
mod import;
mod key;
mod number;
mod oauth;
mod observe;
mod openapi;
mod reference;
mod request;
mod restore;
mod secret;
mod server;
mod status;
mod switch;
mod tier;
mod token;
mod usage;
mod when;

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;
use clap::{Parser, error::ErrorKind};
use serde_json::json;

use crate::{
    config::{Faults, Variables},
    output::{self, Output},
};
use context::{Context, Wrong};
use definition::{Cli, Command};

/// Runs a command line: 0 if all went well, 1 for an error, 2 for a command line that is wrong.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    variables: Variables,
    now: jiff::Timestamp,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(fault) => return usage(&fault, arguments.iter().any(|argument| argument == "--json")),
    };
    let output = Output::new(cli.json, &variables);
    let context = Context { variables, now, output, data: cli.data, admin: cli.admin };
    match dispatch(cli.command, &context) {
        Ok(code) => code,
        // Whoever read our output has read enough.
        Err(fault) if output::is_closed(&fault) => ExitCode::SUCCESS,
        Err(fault) => {
            output::report(&fault, output.json);
            let is_of_flags = fault.downcast_ref::<Faults>().is_some_and(Faults::are_of_flags);
            if is_of_flags || fault.is::<Wrong>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn usage(fault: &clap::Error, json: bool) -> ExitCode {
    let is_error = !matches!(fault.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_error && json {
        let text = fault.render().to_string();
        let message = text.split("\n\nUsage:").next().unwrap_or_default().trim();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        output::to_stderr(&json!({"error": {"message": message}}).to_string());
    } else {
        // A reader that has gone is no error of ours.
        let _ = fault.print();
    }
    ExitCode::from(if is_error { 2 } else { 0 })
}

fn dispatch(command: Command, context: &Context) -> Result<ExitCode> {
    match command {
        Command::Serve(command) => command.run(context)?,
        Command::Check(command) => command.run(context)?,
        Command::Demo => server::demo(context)?,
        Command::Tour => return crate::tour::run(&context.output),
        Command::Import(command) => command.run(context)?,
        Command::Diff(command) => return Ok(command.run(context)),
        Command::Openapi(command) => command.run(context)?,
        Command::Endpoint(command) => command.run(context)?,
        Command::Observe(command) => command.run(context)?,
        Command::Client(command) => command.run(context)?,
        Command::Key(command) => command.run(context)?,
        Command::Oauth(command) => command.run(context)?,
        Command::Token(command) => command.run(context)?,
        Command::Tier(command) => command.run(context)?,
        Command::Switch(command) => command.run(context)?,
        Command::Usage(command) => command.run(context)?,
        Command::Idempotency(command) => command.run(context)?,
        Command::Request(command) => command.run(context)?,
        Command::Audit(command) => command.run(context)?,
        Command::Api(command) => command.run(context)?,
        Command::Secret(command) => command.run(context)?,
        Command::Backup(command) => command.run(context)?,
        Command::Restore(command) => command.run(context)?,
        Command::Doctor(command) => return command.run(context),
        Command::Status => status::run(context)?,
        Command::Reference(command) => command.run(context)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
