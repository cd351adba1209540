//! The business of the sample API: shipments, live and test ones apart. Pure: a request in, a reply out.

use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Bookings that are kept, in each environment; the oldest go.
const BOOKINGS_MAX: usize = 1000;
/// What the vans can lift.
const WEIGHT_GRAMS_MAX: u64 = 31_500;

/// An answer.
pub(super) enum Reply {
    Document {
        status: StatusCode,
        media_type: &'static str,
        text: String,
    },
    Nothing,
    /// One after the other, as they happen.
    Events(Vec<Value>),
    /// The connection is closed in the middle of the answer.
    HangUp,
}

/// All shipments.
pub(super) struct Depot {
    live: Shipments,
    test: Shipments,
}

struct Shipments {
    prefix: &'static str,
    booked: u64,
    all: Vec<Shipment>,
}

#[derive(Clone)]
struct Shipment {
    id: String,
    to: String,
    weight_grams: u64,
    status: &'static str,
}

impl Default for Depot {
    fn default() -> Self {
        Self {
            live: Shipments::with(
                "LP",
                &[
                    ("Ada Marsh, Leeds", 1200, "delivered"),
                    ("Tomas Berg, Bergen", 800, "in_transit"),
                    ("Ines Duarte, Porto", 4100, "booked"),
                ],
            ),
            test: Shipments::with("TEST", &[("Test Person, Testville", 1000, "booked")]),
        }
    }
}

impl Depot {
    /// Answers a request under `/live` or `/sandbox`.
    pub(super) fn answer(&mut self, method: &Method, path: &str, query: Option<&str>, body: &[u8]) -> Reply {
        let mut parts = path.trim_start_matches('/').split('/');
        let shipments = match parts.next() {
            Some("live") => &mut self.live,
            Some("sandbox") => &mut self.test,
            _ => return problem(StatusCode::NOT_FOUND, "Nothing is here."),
        };
        let parts: Vec<&str> = parts.collect();
        // HEAD is GET without the body, which the server leaves out.
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        match (method, parts.as_slice()) {
            ("GET", ["shipments"]) => shipments.list(query),
            ("POST", ["shipments"]) => shipments.book(body),
            ("GET", ["shipments", id]) => shipments.with_one(id, |one| document(StatusCode::OK, &one.json())),
            ("DELETE", ["shipments", id]) => shipments.cancel(id),
            ("POST", ["shipments", id, "label"]) => shipments.label(id),
            ("GET", ["tracking", id]) => {
                shipments.with_one(id, |one| document(StatusCode::OK, &one.tracking()))
            }
            ("GET", ["tracking", id, "events"]) => shipments.with_one(id, Shipment::events),
            ("GET", ["reports", "volume"]) => {
                let number = |name| find(query, name).and_then(|text| text.parse::<u32>().ok());
                let report = json!({ "year": number("year"), "month": number("month"), "parcels": 18_204, "late": 211 });
                document(StatusCode::OK, &report)
            }
            // Such a text is nobody's business outside.
            ("GET", ["reports", "customs"]) => problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "psql: FATAL: password authentication failed for user \"customs\" at 10.3.0.17",
            ),
            ("GET", ["reports", "archive"]) => Reply::HangUp,
            _ => problem(StatusCode::NOT_FOUND, "Nothing is here."),
        }
    }
}

impl Shipments {
    fn with(prefix: &'static str, first: &[(&str, u64, &'static str)]) -> Self {
        let mut shipments = Self { prefix, booked: 0, all: Vec::new() };
        for (to, weight_grams, status) in first {
            shipments.add((*to).to_owned(), *weight_grams, status);
        }
        shipments
    }

    fn add(&mut self, to: String, weight_grams: u64, status: &'static str) -> Shipment {
        self.booked += 1;
        let id = format!("{}-{}", self.prefix, 1000 + self.booked);
        let shipment = Shipment { id, to, weight_grams, status };
        if self.all.len() >= BOOKINGS_MAX {
            self.all.remove(0);
        }
        self.all.push(shipment.clone());
        shipment
    }

    fn list(&self, query: Option<&str>) -> Reply {
        let (status, limit) = (find(query, "status"), find(query, "limit"));
        let limit = limit.and_then(|text| text.parse().ok()).unwrap_or(50);
        let wanted = |one: &&Shipment| status.as_deref().is_none_or(|status| one.status == status);
        let found: Vec<Value> =
            self.all.iter().rev().filter(wanted).take(limit).map(Shipment::json).collect();
        document(StatusCode::OK, &json!({ "shipments": found }))
    }

    fn book(&mut self, body: &[u8]) -> Reply {
        let booking: Value = serde_json::from_slice(body).unwrap_or_default();
        let (Some(to), Some(weight_grams)) = (booking["to"].as_str(), booking["weight_grams"].as_u64())
        else {
            return problem(StatusCode::BAD_REQUEST, "A booking needs `to` and `weight_grams`.");
        };
        if weight_grams > WEIGHT_GRAMS_MAX {
            let detail =
                format!("A parcel may weigh {WEIGHT_GRAMS_MAX} g; this one weighs {weight_grams} g.");
            return problem(StatusCode::UNPROCESSABLE_ENTITY, &detail);
        }
        let booked = self.add(to.to_owned(), weight_grams, "booked");
        document(StatusCode::CREATED, &booked.json())
    }

    fn cancel(&mut self, id: &str) -> Reply {
        let Some(place) = self.all.iter().position(|one| one.id == id) else { return unknown(id) };
        if self.all.get(place).is_some_and(|one| one.status != "booked") {
            return problem(StatusCode::CONFLICT, "The shipment is already on its way.");
        }
        self.all.remove(place);
        Reply::Nothing
    }

    fn label(&self, id: &str) -> Reply {
        self.with_one(id, |one| {
            let zpl = format!("^XA^FO40,40^FD{} -> {}^FS^XZ", one.id, one.to);
            document(StatusCode::CREATED, &json!({ "shipment": one.id, "zpl": zpl }))
        })
    }

    fn with_one(&self, id: &str, reply: impl FnOnce(&Shipment) -> Reply) -> Reply {
        self.all.iter().find(|one| one.id == id).map_or_else(|| unknown(id), reply)
    }
}

impl Shipment {
    fn json(&self) -> Value {
        json!({ "id": self.id, "to": self.to, "weight_grams": self.weight_grams, "status": self.status })
    }

    fn tracking(&self) -> Value {
        let place = match self.status {
            "booked" => "at the sender's",
            "in_transit" => "in the van of depot 7",
            _ => "at the door",
        };
        json!({ "shipment": self.id, "status": self.status, "place": place })
    }

    fn events(&self) -> Reply {
        let places = ["collected", "sorted at depot 7", "in the van", "at the door"];
        Reply::Events(places.map(|place| json!({ "shipment": self.id, "place": place })).to_vec())
    }
}

fn document(status: StatusCode, value: &Value) -> Reply {
    Reply::Document { status, media_type: "application/json", text: format!("{value}\n") }
}

/// RFC 9457.
fn problem(status: StatusCode, detail: &str) -> Reply {
    let text = json!({ "status": status.as_u16(), "detail": detail }).to_string();
    Reply::Document { status, media_type: "application/problem+json", text }
}

fn unknown(id: &str) -> Reply {
    problem(StatusCode::NOT_FOUND, &format!("There is no shipment {id}."))
}

fn find(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.into_iter().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}
