//! `endpoint`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    api::{endpoints, plain},
    context::{Context, Wrong, set},
};
use crate::{
    client::with_query,
    output::{Style, Table, word},
};

#[derive(Debug, Subcommand)]
pub(crate) enum EndpointCommand {
    /// List endpoints, and what is set for them by hand
    #[command(
        after_help = "Examples:\n  tollbar endpoint list\n  tollbar endpoint list --base /v2 | grep orders"
    )]
    List {
        /// Only of the API on this base, such as /v1
        #[arg(long, value_name = "PATH")]
        base: Option<String>,
    },
    /// Set what an endpoint requires by hand; in force at once, and kept when a document is imported again
    Set(Set),
}

#[derive(Debug, Args)]
#[command(
    after_help = "What is set stands before what the document says, until it is given back with --reset: alone it \
    gives back everything, with other options everything else.\n\n\
    Examples:\n  \
    tollbar endpoint set 'POST /v1/orders' --scope orders:new --idempotency-required yes\n  \
    tollbar endpoint set 'POST /v1/search' --write no\n  \
    tollbar endpoint set 'POST /v1/orders' --reset"
)]
pub(crate) struct Set {
    /// The endpoint, as 'GET /v1/orders/{id}'
    #[arg(required = true, num_args = 1..=2)]
    name: Vec<String>,
    /// A scope that it requires. Again, or after a comma: another one
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', conflicts_with = "no_scope")]
    scopes: Vec<String>,
    /// It requires no scope
    #[arg(long)]
    no_scope: bool,
    /// Its category, for switches
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Whether it writes: only for clients with write access, and with Idempotency-Key
    #[arg(long, value_name = "yes|no")]
    write: Option<YesNo>,
    /// Whether it must be called with an Idempotency-Key
    #[arg(long, value_name = "yes|no")]
    idempotency_required: Option<YesNo>,
    /// Whether an execution of unknown outcome may be sent again: its upstream must de-duplicate
    #[arg(long, value_name = "yes|no")]
    resend_unknown: Option<YesNo>,
    /// Give it back to what the document says
    #[arg(long)]
    reset: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum YesNo {
    /// It does
    Yes,
    /// It does not
    No,
}

impl EndpointCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::List { base } => {
                let path = with_query("/apis/endpoints", [("base", base.map(plain))]);
                let answer = context.connect()?.get(&path)?;
                context.output.answer(&answer, listed)?;
            }
            Self::Set(command) => {
                let body = command.body()?;
                let answer = context.connect()?.patch("/apis/endpoints", &body)?;
                context.output.answer(&answer, is_set)?;
            }
        }
        Ok(())
    }
}

impl Set {
    fn body(self) -> Result<Value> {
        // An unquoted `GET /v1/x` arrives as two words.
        let name = self.name.join(" ");
        let Some((method, path)) =
            name.split_once(' ').filter(|(_, path)| path.trim_start().starts_with('/'))
        else {
            return Err(Wrong::line(format!(
                "`{name}` is not an endpoint; write method and path with its base, such as 'GET /v1/orders/{{id}}'; \
                 `tollbar endpoint list` shows them"
            )));
        };
        let mut body = json!({"method": method.to_uppercase(), "path": path.trim()});
        let scopes = (self.no_scope || !self.scopes.is_empty()).then_some(self.scopes);
        set(&mut body, "scopes", scopes);
        set(&mut body, "category", self.category);
        let flags = [
            ("write", self.write),
            ("idempotency_required", self.idempotency_required),
            ("resend_unknown", self.resend_unknown),
        ];
        for (field, flag) in flags {
            set(&mut body, field, flag.map(|flag| flag == YesNo::Yes));
        }
        if self.reset {
            body["reset"] = true.into();
        }
        if body.as_object().is_some_and(|fields| fields.len() == 2) {
            return Err(Wrong::line(
                "there is nothing to set: give --scope, --no-scope, --category, --write, --idempotency-required, \
                 --resend-unknown or --reset",
            ));
        }
        Ok(body)
    }
}

fn listed(answer: &Value, style: Style) -> String {
    let mut text = endpoints(answer, style);
    let gone = answer["gone"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !gone.is_empty() {
        let mut table = Table::new(["SET FOR ENDPOINTS THAT ARE GONE", "WHAT"]);
        for one in gone {
            table.row([word(one, "/name").into(), by_hand(one).into()]);
        }
        text += &format!("\n\n{}", table.render(style));
    }
    text
}

/// What is set by hand, in words; `-` if nothing is.
pub(super) fn by_hand(endpoint: &Value) -> String {
    let Some(fields) = endpoint["by_hand"].as_object().filter(|fields| !fields.is_empty()) else {
        return "-".to_owned();
    };
    let words = fields.iter().map(|(field, value)| {
        let field = field.replace('_', " ");
        match value {
            Value::Bool(true) => field,
            Value::Bool(false) => format!("no {field}"),
            _ => field,
        }
    });
    crate::output::safe(&words.collect::<Vec<_>>().join(", "))
}

fn is_set(endpoint: &Value, style: Style) -> String {
    let name = word(endpoint, "/name");
    if endpoint["gone"] == true {
        return format!("What was set for {name} is forgotten; there is no such endpoint any more.");
    }
    let table = endpoints(&json!({"endpoints": [endpoint]}), style);
    if endpoint["by_hand"].is_null() {
        return format!("{name} is as the document says.\n\n{table}");
    }
    format!("{name} is set by hand, and keeps it when a document is imported again.\n\n{table}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        set: Set,
    }

    fn body(words: &[&str]) -> Result<Value, String> {
        let line = Line::try_parse_from(std::iter::once("set").chain(words.iter().copied()));
        line.map_err(|fault| fault.to_string())?.set.body().map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_line_becomes_what_is_to_be_set() {
        assert_eq!(
            body(&["post /v1/orders", "--scope", "a,b", "--scope", "c", "--write", "no"]),
            Ok(json!({"method": "POST", "path": "/v1/orders", "scopes": ["a", "b", "c"], "write": false}))
        );
        assert_eq!(
            body(&["POST", "/v1/orders", "--no-scope", "--reset"]),
            Ok(json!({"method": "POST", "path": "/v1/orders", "scopes": [], "reset": true}))
        );
        assert!(body(&["POST /v1/orders"]).unwrap_err().starts_with("there is nothing to set"));
        assert!(body(&["/v1/orders", "--reset"]).unwrap_err().starts_with("`/v1/orders` is not an endpoint"));
        assert!(body(&["POST /v1/orders", "--write", "maybe"]).is_err());
    }

    #[test]
    fn what_is_set_is_shown() {
        let endpoint = json!({"name": "POST /v1/x", "category": "orders", "scopes": ["a"], "write": true,
            "idempotency_required": false, "by_hand": {"scopes": ["a"], "idempotency_required": false}});
        let shown = is_set(&endpoint, Style::default());
        assert!(shown.starts_with("POST /v1/x is set by hand"), "{shown}");
        assert!(shown.ends_with("scopes, no idempotency required"), "{shown}");
        let gone =
            json!({"endpoints": [endpoint], "gone": [{"name": "GET /v1/y", "by_hand": {"write": true}}]});
        assert!(listed(&gone, Style::default()).ends_with("GET /v1/y                        write"));
    }
}
