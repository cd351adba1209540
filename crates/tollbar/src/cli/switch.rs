//! `switch`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    context::{Context, Env, Wrong, set},
    when::{WHEN_HELP, When, parse_when},
};
use crate::output::{Cell, Style, Table, Tone, time, word};

#[derive(Debug, Subcommand)]
pub(crate) enum SwitchCommand {
    /// Switch something off, at once
    Off(Off),
    /// Switch it on again
    On(On),
    /// List what is off
    List,
}

#[derive(Debug, Args)]
#[command(after_help = format!("{WHEN_HELP}\nOff again replaces message and end.\n\nExamples:\n  \
    tollbar switch off platform --message 'Maintenance until 06:00 UTC' --until 2h\n  \
    tollbar switch off category orders --env sandbox\n  \
    tollbar switch off endpoint 'GET /v1/orders/{{id}}' --message 'Use /v2/orders'"))]
pub(crate) struct Off {
    #[command(flatten)]
    target: Target,
    /// What callers are told
    #[arg(long, value_name = "M")]
    message: Option<String>,
    /// When it ends by itself; callers are told to come back then [default: when it is switched on]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    until: Option<When>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    tollbar switch on platform\n  \
    tollbar switch on category orders --env sandbox\n  \
    tollbar switch on endpoint 'GET /v1/orders/{id}'")]
pub(crate) struct On {
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
struct Target {
    /// What kind of thing
    #[arg(value_name = "platform|category|endpoint")]
    kind: Kind,
    /// The category's name, or the endpoint as 'GET /v1/orders/{id}'
    #[arg(num_args = 0..=2)]
    name: Vec<String>,
    /// In one environment only [default: both]
    #[arg(long, value_name = "live|sandbox")]
    env: Option<Env>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Everything
    Platform,
    /// The endpoints of one category
    Category,
    /// One endpoint
    Endpoint,
}

impl Target {
    fn body(&self) -> Result<Value> {
        // An unquoted `GET /v1/x` arrives as two words.
        let name = self.name.join(" ");
        let target = match self.kind {
            Kind::Platform if name.is_empty() => json!({"kind": "platform"}),
            Kind::Platform => {
                return Err(Wrong::line(format!(
                    "`{name}` is too much: the platform has no parts; did you mean `category {name}`?"
                )));
            }
            Kind::Category if name.is_empty() => {
                return Err(Wrong::line("which category? `tollbar api endpoints` shows them"));
            }
            Kind::Category => json!({"kind": "category", "name": name}),
            Kind::Endpoint => match name.split_once(' ') {
                Some((method, path)) if path.trim_start().starts_with('/') => {
                    json!({"kind": "endpoint", "method": method.to_uppercase(), "path": path.trim()})
                }
                _ => {
                    return Err(Wrong::line(format!(
                        "`{name}` is not an endpoint; write method and path with its base, such as 'GET /v1/orders/{{id}}'; \
                     `tollbar api endpoints` shows them"
                    )));
                }
            },
        };
        let mut body = json!({"target": target});
        set(&mut body, "environment", self.env.map(Env::as_str));
        Ok(body)
    }
}

impl SwitchCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Off(off) => {
                let mut body = off.target.body()?;
                set(&mut body, "message", off.message);
                set(&mut body, "until", off.until.map(|when| when.after(context.now)).transpose()?);
                let answer = context.connect()?.post("/switches", &body)?;
                context.output.answer(&answer, thrown)?;
            }
            Self::On(on) => {
                let answer = context.connect()?.post("/switches/on", &on.target.body()?)?;
                context.output.answer(&answer, taken_back)?;
            }
            Self::List => {
                let answer = context.connect()?.get("/switches")?;
                context.output.answer(&answer, switches)?;
            }
        }
        Ok(())
    }
}

fn thrown(switch: &Value, style: Style) -> String {
    let end = match time(switch, "/until") {
        until if until == "-" => "until it is switched on".to_owned(),
        until => format!("until {until}"),
    };
    let off = style.paint(Tone::Bad, "off");
    format!("{} is {off} in {}, {end}.", target(switch), environment(switch))
}

fn taken_back(answer: &Value, style: Style) -> String {
    let removed = answer["removed"].as_array().map(Vec::as_slice).unwrap_or_default();
    if removed.is_empty() {
        return "It was not off; nothing changed. `tollbar switch list` shows what is off.".to_owned();
    }
    let on = style.paint(Tone::Good, "on");
    removed
        .iter()
        .map(|switch| format!("{} is {on} again in {}.\n", target(switch), environment(switch)))
        .collect()
}

fn switches(answer: &Value, style: Style) -> String {
    let all = answer["switches"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "Nothing is switched off.".to_owned();
    }
    let mut table = Table::new(["OFF", "ENV", "SINCE", "UNTIL", "MESSAGE"]);
    for switch in all {
        table.row([
            Cell::new(Tone::Bad, target(switch)),
            environment(switch).into(),
            time(switch, "/since").into(),
            time(switch, "/until").into(),
            word(switch, "/message").into(),
        ]);
    }
    table.render(style)
}

fn target(switch: &Value) -> String {
    match word(switch, "/target/kind").as_str() {
        "category" => format!("category {}", word(switch, "/target/name")),
        "endpoint" => format!("endpoint {} {}", word(switch, "/target/method"), word(switch, "/target/path")),
        _ => "platform".to_owned(),
    }
}

fn environment(switch: &Value) -> String {
    switch["environment"].as_str().map_or_else(|| "live and sandbox".to_owned(), crate::output::safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kind: Kind, name: &[&str]) -> Result<Value, String> {
        let name = name.iter().map(|word| (*word).to_owned()).collect();
        Target { kind, name, env: None }.body().map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_meant_is_read_in_one_word_or_two() {
        let endpoint = json!({"target": {"kind": "endpoint", "method": "GET", "path": "/v1/orders/{id}"}});
        assert_eq!(body(Kind::Endpoint, &["get /v1/orders/{id}"]), Ok(endpoint.clone()));
        assert_eq!(body(Kind::Endpoint, &["GET", "/v1/orders/{id}"]), Ok(endpoint));
        assert_eq!(body(Kind::Platform, &[]), Ok(json!({"target": {"kind": "platform"}})));
        assert_eq!(
            body(Kind::Category, &["pull", "requests"]),
            Ok(json!({"target": {"kind": "category", "name": "pull requests"}}))
        );
        assert!(body(Kind::Category, &[]).unwrap_err().starts_with("which category?"));
        assert!(body(Kind::Platform, &["orders"]).unwrap_err().contains("did you mean `category orders`?"));
        assert!(
            body(Kind::Endpoint, &["/v1/orders"])
                .unwrap_err()
                .starts_with("`/v1/orders` is not an endpoint; write")
        );
    }

    #[test]
    fn switches_are_shown_with_environment_and_end() {
        let endpoint = json!({"id": "sw_1", "target": {"kind": "endpoint", "method": "GET", "path": "/v1/x"},
            "environment": "live", "message": "Use /v2", "until": "2026-12-01T00:00:00Z", "since": "2026-11-22T10:00:00Z"});
        let platform = json!({"id": "sw_2", "target": {"kind": "platform"}, "environment": null, "message": null,
            "until": null, "since": "2026-11-22T10:00:00Z"});
        let style = Style::default();
        assert_eq!(
            thrown(&endpoint, style),
            "endpoint GET /v1/x is off in live, until 2026-12-01 00:00:00 UTC."
        );
        assert_eq!(thrown(&platform, style), "platform is off in live and sandbox, until it is switched on.");
        assert_eq!(
            taken_back(&json!({"removed": [platform]}), style),
            "platform is on again in live and sandbox.\n"
        );
        assert!(taken_back(&json!({"removed": []}), style).starts_with("It was not off"));
        assert_eq!(
            switches(&json!({"switches": [endpoint, platform]}), style),
            "OFF                 ENV               SINCE                    UNTIL                    MESSAGE\n\
             endpoint GET /v1/x  live              2026-11-22 10:00:00 UTC  2026-12-01 00:00:00 UTC  Use /v2\n\
             platform            live and sandbox  2026-11-22 10:00:00 UTC  -                        -"
        );
        assert_eq!(switches(&json!({"switches": []}), style), "Nothing is switched off.");
    }
}
