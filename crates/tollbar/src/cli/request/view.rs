//! The decision on one request, for people.

use serde_json::Value;
use tollbar_contract::{RequestId, Stage};

use crate::{
    cli::number::LIST_MAX,
    output::{Cell, Style, Table, Tone, count, moment, number, safe, time, word},
};

/// Why a request was answered as it was.
pub(super) fn trace(entry: &Value, style: Style) -> String {
    let mut parts = vec![header(entry, style), why(entry, style)];
    let steps = entry["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !steps.is_empty() {
        parts.push(stages(steps, style));
    }
    parts.push(facts(entry, style));
    if let Some(sentence) = entry["sentence"].as_str().filter(|sentence| !sentence.is_empty()) {
        let title = style.paint(Tone::Strong, "To copy for the partner:");
        parts.push(format!("{title}\n{}", crate::output::safe(sentence)));
    }
    parts.join("\n\n")
}

/// Many requests, a line for each.
pub(super) fn requests(answer: &Value, limit: u32, style: Style) -> String {
    let all = answer["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "No request matches.".to_owned();
    }
    let mut table = Table::new(["ID", "AT", "STATUS", "CODE", "CLIENT", "ENV", "REQUEST"]);
    let shown = usize::try_from(limit).unwrap_or(usize::MAX).min(all.len());
    for entry in all.iter().take(shown) {
        table.row([
            word(entry, "/request_id").into(),
            time(entry, "/at").into(),
            Cell::new(tone(entry), word(entry, "/status")),
            word(entry, "/code").into(),
            word(entry, "/client_name").into(),
            word(entry, "/environment").into(),
            target(entry).into(),
        ]);
    }
    let more = match shown {
        _ if all.len() > shown => format!("\n\n{} shown; --limit N for more", number(limit.into())),
        // More cannot be asked for, so that nobody knows whether there are more.
        _ if limit == LIST_MAX && all.len() == shown && u64::from(limit) == all.len() as u64 => {
            format!(
                "\n\n{} shown, the most there can be; --since and --client narrow it",
                number(limit.into())
            )
        }
        _ => String::new(),
    };
    format!("{}{more}", table.render(style))
}

fn header(entry: &Value, style: Style) -> String {
    let code = match word(entry, "/code") {
        none if none == "-" => String::new(),
        code => format!(" {code}"),
    };
    let answer = format!("{}{code}", word(entry, "/status"));
    format!(
        "{}  {}  {} ({})  {}",
        style.paint(Tone::Strong, &word(entry, "/request_id")),
        style.paint(tone(entry), &answer),
        target(entry),
        word(entry, "/environment"),
        moment(entry, "/at"),
    )
}

fn why(entry: &Value, style: Style) -> String {
    let steps = entry["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let refused = steps.iter().rev().find(|step| step["passed"] == Value::Bool(false));
    let status = entry["status"].as_u64().unwrap_or_default();
    let from_api = entry["upstream_status"].as_u64().filter(|status| *status >= 400);
    let why = match (refused, find_stage(&entry["refused_at"])) {
        (Some(step), stage) => {
            let stage = find_stage(&step["stage"]).or(stage);
            format!("{}: {}", at_stage(stage), word(step, "/detail"))
        }
        (None, Some(stage)) => format!("{}: {}", at_stage(Some(stage)), word(entry, "/message")),
        (None, None) => match find_replayed(steps) {
            Some(first) => format!("replayed the answer of {first}; the API was not asked again"),
            None if is_health(entry) && status >= 500 => {
                format!(
                    "the health route answered {status}: the store does not answer, or the platform is switched off"
                )
            }
            None if from_api.is_some() => "it was let in, and the API's answer was passed on".to_owned(),
            None if entry["code"].is_string() => {
                format!("it was let in, and then failed: {}", word(entry, "/message"))
            }
            None if status >= 400 => format!("it was let in, and Tollbar itself answered {status}"),
            None => "it was let in, and answered".to_owned(),
        },
    };
    let api = from_api.map_or_else(String::new, |status| format!("the API answered {status}; "));
    format!("{} {api}{why}", style.paint(Tone::Strong, "Why:"))
}

/// The request whose answer was given again.
fn find_replayed(steps: &[Value]) -> Option<RequestId> {
    let step = steps.iter().find(|step| find_stage(&step["stage"]) == Some(Stage::Idempotency))?;
    // The key before it is the caller's text.
    let (_, rest) = step["detail"].as_str()?.rsplit_once("the answer of ")?;
    RequestId::parse(rest.strip_suffix(" is replayed")?)
}

fn is_health(entry: &Value) -> bool {
    let steps = entry["steps"].as_array().into_iter().flatten();
    entry["endpoint"] == "(health)" || steps.into_iter().any(|step| step["detail"] == "(health)")
}

fn at_stage(stage: Option<Stage>) -> String {
    match stage {
        Some(Stage::Upstream) => "it was let in, and the upstream failed".to_owned(),
        Some(stage) => format!("refused at stage {} ({})", stage.number(), stage.name()),
        None => "refused".to_owned(),
    }
}

fn stages(steps: &[Value], style: Style) -> String {
    let mut table = Table::new(["#", "STAGE", "RESULT", "COMPARED"]).right([0]);
    for step in steps {
        let stage = find_stage(&step["stage"]);
        let result = match step["passed"].as_bool() {
            Some(true) => Cell::new(Tone::Good, "passed"),
            _ if stage == Some(Stage::Upstream) => Cell::new(Tone::Bad, "FAILED"),
            _ => Cell::new(Tone::Bad, "REFUSED"),
        };
        table.row([
            stage.map_or_else(|| "-".to_owned(), |stage| stage.number().to_string()).into(),
            stage.map_or_else(|| word(step, "/stage"), |stage| stage.name().to_owned()).into(),
            result,
            word(step, "/detail").into(),
        ]);
    }
    table.render(style)
}

fn facts(entry: &Value, style: Style) -> String {
    let mut table = Table::new(["", ""]);
    let mut row = |label: &str, text: String| table.row([Cell::new(Tone::Faint, label), text.into()]);
    match (entry["client_name"].as_str(), entry["client"].as_str()) {
        (None, None) => row("Client", "not known".to_owned()),
        _ => row("Client", format!("{} ({})", word(entry, "/client_name"), word(entry, "/client"))),
    }
    row("Credential", word(entry, "/credential"));
    row("Address", format!("{} ({})", word(entry, "/address"), word(entry, "/address_source")));
    row("Endpoint", word(entry, "/endpoint"));
    row("Upstream", upstream(entry));
    row("Time", format!("{} ms until the answer's head", count(entry, "/duration_millis")));
    if entry["message"].is_string() {
        row("Was told", word(entry, "/message"));
    }
    if let Some(change) = change(entry) {
        row("Change", change);
    }
    table.render(style)
}

fn upstream(entry: &Value) -> String {
    let millis = entry["upstream_millis"].is_u64().then(|| count(entry, "/upstream_millis"));
    let outcome = match (entry["upstream_status"].as_u64(), millis) {
        (Some(status), Some(millis)) => format!("answered {status} after {millis} ms"),
        (Some(status), None) => format!("answered {status}"),
        (None, Some(millis)) => format!("gave no answer in {millis} ms"),
        (None, None) => "not reached".to_owned(),
    };
    match entry["upstream_address"].as_str() {
        Some(address) => format!("{outcome} ({})", safe(address)),
        None => outcome,
    }
}

/// The operator's change behind a refusal: who, when, what.
fn change(entry: &Value) -> Option<String> {
    let detail = &entry["change_detail"];
    if detail.is_object() {
        return Some(format!(
            "{} by {} at {}: {} ({} {})",
            count(detail, "/id"),
            word(detail, "/actor"),
            time(detail, "/at"),
            word(detail, "/detail"),
            word(detail, "/action"),
            word(detail, "/subject"),
        ));
    }
    entry["change"].is_u64().then(|| format!("{} (no longer in the audit trail)", count(entry, "/change")))
}

fn target(entry: &Value) -> String {
    format!("{} {}", word(entry, "/method"), word(entry, "/path"))
}

fn tone(entry: &Value) -> Tone {
    match entry["status"].as_u64() {
        Some(..400) => Tone::Good,
        Some(400..500) => Tone::Warning,
        _ => Tone::Bad,
    }
}

fn find_stage(value: &Value) -> Option<Stage> {
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests;
