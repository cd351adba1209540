//! Asks before what cannot be undone, if somebody is there to be asked.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Result, bail};

use crate::output::safe;

/// Has the name typed, unless `--yes` was given. A script, which has no terminal, is not asked.
pub(super) fn confirm(yes: bool, what: &str, name: impl FnOnce() -> Result<String>) -> Result<()> {
    let input = std::io::stdin();
    if yes || !input.is_terminal() {
        return Ok(());
    }
    ask(what, &name()?, input.lock(), std::io::stderr().lock())
}

fn ask(what: &str, name: &str, mut input: impl BufRead, mut output: impl Write) -> Result<()> {
    write!(output, "{what}\nType {} to go on: ", safe(name))?;
    output.flush()?;
    let mut typed = String::new();
    input.read_line(&mut typed)?;
    if typed.trim() != name.trim() {
        bail!("nothing was changed: what was typed is not {}", safe(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_itself_goes_on() {
        let mut shown = Vec::new();
        ask("Delete it?", "acme inc", &b"acme inc\n"[..], &mut shown).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), "Delete it?\nType acme inc to go on: ");
        for typed in ["", "\n", "y\n", "acme\n"] {
            let fault = ask("Delete it?", "acme inc", typed.as_bytes(), Vec::new()).unwrap_err();
            assert_eq!(fault.to_string(), "nothing was changed: what was typed is not acme inc");
        }
    }
}
