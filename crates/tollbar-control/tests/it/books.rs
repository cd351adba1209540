//! Usage, what it adds up to, and corrections.

use serde_json::{Value, json};
use tollbar_contract::Environment;
use tollbar_core::{
    ClientId, ClientRecord, EndpointId, Outcomes, Overage, PolicyChange, Terms, Timestamp, port::UsageRow,
};

use super::{bench::Bench, fake::BOOKS_MAX};

const LIVE: Environment = Environment::Live;
const SANDBOX: Environment = Environment::Sandbox;

fn id(bench: &Bench, name: &str) -> ClientId {
    bench.directory.find_client_named(name).unwrap().record.id
}

/// So many charged, and of those so many 5xx.
fn use_up(bench: &Bench, client: ClientId, at: &str, environment: Environment, charged: u64, failed: u64) {
    let row = UsageRow {
        environment,
        endpoint: EndpointId(1),
        endpoint_name: "GET /v1/orders".to_owned(),
        day: Timestamp::parse(at).unwrap().day(),
        charged,
        given_back: failed,
        outcomes: Outcomes::new(charged, [charged - failed, 0, 0, failed, 0], 0),
    };
    bench.store.usage.lock().unwrap().push((client, row));
}

#[tokio::test]
async fn a_month_is_what_was_charged_less_what_was_given_back_and_corrections() {
    let bench = Bench::with_client().await;
    let acme = id(&bench, "Acme");
    use_up(&bench, acme, "2026-10-31", LIVE, 10, 3);
    use_up(&bench, acme, "2026-10-01", LIVE, 1, 0);
    use_up(&bench, acme, "2026-10-01", SANDBOX, 5, 0);
    use_up(&bench, acme, "2026-11-02", LIVE, 9, 9);
    let current = bench.get("/usage/Acme").await.ok(200);
    assert_eq!((&current["month"], &current["name"]), (&json!("2026-11"), &json!("Acme")));
    assert_eq!((current["live"]["used"].clone(), current["deleted"].clone()), (json!(0), json!(false)));
    let row = &current["rows"][0];
    assert_eq!((&row["date"], &row["sent"], &row["charged"]), (&json!("2026-11-02"), &json!(9), &json!(9)));

    bench
        .post(
            "/clients/Acme/corrections",
            json!({ "environment": "live", "units": -2, "reason": "ours", "month": "2026-10" }),
        )
        .await
        .ok(201);
    let before = bench.get("/usage/Acme?month=2026-10").await.ok(200);
    let outcomes =
        json!({ "2xx": 8, "3xx": 0, "4xx": 0, "5xx": 3, "not_sent": 0, "open": 0, "unclassed": 0 });
    assert_eq!(
        before["live"],
        json!({
            "charged": 11, "given_back": 3, "corrections": -2, "used": 6, "allowance": 1000, "remaining": 994,
            "billable_overage": 0, "outcomes": outcomes,
        })
    );
    assert_eq!(before["sandbox"]["used"], 5);
    assert_eq!(before["rows"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&before["corrections"][0]["units"], &before["corrections"][0]["reason"]),
        (&json!(-2), &json!("ours"))
    );
    let sandbox = bench.get("/usage/Acme?month=2026-10&environment=sandbox").await.ok(200);
    assert_eq!(
        (&sandbox["live"], &sandbox["corrections"], sandbox["rows"].as_array().unwrap().len()),
        (&Value::Null, &json!([]), 1)
    );

    for (query, status, word) in [
        ("/Acme?month=October", 400, "write it like 2026-11"),
        ("/Nobody", 404, "Nobody"),
        ("/Acme?environment=prod", 400, "prod"),
        ("/Acme?env=live", 400, "unknown field `env`"),
        ("?month=2026-13", 400, "`2026-13`"),
        ("?after=Acme", 400, "after: `Acme`"),
        ("?limit=0", 400, "limit"),
        ("?limit=1001", 400, "1000"),
    ] {
        bench.get(&format!("/usage{query}")).await.refused(status, &[word]);
    }
}

#[tokio::test]
async fn what_is_beyond_the_allowance_is_billed_where_it_was_let_through() {
    let bench = Bench::with_client().await;
    use_up(&bench, id(&bench, "Acme"), "2026-11-02", LIVE, 1205, 5);
    assert_eq!(bench.get("/usage/Acme").await.ok(200)["live"]["billable_overage"], 0);
    bench.patch("/clients/Acme", json!({ "overage": "report" })).await.ok(200);
    let usage = bench.get("/usage/Acme").await.ok(200);
    assert_eq!((&usage["overage"], &usage["live"]["billable_overage"]), (&json!("report"), &json!(200)));
}

#[tokio::test]
async fn a_month_that_is_over_has_terms_of_its_own() {
    let bench = Bench::with_client().await;
    let acme = id(&bench, "Acme");
    use_up(&bench, acme, "2026-10-02", LIVE, 50, 0);
    bench.store.terms.lock().unwrap().insert(acme, Terms { allowance: [30, 0], overage: Overage::Report });
    let of = async |query: &str| {
        let usage = bench.get(&format!("/usage/Acme{query}")).await.ok(200);
        (usage["live"]["allowance"].clone(), usage["live"]["billable_overage"].clone())
    };
    assert_eq!(of("?month=2026-10").await, (json!(30), json!(20)));
    // What a clock that was ahead had changed is not in force when this month ends.
    assert_eq!(of("").await, (json!(1000), json!(0)));
}

#[tokio::test]
async fn many_clients_come_in_the_order_of_their_ids_each_once() {
    let bench = Bench::with_client().await;
    let record = bench.directory.find_client(id(&bench, "Acme")).unwrap().record.clone();
    let mut ids = vec![record.id.to_string()];
    for number in 1..2000_u64 {
        let id = ClientId::from_number(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bench.directory.apply(PolicyChange::PutClient(ClientRecord { id, ..record.clone() })).unwrap();
        ids.push(id.to_string());
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = bench.get(&format!("/usage?limit=1000{after}")).await.ok(200);
        let clients = page["clients"].as_array().unwrap();
        seen.extend(clients.iter().map(|client| client["client"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert!(seen.is_sorted_by_key(|id| id.parse::<ClientId>().unwrap()));
    ids.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn all_clients_come_page_by_page() {
    let bench = Bench::with_client().await;
    let mut names = vec!["Acme".to_owned()];
    for number in 0..7 {
        let name = format!("Client {number}");
        bench
            .post("/clients", json!({ "name": name, "tier": "standard", "allowance": 5, "scopes": [] }))
            .await
            .ok(201);
        names.push(name);
    }
    // Two are gone; one of them has used something.
    let gone = [id(&bench, "Client 0"), id(&bench, "Client 1")];
    use_up(&bench, gone[0], "2026-11-02", LIVE, 4, 0);
    for gone in gone {
        bench.delete(&format!("/clients/{gone}")).await.ok(200);
    }
    names.retain(|name| name != "Client 1");
    for limit in [1, 2, 100] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = bench.get(&format!("/usage?limit={limit}{after}")).await.ok(200);
            let clients = page["clients"].as_array().unwrap();
            assert!(clients.len() <= limit.min(BOOKS_MAX), "{page}");
            seen.extend(clients.iter().map(|client| client["name"].as_str().unwrap().to_owned()));
            assert!(
                clients.iter().all(|client| client["rows"] == Value::Null && client["sandbox"]["used"] == 0)
            );
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        seen.sort_unstable();
        assert_eq!(seen, names, "{limit}");
    }
    let page = bench.get("/usage?limit=1000&rows=true&environment=live").await.ok(200);
    assert!(page["clients"].as_array().unwrap().iter().all(|client| client["rows"].is_array()));
    // Nobody was there yet.
    let before = bench.get("/usage?month=2026-10").await.ok(200);
    assert_eq!((&before["month"], &before["clients"]), (&json!("2026-10"), &json!([])));
}

#[tokio::test]
async fn a_correction_is_in_force_at_once_and_on_the_audit_trail() {
    let bench = Bench::with_client().await;
    let acme = id(&bench, "Acme");
    use_up(&bench, acme, "2026-11-02", LIVE, 40, 0);
    let meter = || {
        let client = bench.directory.find_client(acme).unwrap();
        let used = |environment| {
            client.meter(environment).peek_allowance(1000, Timestamp::parse("2026-11-22").unwrap()).used
        };
        [used(LIVE), used(SANDBOX)]
    };
    let answer = bench
        .post(
            "/clients/Acme/corrections",
            json!({ "environment": "live", "units": 7, "reason": "sold by hand" }),
        )
        .await
        .ok(201);
    let correction = json!({
        "client": acme, "environment": "live", "month": "2026-11", "units": 7, "kind": "account manager",
        "reason": "sold by hand", "at": "2026-11-22T09:00:00.000Z", "change": 44,
    });
    assert_eq!(
        answer,
        json!({ "name": "Acme", "correction": correction, "used": 47, "allowance": 1000, "remaining": 953 })
    );
    assert_eq!(meter(), [7, 0], "the data plane has it");
    let audit = bench.store.audit().pop().unwrap();
    assert_eq!((audit.action.as_str(), audit.subject), ("client.correct", acme.to_string()));
    assert_eq!(audit.detail, "Acme: live 2026-11 +7, used 40 -> 47: sold by hand");
    bench
        .post("/clients/Acme/corrections", json!({ "environment": "live", "units": -47, "reason": "x" }))
        .await
        .ok(201);
    bench.delete("/clients/Acme").await.ok(200);
    // Its last bill is still to come.
    bench
        .post(
            &format!("/clients/{acme}/corrections"),
            json!({ "environment": "sandbox", "units": 1, "reason": "y" }),
        )
        .await
        .ok(201);
    let units = |listed: Value| {
        let all = listed["corrections"].as_array().unwrap().clone();
        all.iter().map(|c| c["units"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let path = format!("/clients/{acme}/corrections");
    assert_eq!(units(bench.get(&path).await.ok(200)), [1, -47, 7]);
    assert_eq!(units(bench.get(&format!("{path}?limit=1&month=2026-11")).await.ok(200)), [1]);
    assert_eq!(units(bench.get(&format!("{path}?month=2026-10")).await.ok(200)), Vec::<i64>::new());
    bench.get(&format!("{path}?month=x")).await.refused(400, &["`x`"]);
}

#[tokio::test]
async fn a_correction_that_cannot_be_is_refused_and_nothing_changes() {
    let bench = Bench::with_client().await;
    use_up(&bench, id(&bench, "Acme"), "2026-11-02", LIVE, 40, 30);
    let before = bench.store.audit().len();
    let new = |differences: Value| {
        let mut body = json!({ "environment": "live", "units": 1, "reason": "r" });
        for (name, value) in differences.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (differences, status, words) in [
        (json!({ "units": -11 }), 409, vec!["-11", "Acme", "live", "2026-11", "below zero", "10 are used"]),
        (json!({ "units": -1, "environment": "sandbox" }), 409, vec!["0 are used"]),
        (json!({ "units": -1, "month": "2026-10" }), 409, vec!["2026-10", "0 are used"]),
        (json!({ "units": 0 }), 400, vec!["units: 0"]),
        (json!({ "units": 1_000_000_000_001_i64 }), 400, vec!["1000000000000"]),
        (json!({ "units": i64::MIN }), 400, vec!["beyond"]),
        (json!({ "units": 1.5 }), 400, vec!["1.5"]),
        (json!({ "month": "2026-12" }), 400, vec!["2026-12 has not begun", "2026-11"]),
        (json!({ "month": "soon" }), 400, vec!["`soon`"]),
        (json!({ "reason": "" }), 400, vec!["reason: it is empty"]),
        (json!({ "reason": "  " }), 400, vec!["reason: it is empty"]),
        (json!({ "reason": "x".repeat(501) }), 400, vec!["501", "500"]),
        (json!({ "reason": "a\nb" }), 400, vec!["control characters"]),
        (json!({ "environment": "prod" }), 400, vec!["prod"]),
        (json!({ "colour": "red" }), 400, vec!["unknown field `colour`"]),
    ] {
        bench.post("/clients/Acme/corrections", new(differences)).await.refused(status, &words);
    }
    bench.post("/clients/Nobody/corrections", new(json!({}))).await.refused(404, &["Nobody"]);
    bench.post("/clients/Acme/corrections", json!({ "units": 1 })).await.refused(400, &["missing field"]);
    assert_eq!(bench.store.audit().len(), before);
    bench.post("/clients/Acme/corrections", new(json!({ "reason": "é".repeat(500) }))).await.ok(201);
    {
        let mut applied = bench.store.applied.lock().unwrap();
        let (changes, ..) = applied.last_mut().unwrap();
        *changes = vec![changes[0].clone(); 1000];
    }
    bench
        .post("/clients/Acme/corrections", new(json!({})))
        .await
        .refused(409, &["1000 corrections in 2026-11"]);
    bench.post("/clients/Acme/corrections", new(json!({ "month": "2026-10" }))).await.ok(201);
}
