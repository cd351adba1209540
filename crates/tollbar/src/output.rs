//! What goes to the terminal: text and tables for people, JSON for programs.

mod table;
mod text;

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use serde_json::{Value, json};

pub(crate) use table::{Cell, Table};
pub(crate) use text::{count, list, moment, number, safe, time, word, yes};

use crate::{
    client::Answer,
    config::{Faults, Variables},
};

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// With colour.
    pub(crate) colour: bool,
    /// To a terminal, whose width is kept to.
    pub(crate) terminal: bool,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As the rest.
    #[default]
    Plain,
    /// What matters.
    Strong,
    /// What matters less.
    Faint,
    /// As it should be.
    Good,
    /// To be looked at.
    Warning,
    /// Refused, revoked, broken.
    Bad,
}

impl Style {
    /// Text in a tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Where output goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether JSON was asked for.
    pub(crate) json: bool,
    /// How text for people looks.
    pub(crate) style: Style,
}

impl Output {
    /// Standard output; in colour on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn new(json: bool, variables: &Variables) -> Self {
        let terminal = io::stdout().is_terminal();
        Self { json, style: Style { colour: terminal && variables.find("NO_COLOR").is_none(), terminal } }
    }

    /// The admin API's answer as it came, or made readable.
    pub(crate) fn answer(
        &self,
        answer: &Answer,
        human: impl FnOnce(&Value, Style) -> String,
    ) -> io::Result<()> {
        if self.json {
            self.line(answer.text.trim_end())
        } else {
            let text = human(&answer.value, self.style);
            self.line(&format!("{}{}", text.trim_end(), warnings(&answer.value, self.style)))
        }
    }

    /// A value of our own, or a text for people.
    pub(crate) fn either(&self, value: &Value, human: impl FnOnce(Style) -> String) -> io::Result<()> {
        if self.json { self.line(&value.to_string()) } else { self.line(human(self.style).trim_end()) }
    }

    /// A text and a line feed.
    pub(crate) fn line(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Something to be looked at, on standard error.
    pub(crate) fn warning(&self, message: &str) {
        let line = if self.json {
            json!({"warning": {"message": message}}).to_string()
        } else {
            format!("warning: {message}")
        };
        to_stderr(&line);
    }
}

/// What the server did as it was asked to, and would have one look at.
fn warnings(answer: &Value, style: Style) -> String {
    let all = answer["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lines = all
        .iter()
        .map(|warning| format!("\n{} {}", style.paint(Tone::Warning, "warning:"), word(warning, "")));
    if all.is_empty() { String::new() } else { format!("\n{}", lines.collect::<String>()) }
}

/// A command line that clap cannot see to be wrong; it ends as every wrong one does.
#[derive(Debug)]
pub(crate) struct Wrong(pub(crate) String);

impl Wrong {
    /// As the error of a command.
    pub(crate) fn line(message: impl Into<String>) -> anyhow::Error {
        Self(message.into()).into()
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

/// An error, on standard error.
pub(crate) fn report(error: &anyhow::Error, json: bool) {
    if !json {
        return to_stderr(&format!("error: {error:#}"));
    }
    let mut body = json!({"message": format!("{error:#}")});
    if let Some(Faults(faults)) = error.downcast_ref::<Faults>() {
        let details =
            faults.iter().map(|fault| json!({"at": fault.origin.to_string(), "message": fault.message}));
        body["details"] = details.collect();
    }
    to_stderr(&json!({"error": body}).to_string());
}

/// Whether an error is only that the reader of our output has gone.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|fault| fault.kind() == io::ErrorKind::BrokenPipe)
}

/// A line on standard error. If even that is closed, there is nobody left to tell.
pub(crate) fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests;
