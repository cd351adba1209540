//! Which requests to list, as it is asked for.

use std::{net::IpAddr, ops::RangeInclusive};

use http::Method;
use serde::Deserialize;
use tollbar_contract::{Code, Environment, RequestId};
use tollbar_core::{admission, api_key::hide_credentials, port::RequestFilter};

use super::super::list_limit;
use crate::{control::Control, fault::Fault, input::parse_time, near::nearest};

/// Longer than any id or path that the log has.
const TEXT_CHARS_MAX: usize = 600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestsQuery {
    client: Option<String>,
    code: Option<String>,
    status: Option<String>,
    environment: Option<String>,
    endpoint: Option<String>,
    credential: Option<String>,
    address: Option<String>,
    since: Option<String>,
    until: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

impl RequestsQuery {
    /// The filter; a word on it, where it probably is not what was meant.
    pub(super) fn filter(self, control: &Control) -> Result<(RequestFilter, Option<String>), Fault> {
        if let Some(code) = self.code.as_deref().filter(|code| Code::find(code).is_none()) {
            let near = nearest(code, Code::ALL.iter().map(|code| code.as_str()));
            return Err(Fault::bad(format!(
                "code: there is no error code `{}`; {near}",
                code.escape_debug()
            )));
        }
        let (endpoint, note) =
            self.endpoint.as_deref().map(|text| endpoint(control, text)).transpose()?.unzip();
        let filter = RequestFilter {
            client: self.client.map(|client| control.find_client(&client)).transpose()?.map(|c| c.record.id),
            code: self.code,
            status: self.status.as_deref().map(status).transpose()?,
            environment: self.environment.as_deref().map(environment).transpose()?,
            endpoint,
            credential: self.credential.as_deref().map(credential).transpose()?,
            address: self.address.as_deref().map(address).transpose()?,
            since: self.since.map(|text| parse_time("since", &text)).transpose()?,
            until: self.until.map(|text| parse_time("until", &text)).transpose()?,
            before: self.before.as_deref().map(request_id).transpose()?,
            limit: list_limit(self.limit)?,
        };
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since >= until
        {
            return Err(Fault::bad(format!("until: {until} is not after since, {since}")));
        }
        Ok((filter, note.flatten()))
    }
}

/// A status, or all of a class: `404`, `4xx`.
fn status(text: &str) -> Result<RangeInclusive<u16>, Fault> {
    let class = text.strip_suffix("xx").and_then(|digit| digit.parse::<u16>().ok());
    match (class, text.parse::<u16>()) {
        (Some(class @ 1..=5), _) => Ok(class * 100..=class * 100 + 99),
        (None, Ok(status @ 100..=599)) => Ok(status..=status),
        _ => Err(Fault::bad(format!(
            "status: `{}` is not a status; write one such as 404, or a class such as 4xx",
            text.escape_debug()
        ))),
    }
}

fn environment(text: &str) -> Result<Environment, Fault> {
    [Environment::Live, Environment::Sandbox].into_iter().find(|one| one.as_str() == text).ok_or_else(|| {
        Fault::bad(format!("environment: `{}` is neither live nor sandbox", text.escape_debug()))
    })
}

/// An endpoint as the catalogue names it. A path that was called means the endpoint that it is of.
fn endpoint(control: &Control, text: &str) -> Result<(String, Option<String>), Fault> {
    let wrong = || {
        Fault::bad(format!(
            "endpoint: `{}` is not an endpoint; write method and path, such as POST /v1/orders, or one of Tollbar's own \
             routes, such as (token)",
            text.escape_debug()
        ))
    };
    let text = bounded("endpoint", text)?;
    if text.starts_with('(') && text.ends_with(')') {
        return Ok((text.to_owned(), None));
    }
    let (method, path) = text.split_once(' ').ok_or_else(wrong)?;
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).map_err(|_| wrong())?;
    if !path.starts_with('/') {
        return Err(wrong());
    }
    let name = format!("{method} {path}");
    let snapshot = control.directory.snapshot();
    let apis = snapshot.catalogue.apis();
    let names: Vec<String> = apis
        .iter()
        .flat_map(|api| api.record.endpoints.iter().map(|endpoint| (&api.record.base, &endpoint.operation)))
        .map(|(base, operation)| format!("{} {base}{}", operation.method, operation.path))
        .collect();
    if names.contains(&name) {
        return Ok((name, None));
    }
    let location = snapshot.catalogue.locate(&control.directory.routes, "", path);
    if let Ok(operation) = admission::find_operation(&location, &method) {
        return Ok((operation.name(), None));
    }
    // One that is gone may stand in the log all the same.
    let near = nearest(&name, names.iter().map(String::as_str));
    let note = format!("no endpoint in the catalogue is called {name}; {near}");
    Ok((name, Some(note)))
}

fn credential(text: &str) -> Result<String, Fault> {
    let text = bounded("credential", text)?;
    if hide_credentials(text) != text {
        return Err(Fault::bad(
            "credential: this is a credential itself; give its id, such as key_0a1b2c3d4e5",
        ));
    }
    Ok(text.to_owned())
}

fn address(text: &str) -> Result<String, Fault> {
    let address: IpAddr = text
        .parse()
        .map_err(|_| Fault::bad(format!("address: `{}` is not an IP address", text.escape_debug())))?;
    Ok(address.to_canonical().to_string())
}

fn request_id(text: &str) -> Result<RequestId, Fault> {
    RequestId::parse(text)
        .ok_or_else(|| Fault::bad(format!("before: `{}` is not a request id", text.escape_debug())))
}

fn bounded<'t>(field: &str, text: &'t str) -> Result<&'t str, Fault> {
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Err(Fault::bad(format!("{field}: it must have 1 to {TEXT_CHARS_MAX} characters")));
    }
    Ok(text)
}
