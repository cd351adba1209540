//! `client`.

mod correct;
mod view;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    confirm::confirm,
    context::{Context, Wrong, set},
    key,
    number::parse_number,
    oauth,
};
use crate::{
    client::{AdminClient, AdminFault, path},
    output::{Style, Tone, word},
};
use view::{clients, done, one};

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Create a client
    Create(Create),
    /// Change what a client may do; in force at once, and what it has used stays counted
    Update(Update),
    /// Refuse a client's requests until it is resumed
    Suspend(Which),
    /// Let a suspended client in again
    Resume(Which),
    /// Show a client
    Show(Which),
    /// List all clients
    List,
    /// Correct what a client has used in a month, with a reason; in force at once
    Correct(correct::Correct),
    /// Delete a client; its keys and tokens are refused for ever, and it cannot be brought back
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The client's name or id
    #[arg(value_name = "CLIENT")]
    client: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "On a terminal the client's name has to be typed first. Suspending a client refuses its requests too, and \
    can be taken back.\n\nExamples:\n  tollbar client delete acme\n  tollbar client delete acme --yes"
)]
pub(crate) struct Delete {
    /// The client's name or id
    #[arg(value_name = "CLIENT")]
    client: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What happens to requests beyond the allowance.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Overage {
    /// They are refused until the month ends
    Block,
    /// They go on, and are reported
    Report,
}

impl Overage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Report => "report",
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    tollbar client create acme --tier standard --allowance 100000 --scope orders:read\n  \
    tollbar client create acme --tier standard --allowance 100000 --sandbox-allowance 5000 \\\n    \
    --scope orders:read,orders:write --write-enabled --allow-ip 203.0.113.0/24\n\n\
    `tollbar tier list` shows the tiers, `tollbar api endpoints` the scopes.")]
pub(crate) struct Create {
    /// Its name, which no other client has
    name: String,
    /// Its tier: how many requests a minute it may send
    #[arg(long, value_name = "T")]
    tier: String,
    /// Requests that it may send in a calendar month (UTC), live
    #[arg(long, value_name = "N", value_parser = parse_number, allow_negative_numbers = true)]
    allowance: u64,
    /// The same for sandbox [default: as for live]
    #[arg(long, value_name = "N", value_parser = parse_number, allow_negative_numbers = true)]
    sandbox_allowance: Option<u64>,
    /// A scope that it has; several with commas, or the option several times
    #[arg(long = "scope", value_name = "S", value_delimiter = ',')]
    scopes: Vec<String>,
    /// Let it call endpoints that write
    #[arg(long)]
    write_enabled: bool,
    /// Create it without access to the API; `client update --access true` gives it later
    #[arg(long)]
    no_access: bool,
    /// An address or network that it may call from; can be given several times [default: any]
    #[arg(long = "allow-ip", value_name = "CIDR", value_delimiter = ',')]
    allow_ips: Vec<String>,
    /// What happens to requests beyond the allowance [default: block]
    #[arg(long, value_name = "HOW")]
    overage: Option<Overage>,
}

impl Create {
    fn body(self) -> Value {
        let mut body = json!({
            "name": self.name,
            "tier": self.tier,
            "allowance": self.allowance,
            "scopes": self.scopes,
            "write_enabled": self.write_enabled,
            "access_enabled": !self.no_access,
            "allow_ips": self.allow_ips,
        });
        set(&mut body, "sandbox_allowance", self.sandbox_allowance);
        set(&mut body, "overage", self.overage.map(Overage::as_str));
        body
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    tollbar client update acme --tier enterprise --allowance 500,000\n  \
    tollbar client update acme --add-scope orders:write --write-enabled true\n  \
    tollbar client update acme --remove-scope orders:write\n  \
    tollbar client update acme --access false\n  \
    tollbar client update acme --allow-ip 203.0.113.7 --allow-ip 198.51.100.0/24\n  \
    tollbar client update acme --clear-allow-ips")]
pub(crate) struct Update {
    /// The client's name or id
    #[arg(value_name = "CLIENT")]
    client: String,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Another tier
    #[arg(long, value_name = "T")]
    tier: Option<String>,
    /// Requests a calendar month (UTC), live
    #[arg(long, value_name = "N", value_parser = parse_number, allow_negative_numbers = true)]
    allowance: Option<u64>,
    /// Requests a calendar month (UTC), sandbox
    #[arg(long, value_name = "N", value_parser = parse_number, allow_negative_numbers = true)]
    sandbox_allowance: Option<u64>,
    /// The scopes it has from now on, in place of all it had; can be given several times
    #[arg(long = "scope", value_name = "S", value_delimiter = ',', conflicts_with_all = ["add_scopes", "remove_scopes"])]
    scopes: Vec<String>,
    /// A further scope; can be given several times
    #[arg(long = "add-scope", value_name = "S", value_delimiter = ',')]
    add_scopes: Vec<String>,
    /// A scope to take away; can be given several times
    #[arg(long = "remove-scope", value_name = "S", value_delimiter = ',')]
    remove_scopes: Vec<String>,
    /// Whether it may call endpoints that write
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    write_enabled: Option<bool>,
    /// Whether it may call the API at all
    #[arg(long, value_name = "true|false")]
    access: Option<bool>,
    /// The addresses or networks it may call from, in place of all it had; can be given several times
    #[arg(long = "allow-ip", value_name = "CIDR", value_delimiter = ',')]
    allow_ips: Vec<String>,
    /// Let it call from any address
    #[arg(long, conflicts_with = "allow_ips")]
    clear_allow_ips: bool,
    /// What happens to requests beyond the allowance
    #[arg(long, value_name = "HOW")]
    overage: Option<Overage>,
}

impl Update {
    fn body(self) -> Result<Value> {
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let mut body = json!({});
        set(&mut body, "name", self.name);
        set(&mut body, "tier", self.tier);
        set(&mut body, "allowance", self.allowance);
        set(&mut body, "sandbox_allowance", self.sandbox_allowance);
        set(&mut body, "scopes", some(self.scopes));
        set(&mut body, "add_scopes", some(self.add_scopes));
        set(&mut body, "remove_scopes", some(self.remove_scopes));
        set(&mut body, "write_enabled", self.write_enabled);
        set(&mut body, "access_enabled", self.access);
        set(
            &mut body,
            "allow_ips",
            if self.clear_allow_ips { Some(Vec::new()) } else { some(self.allow_ips) },
        );
        set(&mut body, "overage", self.overage.map(Overage::as_str));
        if body.as_object().is_none_or(serde_json::Map::is_empty) {
            return Err(Wrong::line(
                "nothing to change was given; `tollbar client update --help` lists what can be changed",
            ));
        }
        Ok(body)
    }
}

impl ClientCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let out = &context.output;
        match self {
            Self::Create(create) => {
                let answer = context.connect()?.post("/clients", &create.body())?;
                out.answer(&answer, |client, style| done("Created", client, style))?;
            }
            Self::Update(update) => {
                let name = update.client.clone();
                let body = update.body()?;
                let answer = context.connect()?.patch(&path(["clients", &name]), &body)?;
                out.answer(&answer, |client, style| done("Updated", client, style))?;
            }
            Self::Suspend(Which { client }) => {
                let answer = context.connect()?.act(&path(["clients", &client, "suspend"]))?;
                out.answer(&answer, |client, style| done("Suspended", client, style))?;
            }
            Self::Resume(Which { client }) => {
                let answer = context.connect()?.act(&path(["clients", &client, "resume"]))?;
                out.answer(&answer, |client, style| done("Resumed", client, style))?;
            }
            Self::Show(Which { client }) => {
                let admin = context.connect()?;
                let answer = admin.get(&path(["clients", &client]))?;
                // Programs get the client as it was answered.
                let credentials = if out.json { Value::Null } else { credentials(&admin, &client)? };
                out.answer(&answer, |client, style| with_credentials(client, &credentials, style))?;
            }
            Self::List => {
                let answer = context.connect()?.get("/clients")?;
                out.answer(&answer, clients)?;
            }
            Self::Correct(correct) => correct.run(context)?,
            Self::Delete(Delete { client, yes }) => {
                let admin = context.connect()?;
                let what =
                    "A deleted client cannot be brought back; its keys and tokens are refused for ever.";
                confirm(yes, what, || Ok(word(&admin.get(&path(["clients", &client]))?.value, "/name")))?;
                let answer = admin.delete(&path(["clients", &client]))?;
                out.answer(&answer, |client, style| done("Deleted", client, style))?;
            }
        }
        Ok(())
    }
}

/// The client's keys and OAuth2 credentials.
fn credentials(admin: &AdminClient, client: &str) -> Result<Value, AdminFault> {
    let keys = admin.get(&path(["clients", client, "keys"]))?.value;
    let oauth = admin.get(&path(["clients", client, "oauth"]))?.value;
    Ok(json!({"keys": keys["keys"], "credentials": oauth["credentials"]}))
}

fn with_credentials(client: &Value, credentials: &Value, style: Style) -> String {
    let title = |text| style.paint(Tone::Strong, text);
    format!(
        "{}\n\n{}\n{}\n\n{}\n{}",
        one(client, style),
        title("API keys"),
        key::keys(credentials, style),
        title("OAuth2 credentials"),
        oauth::credentials(credentials, style)
    )
}
