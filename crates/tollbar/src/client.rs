//! The admin API's client: finds the server, sends, and turns refusals into sentences.

mod connect;

use std::{fmt, time::Duration};

use http::{Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

pub(crate) use connect::{connect, has_live_server, is_alive};

use crate::output::safe;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Importing a document of many megabytes is the slowest thing there is.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Metrics of many endpoints fit.
const OPS_LIMIT_BYTES: u64 = 64 << 20;
/// A list of a million clients fits.
const ANSWER_LIMIT_BYTES: u64 = 1 << 30;
/// What may stand in a path segment as it is (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A connection to one server's admin API.
pub(crate) struct AdminClient {
    agent: ureq::Agent,
    base: String,
    token: String,
    /// What to say if nobody answers.
    if_unreachable: String,
    /// What to say if the token is refused.
    if_unauthorized: String,
}

/// An answer that was not an error.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// As it came.
    pub(crate) text: String,
    /// As JSON.
    pub(crate) value: Value,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AdminFault {
    /// The server refused, and said why.
    Refused {
        /// Its status.
        status: u16,
        /// Its message.
        message: String,
    },
    /// There was no usable answer.
    Failed(String),
}

impl fmt::Display for AdminFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { message, .. } | Self::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for AdminFault {}

impl AdminClient {
    /// A client for a base URL such as `http://127.0.0.1:8081`.
    pub(crate) fn new(base: &str, token: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self {
            agent: agent(Some(CALL_TIMEOUT)),
            if_unreachable: format!("no server answers at {base}"),
            if_unauthorized: "the operator token was refused".to_owned(),
            base,
            token: token.to_owned(),
        }
    }

    /// For what takes as long as it takes: a large store to copy.
    pub(crate) fn patient(self) -> Self {
        Self { agent: agent(None), ..self }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, AdminFault> {
        self.send(Method::GET, path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer, AdminFault> {
        self.send(Method::POST, path, Some(body))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Answer, AdminFault> {
        self.send(Method::PUT, path, Some(body))
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Result<Answer, AdminFault> {
        self.send(Method::PATCH, path, Some(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Answer, AdminFault> {
        self.send(Method::DELETE, path, None)
    }

    /// A POST that says all in its path.
    pub(crate) fn act(&self, path: &str) -> Result<Answer, AdminFault> {
        self.post(path, &json!({}))
    }

    fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, AdminFault> {
        self.exchange(method, path, body).map_err(|fault| match fault {
            AdminFault::Refused { status: 401, message } => {
                AdminFault::Refused { status: 401, message: format!("{message}; {}", self.if_unauthorized) }
            }
            other => other,
        })
    }

    fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, AdminFault> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/admin/v1{path}", self.base))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        let response = match body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
                self.agent.run(request.map_err(|fault| self.malformed(&fault))?)
            }
            None => self.agent.run(request.body(()).map_err(|fault| self.malformed(&fault))?),
        };
        let mut response = response.map_err(|fault| self.unreachable(&fault))?;
        let status = response.status();
        let text =
            response.body_mut().with_config().limit(ANSWER_LIMIT_BYTES).read_to_string().map_err(
                |fault| AdminFault::Failed(format!("the answer of {} broke off: {fault}", self.base)),
            )?;
        let value = if text.is_empty() { Some(Value::Null) } else { serde_json::from_str(&text).ok() };
        if !status.is_success() {
            let message =
                value.as_ref().and_then(|value| value.pointer("/error/message")).and_then(Value::as_str);
            let message = message.map_or_else(|| self.is_not_admin(status.as_u16()), safe);
            return Err(AdminFault::Refused { status: status.as_u16(), message });
        }
        value
            .map(|value| Answer { text, value })
            .ok_or_else(|| AdminFault::Failed(self.is_not_admin(status.as_u16())))
    }

    fn is_not_admin(&self, status: u16) -> String {
        format!(
            "{} answered {status} and not as Tollbar's admin API does; is it the admin address?",
            self.base
        )
    }

    fn malformed(&self, fault: &http::Error) -> AdminFault {
        AdminFault::Failed(format!("`{}` or the operator token cannot be sent: {fault}", self.base))
    }

    fn unreachable(&self, fault: &ureq::Error) -> AdminFault {
        match fault {
            ureq::Error::Timeout(_) => {
                AdminFault::Failed(format!("{} did not answer in time: {fault}", self.base))
            }
            _ => AdminFault::Failed(format!("{} ({fault})", self.if_unreachable)),
        }
    }
}

fn agent(limit: Option<Duration>) -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // The operator token must not travel through a proxy that happens to be set.
        .proxy(None)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(limit)
        .user_agent(concat!("tollbar/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// What the ops listener says at a URL; `None` if it does not answer as it should. No credential goes there.
pub(crate) fn find_ops_text(url: &str) -> Option<String> {
    let mut response = agent(Some(CONNECT_TIMEOUT)).get(url).call().ok()?;
    if !response.status().is_success() {
        return None;
    }
    response.body_mut().with_config().limit(OPS_LIMIT_BYTES).read_to_string().ok()
}

/// `/clients/acme%20inc/keys` of its segments.
pub(crate) fn path<const N: usize>(segments: [&str; N]) -> String {
    segments.iter().map(|segment| format!("/{}", utf8_percent_encode(segment, SEGMENT))).collect()
}

/// A path with those of the parameters that have a value.
pub(crate) fn with_query<const N: usize>(path: &str, parameters: [(&str, Option<String>); N]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests;
