//! The rules of the token endpoint: parameters, grant, client, environment, standing, scope, in this order.

use std::{collections::BTreeSet, sync::Arc};

use http::{HeaderMap, header::AUTHORIZATION};
use tollbar_contract::{Code, Environment, Stage};

use crate::{
    CallerAddress, Claims, Client, Directory, OauthRecord, Rejection, Timestamp, admission,
    presented::read_basic,
    secret::{Digest, digests_are_equal},
    token::new_token_id,
};

/// The fields of a form, each at most once.
#[derive(Debug, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
}

/// Fields that a form may have at most.
const FORM_FIELDS_MAX: usize = 32;

impl Form {
    /// Reads `application/x-www-form-urlencoded`. A field that is given twice is refused (RFC 6749, section 3.2).
    pub fn parse(content_type: Option<&str>, query: Option<&str>, body: &[u8]) -> Result<Self, Rejection> {
        let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(invalid(
                "the body must be a form: send Content-Type: application/x-www-form-urlencoded",
            ));
        }
        if query.is_some_and(|query| !query.is_empty()) {
            return Err(invalid("the parameters belong into the body, not into the query"));
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            if form.fields.iter().any(|(other, _)| *other == name) {
                return Err(invalid(format!("body field \"{}\" is given more than once", shown(&name))));
            }
            if form.fields.len() >= FORM_FIELDS_MAX {
                return Err(invalid(format!("the form has more than {FORM_FIELDS_MAX} fields")));
            }
            form.fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(form)
    }

    /// A field that is there and not empty (RFC 6749, section 3.2: an empty one is as if left out).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    }
}

/// What a client authenticates itself with.
pub struct ClientSecret {
    id: String,
    secret: String,
    by_basic: bool,
}

impl ClientSecret {
    /// Reads `Basic` or the body, not both.
    pub fn read(headers: &HeaderMap, form: &Form) -> Result<Self, Rejection> {
        let mut authorizations = headers.get_all(AUTHORIZATION).iter();
        let authorization = authorizations.next();
        if authorizations.next().is_some() {
            return Err(invalid("header \"Authorization\" is given more than once"));
        }
        let Some(authorization) = authorization else {
            let field = |name: &str| {
                form.field(name).map(str::to_owned).ok_or_else(|| {
                    invalid(format!(
                        "body field \"{name}\" is required (or authenticate with Authorization: Basic)"
                    ))
                })
            };
            return Ok(Self { id: field("client_id")?, secret: field("client_secret")?, by_basic: false });
        };
        if form.field("client_secret").is_some() {
            return Err(invalid("authenticate with Authorization: Basic or in the body, not both"));
        }
        let Some((id, secret)) = read_basic(authorization.as_bytes()) else {
            return Err(invalid("header \"Authorization\" must be Basic with client_id and client_secret"));
        };
        if form.field("client_id").is_some_and(|in_body| in_body != id) {
            return Err(invalid("body field \"client_id\" differs from the one in Authorization"));
        }
        Ok(Self { id, secret, by_basic: true })
    }
}

/// A client credential that proved its secret.
pub struct ProvenClient {
    /// The credential.
    pub oauth: Arc<OauthRecord>,
    /// The client.
    pub client: Arc<Client>,
}

/// The parameters: a grant type is there.
pub fn check_grant_type_is_given(form: &Form) -> Result<(), Rejection> {
    match form.field("grant_type") {
        Some(_) => Ok(()),
        None => Err(invalid("body field \"grant_type\" is required; it must be client_credentials")),
    }
}

/// The grant: only `client_credentials`.
pub fn check_grant(form: &Form) -> Result<(), Rejection> {
    match form.field("grant_type") {
        Some("client_credentials") => Ok(()),
        other => {
            let cause = format!("grant_type {}", shown(other.unwrap_or_default()));
            Err(Rejection::new(Code::InvalidGrant, Stage::Http, cause))
        }
    }
}

/// The client: its id, its secret, not revoked, not deleted.
pub fn prove_client(
    directory: &Directory,
    secret: &ClientSecret,
    now: Timestamp,
) -> Result<ProvenClient, Rejection> {
    let refused = |cause: String| {
        let rejection = Rejection::new(Code::InvalidClient, Stage::Known, cause);
        // Only who used Basic is challenged for it.
        if secret.by_basic { rejection.challenging("Basic realm=\"oauth\"") } else { rejection }
    };
    // An unknown id costs the same: the digests are made and compared in any case.
    let digests = directory.secrets.digests(secret.secret.as_bytes());
    let oauth = secret.id.parse().ok().and_then(|id| directory.find_oauth(id));
    let secrets = oauth.as_ref().map(|oauth| oauth.secrets.as_slice()).unwrap_or_default();
    let equals = |pepper_id: u32, known: &Digest| {
        let mut is_equal = false;
        for (id, digest) in &digests {
            is_equal |= digests_are_equal(digest, known) & (*id == pepper_id);
        }
        is_equal
    };
    let is_right = secrets.iter().fold(equals(0, &[0; 32]), |found, known| {
        found | (equals(known.pepper_id, &known.digest) & known.valid_until.is_none_or(|until| now < until))
    });
    let Some(oauth) = oauth else {
        return Err(refused(format!("no credential has the client_id {}", shown(&secret.id))));
    };
    if !is_right {
        return Err(refused(format!(
            "the client_secret is wrong, or past its grace period; the client_id {} is one of client {}",
            oauth.id, oauth.client
        )));
    }
    if oauth.revoked_at.is_some() {
        return Err(refused(format!(
            "the credential {} is revoked since {}",
            oauth.id,
            oauth.revoked_at.unwrap_or(now)
        ))
        .because_of(oauth.change));
    }
    match directory.find_client(oauth.client) {
        Some(client) if !client.record.deleted => Ok(ProvenClient { oauth, client }),
        _ => Err(refused(format!("the client {} of credential {} no longer exists", oauth.client, oauth.id))),
    }
}

/// The environment: a credential of one opens nothing of the other.
pub fn check_environment(proven: &ProvenClient, called: Environment) -> Result<(), Rejection> {
    let own = proven.oauth.environment;
    if own == called {
        return Ok(());
    }
    let cause = format!("a {own} credential was used on {called}");
    Err(Rejection::new(Code::CredentialEnvironmentMismatch, Stage::Environment, cause))
}

/// Environment, then standing: suspension, address, access.
pub fn check_may_have_tokens(
    proven: &ProvenClient,
    called: Environment,
    caller: CallerAddress,
) -> Result<(), Rejection> {
    check_environment(proven, called)?;
    admission::check_standing(&proven.client)?;
    admission::check_address(&proven.client, caller)?;
    admission::check_access(&proven.client)
}

/// The scope asked for, or all the client's.
pub fn granted_scope(form: &Form, client: &Client) -> Result<String, Rejection> {
    let granted: BTreeSet<&str> = match form.field("scope") {
        None => client.record.scopes.iter().map(String::as_str).collect(),
        Some(asked) => {
            let asked: BTreeSet<&str> = asked.split(' ').filter(|s| !s.is_empty()).collect();
            if let Some(missing) = asked.iter().find(|scope| !client.record.scopes.contains(**scope)) {
                let cause = format!("{} is not a scope of client {}", shown(missing), client.record.id);
                return Err(Rejection::new(Code::InvalidScope, Stage::Scope, cause)
                    .because_of(client.record.changes.scopes)
                    .saying(format!(
                        "The requested scope {} is not a subset of your allowed scopes.",
                        shown(missing)
                    )));
            }
            asked
        }
    };
    Ok(granted.into_iter().collect::<Vec<_>>().join(" "))
}

/// The claims of a new token.
pub fn new_claims(
    proven: &ProvenClient,
    issuer: &str,
    scope: String,
    now: Timestamp,
    lifetime_seconds: u64,
) -> Claims {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a float's 53 bits")]
    let issued_at = now.as_millis() as f64 / 1000.0;
    Claims {
        iss: issuer.to_owned(),
        aud: issuer.to_owned(),
        sub: proven.client.record.id.to_string(),
        client_id: proven.oauth.id,
        jti: new_token_id(),
        iat: issued_at,
        // Rounded up: it is good for at least as long as `expires_in` says.
        exp: now.as_millis().div_ceil(1000).saturating_add(lifetime_seconds),
        scope,
        env: proven.oauth.environment,
    }
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::invalid(Stage::Http, message)
}

/// A value from outside, short and printable, for a message.
fn shown(value: &str) -> String {
    let mut text: String = value.chars().take(40).flat_map(char::escape_debug).collect();
    if value.chars().nth(40).is_some() {
        text.push_str("...");
    }
    text
}
