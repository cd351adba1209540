//! What is let through, and how it arrives.

use anyhow::{Context, Result};
use serde_json::json;
use tollbar_contract::headers;

use crate::tour::{
    attempt::{Attempt, Outcome},
    scene::{Partner, Scene},
    wire::Call,
};

const LIST: &str = "/v1/shipments?limit=2";

pub(super) fn by_key(scene: &Scene) -> Result<Attempt> {
    let partner =
        scene.partner("harbour-books", &json!({ "scopes": ["shipments:read", "tracking:read"] }))?;
    // A caller that claims to be somebody else.
    let call = Call::get(LIST).key(&partner.key).header("X-Tollbar-Client", "cl_somebody_else");
    let call = call.header("X_Tollbar_Scopes", "everything").header("X-Request-Id", "mine");
    let reply = call.send(scene.gateway)?;
    let attempt = Attempt::new(Outcome::Answered(200), "Listed shipments with an API key.", reply);
    arrived(scene, attempt.by(&partner), &partner, "live", "shipments:read tracking:read")
}

pub(super) fn by_token(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("token-holder", &json!({}))?;
    let oauth = scene.oauth(&partner, "live")?;
    let form = oauth.form(&[("scope", "shipments:read")]);
    let issued = Call::form("/v1/oauth/token", &form).send(scene.gateway)?.json();
    let token = issued["access_token"].as_str().context("no token was given")?;
    let reply = Call::get(LIST).bearer(token).send(scene.gateway)?;
    let is_plain = issued["token_type"] == "Bearer" && issued["expires_in"].is_u64();
    let attempt = Attempt::new(Outcome::Answered(200), "Listed shipments with a Bearer token.", reply);
    let attempt =
        attempt.by(&partner).with_secret(token).expect(is_plain, "the token answer is not RFC 6749's");
    arrived(scene, attempt, &partner, "live", "shipments:read")
}

pub(super) fn sandbox(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("rehearsal", &json!({ "scopes": ["shipments:read"] }))?;
    let reply = Call::get(&format!("/sandbox{LIST}")).key(&partner.sandbox_key).send(scene.gateway)?;
    let is_test = reply.body.contains("TEST-1001");
    let did = "Listed shipments in the sandbox: other data, another meter.";
    let attempt = Attempt::new(Outcome::Answered(200), did, reply).by(&partner);
    let used = scene.used(&partner)?;
    let attempt = attempt.expect(is_test, "the answer does not come from the sandbox upstream");
    let attempt = attempt.expect(used == Some(0), format!("live was charged: {used:?}"));
    arrived(scene, attempt, &partner, "sandbox", "shipments:read")
}

/// What the sample API got, header by header.
fn arrived(
    scene: &Scene,
    attempt: Attempt,
    partner: &Partner,
    environment: &str,
    scopes: &str,
) -> Result<Attempt> {
    let received = scene.sample.last().context("nothing arrived")?;
    let id = attempt.reply.request_id().to_owned();
    let mut attempt = attempt;
    for (name, wanted) in [
        (headers::UPSTREAM_CLIENT, Some(partner.id.as_str())),
        (headers::UPSTREAM_ENVIRONMENT, Some(environment)),
        (headers::UPSTREAM_SCOPES, Some(scopes)),
        (headers::REQUEST_ID, Some(id.as_str())),
        ("via", Some("1.1 tollbar")),
        (headers::API_KEY, None),
        ("authorization", None),
        ("x_tollbar_scopes", None),
    ] {
        let all: Vec<_> =
            received.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        let fault = format!("the upstream got {name} as {all:?} and not {wanted:?}");
        attempt = attempt.expect(all == wanted.into_iter().collect::<Vec<_>>(), fault);
    }
    let target = format!("/{environment}/shipments?limit=2");
    let fault = format!("the upstream was asked for {} and not {target}", received.target);
    Ok(attempt.expect(received.target == target, fault))
}

/// Each environment has its own rate.
pub(super) fn windows_apart(scene: &Scene) -> Result<Attempt> {
    scene.set_tier("slug", 2)?;
    let partner = scene.partner("both-worlds", &json!({ "tier": "slug" }))?;
    let live = || Call::get("/v1/shipments").key(&partner.key).send(scene.gateway);
    let statuses = [live()?.status, live()?.status, live()?.status];
    let reply = Call::get("/sandbox/v1/shipments").key(&partner.sandbox_key).send(scene.gateway)?;
    let did = "Used up the live rate; the sandbox has its own.";
    let attempt = Attempt::new(Outcome::Answered(200), did, reply).by(&partner).sent(3);
    let attempt = attempt.expect(statuses == [200, 200, 429], format!("live answered {statuses:?}"));
    Ok(attempt.header("x-ratelimit-remaining", Some("1")))
}

pub(super) fn account(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("self-service", &json!({ "scopes": ["tracking:read"] }))?;
    let reply = Call::get("/v1/account").key(&partner.key).send(scene.gateway)?;
    let body = reply.json();
    let (data, used) = (&body["data"], scene.used(&partner)?);
    let is_right = body["success"] == true
        && data["client"]["id"] == partner.id.as_str()
        && data["scopes"] == json!(["tracking:read"])
        && data["rate"]["remaining"] == 599;
    let attempt = Attempt::new(Outcome::AnsweredByOwnRoute(200), "Asked Tollbar for its own account.", reply);
    let attempt = attempt.by(&partner).expect(is_right, format!("the account says {body}"));
    Ok(attempt.expect(used == Some(0), format!("it was charged: {used:?}")))
}

pub(super) fn options(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("what-can-i-do", &json!({}))?;
    let reply = Call::get("/v1/shipments").method("OPTIONS").key(&partner.key).send(scene.gateway)?;
    let did = "Asked which methods a path has; Tollbar answers by itself.";
    let attempt = Attempt::new(Outcome::AnsweredByOwnRoute(204), did, reply).by(&partner);
    let attempt = attempt.header("allow", Some("GET, POST, HEAD, OPTIONS"));
    Ok(attempt.header("x-ratelimit-remaining", Some("600")))
}

pub(super) fn health_while_off(scene: &Scene) -> Result<Attempt> {
    let target = json!({ "kind": "platform" });
    let health = || Call::get("/v1/health").send(scene.gateway);
    let (off, on) = (scene.while_off(&target, health)?, health()?);
    let says = |status: &str, platform: &str, body: &serde_json::Value| {
        body["status"] == status
            && body["checks"]["platform"] == platform
            && body["checks"]["database"] == "ok"
    };
    let is_right = says("degraded", "disabled", &off.json()) && says("ok", "operational", &on.json());
    let bodies = format!("off: {} on: {}", off.body, on.body);
    let did = "Asked for health while the platform was off: no switch hides it.";
    let attempt = Attempt::new(Outcome::AnsweredByOwnRoute(503), did, off);
    Ok(attempt.expect(is_right && on.status == 200, bodies).header("retry-after", Some("60")))
}
