//! `import`.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::context::{Context, set};
use crate::output::{Style, Table, Tone, count, list, word, yes};

#[derive(Debug, Args)]
#[command(
    after_help = "The document is OpenAPI 3.0 or 3.1, YAML or JSON. It gives the endpoints, their categories (the first tag), the \
    scopes they require (from `security`, else CATEGORY:read or CATEGORY:write), and which of them write (by method, or \
    `x-tollbar-write`). Importing again replaces what was on the same base.\n\n\
    Examples:\n  \
    tollbar import api.yaml --upstream http://127.0.0.1:9000\n  \
    tollbar import api.json --base /v2 --upstream http://10.0.0.5:9000/v2 --sandbox-upstream http://10.0.0.6:9000/v2\n  \
    curl -s https://example.com/openapi.json | tollbar import - --upstream http://127.0.0.1:9000"
)]
pub(crate) struct ImportCommand {
    /// The document; - reads standard input
    file: PathBuf,
    /// Where live requests go; its path takes the place of the base
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// Where sandbox requests go; without it the API has no sandbox
    #[arg(long, value_name = "URL")]
    sandbox_upstream: Option<String>,
    /// The path it is served under [default: of the document's first server, else /v1]
    #[arg(long, value_name = "PATH")]
    base: Option<String>,
    /// What becomes of the upstream's own errors [default: wrap]
    #[arg(long, value_name = "HOW")]
    upstream_errors: Option<UpstreamErrors>,
    /// What a 5xx from the upstream does to an Idempotency-Key [default: store]
    #[arg(long, value_name = "HOW")]
    on_upstream_5xx: Option<OnUpstream5xx>,
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
        let mut body = json!({"document": read_document(&self.file)?, "upstream": self.upstream});
        set(&mut body, "base", self.base);
        set(&mut body, "sandbox_upstream", self.sandbox_upstream);
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
        let answer = context.connect()?.post("/apis", &body)?;
        Ok(context.output.answer(&answer, imported)?)
    }
}

fn read_document(file: &Path) -> Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).context("standard input cannot be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn imported(api: &Value, style: Style) -> String {
    let verb = if yes(api, "/replaced") { "Replaced" } else { "Imported" };
    let base = match word(api, "/base") {
        base if base == "-" => "/".to_owned(),
        base => base,
    };
    let mut text = format!(
        "{verb} {} {} on {}: {} endpoints.\n",
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
    for warning in api["warnings"].as_array().into_iter().flatten() {
        text += &format!("\n{} {}", style.paint(Tone::Warning, "warning:"), word(warning, ""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_says_what_came_of_it() {
        let api = json!({
            "base": "/v1", "title": "Shop", "version": "2.0", "endpoints": 1223, "replaced": false,
            "categories": [{"name": "orders", "endpoints": 1220}, {"name": "pets", "endpoints": 3}],
            "scopes": ["orders:read", "pets:read"],
            "warnings": ["OPTIONS /x is left out"]
        });
        assert_eq!(
            imported(&api, Style::default()),
            "Imported Shop 2.0 on /v1: 1,223 endpoints.\n\n\
             CATEGORY  ENDPOINTS\norders        1,220\npets              3\n\n\
             Scopes: orders:read pets:read\n\nwarning: OPTIONS /x is left out"
        );
    }
}
