//! The commands, as clap knows them.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    api::ApiCommand,
    audit::AuditCommand,
    backup::BackupCommand,
    client::ClientCommand,
    diff::DiffCommand,
    doctor::DoctorCommand,
    endpoint::EndpointCommand,
    idempotency::IdempotencyCommand,
    import::ImportCommand,
    key::KeyCommand,
    oauth::OauthCommand,
    observe::ObserveCommand,
    openapi::OpenapiCommand,
    reference::ReferenceCommand,
    request::RequestCommand,
    restore::RestoreCommand,
    secret::SecretCommand,
    server::{CheckCommand, ServeCommand},
    switch::SwitchCommand,
    tier::TierCommand,
    token::TokenCommand,
    usage::UsageCommand,
};

/// The commercial access layer for an HTTP API.
///
/// Tollbar stands in front of an API and lets in whom you sold access to: it checks each request's credentials, scopes,
/// rate and monthly allowance, and answers refusals with an error that says what to do.
#[derive(Debug, Parser)]
#[command(
    name = "tollbar",
    version,
    arg_required_else_help = true,
    after_help = "Start here:\n  \
        tollbar demo                              # a running platform with a sample API, and what to try\n  \
        tollbar serve                             # the real thing, without any configuration\n  \
        tollbar import api.yaml --upstream http://127.0.0.1:9000\n  \
        tollbar client create acme --tier standard --allowance 100000 --scope orders:read\n  \
        tollbar key create acme --env live\n  \
        tollbar request show a1b2c3d4e5f6         # why was this request refused?\n\n\
        Environment variables:\n  \
        TOLLBAR_TOKEN            the operator token, for a server named by --admin\n  \
        TOLLBAR__SECTION__KEY    overrides a setting, as in TOLLBAR__GATEWAY__LISTEN\n  \
        TOLLBAR_MASTER_SECRET    the master secret, in place of the file in the data folder\n  \
        TOLLBAR_NEW_MASTER_SECRET  the one to rotate it to (`secret rotate master`)\n  \
        NO_COLOR                 no colours, if set"
)]
pub(crate) struct Cli {
    /// Print JSON, for programs; errors too
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,

    /// The data folder: a server keeps its store and secrets there, and commands find the server through it
    /// [default: ./tollbar-data]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub(crate) data: Option<PathBuf>,

    /// A server elsewhere, such as http://127.0.0.1:8081, with the operator token in TOLLBAR_TOKEN
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub(crate) admin: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve: the gateway, the admin API and the ops listener
    Serve(ServeCommand),
    /// Say what is wrong with a configuration, with file and line
    Check(CheckCommand),
    /// Serve a sample API with a client and keys, and print what to try
    #[command(after_help = "Stays up until it is stopped (ctrl-c). Without --data it leaves nothing behind.")]
    Demo,
    /// Provoke every error code over real HTTP on a throw-away instance, and show the answers
    #[command(after_help = "Ends with 0 only if every code was answered as the contract says.")]
    Tour,
    /// Import an OpenAPI document: from then on its endpoints can be called
    Import(ImportCommand),
    /// What a document would change, without changing it
    Diff(DiffCommand),
    /// The partner's view: an imported document as it is enforced
    Openapi(OpenapiCommand),
    /// Endpoints, and what is set for them by hand
    #[command(subcommand)]
    Endpoint(EndpointCommand),
    /// Where answers of observed APIs differ from their documents
    Observe(ObserveCommand),
    /// Clients: the companies that call the API
    #[command(subcommand)]
    Client(ClientCommand),
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// OAuth2 client credentials
    #[command(subcommand)]
    Oauth(OauthCommand),
    /// Access tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Tiers: named rates per minute
    #[command(subcommand)]
    Tier(TierCommand),
    /// Off-switches for the platform, a category or one endpoint
    #[command(subcommand)]
    Switch(SwitchCommand),
    /// What clients have used of their allowances, and what it adds up to
    Usage(UsageCommand),
    /// Writes of which nobody knows whether they took effect
    #[command(subcommand)]
    Idempotency(IdempotencyCommand),
    /// Why was a request refused?
    #[command(subcommand)]
    Request(RequestCommand),
    /// Who changed what, and when
    Audit(AuditCommand),
    /// Imported APIs
    #[command(subcommand)]
    Api(ApiCommand),
    /// The platform's own secrets, and their rotation
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Copy the store of one moment, while it serves or while it is stopped
    Backup(BackupCommand),
    /// Put a backup in the place of the store, now or at the next start
    Restore(RestoreCommand),
    /// Look at everything that can go wrong here, and say what to do
    Doctor(DoctorCommand),
    /// What runs, and how much of it
    Status,
    /// Pages of the reference
    #[command(subcommand, hide = true)]
    Reference(ReferenceCommand),
}
