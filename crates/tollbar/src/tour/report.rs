//! What the tour prints.

use serde_json::{Map, Value, json};
use tollbar_contract::{Code, Stage};

use super::{attempt::Outcome, example::Example, wire::Reply};
use crate::output::{Cell, Style, Table, Tone, safe};

/// One row.
pub(super) struct Row {
    /// The code that was to be answered; `None`: a success.
    pub(super) code: Option<Code>,
    /// Whether it stands for its code; the others look at a stage from another side.
    pub(super) is_provocation: bool,
    pub(super) outcome: Option<Outcome>,
    pub(super) did: String,
    /// What came back; `None`: it could not be done.
    pub(super) reply: Option<Reply>,
    pub(super) faults: Vec<String>,
}

impl Row {
    pub(super) fn status(&self) -> u16 {
        self.reply.as_ref().map_or(0, |reply| reply.status)
    }

    pub(super) fn request_id(&self) -> &str {
        self.reply.as_ref().map_or("", Reply::request_id)
    }
}

/// All rows, for programs.
pub(super) fn json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "code": row.code.map(Code::as_str),
            "status": row.status(),
            "did": row.did,
            "request_id": row.request_id(),
            "answer": row.reply.as_ref().map(answer),
            "passed": row.faults.is_empty(),
            "why": if row.faults.is_empty() { Value::Null } else { row.faults.join("; ").into() },
        })
    };
    rows.iter().map(row).collect()
}

/// An answer as it came: JSON as JSON, anything else as text.
fn answer(reply: &Reply) -> Value {
    let mut headers = Map::new();
    for (name, value) in &reply.headers {
        // Two fields of a name are one list (RFC 9110, section 5.3).
        let all = match headers.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        headers.insert(name.clone(), all.into());
    }
    let body = serde_json::from_str(&reply.body).unwrap_or_else(|_| Value::from(reply.body.as_str()));
    json!({ "status": reply.status, "headers": headers, "body": body })
}

/// All rows, for people.
pub(super) fn text(rows: &[Row], example: Option<&Example>, style: Style) -> String {
    let (codes, beyond): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_provocation);
    let title = |text: &str| style.paint(Tone::Strong, text);
    [
        title(&format!("Every error code of the contract, provoked over HTTP ({})", codes.len())),
        table(&codes, style),
        title(&format!("The same stages from other sides, and what is let through ({})", beyond.len())),
        table(&beyond, style),
        faults(rows, style),
        example.map_or_else(String::new, |example| example.text(style)),
        legend(style),
        verdict(rows, style),
    ]
    .into_iter()
    .filter(|part| !part.is_empty())
    .collect::<Vec<_>>()
    .join("\n\n")
}

fn table(rows: &[&Row], style: Style) -> String {
    let mut table = Table::new(["#", "CODE", "STATUS", "WHAT WAS DONE", "REQUEST ID", "RESULT"]).right([0]);
    for row in rows {
        let result =
            if row.faults.is_empty() { Cell::new(Tone::Good, "pass") } else { Cell::new(Tone::Bad, "FAIL") };
        table.row([
            Cell::new(Tone::Faint, stage_of(row.outcome)),
            row.code.map_or_else(|| Cell::new(Tone::Faint, "(none)"), |code| code.as_str().into()),
            row.status().to_string().into(),
            safe(&row.did).into(),
            Cell::new(Tone::Faint, safe(row.request_id())),
            result,
        ]);
    }
    table.render(style)
}

/// The number of the stage that answered.
fn stage_of(outcome: Option<Outcome>) -> String {
    match outcome {
        Some(Outcome::Refused(stage)) => stage.number().to_string(),
        Some(Outcome::UpstreamFailed | Outcome::Answered(_)) => Stage::Upstream.number().to_string(),
        Some(Outcome::Replayed(_)) => Stage::Idempotency.number().to_string(),
        Some(Outcome::RefusedByOwnRoute(_) | Outcome::AnsweredByOwnRoute(_)) | None => "-".to_owned(),
    }
}

fn faults(rows: &[Row], style: Style) -> String {
    let failed = rows.iter().filter(|row| !row.faults.is_empty());
    let lines = failed.map(|row| {
        let code = row.code.map_or("(none)", Code::as_str);
        let title = style.paint(Tone::Bad, &format!("FAIL {code}"));
        let faults: String = row.faults.iter().map(|fault| format!("\n  - {}", safe(fault))).collect();
        format!("{title}: {}{faults}", safe(&row.did))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn legend(style: Style) -> String {
    let mut table = Table::new(["", ""]).right([0]);
    for stage in Stage::ALL {
        table.row([Cell::new(Tone::Faint, stage.number().to_string()), stage.description().into()]);
    }
    format!(
        "{}\n\
        Tollbar stands in front of an HTTP API and lets in whom access was sold to. Each request passes these\n\
        checks from top to bottom; the first that fails answers, and nothing further happens to the request:\n\n\
        {}\n\n\
        # is the stage that answered; - is a route of Tollbar's own, such as the token endpoint. (none) is no error.\n\
        Every error has the same envelope; its code is stable, and says what a program should do. The request id\n\
        leads support to the reason. Each row also checked the headers, that nothing reached the API which should\n\
        not, and that the look-up names the stage and holds no secret. tollbar tour --json has every answer whole.",
        style.paint(Tone::Strong, "What you have seen"),
        table.render(style),
    )
}

fn verdict(rows: &[Row], style: Style) -> String {
    let failed = rows.iter().filter(|row| !row.faults.is_empty()).count();
    let next = "Next: `tollbar demo` starts a platform that you can call yourself.";
    if failed == 0 {
        let text = format!("All {} hold.", rows.len());
        format!("{} {next}", style.paint(Tone::Good, &text))
    } else {
        style.paint(Tone::Bad, &format!("{failed} of {} do not hold.", rows.len()))
    }
}
