//! Takes a configuration together: defaults, file, variables, flags.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::{
    check::{Clash, check_together},
    fault::{Faults, Origin},
    file::read_file,
    suggest::nearest,
    table::{Config, SETTINGS, Setting},
    value::Form,
    variables::{PREFIX, Variables},
};

/// A setting that was given on the command line.
pub(crate) struct Flag {
    /// As it was typed: `--gateway`.
    pub(crate) name: &'static str,
    /// What it sets: `gateway.listen`.
    pub(crate) path: &'static str,
    /// To what.
    pub(crate) value: String,
}

/// A configuration that is right.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) config: Config,
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Every setting with its value, if it has one, and where that was written.
    pub(crate) fn effective(&self) -> Vec<(String, Option<String>, String)> {
        let mut rows: Vec<_> = SETTINGS
            .iter()
            .map(|setting| {
                let path = setting.path();
                let origin = self.origins.get(&path).unwrap_or(&Origin::Default).to_string();
                (path, (setting.show)(&self.config), origin)
            })
            .collect();
        for (number, credential) in self.config.upstream_credentials.iter().enumerate() {
            let origin = self.origins.get(&credential_path(number)).unwrap_or(&Origin::Default).to_string();
            rows.push((credential_path(number), Some(credential.to_string()), origin));
        }
        rows
    }

    /// A value of those as JSON: numbers and lists as such, `null` if it is not set.
    pub(crate) fn typed(&self, path: &str, value: Option<&str>) -> Value {
        let form = SETTINGS.iter().find(|setting| setting.path() == path).map(|setting| setting.form);
        match (form, value) {
            (Some(Form::List), value) => {
                value.unwrap_or_default().split(", ").filter(|entry| !entry.is_empty()).collect()
            }
            (_, None) => Value::Null,
            (Some(Form::YesNo), Some(text)) => (text == "true").into(),
            (Some(Form::Number), Some(text)) => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
            (_, Some(text)) => text.into(),
        }
    }
}

/// Takes the configuration together, and checks it as a whole.
pub(crate) fn load(file: Option<&Path>, variables: &Variables, flags: &[Flag]) -> Result<Loaded, Faults> {
    let mut draft = Draft::default();
    if let Some(path) = file {
        read_file(path, &mut draft);
    }
    for (name, value) in variables.overrides() {
        draft.put_variable(name, value);
    }
    for flag in flags {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.path() == flag.path) {
            draft.put(setting, &flag.value, Origin::Flag(flag.name));
        }
    }
    for Clash { path, other, message } in check_together(&draft.config) {
        // What could not be read has still its default, which clashes with nothing that was meant.
        if draft.faults.is_about(path) || draft.faults.is_about(other) {
            continue;
        }
        // A default cannot be to blame.
        let origin = [path, other].iter().find_map(|path| draft.origins.get(*path)).cloned();
        draft.faults.push(origin.unwrap_or(Origin::Default), format!("{path}: {message}"));
    }
    draft.config.connections_max_is_set = draft.origins.contains_key("gateway.connections_max");
    let Draft { config, origins, mut faults } = draft;
    faults.sort();
    if faults.0.is_empty() { Ok(Loaded { config, origins }) } else { Err(faults) }
}

/// What has been read so far.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) origins: BTreeMap<String, Origin>,
    pub(super) faults: Faults,
}

impl Draft {
    pub(super) fn put(&mut self, setting: &Setting, text: &str, origin: Origin) {
        match (setting.put)(&mut self.config, text) {
            Ok(()) => {
                self.origins.insert(setting.path(), origin);
            }
            Err(message) => self.faults.push(origin, format!("{}: {message}", setting.path())),
        }
    }

    fn put_variable(&mut self, name: &str, value: &str) {
        let origin = Origin::Variable(name.to_owned());
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) {
            return self.put(setting, value, origin);
        }
        let hint = if name.starts_with("TOLLBAR__UPSTREAM_CREDENTIAL") {
            "; upstream credentials are set in a file (`value_file` keeps the secret out of it)".to_owned()
        } else {
            // What all have in common would make strangers look alike.
            let known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
            let bare = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
            let near = nearest(name.strip_prefix(PREFIX).unwrap_or(name), bare);
            near.map_or_else(String::new, |near| format!("; did you mean `{PREFIX}{near}`?"))
        };
        self.faults.push(origin, format!("there is no such setting{hint}"));
    }
}

pub(super) fn credential_path(number: usize) -> String {
    format!("upstream_credential[{number}]")
}
