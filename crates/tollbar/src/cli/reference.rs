//! `reference`: the pages that are made from the definitions.

use std::fmt::Write;

use anyhow::Result;
use clap::{Arg, Command, CommandFactory, Subcommand};
use serde_json::json;

use super::{context::Context, definition::Cli};
use crate::config::reference_page;

#[derive(Debug, Subcommand)]
pub(crate) enum ReferenceCommand {
    /// The settings of the configuration
    Config,
    /// The command line
    Cli,
}

impl ReferenceCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let page = match self {
            Self::Config => reference_page(),
            Self::Cli => cli_page(),
        };
        Ok(context.output.either(&json!({"markdown": page}), |_| page.clone())?)
    }
}

/// All commands as a Markdown page.
pub(super) fn cli_page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut page = String::from("# The command line\n\n<!-- Generated from the command definitions. -->\n\n");
    if let Some(about) = root.get_long_about().or(root.get_about()) {
        let _ = writeln!(page, "{about}\n");
    }
    after_help(&mut page, &root);
    page.push_str(
        "\nEvery command ends with 0 if all went well, with 1 if not, and with 2 if the command line itself is wrong, before \
         a server is asked. `tollbar help COMMAND` says what `tollbar COMMAND --help` says. Errors go to standard error, with `--json` as `{\"error\":{\"message\":\"...\"}}`.\n\n## Everywhere\n\n",
    );
    arguments(&mut page, root.get_arguments().filter(|argument| argument.is_global_set()));
    for command in root.get_subcommands().filter(|command| is_described(command)) {
        section(&mut page, command, "tollbar", 2);
    }
    page
}

fn section(page: &mut String, command: &Command, parent: &str, level: usize) {
    let name = format!("{parent} {}", command.get_name());
    let _ = write!(page, "\n{} `{name}`\n\n", "#".repeat(level));
    if let Some(about) = command.get_about() {
        let about = about.to_string();
        let end = if about.ends_with(['.', '?', '!']) { "" } else { "." };
        let _ = writeln!(page, "{about}{end}");
    }
    let own: Vec<&Arg> = command.get_arguments().filter(|argument| !is_everywhere(argument)).collect();
    let inner = |page: &mut String| {
        for inner in command.get_subcommands().filter(|inner| is_described(inner)) {
            section(page, inner, &name, level + 1);
        }
    };
    if command.has_subcommands() && own.is_empty() {
        return inner(page);
    }
    let mut usage = command.clone().render_usage().to_string();
    if let Some(rest) = usage.strip_prefix("Usage: ") {
        usage = rest.to_owned();
    }
    let _ = write!(page, "\n```\n{usage}\n```\n");
    if !own.is_empty() {
        page.push('\n');
        arguments(page, own.into_iter());
    }
    page.push('\n');
    after_help(page, command);
    // Those of a command that does something by itself, too.
    inner(page);
}

fn is_described(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn is_everywhere(argument: &Arg) -> bool {
    argument.is_global_set() || matches!(argument.get_id().as_str(), "help" | "version")
}

fn arguments<'a>(page: &mut String, all: impl Iterator<Item = &'a Arg>) {
    page.push_str("| | |\n|---|---|\n");
    for argument in all {
        let values: Vec<String> = match argument.get_value_names() {
            Some(names) if argument.get_action().takes_values() => {
                names.iter().map(|name| name.replace('|', "\\|")).collect()
            }
            _ => Vec::new(),
        };
        let name = match argument.get_long() {
            Some(long) if values.is_empty() => format!("--{long}"),
            Some(long) => format!("--{long} {}", values.join(" ")),
            None => values.join(" "),
        };
        let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        let defaults: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if argument.get_action().takes_values() && !defaults.is_empty() {
            let _ = write!(help, " [default: {}]", defaults.join(" "));
        }
        let choices: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter_map(|value| Some(format!("`{}`: {}", value.get_name(), value.get_help()?)))
            .collect();
        if argument.get_action().takes_values() && !choices.is_empty() {
            let _ = write!(help, ". {}", choices.join("; "));
        }
        let _ = writeln!(page, "| `{name}` | {help} |");
    }
}

/// Prose stays prose, examples become a block.
fn after_help(page: &mut String, command: &Command) {
    let Some(text) = command.get_after_help().map(ToString::to_string) else { return };
    for paragraph in text.split("\n\n") {
        match paragraph.split_once(":\n") {
            Some((title, block)) => {
                let _ = write!(page, "{title}:\n\n```\n");
                for line in block.lines() {
                    let _ = writeln!(page, "{}", line.strip_prefix("  ").unwrap_or(line));
                }
                page.push_str("```\n\n");
            }
            None => {
                let _ = write!(page, "{paragraph}\n\n");
            }
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
}
