//! Requests before a document that says everything that can be said of one.

mod judged;

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tollbar_openapi::{BodyGiven, BodyNeed, Checks, Document, FAULT_LIMIT, Faults, RequestParts};

/// Pieces that mean something.
pub(super) const WORDS: &[&[u8]] = &[
    b"\n",
    b"0\n\n\n\n\n\n",
    b"9\n\n\n\n\napplication/json\n",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=b",
    b"; charset=utf-8",
    b"{\"n\":1,\"a\":\"",
    b"\"pay\":{\"by\":\"card\",\"pan\":\"",
    b"\"tree\":{\"children\":[{}]}",
    b"\"password\":{\"old\":",
    b"\"n\":1,",
    b"[[[[[[[[[[",
    b"\\ud800",
    b"\\u006e",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"1e400",
    b"n=1&",
    b"a=%41&b=",
    b"b[]=",
    b"deep[nested][of][0][x]=",
    b"%2C",
    b"%7C",
    b"+",
    b"%",
    b"%ff",
    b";matrix=x,",
    b".x=1.y=2",
    b"--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n1\r\n",
    b"Content-Type: application/json\r\n",
    b"; filename=\"f\"",
    b"\r\n--b",
    b"--b--\r\n",
    b"\r\n\r\n",
    b"\xff",
    b"\0",
];

/// What stands for a secret: nothing else may hold it, and no fault.
const MARK: &str = "90714237";

/// Longest fault that is told, with the names in it.
const FAULT_CHARACTERS: usize = 200;

struct World {
    document: Document,
    checks: Checks,
}

/// A request, as an input describes it.
struct Request<'i> {
    /// The place of its operation.
    index: usize,
    path: &'i str,
    query: Option<&'i str>,
    /// What may stand in a header, a cookie and the content type.
    lines: [&'i [u8]; 3],
    body: &'i [u8],
}

/// Whatever is sent, the check ends, tells few short faults and no secret; and what it takes is what others read.
pub(super) fn request_checks(input: &[u8]) {
    let Some(request) = Request::parse(input, world().document.operations().len()) else { return };
    let found = check(&request);
    if let Err(faults) = &found {
        assert_are_told_well(faults);
    }
    match world().document.operations()[request.index].path.as_str() {
        "/judged/json" => judged::assert_json(request.body, &found),
        "/judged/form" => judged::assert_form(request.body, &found),
        "/judged/multipart" => judged::assert_multipart(request.body, &found),
        "/judged/query" => judged::assert_query(request.query.unwrap_or_default(), &found),
        _ => assert_secrets_are_kept(&request),
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let document = Document::parse(include_bytes!("request_checks/document.yaml")).unwrap();
        assert!(document.warnings().is_empty(), "{:?}", document.warnings());
        let checks = Checks::build(document.operations(), document.schemas()).unwrap();
        World { document, checks }
    })
}

impl<'i> Request<'i> {
    /// A line each for the operation, the path's values, the query, a header, a cookie, the content type; then the body.
    fn parse(input: &'i [u8], operations: usize) -> Option<Request<'i>> {
        let mut lines = input.splitn(7, |&byte| byte == b'\n');
        let mut line = || lines.next().unwrap_or_default();
        let index = usize::from(line().first().copied().unwrap_or_default()) % operations;
        let path = std::str::from_utf8(line()).ok()?;
        let query = std::str::from_utf8(line()).ok()?;
        let query = (!query.is_empty()).then_some(query);
        Some(Request { index, path, query, lines: [line(), line(), line()], body: line() })
    }

    fn path_parameters(&self, names: &str) -> Vec<(String, String)> {
        let names = names.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'));
        let values = self.path.split('/').chain(std::iter::repeat(""));
        names.zip(values).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn headers(&self, path: &str) -> HeaderMap {
        let [header, cookie, content_type] = self.lines;
        let content_type = match path {
            "/judged/json" => b"application/json",
            "/judged/form" => b"application/x-www-form-urlencoded".as_slice(),
            "/judged/multipart" => b"multipart/form-data; boundary=b",
            _ => content_type,
        };
        let mut headers = HeaderMap::new();
        let lines = [
            ("x-list", header),
            ("x-point", header),
            ("x-api-key", header),
            ("cookie", cookie),
            ("content-type", content_type),
        ];
        for (name, value) in lines {
            if let Ok(value) = HeaderValue::from_bytes(value)
                && !value.is_empty()
            {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        headers
    }
}

/// Checks a request with its body given as it must be, and as it may be.
fn check(request: &Request<'_>) -> Result<(), Faults> {
    let World { document, checks } = world();
    let operation = &document.operations()[request.index];
    let headers = request.headers(&operation.path);
    let path_parameters = request.path_parameters(&operation.path);
    let parts = RequestParts { path_parameters: &path_parameters, query: request.query, headers: &headers };
    let check = |body| checks.check(request.index, operation, &parts, body);
    let whole = check(BodyGiven::Whole(request.body));
    match checks.body_need(request.index, &headers) {
        BodyNeed::Nothing => {
            assert_eq!(check(BodyGiven::Unread), whole, "a body that goes by is looked into")
        }
        BodyNeed::Refusal => {
            assert!(whole.is_err(), "what is to be refused is not");
            assert_eq!(check(BodyGiven::Unread), whole, "the headers alone say so");
        }
        BodyNeed::Whole => assert!(check(BodyGiven::Unread).is_err(), "a body goes by unread"),
    }
    whole
}

fn assert_are_told_well(faults: &Faults) {
    let count = faults.iter().count();
    assert!((1..=FAULT_LIMIT).contains(&count), "{count} faults");
    for fault in faults.iter() {
        let text = fault.to_string();
        assert!(text.chars().count() <= FAULT_CHARACTERS, "{} characters: {text}", text.chars().count());
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

/// What stands for a secret is told to nobody: under a name that says so, or in a place that the document says so of.
fn assert_secrets_are_kept(request: &Request<'_>) {
    let is_marked = |bytes: &[u8]| bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes());
    let others = [request.path.as_bytes(), request.query.unwrap_or_default().as_bytes(), request.body];
    if others.into_iter().chain(request.lines).any(is_marked) {
        return;
    }
    let query = request.query.map(|query| marked_pairs(query, &["apiToken", "quiet"]));
    let body = match serde_json::from_slice::<Value>(request.body) {
        Ok(mut value) => {
            mark_members(&mut value, true);
            value.to_string().into_bytes()
        }
        Err(_) => match std::str::from_utf8(request.body) {
            Ok(text) => marked_pairs(text, &["note", "once"]).into_bytes(),
            Err(_) => request.body.to_vec(),
        },
    };
    let cookie = marked_pairs(&String::from_utf8_lossy(request.lines[1]).replace(';', "&"), &["session"])
        .replace('&', ";");
    let header = [MARK.as_bytes(), request.lines[0]].concat();
    for header in [request.lines[0], &header] {
        let marked = Request {
            query: query.as_deref(),
            lines: [header, cookie.as_bytes(), request.lines[2]],
            body: &body,
            ..*request
        };
        let Err(faults) = check(&marked) else { continue };
        assert_are_told_well(&faults);
        for fault in faults.iter().map(ToString::to_string) {
            // The same line is given for headers that are no secrets.
            let is_shown = !fault.contains("\"X-List\"") && !fault.contains("\"X-Point\"");
            assert!(!is_shown || !fault.contains(MARK), "a secret is told: {fault}");
        }
    }
}

/// Puts the mark before each value whose name is a secret's, or has "password" in front.
fn marked_pairs(pairs: &str, secrets: &[&str]) -> String {
    let pairs = pairs.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_secret =
            secrets.contains(&name.trim()) || name.starts_with("password") || name.ends_with("[password]");
        if is_secret { format!("{name}={MARK}{value}") } else { pair.to_owned() }
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Puts the mark for each value that is a secret, or within one.
fn mark_members(value: &mut Value, is_whole: bool) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "password" || (is_whole && (name == "note" || name == "once")) {
                    mark_all(member);
                } else {
                    mark_members(member, false);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mark_members(item, false)),
        _ => {}
    }
}

fn mark_all(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(mark_all),
        Value::Array(items) => items.iter_mut().for_each(mark_all),
        Value::Number(_) => *value = MARK.parse().unwrap_or_default(),
        _ => *value = MARK.into(),
    }
}
