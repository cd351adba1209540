//! What every command has at hand.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use serde_json::Value;

pub(crate) use crate::output::Wrong;
use crate::{
    client::{AdminClient, connect},
    config::Variables,
    data_folder::{self, DataFolder},
    output::Output,
};

/// Read once, passed to every command.
pub(crate) struct Context {
    pub(crate) variables: Variables,
    pub(crate) now: jiff::Timestamp,
    pub(crate) output: Output,
    /// `--data`, if it was given.
    pub(crate) data: Option<PathBuf>,
    /// `--admin`, if it was given.
    pub(crate) admin: Option<String>,
}

impl Context {
    /// The data folder's path.
    pub(crate) fn data_path(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| PathBuf::from(data_folder::DEFAULT))
    }

    /// The server that is meant.
    pub(crate) fn connect(&self) -> Result<AdminClient> {
        connect(&DataFolder::at(self.data_path()), self.admin.as_deref(), &self.variables)
    }
}

/// The command line's time as the platform writes it.
pub(crate) fn timestamp(now: jiff::Timestamp) -> tollbar_core::Timestamp {
    u64::try_from(now.as_millisecond()).map(tollbar_core::Timestamp::from_millis).unwrap_or_default()
}

/// `live` or `sandbox`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Env {
    /// Production traffic
    Live,
    /// Trial traffic
    Sandbox,
}

impl Env {
    /// As the admin API writes it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }
}

/// Sets a field of a request's body, if there is a value for it.
pub(crate) fn set(body: &mut Value, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body[field] = value.into();
    }
}
