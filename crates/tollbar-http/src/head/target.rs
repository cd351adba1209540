//! The request target (RFC 9112 section 3.2), kept byte for byte.

use http::Method;

use crate::Malformed;
use crate::head::authority::parse_authority;

/// Which of the allowed forms the target had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://host/path?query` or `https://...`; the authority is in [`RequestHead::host`](crate::RequestHead).
    Absolute,
    /// `*`, with OPTIONS only.
    Asterisk,
}

/// A path and query whose bytes are those that were sent, and are all allowed there.
///
/// In the path: `pchar` and `/` of RFC 3986. In the query additionally `?` and ``[ ] ^ ` { | }``, which browsers
/// leave as they are. Each `%` is followed by two hexadecimal digits. Nothing is decoded, and nothing is
/// normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    text: String,
    path_len: usize,
    form: TargetForm,
}

impl Target {
    /// Path and query as sent, for instance `/a%2Fb?c`; `*` for the asterisk form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path as sent; it begins with `/`, except for the asterisk form, where it is `*`.
    pub fn path(&self) -> &str {
        &self.text[..self.path_len]
    }

    /// What follows the first `?`, as sent; `Some("")` for a `?` with nothing after it.
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path_len + 1..)
    }

    /// Which form was sent.
    pub fn form(&self) -> TargetForm {
        self.form
    }

    fn asterisk() -> Self {
        Self { text: "*".to_owned(), path_len: 1, form: TargetForm::Asterisk }
    }
}

/// Gives the target, and the authority that an absolute one names.
pub(crate) fn parse_target(method: &Method, raw: &str) -> Result<(Target, Option<String>), Malformed> {
    if *method == Method::CONNECT {
        return Err(Malformed::Connect);
    }
    if raw.starts_with('/') {
        return Ok((path_and_query(raw, TargetForm::Origin)?, None));
    }
    if raw == "*" {
        return if *method == Method::OPTIONS {
            Ok((Target::asterisk(), None))
        } else {
            Err(Malformed::AsteriskTarget)
        };
    }
    let Some((scheme, rest)) = raw.split_once("://") else {
        return Err(Malformed::TargetForm);
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Malformed::Scheme);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(Malformed::Userinfo);
    }
    let authority = parse_authority(authority.as_bytes())?;
    // RFC 9112 sections 3.2.1 and 3.2.4: an absent path is `/`, or with OPTIONS, the server as a whole.
    let target = match path.as_bytes().first() {
        Some(b'/') => path_and_query(path, TargetForm::Absolute)?,
        None if *method == Method::OPTIONS => Target::asterisk(),
        _ => path_and_query(&format!("/{path}"), TargetForm::Absolute)?,
    };
    Ok((target, Some(authority)))
}

/// Finds the first byte that no target may have; also names what is wrong with bytes that are not even UTF-8.
pub(crate) fn check_target_bytes(path_and_query: &[u8]) -> Result<(), Malformed> {
    let mut in_query = false;
    let mut at = 0;
    while let Some(&byte) = path_and_query.get(at) {
        match byte {
            b'%' => {
                let digits = path_and_query.get(at + 1..at + 3).unwrap_or_default();
                if digits.len() != 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Malformed::PercentEscape);
                }
            }
            b'?' => in_query = true,
            _ if is_path_byte(byte) || (in_query && b"[]^`{|}".contains(&byte)) => {}
            _ => return Err(Malformed::TargetByte { byte }),
        }
        at += 1;
    }
    Ok(())
}

fn path_and_query(text: &str, form: TargetForm) -> Result<Target, Malformed> {
    check_target_bytes(text.as_bytes())?;
    let path_len = text.find('?').unwrap_or(text.len());
    Ok(Target { text: text.to_owned(), path_len, form })
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
}
