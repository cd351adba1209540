//! Usage, for people.

use serde_json::Value;

use super::{
    By,
    groups::{Line, lines, whole},
};
use crate::output::{Cell, Style, Table, Tone, count, number, safe, time, word};

/// One client's month: what it adds up to, then by what was asked for, then the corrections.
pub(super) fn one(usage: &Value, by: By, this_month: &str, style: Style) -> String {
    let name = if usage["deleted"] == Value::Bool(true) { " (deleted)" } else { "" };
    let title = format!("{}{name} in {} (UTC)", word(usage, "/name"), word(usage, "/month"));
    let mut text = begin(&title, &word(usage, "/month"), this_month, style);
    text += &format!("{}\n", totals(usage, style));
    let groups = if by == By::Total { Vec::new() } else { lines(usage, by) };
    if !groups.is_empty() {
        let mut table = Table::new(["ENV", heading(by), "CHARGED", "GIVEN BACK", "NET"]).right([2, 3, 4]);
        for line in &groups {
            let [charged, back, net] = counts(line);
            table.row([line.environment.into(), safe(&line.group).into(), charged, back, net]);
        }
        text += &format!("\n{}\n", table.render(style));
    }
    let corrections = usage["corrections"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !corrections.is_empty() {
        let mut table = Table::new(["ENV", "CORRECTION", "BY", "AT", "CHANGE", "REASON"]).right([1, 4]);
        for correction in corrections {
            table.row([
                word(correction, "/environment").into(),
                signed(whole(&correction["units"])).into(),
                word(correction, "/kind").into(),
                time(correction, "/at").into(),
                word(correction, "/change").into(),
                word(correction, "/reason").into(),
            ]);
        }
        text += &format!("\n{}\n", table.render(style));
    }
    text
}

/// All clients of a month.
pub(super) fn all(month: &str, clients: &[Value], by: By, this_month: &str, style: Style) -> String {
    let mut text = begin(&format!("All clients in {month} (UTC)"), month, this_month, style);
    if clients.is_empty() {
        return text + "There were no clients in that month.";
    }
    if by != By::Total {
        let mut table =
            Table::new(["CLIENT", "ENV", heading(by), "CHARGED", "GIVEN BACK", "NET"]).right([3, 4, 5]);
        for client in clients {
            for line in lines(client, by) {
                let [charged, back, net] = counts(&line);
                let group = safe(&line.group).into();
                table.row([name(client), line.environment.into(), group, charged, back, net]);
            }
        }
        return text + &table.render(style);
    }
    let headings = [
        "CLIENT",
        "ENV",
        "CHARGED",
        "GIVEN BACK",
        "CORRECTIONS",
        "USED",
        "ALLOWANCE",
        "REMAINING",
        "BILLABLE OVERAGE",
    ];
    let mut table = Table::new(headings).right([2, 3, 4, 5, 6, 7, 8]);
    for client in clients {
        for line in lines(client, by) {
            let [environment, charged, back, corrections, used, allowance, remaining] = row(client, &line);
            let billable = of(client, &line, "billable_overage");
            table.row([
                name(client),
                environment,
                charged,
                back,
                corrections,
                used,
                allowance,
                remaining,
                billable,
            ]);
        }
    }
    text += &table.render(style);
    text
}

fn begin(title: &str, month: &str, this_month: &str, style: Style) -> String {
    let title = style.paint(Tone::Strong, title);
    let early = "This month has not begun: nothing is used yet.";
    match month > this_month {
        true => format!("{title}\n\n{}\n\n", style.paint(Tone::Warning, early)),
        false => format!("{title}\n\n"),
    }
}

fn totals(usage: &Value, style: Style) -> String {
    let lines = lines(usage, By::Total);
    let headings = ["ENV", "CHARGED", "GIVEN BACK", "CORRECTIONS", "USED", "ALLOWANCE", "REMAINING"];
    if lines.iter().all(|line| whole(&usage[line.environment]["billable_overage"]) == 0) {
        let mut table = Table::new(headings).right([1, 2, 3, 4, 5, 6]);
        lines.iter().for_each(|line| table.row(row(usage, line)));
        return table.render(style);
    }
    let [a, b, c, d, e, f, g] = headings;
    let mut table = Table::new([a, b, c, d, e, f, g, "BILLABLE OVERAGE"]).right([1, 2, 3, 4, 5, 6, 7]);
    for line in &lines {
        let [a, b, c, d, e, f, g] = row(usage, line);
        table.row([a, b, c, d, e, f, g, of(usage, line, "billable_overage")]);
    }
    table.render(style)
}

fn row(client: &Value, line: &Line) -> [Cell; 7] {
    let [charged, back, _] = counts(line);
    let corrections = whole(&client[line.environment]["corrections"]);
    let corrections = if corrections == 0 { "0".to_owned() } else { signed(corrections) };
    let [used, allowance, remaining] =
        ["used", "allowance", "remaining"].map(|field| of(client, line, field));
    [line.environment.into(), charged, back, corrections.into(), used, allowance, remaining]
}

fn of(client: &Value, line: &Line, field: &str) -> Cell {
    count(client, &format!("/{}/{field}", line.environment)).into()
}

fn counts(line: &Line) -> [Cell; 3] {
    let counts = &line.counts;
    [counts.charged, counts.given_back, counts.net()].map(|n| below_zero(n).into())
}

fn below_zero(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", number(n.unsigned_abs()))
}

/// With its sign, for it says what happens to a count.
pub(in crate::cli) fn signed(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "+" };
    format!("{sign}{}", number(n.unsigned_abs()))
}

fn name(client: &Value) -> Cell {
    let name = word(client, "/name");
    if client["deleted"] == Value::Bool(true) {
        Cell::new(Tone::Faint, format!("{name} (deleted)"))
    } else {
        name.into()
    }
}

const fn heading(by: By) -> &'static str {
    match by {
        By::Total => "",
        By::Endpoint => "ENDPOINT",
        By::Day => "DAY",
        By::Outcome => "OUTCOME",
    }
}

#[cfg(test)]
mod tests;
