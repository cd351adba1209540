//! `[[upstream_credential]]`: what is put in for the caller's credentials on the way to an upstream.

use std::{fmt, path::Path};

use http::{HeaderName, HeaderValue, header};
use tollbar_contract::Environment;

use super::{check, did_you_mean, fault::Origin};

/// A header field that an upstream wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UpstreamCredential {
    /// The API's base.
    pub(crate) base: String,
    /// For one environment only; `None`: for both.
    pub(crate) environment: Option<Environment>,
    /// The header.
    pub(crate) header: HeaderName,
    /// The secret; marked sensitive, so that it is not printed.
    pub(crate) value: HeaderValue,
}

impl fmt::Display for UpstreamCredential {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let environment = self.environment.map_or("live and sandbox", Environment::as_str);
        let base = if self.base.is_empty() { "/" } else { &self.base };
        write!(f, "{} for {base} in {environment}", self.header)
    }
}

/// The keys and what they mean.
pub(super) const KEYS: [(&str, &str); 5] = [
    ("base", "The base of the API that it is for, such as `/v1`. Required."),
    ("environment", "`live` or `sandbox`. Not set: both."),
    ("header", "The header field. Not set: `Authorization`."),
    ("value", "Its value, such as `Bearer abc`. This or `value_file`."),
    (
        "value_file",
        "A file that holds the value, from the folder of the configuration file on. One line feed at its end is left out.",
    ),
];

pub(super) fn unknown_key(key: &str) -> String {
    format!(
        "there is no setting upstream_credential.{key}{}",
        did_you_mean(key, KEYS.map(|(known, _)| known))
    )
}

/// One that is being read.
pub(super) struct Draft<'a> {
    place: Origin,
    file: &'a Path,
    base: Option<String>,
    environment: Option<Environment>,
    header: Option<HeaderName>,
    value: Option<HeaderValue>,
    /// A fault was reported already.
    pub(super) is_broken: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(place: Origin, file: &'a Path) -> Self {
        Self { place, file, base: None, environment: None, header: None, value: None, is_broken: false }
    }

    pub(super) fn put(&mut self, key: &str, text: &str) -> Result<(), String> {
        match key {
            "base" => {
                let base = if text == "/" { "" } else { text };
                check::base(base)?;
                self.base = Some(base.to_owned());
            }
            "environment" => {
                let unknown = |_| format!("`{text}` is not an environment; it is live or sandbox");
                self.environment = Some(text.parse().map_err(unknown)?);
            }
            "header" => self.header = Some(read_header(text)?),
            "value" => self.put_value(text)?,
            "value_file" => {
                let path = self.file.parent().unwrap_or(Path::new("")).join(text);
                let secret = std::fs::read_to_string(&path)
                    .map_err(|fault| format!("{} cannot be read: {fault}", path.display()))?;
                let secret = secret.strip_suffix('\n').unwrap_or(&secret);
                self.put_value(secret.strip_suffix('\r').unwrap_or(secret))?;
            }
            _ => return Err(unknown_key(key)),
        }
        Ok(())
    }

    fn put_value(&mut self, text: &str) -> Result<(), String> {
        // The message does not repeat the value: it is a secret.
        let mut value = HeaderValue::from_str(text)
            .ok()
            .filter(|value| !value.is_empty())
            .ok_or("it is empty, or has characters that a header field cannot have")?;
        value.set_sensitive(true);
        self.value = Some(value);
        Ok(())
    }

    /// The finished credential; `None` if a fault was reported already.
    pub(super) fn finish(
        self,
        others: &[UpstreamCredential],
    ) -> Result<Option<UpstreamCredential>, (Origin, String)> {
        if self.is_broken {
            return Ok(None);
        }
        let missing = |key: &str| format!("this upstream_credential has no {key}");
        let (base, value) = match (self.base, self.value) {
            (Some(base), Some(value)) => (base, value),
            (None, _) => return Err((self.place, missing("`base`, such as base = \"/v1\""))),
            (_, None) => return Err((self.place, missing("`value` and no `value_file`"))),
        };
        let header = self.header.unwrap_or(header::AUTHORIZATION);
        let credential = UpstreamCredential { base, environment: self.environment, header, value };
        let overlap = |other: &&UpstreamCredential| {
            other.base == credential.base
                && other.header == credential.header
                && (other.environment == credential.environment
                    || other.environment.is_none()
                    || credential.environment.is_none())
        };
        match others.iter().find(overlap) {
            Some(other) => Err((self.place, format!("there is already an upstream_credential {other}"))),
            None => Ok(Some(credential)),
        }
    }
}

/// Fields that carry the message, or are Tollbar's own, cannot be credentials.
fn read_header(text: &str) -> Result<HeaderName, String> {
    const NOT_THESE: [&str; 13] = [
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-for",
        "x-request-id",
    ];
    let name: HeaderName = text
        .parse()
        .map_err(|_| format!("`{text}` is not the name of a header field, such as Authorization"))?;
    if NOT_THESE.contains(&name.as_str()) || name.as_str().starts_with("x-tollbar-") {
        return Err(format!("`{text}` is set by Tollbar itself, and cannot carry a credential"));
    }
    Ok(name)
}
