//! Clients, for people.

use serde_json::Value;

use crate::output::{Cell, Style, Table, Tone, count, list, time, word, yes};

/// A change, and what the client is now.
pub(super) fn done(verb: &str, client: &Value, style: Style) -> String {
    format!("{verb} {}.\n\n{}", style.paint(Tone::Strong, &word(client, "/name")), one(client, style))
}

/// One client, a line for each thing.
pub(super) fn one(client: &Value, style: Style) -> String {
    let mut table = Table::new(["", ""]);
    let mut row = |label: &str, cell: Cell| table.row([Cell::new(Tone::Faint, label), cell]);
    row("Client", word(client, "/name").into());
    row("Id", word(client, "/id").into());
    row("State", state(client));
    row(
        "Tier",
        format!("{} ({} requests a minute)", word(client, "/tier"), count(client, "/rate_per_minute")).into(),
    );
    row("Live", used(client, "live").into());
    row("Sandbox", used(client, "sandbox").into());
    row(
        "Beyond that",
        if word(client, "/overage") == "report" { "goes on, and is reported" } else { "is refused" }.into(),
    );
    row("Scopes", list(client, "/scopes").unwrap_or_else(|| "none".to_owned()).into());
    row("Writes", if yes(client, "/write_enabled") { "enabled" } else { "not enabled" }.into());
    row("Addresses", list(client, "/allow_ips").unwrap_or_else(|| "any".to_owned()).into());
    row("Created", time(client, "/created_at").into());
    table.render(style)
}

/// All clients, a line for each.
pub(super) fn clients(answer: &Value, style: Style) -> String {
    let all = answer["clients"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "No clients yet. Create one with `tollbar client create NAME --tier T --allowance N --scope S`.".to_owned();
    }
    let headings = ["NAME", "ID", "STATE", "TIER", "LIVE USED", "SANDBOX USED", "WRITES"];
    let mut table = Table::new(headings).right([4, 5]);
    for client in all {
        table.row([
            word(client, "/name").into(),
            word(client, "/id").into(),
            state(client),
            word(client, "/tier").into(),
            of(client, "live").into(),
            of(client, "sandbox").into(),
            if yes(client, "/write_enabled") { "yes" } else { "no" }.into(),
        ]);
    }
    table.render(style)
}

fn state(client: &Value) -> Cell {
    if yes(client, "/deleted") {
        Cell::new(Tone::Bad, "deleted")
    } else if yes(client, "/suspended") {
        Cell::new(Tone::Bad, "suspended")
    } else if client["access_enabled"] == Value::Bool(false) {
        Cell::new(Tone::Warning, "no access")
    } else {
        Cell::new(Tone::Good, "active")
    }
}

fn used(client: &Value, environment: &str) -> String {
    format!("{} requests used this month", of(client, environment))
}

fn of(client: &Value, environment: &str) -> String {
    let used = count(client, &format!("/used/{environment}"));
    format!("{used} of {}", count(client, &format!("/allowance/{environment}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn acme() -> Value {
        json!({
            "id": "cl_00000000001", "name": "acme", "tier": "standard", "rate_per_minute": 600,
            "scopes": ["orders:read", "orders:write"], "allowance": {"live": 100_000, "sandbox": 5000},
            "used": {"live": 1234, "sandbox": 0}, "overage": "block", "write_enabled": true, "access_enabled": true,
            "suspended": false, "deleted": false, "allow_ips": [], "created_at": "2026-11-22T10:00:00.000Z", "change": 3
        })
    }

    #[test]
    fn a_client_is_shown_line_by_line() {
        assert_eq!(
            done("Created", &acme(), Style::default()),
            "Created acme.\n\n\
             Client       acme\n\
             Id           cl_00000000001\n\
             State        active\n\
             Tier         standard (600 requests a minute)\n\
             Live         1,234 of 100,000 requests used this month\n\
             Sandbox      0 of 5,000 requests used this month\n\
             Beyond that  is refused\n\
             Scopes       orders:read orders:write\n\
             Writes       enabled\n\
             Addresses    any\n\
             Created      2026-11-22 10:00:00 UTC"
        );
    }

    #[test]
    fn clients_are_listed_with_their_state() {
        let mut off = acme();
        off["name"] = "evil\u{1b}[2J".into();
        off["suspended"] = true.into();
        let mut shut = acme();
        shut["access_enabled"] = false.into();
        assert_eq!(
            clients(&json!({"clients": [acme(), off, shut]}), Style::default()),
            "NAME           ID              STATE      TIER             LIVE USED  SANDBOX USED  WRITES\n\
             acme           cl_00000000001  active     standard  1,234 of 100,000    0 of 5,000  yes\n\
             evil\\u{1b}[2J  cl_00000000001  suspended  standard  1,234 of 100,000    0 of 5,000  yes\n\
             acme           cl_00000000001  no access  standard  1,234 of 100,000    0 of 5,000  yes"
        );
        assert!(clients(&json!({"clients": []}), Style::default()).starts_with("No clients yet."));
    }

    #[test]
    fn colour_is_only_added() {
        let styled = one(&acme(), Style { colour: true, terminal: false });
        assert!(styled.contains("\u{1b}["));
        let mut plain = String::new();
        let mut rest = styled.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            plain += before;
            rest = after.split_once('m').unwrap().1;
        }
        plain += rest;
        let trimmed: Vec<&str> = plain.lines().map(str::trim_end).collect();
        assert_eq!(trimmed.join("\n"), one(&acme(), Style::default()));
    }
}
