//! What a large document costs: `cargo bench -p tollbar-openapi -- FILE`.
//!
//! Prints how long it takes to load the document and to compile its schemas, what finding one of its operations
//! costs, and what it costs to check a JSON body of 2 KB, beside what parsing the same body costs. Figures of one
//! run can be compared with each other; those of two runs cannot.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark measures time, prints, and ends at what it did not expect"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::{Value, json};
use tollbar_openapi::{BodyGiven, Checks, Document, Find, RequestParts, Router};

/// The quickest of several rounds: what disturbs a round only makes it slower.
const ROUNDS: usize = 20;

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let file = file.unwrap_or_else(|| panic!("give the file of an OpenAPI document"));
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    load_and_route(&text);
    check_a_body();
}

fn load_and_route(text: &[u8]) {
    let began = Instant::now();
    let document = Document::parse(text).unwrap();
    let loaded = began.elapsed();
    let checks = Checks::build(document.operations(), document.schemas()).unwrap();
    let compiled = began.elapsed();
    let routes = document.operations().iter().enumerate();
    let router = Router::build(routes.map(|(id, one)| (one.method.as_str(), one.path.as_str(), id))).unwrap();
    let count = document.operations().len();
    println!("operations            {count}, schemas {}", document.schemas().len());
    println!("load                  {loaded:?}");
    println!("compile               {:?}", compiled.saturating_sub(loaded));
    black_box(&checks);
    let paths: Vec<(&str, String)> =
        document.operations().iter().map(|one| (one.method.as_str(), concrete(&one.path))).collect();
    let quickest = quickest(|| {
        for (method, path) in &paths {
            match router.find(method, path) {
                Find::Matched(found) => black_box(found.id),
                other => panic!("{method} {path}: {other:?}"),
            };
        }
    });
    println!("route                 {:?} for one of {count}", quickest / u32::try_from(count).unwrap());
}

/// A path that the template matches.
fn concrete(template: &str) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        path.push_str(before);
        path.push_str("value-1");
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    path + rest
}

/// An order of about 2 KB, as a shop would take it.
fn check_a_body() {
    let line = |number: u32| {
        json!({ "sku": format!("SKU-{number:06}"), "quantity": number % 9 + 1, "unit_price": 12.5 + f64::from(number),
                "tags": ["new", "sale"], "note": "left at the door, if nobody answers the bell" })
    };
    let order = json!({
        "customer": { "name": "Ada Lovelace", "email": "ada@example.com", "since": "1843-09-01" },
        "currency": "EUR", "priority": 3,
        "lines": (0..15).map(line).collect::<Vec<_>>(),
    });
    let text = order.to_string();
    let document = Document::parse(SHOP.as_bytes()).unwrap();
    let checks = Checks::build(document.operations(), document.schemas()).unwrap();
    let operation = &document.operations()[0];
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let parts = RequestParts { path_parameters: &[], query: None, headers: &headers };
    let check = |text: &str| checks.check(0, operation, &parts, BodyGiven::Whole(text.as_bytes()));
    check(&text).unwrap_or_else(|faults| panic!("{faults}"));
    let wrong = text.replace("\"quantity\":1,", "\"quantity\":0,");
    assert!(check(&wrong).is_err(), "a wrong order is found to be so");

    const TIMES: u32 = 1_000;
    let parsed = quickest(|| {
        for _ in 0..TIMES {
            black_box(serde_json::from_str::<Value>(black_box(&text)).unwrap());
        }
    }) / TIMES;
    let checked = quickest(|| {
        for _ in 0..TIMES {
            let _ = black_box(check(black_box(&text)));
        }
    }) / TIMES;
    println!("body                  {} bytes", text.len());
    println!("parsed by serde_json  {parsed:?}");
    println!("parsed and checked    {checked:?}");
    println!("ratio                 {:.2}", checked.as_secs_f64() / parsed.as_secs_f64());
}

fn quickest(mut round: impl FnMut()) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        round();
        began.elapsed()
    });
    rounds.min().unwrap_or_default()
}

const SHOP: &str = r##"
openapi: 3.1.0
info: { title: Shop, version: "1" }
paths:
  /orders:
    post:
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: "#/components/schemas/Order" } } }
components:
  schemas:
    Order:
      type: object
      required: [customer, currency, lines]
      additionalProperties: false
      properties:
        customer: { $ref: "#/components/schemas/Customer" }
        currency: { type: string, enum: [EUR, USD, GBP] }
        priority: { type: integer, minimum: 1, maximum: 5 }
        lines: { type: array, minItems: 1, maxItems: 100, items: { $ref: "#/components/schemas/Line" } }
    Customer:
      type: object
      required: [name, email]
      properties:
        name: { type: string, minLength: 1, maxLength: 100 }
        email: { type: string, format: email }
        since: { type: string, format: date }
    Line:
      type: object
      required: [sku, quantity]
      additionalProperties: false
      properties:
        sku: { type: string, pattern: "^SKU-[0-9]{6}$" }
        quantity: { type: integer, minimum: 1, maximum: 99 }
        unit_price: { type: number, minimum: 0 }
        tags: { type: array, uniqueItems: true, items: { type: string } }
        note: { type: string, maxLength: 200 }
"##;
