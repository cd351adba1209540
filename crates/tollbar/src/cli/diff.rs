//! `diff`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::{
    context::{Context, set},
    import::read_document,
};
use crate::output::{Style, Tone, number, safe, word};

#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is changed. What the document would be is held against what is in force, what is set by \
    hand included. A difference is `breaking` if a request that was right could be refused now, `compatible` if not, and \
    `changed` where that cannot be judged.\n\n\
    Ends with 0 if nothing is different, 1 if something is, 2 if the question could not be answered.\n\n\
    Examples:\n  \
    tollbar diff api.yaml\n  \
    tollbar diff api.json --base /v2\n  \
    tollbar diff api.yaml --json | jq .differences.breaking"
)]
pub(crate) struct DiffCommand {
    /// The document; - reads standard input
    file: PathBuf,
    /// The API that it is held against [default: as `tollbar import` would choose]
    #[arg(long, value_name = "PATH")]
    base: Option<String>,
}

impl DiffCommand {
    /// As `diff` does: 2 is trouble, whatever kind it is of.
    pub(crate) fn run(self, context: &Context) -> ExitCode {
        match self.compare(context) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(fault) if crate::output::is_closed(&fault) => ExitCode::SUCCESS,
            Err(fault) => {
                crate::output::report(&fault, context.output.json);
                ExitCode::from(2)
            }
        }
    }

    fn compare(self, context: &Context) -> Result<bool> {
        let mut body = json!({"document": read_document(&self.file)?});
        set(&mut body, "base", self.base);
        let answer = context.connect()?.post("/apis/diff", &body)?;
        context.output.answer(&answer, told)?;
        Ok(answer.value["same"] == true)
    }
}

fn told(answer: &Value, style: Style) -> String {
    let base = word(answer, "/base");
    let to = format!("{} {}", word(answer, "/to/title"), word(answer, "/to/version"));
    if answer["from"].is_null() {
        let added = answer["differences"]["added"].as_array().map_or(0, Vec::len);
        let added = number(u64::try_from(added).unwrap_or(u64::MAX));
        return format!("Nothing is imported on {base} yet: all {added} endpoints of {to} would be new.\n");
    }
    let from = format!("{} {}", word(answer, "/from/title"), word(answer, "/from/version"));
    if answer["same"] == true {
        return format!("{to} would change nothing on {base} ({from}).\n");
    }
    let head =
        format!("{from} -> {} on {}:\n\n", style.paint(Tone::Strong, &to), style.paint(Tone::Strong, &base));
    head + &differences(&answer["differences"], style)
}

/// Endpoints that are gone, new and changed, and a line of counts.
pub(super) fn differences(all: &Value, style: Style) -> String {
    let list = |field: &str| all[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |value: &Value| value.as_str().map(safe).unwrap_or_default();
    let mut text = String::new();
    for gone in list("gone") {
        text += &format!("{} {}  (gone: breaking)\n", style.paint(Tone::Bad, "-"), name(gone));
    }
    for added in list("added") {
        text += &format!("{} {}\n", style.paint(Tone::Good, "+"), name(added));
    }
    for changed in list("changed") {
        let was = changed["was"].as_str().map(|was| format!("  (was {})", safe(was))).unwrap_or_default();
        text += &format!("{} {}{was}\n", style.paint(Tone::Warning, "~"), word(changed, "/name"));
        for one in changed["differences"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let effect = word(one, "/effect");
            let tone = match effect.as_str() {
                "breaking" => Tone::Bad,
                "changed" => Tone::Warning,
                _ => Tone::Plain,
            };
            text += &format!("    {}: {}\n", style.paint(tone, &effect), word(one, "/text"));
        }
    }
    let count = |field: &str| number(u64::try_from(list(field).len()).unwrap_or(u64::MAX));
    let breaking = number(all["breaking"].as_u64().unwrap_or(0));
    text += &format!(
        "{}{} new, {} gone, {} changed; {breaking} breaking.\n",
        if text.is_empty() { "" } else { "\n" },
        count("added"),
        count("gone"),
        count("changed")
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_read_from_the_top() {
        let answer = json!({
            "base": "/v1", "from": {"title": "Shop", "version": "1"}, "to": {"title": "Shop", "version": "2"}, "same": false,
            "differences": {"breaking": 2, "added": ["GET /v1/x"], "gone": ["GET /v1/y"], "changed": [
                {"name": "GET /v1/o/{key}", "was": "GET /v1/o/{id}", "differences": [
                    {"effect": "breaking", "text": "it requires the scope a now"},
                    {"effect": "compatible", "text": "it is deprecated now"}]}]}
        });
        assert_eq!(
            told(&answer, Style::default()),
            "Shop 1 -> Shop 2 on /v1:\n\n- GET /v1/y  (gone: breaking)\n+ GET /v1/x\n~ GET /v1/o/{key}  (was GET /v1/o/{id})\n    \
             breaking: it requires the scope a now\n    compatible: it is deprecated now\n\n1 new, 1 gone, 1 changed; 2 breaking.\n"
        );
        let same = json!({"base": "/v1", "from": answer["from"], "to": answer["to"], "same": true});
        assert_eq!(told(&same, Style::default()), "Shop 2 would change nothing on /v1 (Shop 1).\n");
        let first =
            json!({"base": "/", "from": null, "to": answer["to"], "differences": answer["differences"]});
        assert!(told(&first, Style::default()).starts_with("Nothing is imported on / yet: all 1 endpoints"));
    }
}
