//! `api`.

use anyhow::Result;
use clap::Subcommand;
use serde_json::Value;

use super::{confirm::confirm, context::Context};
use crate::{
    client::with_query,
    output::{Cell, Style, Table, count, list, safe, time, word, yes},
};

#[derive(Debug, Subcommand)]
pub(crate) enum ApiCommand {
    /// List the imported APIs
    List,
    /// List endpoints with their categories and scopes
    #[command(
        after_help = "Examples:\n  tollbar api endpoints\n  tollbar api endpoints --base /v2 | grep orders"
    )]
    Endpoints {
        /// Only of the API on this base, such as /v1
        #[arg(long, value_name = "PATH")]
        base: Option<String>,
    },
    /// Take an API away; its endpoints answer `not_found` at once
    #[command(after_help = "On a terminal the base has to be typed first.\n\nExamples:\n  \
        tollbar api remove /v1\n  tollbar api remove /v1 --yes")]
    Remove {
        /// Its base, such as /v1; / for the root
        base: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl ApiCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::List => {
                let answer = context.connect()?.get("/apis")?;
                context.output.answer(&answer, apis)?;
            }
            Self::Endpoints { base } => {
                let answer =
                    context.connect()?.get(&with_query("/apis/endpoints", [("base", base.map(plain))]))?;
                context.output.answer(&answer, endpoints)?;
            }
            Self::Remove { base, yes } => {
                let admin = context.connect()?;
                let what = "Without the API all its endpoints answer not_found, until it is imported again.";
                confirm(yes, what, || Ok(base.clone()))?;
                let done = format!("Removed the API on {}.", safe(&base));
                let answer = admin.delete(&with_query("/apis", [("base", Some(plain(base)))]))?;
                context.output.answer(&answer, |_, _| done)?;
            }
        }
        Ok(())
    }
}

/// The root's base is the empty text, which people write as a slash.
pub(super) fn plain(base: String) -> String {
    if base == "/" { String::new() } else { base }
}

fn apis(answer: &Value, style: Style) -> String {
    let all = answer["apis"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "No API yet. Import one with `tollbar import FILE --upstream URL`.".to_owned();
    }
    let columns = ["BASE", "TITLE", "VERSION", "ENDPOINTS", "UPSTREAM", "SANDBOX", "IMPORTED"];
    let cells = |api: &Value| -> [Cell; 7] {
        let base = word(api, "/base");
        [
            if base == "-" { "/".into() } else { base.into() },
            word(api, "/title").into(),
            word(api, "/version").into(),
            count(api, "/endpoints").into(),
            word(api, "/upstream").into(),
            word(api, "/sandbox_upstream").into(),
            time(api, "/imported_at").into(),
        ]
    };
    if !all.iter().any(|api| yes(api, "/observe")) {
        let mut table = Table::new(columns).right([3]);
        all.iter().for_each(|api| table.row(cells(api)));
        return table.render(style);
    }
    let [base, title, version, endpoints, upstream, sandbox, imported] = columns;
    let mut table =
        Table::new([base, title, version, endpoints, upstream, sandbox, imported, "OBSERVED"]).right([3]);
    for api in all {
        let [base, title, version, endpoints, upstream, sandbox, imported] = cells(api);
        let observed = if yes(api, "/observe") { "yes" } else { "-" };
        table.row([base, title, version, endpoints, upstream, sandbox, imported, observed.into()]);
    }
    table.render(style)
}

/// A table of endpoints.
pub(super) fn endpoints(answer: &Value, style: Style) -> String {
    let all = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "No endpoints.".to_owned();
    }
    let cells = |endpoint: &Value| {
        [
            word(endpoint, "/name").into(),
            word(endpoint, "/category").into(),
            list(endpoint, "/scopes").unwrap_or_else(|| "-".to_owned()).into(),
            if yes(endpoint, "/write") { "yes" } else { "-" }.into(),
            if yes(endpoint, "/idempotency_required") { "required" } else { "-" }.into(),
        ]
    };
    let columns = ["ENDPOINT", "CATEGORY", "SCOPES", "WRITES", "IDEMPOTENCY-KEY"];
    if !all.iter().any(|endpoint| endpoint["by_hand"].is_object()) {
        let mut table = Table::new(columns);
        all.iter().for_each(|endpoint| table.row(cells(endpoint)));
        return table.render(style);
    }
    let [name, category, scopes, writes, key] = columns;
    let mut table = Table::new([name, category, scopes, writes, key, "BY HAND"]);
    for endpoint in all {
        let [name, category, scopes, writes, key] = cells(endpoint);
        table.row([name, category, scopes, writes, key, super::endpoint::by_hand(endpoint).into()]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn apis_and_endpoints_are_listed() {
        let answer = json!({"apis": [{"base": "", "title": "Shop", "version": "1", "upstream": "http://a",
            "sandbox_upstream": null, "endpoints": 3, "imported_at": "2026-11-22T10:00:00Z"}]});
        assert_eq!(
            apis(&answer, Style::default()),
            "BASE  TITLE  VERSION  ENDPOINTS  UPSTREAM  SANDBOX  IMPORTED\n\
             /     Shop   1                3  http://a  -        2026-11-22 10:00:00 UTC"
        );
        let answer = json!({"endpoints": [{"name": "POST /v1/x", "method": "POST", "path": "/x", "category": "orders",
            "scopes": ["orders:write"], "write": true, "idempotency_required": true}]});
        assert_eq!(
            endpoints(&answer, Style::default()),
            "ENDPOINT    CATEGORY  SCOPES        WRITES  IDEMPOTENCY-KEY\n\
             POST /v1/x  orders    orders:write  yes     required"
        );
    }
}
