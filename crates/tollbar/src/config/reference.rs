//! The reference page, made from the table.

use std::fmt::Write;

use super::{
    table::{Config, SECTIONS, SETTINGS},
    upstream_credential,
    value::Form,
};

/// All settings as a Markdown page.
pub(crate) fn reference_page() -> String {
    let mut page = String::from(
        "# Configuration\n\n<!-- Generated from the table of settings. -->\n\n\
         Tollbar runs without any configuration. What is not set has its default; a file \
         (`tollbar serve --config FILE`, TOML) overrides that, an environment variable overrides the file, and a flag overrides all. \
         `tollbar check --config FILE` says what is wrong, with file and line, and where each value in force comes from.\n\n\
         The variable of a setting is `TOLLBAR__SECTION__KEY`, such as `TOLLBAR__GATEWAY__LISTEN`; lists are separated by \
         commas. Two more variables are read: `TOLLBAR_MASTER_SECRET` (32 bytes as hex or base64, in place of the \
         data folder's file) and `TOLLBAR_TOKEN` (the operator token of a remote server).\n",
    );
    let defaults = Config::default();
    for (section, meaning) in SECTIONS {
        let meaning: Vec<&str> = meaning.iter().map(|line| line.trim()).collect();
        let _ = write!(
            page,
            "\n## `[{section}]`\n\n{}\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n",
            meaning.join(" ")
        );
        for setting in SETTINGS.iter().filter(|setting| setting.section == *section) {
            let limits = setting.limits.map_or_else(String::new, |(min, max)| format!(", {min} to {max}"));
            let unit =
                if setting.unit().is_empty() { String::new() } else { format!(" ({})", setting.unit()) };
            let default = match (setting.show)(&defaults) {
                Some(text) if text.is_empty() => "`\"\"`".to_owned(),
                Some(text) => format!("`{text}`"),
                None if setting.form == Form::List => "empty".to_owned(),
                None => "not set".to_owned(),
            };
            let _ = writeln!(
                page,
                "| `{}` | {}{unit}{limits} | {default} | {} |",
                setting.key,
                setting.type_name,
                setting.meaning()
            );
        }
    }
    page.push_str(
        "\n## `[[upstream_credential]]`\n\nThe caller's own credentials never reach an upstream; this is put in for them. \
         There can be several; in a file only.\n\n| Key | Meaning |\n|---|---|\n",
    );
    for (key, meaning) in upstream_credential::KEYS {
        let _ = writeln!(page, "| `{key}` | {meaning} |");
    }
    page
}
