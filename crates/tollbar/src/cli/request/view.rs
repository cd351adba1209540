//! The decision on one request, for people.

use serde_json::Value;
use tollbar_contract::{RequestId, Stage};

use crate::output::{Cell, Style, Table, Tone, count, moment, number, safe, time, word};

/// Of a reason in a list.
const WHY_CHARS_MAX: usize = 80;

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
pub(super) fn requests(answer: &Value, style: Style) -> String {
    let all = answer["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return format!("No request matches.{}", further(answer, 0));
    }
    let mut table = Table::new(["ID", "AT", "STATUS", "CODE", "CLIENT", "ENV", "REQUEST", "STAGE", "WHY"]);
    for entry in all {
        table.row([
            word(entry, "/request_id").into(),
            time(entry, "/at").into(),
            Cell::new(tone(entry), word(entry, "/status")),
            word(entry, "/code").into(),
            word(entry, "/client_name").into(),
            word(entry, "/environment").into(),
            target(entry).into(),
            find_stage(&entry["refused_at"]).map_or("-", Stage::name).into(),
            short_why(entry).into(),
        ]);
    }
    let more = further(answer, all.len());
    format!("{}{more}", table.render(style))
}

/// How to go on from here, and what is to be known of the list.
fn further(answer: &Value, shown: usize) -> String {
    let mut text = String::new();
    if let Some(note) = answer["note"].as_str() {
        text.push_str(&format!("\n\nNote: {}", safe(note)));
    }
    let Some(next) = answer["next"].as_str() else { return text };
    let next = safe(next);
    if answer["stopped_at"].is_string() {
        let at = time(answer, "/stopped_at");
        text.push_str(&format!(
            "\n\nThe search stopped at {at}: it had looked at as many requests as it may. Go on with --before {next}, or narrow it \
             with --client, --code, --since or --until, which are found without a search"
        ));
    } else {
        let shown = number(u64::try_from(shown).unwrap_or(u64::MAX));
        text.push_str(&format!(
            "\n\n{shown} shown; --limit N for more, --before {next} for those behind them"
        ));
    }
    text
}

/// Why, in a line of a list: what the stage that refused had compared, or what the API answered.
fn short_why(entry: &Value) -> String {
    let steps = entry["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let refused = steps.iter().rev().find(|step| step["passed"] == Value::Bool(false));
    let why = match refused {
        Some(step) => word(step, "/detail"),
        None => match entry["upstream_status"].as_u64() {
            Some(status) if status >= 400 => format!("the API answered {status}"),
            _ => "-".to_owned(),
        },
    };
    if why.chars().count() <= WHY_CHARS_MAX {
        return why;
    }
    why.chars().take(WHY_CHARS_MAX).chain("...".chars()).collect()
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
    let difference = difference(entry).map_or_else(String::new, |difference| format!(". {difference}"));
    format!("{} {api}{why}{difference}", style.paint(Tone::Strong, "Why:"))
}

/// What of a request differs from the one that had its key before it.
fn difference(entry: &Value) -> Option<String> {
    let other = &entry["compared_with"];
    let id = other["request_id"].as_str().map(safe)?;
    if other["is_in_log"] == Value::Bool(false) {
        return Some(format!("Request {id} is not in the log, so that nobody knows which of them"));
    }
    let differs: Vec<String> =
        other["differs"].as_array()?.iter().filter_map(Value::as_str).map(safe).collect();
    let other =
        format!("{id} was {} at {}, answered {}", target(other), time(other, "/at"), word(other, "/status"));
    Some(if differs.is_empty() {
        format!("Request {other}; method and path are the same")
    } else {
        format!("What differs: {}. Request {other}", differs.join(", "))
    })
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
    let hint =
        entry["credential_hint"].as_str().map_or_else(String::new, |hint| format!(" ({})", safe(hint)));
    row("Credential", format!("{}{hint}", word(entry, "/credential")));
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
    let Some(address) = entry["upstream_address"].as_str().map(safe) else { return outcome };
    match entry["upstream_connect_millis"].as_u64() {
        Some(millis) => format!("{outcome}, {} of them to connect ({address})", number(millis)),
        None => format!("{outcome} ({address})"),
    }
}

/// The operator's change behind a refusal: who, when, what.
fn change(entry: &Value) -> Option<String> {
    let detail = &entry["change_detail"];
    if detail.is_object() {
        return Some(format!(
            "{} by {} at {}: {} ({} {}); see tollbar audit show {}",
            count(detail, "/id"),
            word(detail, "/actor"),
            time(detail, "/at"),
            word(detail, "/detail"),
            word(detail, "/action"),
            word(detail, "/subject"),
            word(detail, "/id"),
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
