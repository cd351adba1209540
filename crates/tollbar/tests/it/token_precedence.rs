//! The token endpoint checks in a published order too: of two faults at once, the earlier one answers.

use serde_json::json;

use crate::support::{Shop, request};
use Fault::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    MethodOverride,
    PlatformOff,
    WrongMethod,
    NotAForm,
    FieldTwice,
    NoGrantType,
    TwoAuthentications,
    OtherGrant,
    WrongSecret,
    RevokedId,
    DeletedClient,
    OtherEnvironment,
    Suspended,
    AddressNotAllowed,
    AccessDisabled,
    ForeignScope,
}

/// In the order in which they answer. What has the same number is found together: either may answer.
const ORDER: [(Fault, u8, &str); 16] = [
    (MethodOverride, 0, "invalid_request"),
    (PlatformOff, 1, "api_platform_disabled"),
    (WrongMethod, 2, "method_not_allowed"),
    (NotAForm, 3, "invalid_request"),
    (FieldTwice, 3, "invalid_request"),
    (NoGrantType, 3, "invalid_request"),
    (TwoAuthentications, 3, "invalid_request"),
    (OtherGrant, 4, "invalid_grant"),
    (WrongSecret, 5, "invalid_client"),
    (RevokedId, 5, "invalid_client"),
    (DeletedClient, 5, "invalid_client"),
    (OtherEnvironment, 6, "credential_environment_mismatch"),
    (Suspended, 7, "client_suspended"),
    (AddressNotAllowed, 8, "ip_not_allowed"),
    (AccessDisabled, 9, "api_access_disabled"),
    (ForeignScope, 10, "invalid_scope"),
];

/// Pairs that cannot occur together. The list may only shrink.
const IMPOSSIBLE: [(Fault, Fault, &str); 1] = [(NoGrantType, OtherGrant, "a grant type is there or not")];

#[test]
fn of_two_faults_of_a_token_request_the_earlier_answers() {
    let shop = Shop::open();
    let mut pairs: Vec<(Vec<Fault>, &str)> =
        ORDER.iter().map(|(fault, _, code)| (vec![*fault], *code)).collect();
    for (n, (first, stage, code)) in ORDER.iter().enumerate() {
        for (second, later, _) in &ORDER[n + 1..] {
            let is_impossible = IMPOSSIBLE.iter().any(|(a, b, _)| (a, b) == (first, second));
            if stage != later && !is_impossible {
                pairs.push((vec![*first, *second], *code));
            }
        }
    }
    assert!(pairs.len() > 100, "{}", pairs.len());
    let (off, on): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(faults, _)| faults.contains(&PlatformOff));
    for (number, (faults, code)) in on.iter().chain(&off).enumerate() {
        if number == on.len() {
            shop.platform.change("POST", "/switches", &json!({ "target": { "kind": "platform" } }));
        }
        check(&shop, number, faults, code);
    }
    assert_eq!(shop.live.bytes_seen() + shop.sandbox.bytes_seen(), 0);
}

fn check(shop: &Shop, number: usize, faults: &[Fault], code: &str) {
    let has = |fault: Fault| faults.contains(&fault);
    let access = !has(AccessDisabled);
    let client = shop.client(&format!("client {number}"), &json!({ "access_enabled": access }));
    let path = format!("/clients/{}", client.id);
    let (id, mut secret) = shop.oauth(&client.id, if has(OtherEnvironment) { "sandbox" } else { "live" });
    let change = |method: &str, path: &str, body| shop.platform.change(method, path, &body);
    if has(AddressNotAllowed) {
        change("PATCH", &path, json!({ "allow_ips": ["192.0.2.0/24"] }));
    }
    if has(Suspended) {
        change("POST", &format!("{path}/suspend"), json!({}));
    }
    if has(RevokedId) {
        change("POST", &format!("/oauth/{id}/revoke"), json!({}));
    }
    if has(DeletedClient) {
        change("DELETE", &path, json!({}));
    }
    if has(WrongSecret) {
        secret.push('x');
    }
    let mut form = format!("client_id={id}&client_secret={secret}");
    if has(FieldTwice) {
        form += &format!("&client_id={id}");
    }
    if !has(NoGrantType) {
        form += if has(OtherGrant) { "&grant_type=password" } else { "&grant_type=client_credentials" };
    }
    if has(ForeignScope) {
        form += "&scope=cellar:read";
    }
    let content_type = if has(NotAForm) { "application/json" } else { "application/x-www-form-urlencoded" };
    let mut headers = vec![("Content-Type", content_type)];
    if has(MethodOverride) {
        headers.push(("X-HTTP-Method-Override", "GET"));
    }
    if has(TwoAuthentications) {
        headers.push(("Authorization", "Basic bm9ib2R5Ondyb25n"));
    }
    let method = if has(WrongMethod) { "PUT" } else { "POST" };
    let response = request(shop.platform.gateway, method, "/v1/oauth/token", &headers, form.as_bytes());
    assert_eq!(response.code(), code, "{faults:?}: {response:?}");
}
