//! Reads a TOML file into a draft, and knows the line of everything in it.

use std::{ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    did_you_mean,
    fault::Origin,
    load::{Draft, credential_path},
    table::{SECTIONS, SETTINGS, Setting},
    upstream_credential::{self, Draft as CredentialDraft},
    value::Form,
};

/// The name of the array of tables that is not in the table of settings.
const CREDENTIAL: &str = "upstream_credential";

pub(super) fn read_file(path: &Path, draft: &mut Draft) {
    match std::fs::read_to_string(path) {
        Ok(text) => read_text(path, &text, draft),
        Err(fault) => {
            draft.faults.push(Origin::File(path.to_owned(), 0), format!("it cannot be read: {fault}"))
        }
    }
}

pub(super) fn read_text(path: &Path, text: &str, draft: &mut Draft) {
    let lines = Lines { path, text };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let origin = lines.origin(error.span().unwrap_or_default());
        draft.faults.push(origin, error.message().to_owned());
    }
    // After a syntax error the rest may be misread; its faults would only confuse.
    if !errors.is_empty() {
        return;
    }
    let mut sections: Vec<_> = document.get_ref().iter().collect();
    sections.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in sections {
        let section = name.get_ref().as_ref();
        let origin = lines.origin(name.span());
        match value.get_ref() {
            DeValue::Array(tables) if section == CREDENTIAL => {
                for table in tables.iter() {
                    read_credential(&lines, table, draft);
                }
            }
            _ if section == CREDENTIAL => {
                draft
                    .faults
                    .push(origin, format!("write [[{CREDENTIAL}]], with two brackets: there can be several"));
            }
            DeValue::Table(table) if SECTIONS.iter().any(|(known, _)| *known == section) => {
                read_section(&lines, section, table, draft);
            }
            _ if SECTIONS.iter().any(|(known, _)| *known == section) => {
                draft.faults.push(
                    origin,
                    format!("`{section}` is a section; write [{section}] on a line of its own"),
                );
            }
            DeValue::Table(_) => {
                let known = SECTIONS.iter().map(|(known, _)| *known).chain([CREDENTIAL]);
                let hint = did_you_mean(section, known);
                draft.faults.push(origin, format!("there is no section [{section}]{hint}"));
            }
            _ => draft.faults.push(origin, format!("`{section}` stands in no section{}", home_of(section))),
        }
    }
}

fn read_section(lines: &Lines<'_>, section: &str, table: &DeTable<'_>, draft: &mut Draft) {
    let mut keys: Vec<_> = table.iter().collect();
    keys.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in keys {
        let key = name.get_ref().as_ref();
        let of_section = || SETTINGS.iter().filter(|setting| setting.section == section);
        match of_section().find(|setting| setting.key == key) {
            Some(setting) => read_setting(lines, setting, value, draft),
            None => {
                let near = did_you_mean(key, of_section().map(|setting| setting.key));
                let hint = if near.is_empty() { home_of(key) } else { near };
                draft
                    .faults
                    .push(lines.origin(name.span()), format!("there is no setting {section}.{key}{hint}"));
            }
        }
    }
}

fn read_setting(lines: &Lines<'_>, setting: &Setting, value: &Spanned<DeValue<'_>>, draft: &mut Draft) {
    let origin = lines.origin(value.span());
    let text = match (setting.form, value.get_ref()) {
        (Form::Text, DeValue::String(text)) => text.to_string(),
        (Form::Number, DeValue::Integer(number)) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.as_str().to_owned(), |number| number.to_string()),
        (Form::Truth, DeValue::Boolean(truth)) => truth.to_string(),
        (Form::List, DeValue::Array(entries)) => {
            let mut texts = Vec::new();
            for entry in entries.iter() {
                let origin = lines.origin(entry.span());
                match entry.get_ref() {
                    // Each entry is tried by itself, so that a fault has its own line.
                    DeValue::String(text) => match (setting.put)(&mut draft.config.clone(), text) {
                        Ok(()) => texts.push(text.to_string()),
                        Err(fault) => draft.faults.push(origin, format!("{}: {fault}", setting.path())),
                    },
                    other => draft.faults.push(
                        origin,
                        format!("{}: an entry is a string in quotes, not {}", setting.path(), kind_of(other)),
                    ),
                }
            }
            texts.join(",")
        }
        (form, other) => {
            let message = format!("{}: it must be {}, not {}", setting.path(), form.name(), kind_of(other));
            return draft.faults.push(origin, message);
        }
    };
    draft.put(setting, &text, origin);
}

fn read_credential(lines: &Lines<'_>, table: &Spanned<DeValue<'_>>, draft: &mut Draft) {
    let place = lines.origin(table.span());
    let DeValue::Table(entries) = table.get_ref() else {
        return draft.faults.push(place, format!("{CREDENTIAL} must be a table: write [[{CREDENTIAL}]]"));
    };
    let mut credential = CredentialDraft::new(place.clone(), lines.path);
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let values = entries.iter().filter(|(name, _)| matches!(name.get_ref().as_ref(), "value" | "value_file"));
    if let [_, (name, value)] = values.collect::<Vec<_>>()[..] {
        // Said beside whatever else is wrong with either of them.
        let message =
            format!("{CREDENTIAL}.{}: `value` and `value_file` are both given; keep one", name.get_ref());
        draft.faults.push(lines.origin(value.span()), message);
        credential.is_broken = true;
    }
    for (name, value) in entries {
        let key = name.get_ref().as_ref();
        let is_known = upstream_credential::KEYS.iter().any(|(known, _)| *known == key);
        let read = match value.get_ref() {
            _ if !is_known => Err((name.span(), upstream_credential::unknown_key(key))),
            DeValue::String(text) => credential.put(key, text).map_err(|fault| (value.span(), fault)),
            other => Err((value.span(), format!("it must be a string, not {}", kind_of(other)))),
        };
        if let Err((span, fault)) = read {
            let message = if is_known { format!("{CREDENTIAL}.{key}: {fault}") } else { fault };
            draft.faults.push(lines.origin(span), message);
            credential.is_broken = true;
        }
    }
    match credential.finish(&draft.config.upstream_credentials) {
        Ok(Some(credential)) => {
            draft.origins.insert(credential_path(draft.config.upstream_credentials.len()), place);
            draft.config.upstream_credentials.push(credential);
        }
        Ok(None) => {}
        Err((origin, message)) => draft.faults.push(origin, message),
    }
}

/// Where a key that stands in the wrong place belongs.
fn home_of(key: &str) -> String {
    let homes: Vec<String> =
        SETTINGS.iter().filter(|s| s.key == key).map(|s| format!("[{}]", s.section)).collect();
    match homes.as_slice() {
        [] => String::new(),
        homes => format!("; `{key}` belongs to {}", homes.join(" or ")),
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

struct Lines<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Lines<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Origin::File(self.path.to_owned(), line)
    }
}
