//! Every change of policy comes back as it was made durable.

use std::collections::BTreeSet;

use tollbar_core::{
    API_FORMAT, ApiRecord, AuditEntry, ChangeId, ClientChanges, ClientRecord, EndpointId, EndpointRecord,
    EndpointSettings, KeyId, KeyRecord, OauthId, OauthRecord, OauthSecret, OnUpstream5xx, Overage,
    PolicyChange, PolicyState, RetiredKey, RevokedToken, SigningKeyRecord, Switch, SwitchId, SwitchTarget,
    Terms, Tier, Timestamp, UpstreamErrors,
    port::{AllowanceStore as _, AuditFilter, PolicyStore as _},
    secret::keyring::{KeyringRecord, SecretKind},
};
use tollbar_store::Store;

use super::support::{LIVE, SANDBOX, at, client, folder, month, open, wait};

const CHANGE: ChangeId = ChangeId(1);

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn scopes() -> BTreeSet<String> {
    ["orders:read", "orders:write"].map(str::to_owned).into()
}

fn audit(number: u64) -> AuditEntry {
    AuditEntry {
        id: ChangeId(number),
        at: time(number),
        actor: "operator".to_owned(),
        action: "client.create".to_owned(),
        subject: format!("subject {number}"),
        detail: "in words".to_owned(),
    }
}

fn client_record(name: &str) -> ClientRecord {
    ClientRecord {
        id: client(1),
        name: name.to_owned(),
        tier: "gold".to_owned(),
        scopes: scopes(),
        allowance: [u64::MAX, 100],
        overage: Overage::Report,
        write_enabled: true,
        access_enabled: true,
        suspended: false,
        allow_ips: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        tokens_valid_from: Some(time(5)),
        deleted: false,
        created_at: time(1),
        change: CHANGE,
        changes: ClientChanges::all(CHANGE),
    }
}

#[test]
fn a_month_that_is_over_keeps_the_terms_it_ended_with() {
    let folder = folder();
    let mut store = open(folder.path());
    let terms = |live, overage| Terms { allowance: [live, 5], overage };
    for (number, when, live, overage) in [
        (1, "2026-08-03", 10, Overage::Block),
        (2, "2026-09-03", 20, Overage::Block),
        (3, "2026-09-30T23:59:59Z", 30, Overage::Report),
        // Nothing that belongs to them.
        (4, "2026-10-05", 30, Overage::Report),
        (5, "2026-12-01", 40, Overage::Block),
    ] {
        let name = format!("name {number}");
        let record = ClientRecord { allowance: [live, 5], overage, ..client_record(&name) };
        let audit = AuditEntry { at: at(when), ..audit(number) };
        wait(store.apply(vec![PolicyChange::PutClient(record)], audit, None)).unwrap();
    }
    for is_opened_again in [false, true] {
        if is_opened_again {
            store.close().unwrap();
            store = open(folder.path());
        }
        for (asked, expected) in [
            ("2026-07", Some(terms(10, Overage::Block))),
            ("2026-08", Some(terms(10, Overage::Block))),
            ("2026-09", Some(terms(30, Overage::Report))),
            ("2026-11", Some(terms(30, Overage::Report))),
            ("2026-12", None),
        ] {
            let books = wait(store.books(month(asked), vec![client(1), client(2)])).unwrap();
            assert_eq!((books[0].terms, books[1].terms), (expected, None), "{asked}");
        }
    }
}

fn key_record() -> KeyRecord {
    KeyRecord {
        id: KeyId::from_number(2),
        client: client(1),
        environment: SANDBOX,
        digest: [7; 32],
        pepper_id: 1,
        hint: "tb_sandbox_ab".to_owned(),
        scopes: Some(scopes()),
        expires_at: Some(time(9)),
        revoked_at: None,
        grace_until: None,
        created_at: time(1),
        change: CHANGE,
    }
}

fn oauth_record() -> OauthRecord {
    OauthRecord {
        id: OauthId::from_number(3),
        client: client(1),
        environment: LIVE,
        secrets: vec![OauthSecret { digest: [8; 32], pepper_id: 1, valid_until: Some(time(3)) }],
        revoked_at: Some(time(4)),
        created_at: time(1),
        change: CHANGE,
    }
}

fn switch() -> Switch {
    Switch {
        id: SwitchId::from_number(4),
        target: SwitchTarget::Endpoint { method: "GET".to_owned(), path: "/v1/orders/{id}".to_owned() },
        environment: Some(LIVE),
        message: Some("\"Wartung\" bis morgen – ☂".to_owned()),
        until: Some(time(100)),
        since: time(1),
        change: CHANGE,
    }
}

fn api_record(title: &str) -> ApiRecord {
    let operation =
        r#"{"method": "GET", "path": "/orders/{id}", "extensions": {"x-a": {"z": 1.5, "a": null}}}"#;
    ApiRecord {
        format: API_FORMAT,
        base: "/v1".to_owned(),
        title: title.to_owned(),
        version: "2.1".to_owned(),
        upstreams: [vec!["http://127.0.0.1:9000".to_owned()], Vec::new()],
        upstream_errors: UpstreamErrors::Pass,
        on_upstream_5xx: OnUpstream5xx::Release,
        observe: false,
        endpoints: vec![EndpointRecord {
            id: EndpointId(1),
            category: "orders".to_owned(),
            scopes: vec!["orders:read".to_owned()],
            write: false,
            idempotency_required: false,
            resend_unknown: true,
            body_unchecked: true,
            operation: serde_json::from_str(operation).unwrap(),
        }],
        schemas: Default::default(),
        imported_at: time(1),
        change: CHANGE,
    }
}

fn endpoint_settings() -> EndpointSettings {
    EndpointSettings {
        endpoint: EndpointId(1),
        base: "/v1".to_owned(),
        method: "GET".to_owned(),
        path: "/orders/{id}".to_owned(),
        scopes: Some(vec!["orders:see".to_owned()]),
        category: None,
        write: Some(true),
        idempotency_required: None,
        resend_unknown: None,
        set_at: time(2),
        change: CHANGE,
    }
}

/// One of each kind of change that puts something, and what is there afterwards.
fn everything() -> (Vec<PolicyChange>, PolicyState) {
    let tier = Tier { name: "gold".to_owned(), rate_per_minute: 600, change: CHANGE };
    let token = RevokedToken { token_id: "jti-1".to_owned(), expires_at: time(50), change: None };
    let retired = RetiredKey { at: time(2), tokens_until: time(3), public: vec![1, 254] };
    let signing_key = SigningKeyRecord {
        id: "kid-1".to_owned(),
        sealed: vec![0, 255],
        created_at: time(1),
        longest_life_seconds: 1,
        retired: Some(retired),
    };
    let secret = KeyringRecord {
        kind: SecretKind::Sealing,
        id: 7,
        created_at: time(1),
        needed_until: Some(time(8)),
        wrapped: vec![3, 255, 0],
    };
    let changes = vec![
        PolicyChange::PutClient(client_record("Example")),
        PolicyChange::PutKey(key_record()),
        PolicyChange::PutOauth(oauth_record()),
        PolicyChange::RevokeToken(token.clone()),
        PolicyChange::PutTier(tier.clone()),
        PolicyChange::PutSwitch(switch()),
        PolicyChange::PutApi(Box::new(api_record("Orders"))),
        PolicyChange::PutEndpointSettings(endpoint_settings()),
        PolicyChange::PutSigningKey(signing_key.clone()),
        PolicyChange::PutSecret(secret.clone()),
    ];
    let state = PolicyState {
        clients: vec![client_record("Example")],
        keys: vec![key_record()],
        oauth: vec![oauth_record()],
        revoked_tokens: vec![token],
        tiers: [("gold".to_owned(), tier)].into(),
        switches: vec![switch()],
        apis: vec![api_record("Orders")],
        endpoint_settings: vec![endpoint_settings()],
        signing_keys: vec![signing_key],
        keyring: vec![secret],
        last_change: 1,
    };
    (changes, state)
}

fn apply(store: &Store, number: u64, changes: Vec<PolicyChange>) {
    wait(store.apply(changes, audit(number), None)).unwrap();
}

/// A new kind of change does not compile until this test has one of it.
fn is_covered(change: &PolicyChange) -> bool {
    match change {
        PolicyChange::PutClient(_)
        | PolicyChange::PutKey(_)
        | PolicyChange::PutOauth(_)
        | PolicyChange::RevokeToken(_)
        | PolicyChange::PutTier(_)
        | PolicyChange::PutSwitch(_)
        | PolicyChange::RemoveSwitch(_)
        | PolicyChange::PutApi(_)
        | PolicyChange::RemoveApi { .. }
        | PolicyChange::PutEndpointSettings(_)
        | PolicyChange::ResetEndpoint(_)
        | PolicyChange::PutSigningKey(_)
        | PolicyChange::PutSecret(_)
        | PolicyChange::DropSecret { .. } => true,
        // These come back in reports: see `books`.
        PolicyChange::Correct(_) => false,
    }
}

#[test]
fn every_change_comes_back() {
    let folder = folder();
    let store = open(folder.path());
    assert_eq!(wait(store.load()).unwrap(), PolicyState::default());
    let (changes, mut state) = everything();
    assert!(changes.iter().all(is_covered));
    wait(store.apply(changes.clone(), audit(1), Some(b"openapi: 3.1.0".to_vec()))).unwrap();
    assert_eq!(wait(store.load()).unwrap(), state);
    apply(&store, 2, changes);
    state.last_change = 2;
    assert_eq!(wait(store.load()).unwrap(), state, "the same again replaces");
    drop(store);

    let store = open(folder.path());
    assert_eq!(wait(store.load()).unwrap(), state);
    let changes = vec![
        PolicyChange::PutClient(client_record("Renamed")),
        PolicyChange::RemoveSwitch(switch().id),
        PolicyChange::RemoveApi { base: "/v1".to_owned() },
        PolicyChange::ResetEndpoint(EndpointId(1)),
        PolicyChange::DropSecret { kind: SecretKind::Sealing, id: 7 },
        PolicyChange::DropSecret { kind: SecretKind::Pepper, id: 7 },
    ];
    apply(&store, 3, changes);
    state.clients = vec![client_record("Renamed")];
    state.switches.clear();
    state.apis.clear();
    state.endpoint_settings.clear();
    state.keyring.clear();
    state.last_change = 3;
    assert_eq!(wait(store.load()).unwrap(), state);
}

#[test]
fn changes_and_their_audit_entry_are_one() {
    let folder = folder();
    let store = open(folder.path());
    apply(&store, 1, vec![PolicyChange::PutClient(client_record("Example"))]);
    let rename = vec![PolicyChange::PutClient(client_record("Renamed"))];
    assert!(wait(store.apply(rename.clone(), audit(1), None)).is_err(), "the number was given before");
    assert!(wait(store.apply(rename, audit(2), Some(Vec::new()))).is_err(), "a document of no API");
    assert_eq!(wait(store.load()).unwrap().clients, [client_record("Example")]);
    assert_eq!(wait(store.find_audit(ChangeId(2))).unwrap(), None);
}

#[test]
fn the_audit_trail_is_read_newest_first() {
    let folder = folder();
    let store = open(folder.path());
    for number in 1..=5 {
        apply(&store, number, Vec::new());
    }
    assert_eq!(wait(store.find_audit(ChangeId(3))).unwrap(), Some(audit(3)));
    assert_eq!(wait(store.find_audit(ChangeId(6))).unwrap(), None);
    let list = |filter: AuditFilter| wait(store.list_audit(filter)).unwrap();
    assert_eq!(list(AuditFilter { limit: 2, ..AuditFilter::default() }), [audit(5), audit(4)]);
    let all = AuditFilter { limit: 100, ..AuditFilter::default() };
    assert_eq!(list(all.clone()).len(), 5);
    let before = AuditFilter { before: Some(ChangeId(3)), ..all.clone() };
    assert_eq!(list(before), [audit(2), audit(1)]);
    let of = |subject: &str| AuditFilter { subjects: vec![subject.to_owned()], ..all.clone() };
    assert_eq!((list(of(&audit(1).subject)).len(), list(of("nobody")).len()), (1, 0));
    let with = |action: &str| AuditFilter { action: Some(action.to_owned()), ..all.clone() };
    let (kind, _) = audit(1).action.split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!((list(with(&kind)).len(), list(with(&audit(1).action)).len()), (5, 5));
    assert_eq!(list(with(&kind[..2])).len(), 0, "a part of a word is no kind");
    assert_eq!(list(AuditFilter { since: Some(audit(4).at), ..all }), [audit(5), audit(4)]);
}

#[test]
fn a_document_stays_until_another_comes() {
    let folder = folder();
    let store = open(folder.path());
    let put = |title: &str| vec![PolicyChange::PutApi(Box::new(api_record(title)))];
    let stored = || -> Vec<u8> {
        let database = rusqlite::Connection::open(folder.path().join("tollbar.db")).unwrap();
        database.query_row("SELECT document FROM apis WHERE id = '/v1'", [], |row| row.get(0)).unwrap()
    };
    wait(store.apply(put("Orders"), audit(1), Some(b"one".to_vec()))).unwrap();
    wait(store.apply(put("Renamed"), audit(2), None)).unwrap();
    assert_eq!(stored(), b"one");
    wait(store.apply(put("Orders"), audit(3), Some(b"two".to_vec()))).unwrap();
    assert_eq!(stored(), b"two");
    assert_eq!(wait(store.find_document("/v1".to_owned())).unwrap().unwrap(), b"two");
    assert_eq!(wait(store.find_document("/v2".to_owned())).unwrap(), None);
}

#[test]
fn endpoints_keep_their_numbers() {
    let folder = folder();
    let endpoint = |path: &str| ("/v1".to_owned(), "GET".to_owned(), path.to_owned());
    let number = |paths: &[&str]| {
        let endpoints = paths.iter().map(|path| endpoint(path)).collect();
        wait(open(folder.path()).number_endpoints(endpoints)).unwrap()
    };
    assert_eq!(number(&["/a", "/b", "/a"]), [EndpointId(1), EndpointId(2), EndpointId(1)]);
    assert_eq!(number(&["/c", "/b"]), [EndpointId(3), EndpointId(2)]);
    assert_eq!(number(&[]), []);
}

#[test]
fn an_endpoint_whose_parameters_are_called_otherwise_is_the_same() {
    let folder = folder();
    let store = open(folder.path());
    let number = |method: &str, path: &str| {
        let endpoint = ("/v1".to_owned(), method.to_owned(), path.to_owned());
        wait(store.number_endpoints(vec![endpoint])).unwrap()[0].0
    };
    let table = [
        ("GET", "/orders/{id}", 1),
        ("GET", "/orders/{orderId}", 1),
        ("PUT", "/orders/{orderId}", 2),
        ("GET", "/orders/{id}/lines/{line}", 3),
        ("GET", "/orders/{o}/lines/{~l}", 3),
        ("GET", "/orders/{id}.json", 4),
        ("GET", "/orders/{id}{version}", 5),
        ("GET", "/{orders}/id", 6),
        ("GET", "/orders", 7),
        ("GET", "/orders/{é}.json", 4),
    ];
    for (method, path, id) in table {
        assert_eq!(number(method, path), id, "{method} {path}");
    }
    // From the import on it has the name that is in force.
    let mut api = api_record("Orders");
    api.endpoints[0].operation.path = "/orders/{orderId}".to_owned();
    apply(&store, 1, vec![PolicyChange::PutApi(Box::new(api))]);
    let database = rusqlite::Connection::open(folder.path().join("tollbar.db")).unwrap();
    let name: String =
        database.query_row("SELECT path FROM endpoints WHERE id = 1", [], |row| row.get(0)).unwrap();
    assert_eq!(name, "/orders/{orderId}");
    assert_eq!(number("GET", "/orders/{id}"), 1);
}
