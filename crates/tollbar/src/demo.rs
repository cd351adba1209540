//! `tollbar demo`.

use std::path::PathBuf;

use crate::config;

pub(crate) fn run(_config: config::Config, _data: Option<PathBuf>, _json: bool) -> anyhow::Result<()> {
    anyhow::bail!("the demo is not wired yet")
}
