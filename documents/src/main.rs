//! `tollbar-documents one FILE` imports one document and tells what became of it, as JSON.

use std::{io::Write, path::Path, process::ExitCode};

use anyhow::{Result, bail};
use tollbar_documents::one;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["one", file] => {
            let outcome = one::read(Path::new(file))?;
            writeln!(std::io::stdout(), "{}", serde_json::to_string(&outcome)?)?;
            Ok(())
        }
        _ => bail!("usage: tollbar-documents one FILE"),
    }
}
