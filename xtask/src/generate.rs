//! Reference pages, made from the tables in the program.

use std::fs;

use anyhow::{Context, Result, bail};
use tollbar_contract::reference;

use crate::{run::cargo, tools::root};

/// Writes the pages, or checks that they are current.
pub(crate) fn generate(check: bool) -> Result<()> {
    let pages = [
        ("docs/reference/error-codes.md", reference::error_codes_page()),
        ("docs/reference/order-of-checks.md", reference::order_of_checks_page()),
        ("docs/reference/configuration.md", printed("config")?),
        ("docs/reference/command-line.md", printed("cli")?),
    ];
    let mut stale = Vec::new();
    for (path, text) in pages {
        let file = root().join(path);
        if fs::read_to_string(&file).is_ok_and(|current| current == text) {
            continue;
        }
        if check {
            stale.push(path);
        } else {
            fs::create_dir_all(root().join("docs/reference"))?;
            fs::write(&file, text).with_context(|| format!("{path} cannot be written"))?;
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        bail!("not current: {}; run `cargo xtask generate`", stale.join(", "))
    }
}

/// What `tollbar reference ...` prints.
fn printed(page: &str) -> Result<String> {
    let output = cargo(&["run", "--quiet", "--package", "tollbar", "--", "reference", page]).output()?;
    if !output.status.success() {
        bail!("`tollbar reference {page}` failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
