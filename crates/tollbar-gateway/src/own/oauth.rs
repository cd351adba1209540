//! The token endpoint (RFC 6749, client credentials only), revocation (RFC 7009), introspection (RFC 7662), and
//! the metadata that describes them (RFC 8414).

use std::rc::Rc;

use http::{
    StatusCode,
    header::{CONTENT_TYPE, PRAGMA},
};
use serde_json::{Value, json};
use tollbar_contract::{Code, Stage};
use tollbar_core::{
    Claims, Location, PolicyChange, Rejection, RevokedToken, Timestamp, admission,
    grant::{self, ClientSecret, Form, ProvenClient},
    scope,
};
use tollbar_http::RequestHead;

use crate::{
    answer::{Answer, Refused},
    body::{self, ClientBody},
    charge::cannot_store,
    exchange::Exchange,
    pipeline, respond,
    settings::FORM_LIMIT_BYTES,
    shared::bounded,
    worker::Worker,
};

/// `POST {base}/oauth/token`.
pub(super) async fn token(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    location: &Location<'_>,
    head: &RequestHead,
    client: ClientBody<'_, '_>,
) -> Result<Answer<'static>, Refused> {
    let shared = &worker.shared;
    let form = read_form(worker, exchange, head, client).await?;
    // In this order: parameters, grant, client, environment, standing, scope.
    grant::check_grant_type_is_given(&form)?;
    let secret = ClientSecret::read(&head.headers, &form)?;
    grant::check_grant(&form)?;
    let proven = prove(worker, exchange, &secret)?;
    grant::check_may_have_tokens(&proven, location.environment, exchange.caller)?;
    let scope = grant::granted_scope(&form, &proven.client)?;
    let lifetime = shared.settings.token_lifetime_seconds;
    let issuer = super::base_url(worker, location);
    let claims = grant::new_claims(&proven, &issuer, scope, shared.clock.now(), lifetime);
    let token = shared
        .directory
        .signing_keys()
        .sign(&claims)
        .ok_or_else(|| Rejection::new(Code::InternalError, Stage::Upstream, "there is no signing key"))?;
    let body = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": lifetime,
        "scope": claims.scope,
    });
    let mut answer = respond::json(StatusCode::OK, body.to_string().into_bytes());
    respond::put(&mut answer.headers, PRAGMA, "no-cache");
    Ok(answer)
}

/// `POST {base}/oauth/revoke`. A token that is not valid, or not of this platform, is revoked already.
pub(super) async fn revoke(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    head: &RequestHead,
    client: ClientBody<'_, '_>,
) -> Result<Answer<'static>, Refused> {
    let (proven, token) = read_token_request(worker, exchange, head, client).await?;
    let now = worker.shared.clock.now();
    if let Some(claims) = worker.verify_token(&token).filter(|claims| !claims.is_expired(now)) {
        if claims.client_id != proven.oauth.id {
            return Err(Rejection::invalid(
                Stage::Http,
                "body field \"token\" is not a token of this client_id",
            )
            .into());
        }
        // Asking again writes nothing, and leaves the record of who revoked it first.
        if worker.shared.directory.find_revoked_token(&claims.jti).is_none() {
            revoke_token(worker, &claims).await?;
        }
    }
    let mut answer = respond::json(StatusCode::OK, Vec::new());
    answer.headers.remove(CONTENT_TYPE);
    Ok(answer)
}

async fn revoke_token(worker: &Worker, claims: &Claims) -> Result<(), Rejection> {
    let revoked = RevokedToken {
        token_id: claims.jti.clone(),
        expires_at: Timestamp::from_seconds(claims.exp),
        change: None,
    };
    let shared = &worker.shared;
    bounded(shared.policy.revoke_token(revoked.clone())).await.map_err(|failure| cannot_store(&failure))?;
    shared.directory.apply(PolicyChange::RevokeToken(revoked)).map_err(|fault| {
        let cause = format!("the revocation is stored, not in force: {fault}");
        Rejection::new(Code::InternalError, Stage::Upstream, cause)
    })
}

/// `POST {base}/oauth/introspect`: a client may look at its own tokens; all others are not active to it.
pub(super) async fn introspect(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    head: &RequestHead,
    client: ClientBody<'_, '_>,
) -> Result<Answer<'static>, Refused> {
    let (proven, token) = read_token_request(worker, exchange, head, client).await?;
    let claims = worker.verify_token(&token).filter(|claims| claims.client_id == proven.oauth.id);
    let is_active = |claims: &Claims| {
        let now = worker.shared.clock.now();
        !claims.is_expired(now)
            && worker.shared.directory.find_revoked_token(&claims.jti).is_none()
            && proven.client.record.tokens_valid_from.is_none_or(|from| claims.issued_at() >= from)
            && !proven.client.record.suspended
    };
    let body = match claims.filter(|claims| is_active(claims)) {
        None => json!({ "active": false }),
        Some(claims) => json!({
            "active": true,
            "scope": scope_in_force(&claims, &proven),
            "client_id": claims.client_id,
            "token_type": "Bearer",
            "exp": claims.exp,
            "iat": claims.issued_at().as_seconds(),
            "sub": claims.sub,
            "aud": claims.aud,
            "iss": claims.iss,
            "jti": claims.jti,
        }),
    };
    Ok(respond::json(StatusCode::OK, body.to_string().into_bytes()))
}

/// What a token may do now: its scopes that the client still has.
fn scope_in_force(claims: &Claims, proven: &ProvenClient) -> String {
    let own = claims.scopes();
    scope::in_force(Some(&own), &proven.client.record.scopes).collect::<Vec<_>>().join(" ")
}

/// The metadata of a base.
pub(super) fn metadata(worker: &Worker, location: &Location<'_>) -> Value {
    let issuer = super::base_url(worker, location);
    let url = |path: &str| format!("{issuer}{}{path}", worker.shared.directory.routes.own_prefix);
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    json!({
        "issuer": issuer,
        "token_endpoint": url("/oauth/token"),
        "revocation_endpoint": url("/oauth/revoke"),
        "introspection_endpoint": url("/oauth/introspect"),
        "jwks_uri": url("/oauth/jwks"),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
    })
}

async fn read_form(
    worker: &Worker,
    exchange: &Exchange,
    head: &RequestHead,
    client: ClientBody<'_, '_>,
) -> Result<Form, Refused> {
    let body =
        body::read_whole(client, head, FORM_LIMIT_BYTES, &worker.shared, &worker.shared.form_memory).await?;
    // The form may have been long in coming.
    let (snapshot, now) = (worker.shared.directory.snapshot(), worker.shared.clock.now());
    admission::check_platform(&snapshot, exchange.environment, now)?;
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(Form::parse(content_type, head.target.query(), &body.bytes)?)
}

async fn read_token_request(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    head: &RequestHead,
    client: ClientBody<'_, '_>,
) -> Result<(ProvenClient, String), Refused> {
    let form = read_form(worker, exchange, head, client).await?;
    let token = form
        .field("token")
        .ok_or_else(|| Rejection::invalid(Stage::Http, "body field \"token\" is required"))?
        .to_owned();
    let secret = ClientSecret::read(&head.headers, &form)?;
    let proven = prove(worker, exchange, &secret)?;
    grant::check_environment(&proven, exchange.environment)?;
    Ok((proven, token))
}

fn prove(worker: &Worker, exchange: &mut Exchange, secret: &ClientSecret) -> Result<ProvenClient, Rejection> {
    let now = worker.shared.clock.now();
    let proven = grant::prove_client(&worker.shared.directory, secret, now)
        .map_err(|rejection| pipeline::throttled(worker, exchange, rejection, now))?;
    exchange.client = Some(proven.client.clone());
    exchange.own_credential = Some(proven.oauth.id.to_string());
    Ok(proven)
}
