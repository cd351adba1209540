//! What the demo prints: where everything is, who can call, and what to try.

use serde_json::{Value, json};
use tollbar_contract::Code;

use super::{
    Folder,
    sample::Sample,
    setup::{Caller, Stage},
    steps::Step,
};
use crate::{
    data_folder::Running,
    output::{Cell, Style, Table, Tone},
};

/// The demo, running.
pub(super) struct Demo<'a> {
    pub(super) urls: &'a Running,
    pub(super) folder: &'a Folder,
    pub(super) sample: &'a Sample,
    pub(super) stage: &'a Stage,
    pub(super) notes: Vec<String>,
}

impl Demo<'_> {
    /// For people.
    pub(super) fn text(&self, style: Style) -> String {
        let title = |text: &str| style.paint(Tone::Strong, text);
        let mut parts = vec![format!(
            "{}\n{}",
            title(&format!(
                "Tollbar {} stands in front of Larkpost, a sample parcel carrier.",
                env!("CARGO_PKG_VERSION")
            )),
            self.places(style)
        )];
        parts
            .extend(self.notes.iter().map(|note| format!("{} {note}.", style.paint(Tone::Warning, "note:"))));
        parts.push(format!("{}\n{}", title("Clients"), self.callers(style)));
        for group in self.groups() {
            parts.push(title(group.title));
            parts.extend(group.steps.iter().map(|step| printed(step, style)));
        }
        let after = if self.folder.is_temporary() {
            "Stop with Ctrl-C; nothing is left behind."
        } else {
            "Stop with Ctrl-C; the data stays; the next start with it goes on, with new keys in place of these."
        };
        parts.push(format!("Paste these into another terminal. {after}"));
        parts.join("\n\n")
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let steps = self.groups().into_iter().flat_map(|group| {
            let title = group.title;
            group.steps.into_iter().map(move |step| {
                json!({ "group": title, "expect": step.expect, "statuses": step.statuses, "code": step.code.map(Code::as_str), "command": step.command })
            })
        });
        let Stage { main, trial, oauth_id, oauth_secret, refused_id } = self.stage;
        let client = |caller: &Caller| {
            json!({
                "name": caller.name, "id": caller.id, "tier": caller.tier,
                "keys": { "live": caller.live_key, "sandbox": caller.sandbox_key },
            })
        };
        json!({
            "gateway": self.urls.gateway,
            "admin": self.urls.admin,
            "ops": self.urls.ops,
            "upstream": { "live": self.sample.live_url(), "sandbox": self.sample.sandbox_url() },
            "data": self.folder.data.path().display().to_string(),
            "temporary": self.folder.is_temporary(),
            "notes": self.notes,
            "clients": [client(main), client(trial)],
            "oauth": { "client": main.name, "environment": "live", "client_id": oauth_id, "client_secret": oauth_secret },
            "refused_request_id": refused_id,
            "try": steps.collect::<Vec<_>>(),
        })
    }

    /// How this program is called with this data folder; from wherever the next terminal stands.
    pub(super) fn tollbar(&self) -> String {
        let program =
            std::env::current_exe().map_or_else(|_| "tollbar".to_owned(), |path| path.display().to_string());
        format!("{} --data {}", quoted(&program), quoted(&self.folder.data.path().display().to_string()))
    }

    fn places(&self, style: Style) -> String {
        let mut table = Table::new(["", "", ""]);
        for (name, place, what) in [
            ("gateway", self.urls.gateway.clone(), "partners call this: live at /v1, sandbox at /sandbox/v1"),
            ("admin", self.urls.admin.clone(), "the command line uses this"),
            ("ops", self.urls.ops.clone(), "/livez /readyz /metrics"),
            ("sample API", self.sample.live_url(), "what is protected"),
        ] {
            table.row([Cell::from(format!("  {name}")), place.into(), Cell::new(Tone::Faint, what)]);
        }
        // A long path must not push the last column away.
        format!("{}\n  {:<12}{}", table.render(style), "data", self.folder.data.path().display())
    }

    fn callers(&self, style: Style) -> String {
        let mut table = Table::new(["", "", ""]);
        for caller in [&self.stage.main, &self.stage.trial] {
            for (environment, key) in [("live", &caller.live_key), ("sandbox", &caller.sandbox_key)] {
                let name = format!("  {}", caller.name);
                table.row([name.into(), Cell::new(Tone::Faint, environment), key.as_str().into()]);
            }
        }
        table.render(style)
    }
}

/// A line on what to expect, then the command as it can be pasted.
fn printed(step: &Step, style: Style) -> String {
    let answer = step.statuses.iter().map(u16::to_string).chain(step.code.map(|code| code.to_string()));
    let line = match answer.collect::<Vec<_>>().join(" ") {
        none if none.is_empty() => format!("# {}", step.expect),
        answer => format!("# {answer}: {}", step.expect),
    };
    let command: String = step.command.lines().map(|line| format!("\n  {line}")).collect();
    format!("  {}{command}", style.paint(Tone::Faint, &line))
}

/// As a shell reads it back.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/+,:@%".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
