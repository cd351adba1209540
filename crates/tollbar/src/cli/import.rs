//! `import`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::context::{Context, set};
pub(super) use super::document::read_document;
use crate::{
    client::with_query,
    output::{Cell, Style, Table, Tone, count, list, number, safe, word, yes},
};

#[derive(Debug, Args)]
#[command(
    after_help = "The document is OpenAPI 3.0 or 3.1, YAML or JSON. It gives the endpoints, their categories (the first tag), the \
    scopes they require (from `security`, else CATEGORY:read or CATEGORY:write), and which of them write (by method, or \
    `x-tollbar-write`). Importing again replaces what was on the same base; what is set by hand (`tollbar endpoint set`) is kept, and \
    `tollbar diff` shows beforehand what would change.\n\n\
    Examples:\n  \
    tollbar import api.yaml --upstream http://127.0.0.1:9000\n  \
    tollbar import api.json --base /v2 --upstream http://10.0.0.5:9000/v2 \\\n    \
    --sandbox-upstream http://10.0.0.6:9000/v2\n  \
    tollbar import api.yaml --upstream http://10.0.0.5:9000 --upstream http://10.0.0.7:9000\n  \
    curl -s https://example.com/openapi.json \\\n    \
    | tollbar import - --upstream http://127.0.0.1:9000"
)]
pub(crate) struct ImportCommand {
    /// The document, OpenAPI or Swagger 2.0; files it refers to are read below its folder; - reads standard input
    file: PathBuf,
    /// Where live requests go; its path takes the place of the base. Again, or after a comma: another server of it
    #[arg(long, value_name = "URL", required = true)]
    upstream: Vec<String>,
    /// Where sandbox requests go; without it the API has no sandbox
    #[arg(long, value_name = "URL")]
    sandbox_upstream: Vec<String>,
    /// The path it is served under [default: of the document's first server, else /v1]
    #[arg(long, value_name = "PATH")]
    base: Option<String>,
    /// What becomes of the upstream's own errors [default: wrap]
    #[arg(long, value_name = "HOW")]
    upstream_errors: Option<UpstreamErrors>,
    /// What a 5xx from the upstream does to an Idempotency-Key [default: store]
    #[arg(long, value_name = "HOW")]
    on_upstream_5xx: Option<OnUpstream5xx>,
    /// Count where the upstream's answers differ from the document (`tollbar observe`); nothing is enforced. Kept at the
    /// next import
    #[arg(long, conflicts_with = "no_observe")]
    observe: bool,
    /// Do not, or not any more
    #[arg(long)]
    no_observe: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum UpstreamErrors {
    /// They are put into Tollbar's envelope, and a 5xx hides its inside
    Wrap,
    /// They pass untouched
    Pass,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnUpstream5xx {
    /// It is stored and replayed: the write may have happened
    Store,
    /// It releases the key: the upstream promises that a 5xx did nothing
    Release,
}

impl ImportCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let several = |urls: Vec<String>| (!urls.is_empty()).then(|| urls.join(", "));
        let mut body = json!({"document": read_document(&self.file)?, "upstream": several(self.upstream)});
        set(&mut body, "base", self.base);
        set(&mut body, "sandbox_upstream", several(self.sandbox_upstream));
        set(
            &mut body,
            "upstream_errors",
            self.upstream_errors.map(|how| match how {
                UpstreamErrors::Wrap => "wrap",
                UpstreamErrors::Pass => "pass",
            }),
        );
        set(
            &mut body,
            "on_upstream_5xx",
            self.on_upstream_5xx.map(|how| match how {
                OnUpstream5xx::Store => "store",
                OnUpstream5xx::Release => "release",
            }),
        );
        set(&mut body, "observe", (self.observe || self.no_observe).then_some(self.observe));
        let admin = context.connect()?;
        let answer = admin.post("/apis", &body)?;
        // Programs have what was answered; an example for people is worth no failure.
        let base = answer.value["base"].as_str().filter(|_| !context.output.json).map(str::to_owned);
        let endpoints = base.and_then(|base| {
            admin.get(&with_query("/apis/endpoints", [("base", Some(super::api::plain(base)))])).ok()
        });
        let endpoints = endpoints.map_or(Value::Null, |answer| answer.value);
        Ok(context.output.answer(&answer, |api, style| {
            let text = imported(api, style);
            let at = text.find('\n').map_or(text.len(), |end| end + 1);
            let (head, rest) = text.split_at(at);
            format!("{head}\n{}{rest}", routes(api, &body, &endpoints, style))
        })?)
    }
}

fn imported(api: &Value, style: Style) -> String {
    let verb = if yes(api, "/replaced") { "Replaced" } else { "Imported" };
    let base = match word(api, "/base") {
        base if base == "-" => "/".to_owned(),
        base => base,
    };
    let changed = match (api["added"].as_u64(), api["removed"].as_u64()) {
        (Some(added), Some(removed)) if yes(api, "/replaced") => {
            format!(" ({} new, {} gone)", number(added), number(removed))
        }
        _ => String::new(),
    };
    let mut text = format!(
        "{verb} {} {} on {}: {} endpoints{changed}.\n",
        style.paint(Tone::Strong, &word(api, "/title")),
        word(api, "/version"),
        style.paint(Tone::Strong, &base),
        count(api, "/endpoints")
    );
    if let Some(categories) = api["categories"].as_array().filter(|categories| !categories.is_empty()) {
        let mut table = Table::new(["CATEGORY", "ENDPOINTS"]).right([1]);
        for category in categories {
            table.row([word(category, "/name").into(), count(category, "/endpoints").into()]);
        }
        text += &format!("\n{}\n", table.render(style));
    }
    if let Some(scopes) = list(api, "/scopes") {
        text += &format!("\nScopes: {scopes}\n");
    }
    if yes(api, "/observe") {
        text += "\nAnswers are observed: `tollbar observe` shows where they differ from the document.\n";
    }
    if yes(api, "/replaced") && api["differences"].is_object() {
        text += &format!("\n{}", super::diff::differences(&api["differences"], style));
    }
    let by_hand = api["by_hand"]["applied"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !by_hand.is_empty() {
        let names = by_hand.iter().filter_map(Value::as_str).map(|name| format!("\n  {}", safe(name)));
        text += &format!("\nSet by hand, and kept:{}\n", names.collect::<String>());
    }
    text
}

/// Where requests go, shown on one of them.
fn routes(api: &Value, asked: &Value, endpoints: &Value, style: Style) -> String {
    let all = endpoints["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let example = all.iter().find(|endpoint| endpoint["method"] == "GET").or(all.first());
    let mut table = Table::new(["", ""]);
    for (label, field) in [("live", "upstream"), ("sandbox", "sandbox_upstream")] {
        // An older server does not say it: it is what it was given.
        let upstream = api[field].as_str().or(asked[field].as_str());
        let route = match (upstream, example) {
            (None, _) => "none".to_owned(),
            (Some(upstream), Some(example)) => {
                // The upstream's own path stands in for the base.
                let path = word(example, "/path");
                let path = api["base"].as_str().and_then(|base| path.strip_prefix(base)).unwrap_or(&path);
                let path = path.trim_start_matches('/');
                let servers = upstream.split(", ");
                let targets = servers.map(|url| format!("{}/{path}", safe(url.trim_end_matches('/'))));
                format!("{} -> {}", word(example, "/name"), targets.collect::<Vec<_>>().join(", "))
            }
            (Some(upstream), None) => format!("-> {}", safe(upstream)),
        };
        table.row([Cell::new(Tone::Faint, format!("{label}:")), route.into()]);
    }
    format!("{}\n", table.render(style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_says_what_came_of_it() {
        let api = json!({
            "base": "/v1", "title": "Shop", "version": "2.0", "endpoints": 1223, "replaced": false,
            "categories": [{"name": "orders", "endpoints": 1220}, {"name": "pets", "endpoints": 3}],
            "scopes": ["orders:read", "pets:read"]
        });
        assert_eq!(
            imported(&api, Style::default()),
            "Imported Shop 2.0 on /v1: 1,223 endpoints.\n\n\
             CATEGORY  ENDPOINTS\norders        1,220\npets              3\n\n\
             Scopes: orders:read pets:read\n"
        );
    }

    #[test]
    fn an_import_over_another_says_what_changed() {
        let api = json!({"base": "/v1", "title": "Shop", "version": "2", "endpoints": 8, "replaced": true, "added": 2, "removed": 0});
        assert_eq!(
            imported(&api, Style::default()),
            "Replaced Shop 2 on /v1: 8 endpoints (2 new, 0 gone).\n"
        );
    }

    #[test]
    fn an_import_shows_where_a_request_goes() {
        let asked = json!({"upstream": "http://127.0.0.1:9000/"});
        let endpoints = json!({"endpoints": [
            {"name": "POST /v1/orders", "method": "POST", "path": "/v1/orders"},
            {"name": "GET /v1/orders", "method": "GET", "path": "/v1/orders"}
        ]});
        assert_eq!(
            routes(&json!({"base": "/v1"}), &asked, &endpoints, Style::default()),
            "live:     GET /v1/orders -> http://127.0.0.1:9000/orders\nsandbox:  none\n"
        );
        let api = json!({"base": "/v1", "upstream": "http://a/x", "sandbox_upstream": "http://b/y"});
        assert_eq!(
            routes(&api, &asked, &endpoints, Style::default()),
            "live:     GET /v1/orders -> http://a/x/orders\nsandbox:  GET /v1/orders -> http://b/y/orders\n"
        );
        let several = json!({"base": "/v1", "upstream": "http://a/x, http://b/x"});
        assert_eq!(
            routes(&several, &asked, &endpoints, Style::default()),
            "live:     GET /v1/orders -> http://a/x/orders, http://b/x/orders\nsandbox:  none\n"
        );
        assert_eq!(
            routes(&api, &asked, &Value::Null, Style::default()),
            "live:     -> http://a/x\nsandbox:  -> http://b/y\n"
        );
    }
}
