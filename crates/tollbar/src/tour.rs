//! `tollbar tour`.

use std::process::ExitCode;

pub(crate) fn run(_json: bool) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the tour is not wired yet")
}
