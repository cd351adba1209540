//! Off-switches.

use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_contract::Environment;
use tollbar_core::{Directory, EndpointRecord, PolicyChange, Switch, SwitchId, SwitchTarget, Timestamp};

use super::Shared;
use crate::{
    change::{Change, Note},
    fault::Fault,
    input::{Body, parse_future_time},
    view::{self, SwitchView},
};

const MESSAGE_CHARACTERS_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSwitch {
    target: TargetInput,
    environment: Option<Environment>,
    message: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TakeBack {
    target: TargetInput,
    environment: Option<Environment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase", tag = "kind")]
enum TargetInput {
    Platform {},
    Category { name: String },
    Endpoint { method: String, path: String },
}

impl From<TargetInput> for SwitchTarget {
    fn from(input: TargetInput) -> Self {
        match input {
            TargetInput::Platform {} => Self::Platform,
            TargetInput::Category { name } => Self::Category { name },
            TargetInput::Endpoint { method, path } => Self::Endpoint { method: method.to_uppercase(), path },
        }
    }
}

/// `GET /switches`: those in force.
pub(super) async fn list(State(control): Shared) -> Json<Value> {
    let now = control.now();
    let snapshot = control.directory.snapshot();
    let in_force = snapshot.switches.iter().filter(|switch| is_in_force(switch, now));
    let switches: Vec<SwitchView> = in_force.map(view::switch).collect();
    Json(json!({ "switches": switches }))
}

/// `POST /switches`: the same target and environment again replaces message and end.
pub(super) async fn throw(
    State(control): Shared,
    Body(input): Body<NewSwitch>,
) -> Result<(StatusCode, Json<SwitchView>), Fault> {
    let work = async move |mut change: Change| {
        let target = SwitchTarget::from(input.target);
        check_target(&change.control.directory, &target)?;
        let message = input.message.as_deref().map(check_message).transpose()?;
        let until = input.until.map(|text| parse_future_time("until", &text, change.now)).transpose()?;
        let now = change.now;
        let snapshot = change.control.directory.snapshot();
        let is_same =
            |switch: &&Switch| switch.target.is_same(&target) && switch.environment == input.environment;
        let replaced: Vec<&Switch> =
            snapshot.switches.iter().filter(is_same).filter(|s| is_in_force(s, now)).collect();
        let switch = Switch {
            id: replaced.first().map_or_else(SwitchId::random, |old| old.id),
            since: replaced.first().map_or(now, |old| old.since),
            target: target.clone(),
            environment: input.environment,
            message,
            until,
            change: change.id,
        };
        // What has ended by itself is cleared away on this occasion, so that the list stays as long as it looks.
        let over = snapshot.switches.iter().filter(|s| !is_in_force(s, now));
        let obsolete =
            over.chain(replaced.iter().skip(1).copied()).map(|old| PolicyChange::RemoveSwitch(old.id));
        let changes = obsolete.chain([PolicyChange::PutSwitch(switch.clone())]).collect();
        let end = until.map_or("with no end set".to_owned(), |until| format!("until {until}"));
        let detail = format!(
            "{} off{} by {}, {end}; message: {}",
            name_of(&target),
            in_environment(input.environment),
            switch.id,
            switch.message.as_deref().unwrap_or("none")
        );
        change.commit(changes, Note::new("switch.off", &name_of(&target), detail)).await?;
        Ok((StatusCode::CREATED, Json(view::switch(&switch))))
    };
    control.change(work).await
}

/// `POST /switches/on`
pub(super) async fn take_back(
    State(control): Shared,
    Body(input): Body<TakeBack>,
) -> Result<Json<Value>, Fault> {
    let work = async move |mut change: Change| {
        let target = SwitchTarget::from(input.target);
        let snapshot = change.control.directory.snapshot();
        let (mut removed, mut ids) = (Vec::new(), Vec::new());
        let mut changes = Vec::new();
        let now = change.now;
        let thrown = snapshot.switches.iter().filter(|switch| is_in_force(switch, now));
        for switch in thrown.filter(|switch| switch.target.is_same(&target)) {
            match (input.environment, switch.environment) {
                // It is on again where it was asked for, and stays off in the other environment.
                (Some(on), None) => {
                    let other = other_than(on);
                    let narrowed = Switch { environment: Some(other), change: change.id, ..switch.clone() };
                    changes.push(PolicyChange::PutSwitch(narrowed));
                }
                (Some(on), Some(off)) if on != off => continue,
                _ => changes.push(PolicyChange::RemoveSwitch(switch.id)),
            }
            removed.push(view::switch(switch));
            ids.push(switch.id.to_string());
        }
        if removed.is_empty() {
            // Nothing to do, unless the name is mistyped and the real one stays off.
            check_target(&change.control.directory, &target)?;
        } else {
            let detail = format!(
                "{} on{}, ending {}",
                name_of(&target),
                in_environment(input.environment),
                ids.join(", ")
            );
            change.commit(changes, Note::new("switch.on", &name_of(&target), detail)).await?;
        }
        Ok(Json(json!({ "removed": removed })))
    };
    control.change(work).await
}

/// Whether a switch has not ended by itself.
pub(super) fn is_in_force(switch: &Switch, now: Timestamp) -> bool {
    switch.until.is_none_or(|until| now < until)
}

/// `category x`, `endpoint GET /v1/x`, `the platform`.
pub(super) fn name_of(target: &SwitchTarget) -> String {
    match target {
        SwitchTarget::Platform => "the platform".to_owned(),
        SwitchTarget::Category { name } => format!("category {name}"),
        SwitchTarget::Endpoint { method, path } => format!("endpoint {method} {path}"),
    }
}

/// A switch must hit something: a mistyped one would be believed to be off.
fn check_target(directory: &Directory, target: &SwitchTarget) -> Result<(), Fault> {
    let snapshot = directory.snapshot();
    let endpoints = || {
        let apis = snapshot.catalogue.apis().iter();
        apis.flat_map(|api| api.endpoints().map(|endpoint| (&api.record.base, endpoint)))
    };
    match target {
        SwitchTarget::Platform => Ok(()),
        SwitchTarget::Category { name } => {
            if endpoints().any(|(_, endpoint)| endpoint.category == *name) {
                return Ok(());
            }
            Err(Fault::unknown("category", name, endpoints().map(|(_, endpoint)| endpoint.category.as_str())))
        }
        SwitchTarget::Endpoint { method, path } => {
            let asked = format!("{method} {path}");
            let known: Vec<String> = endpoints()
                .map(|(base, endpoint)| {
                    format!("{} {base}{}", endpoint.operation.method, endpoint.operation.path)
                })
                .collect();
            let is_it =
                |(base, endpoint): (&String, &EndpointRecord)| target.is_endpoint(base, &endpoint.operation);
            if endpoints().any(is_it) {
                return Ok(());
            }
            Err(Fault::unknown("endpoint", &asked, known.iter().map(String::as_str)))
        }
    }
}

fn check_message(message: &str) -> Result<String, Fault> {
    let message = message.trim().to_owned();
    if message.is_empty() {
        return Err(Fault::bad("message: it is empty; leave it out for the standard one"));
    }
    if message.chars().count() > MESSAGE_CHARACTERS_MAX || message.chars().any(char::is_control) {
        return Err(Fault::bad(format!(
            "message: partners read it; at most {MESSAGE_CHARACTERS_MAX} characters on one line"
        )));
    }
    Ok(message)
}

const fn other_than(environment: Environment) -> Environment {
    match environment {
        Environment::Live => Environment::Sandbox,
        Environment::Sandbox => Environment::Live,
    }
}

fn in_environment(environment: Option<Environment>) -> String {
    environment.map_or(" in both environments".to_owned(), |environment| format!(" in {environment}"))
}
