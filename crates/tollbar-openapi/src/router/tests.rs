//! Tables, and a comparison with a matcher that is too slow and too plain to be wrong.

use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use super::*;

fn router(templates: &[&str]) -> Router {
    Router::build(templates.iter().enumerate().map(|(id, template)| ("GET", *template, id))).unwrap()
}

fn found(router: &Router, path: &str) -> Option<(usize, Vec<String>)> {
    match router.find("GET", path) {
        Find::Matched(found) => {
            let decode = |raw: &str| percent_decode_str(raw).decode_utf8().unwrap().into_owned();
            Some((found.id, found.parameters.iter().map(|(_, value)| decode(value)).collect()))
        }
        _ => None,
    }
}

#[test]
fn values_stay_as_the_path_has_them() {
    let router = router(&["/files/{a}.{b}", "/x/{ids}"]);
    for (path, expected) in [
        ("/x/a%2Cb,c", vec!["a%2Cb,c"]),
        ("/x/%2f", vec!["%2f"]),
        ("/files/%C3%A9%2C.t%20%41", vec!["%C3%A9%2C", "t%20%41"]),
        ("/files/a%2Eb", vec!["a", "b"]),
        ("/files/é.%C3%A9", vec!["é", "%C3%A9"]),
    ] {
        let Find::Matched(found) = router.find("GET", path) else { panic!("{path}") };
        let values: Vec<&str> = found.parameters.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, expected, "{path}");
    }
}

#[test]
fn the_most_fixed_template_is_meant() {
    let templates = [
        "/users/me",                                     // 0
        "/users/{id}",                                   // 1
        "/users/{id}.json",                              // 2
        "/users/{id}:verify",                            // 3
        "/users/{id}/keys",                              // 4
        "/users/me/mails",                               // 5
        "/repos/{owner}/{repo}/compare/{base}...{head}", // 6
        "/repos/{owner}/{repo}/compare/{spec}",          // 7
        "/{any}/me",                                     // 8
        "/",                                             // 9
        "/files/",                                       // 10
        "/files/v{major}.{minor}",                       // 11
        "/files/{a}{b}",                                 // 12
        "/caf%C3%A9/a%20b",                              // 13
    ];
    let router = router(&templates);
    for (path, expected) in [
        ("/users/me", Some((0, vec![]))),
        ("/users/%6de", Some((0, vec![]))),
        ("/users/Me", Some((1, vec!["Me"]))),
        ("/users/7", Some((1, vec!["7"]))),
        ("/users/7.json", Some((2, vec!["7"]))),
        ("/users/.json", Some((1, vec![".json"]))),
        ("/users/a.json.json", Some((2, vec!["a.json"]))),
        ("/users/7:verify", Some((3, vec!["7"]))),
        ("/users/7%3Averify", Some((3, vec!["7"]))),
        // The literal leads nowhere, and the parameter is tried.
        ("/users/me/keys", Some((4, vec!["me"]))),
        ("/users/me/mails", Some((5, vec![]))),
        ("/users/you/mails", None),
        ("/repos/o/r/compare/a...b", Some((6, vec!["o", "r", "a", "b"]))),
        ("/repos/o/r/compare/a....b", Some((6, vec!["o", "r", "a", ".b"]))),
        ("/repos/o/r/compare/a...", Some((7, vec!["o", "r", "a..."]))),
        ("/repos/o%2Fp/r/compare/a%2fb", Some((7, vec!["o/p", "r", "a/b"]))),
        ("/x/me", Some((8, vec!["x"]))),
        ("/", Some((9, vec![]))),
        ("/files/", Some((10, vec![]))),
        ("/files", None),
        ("/users/", None),
        ("/users//keys", None),
        ("/users/7/", None),
        ("//users/7", None),
        ("/files/v1.20", Some((11, vec!["1", "20"]))),
        ("/files/v1.", Some((12, vec!["v", "1."]))),
        ("/files/x", None),
        ("/files/%C3%A9t", Some((12, vec!["é", "t"]))),
        ("/caf%c3%a9/a%20b", Some((13, vec![]))),
        ("/café/a%20b", Some((13, vec![]))),
        ("", None),
        ("users/me", None),
        ("*", None),
    ] {
        let expected =
            expected.map(|(id, values)| (id, values.into_iter().map(str::to_owned).collect::<Vec<_>>()));
        assert_eq!(found(&router, path), expected, "{path}");
    }
}

#[test]
fn what_others_could_read_differently_is_found_nowhere() {
    let router = router(&["/a/{x}", "/a/{x}/b"]);
    for path in [
        "/a/..",
        "/a/.",
        "/a/%2e%2e",
        "/a/%2E.",
        "/a/%2e",
        "/a/../b",
        "/a/%ff",
        "/a/%c0%ae",
        "/a/%ed%a0%80",
        "/a/%",
        "/a/%2",
        "/a/%zz",
        "/a/b%4",
    ] {
        assert_eq!(router.find("GET", path), Find::NotFound, "{path}");
    }
    assert_eq!(found(&router, "/a/..."), Some((0, vec!["...".to_owned()])));
    assert_eq!(found(&router, "/a/%2500"), Some((0, vec!["%00".to_owned()])));
}

#[test]
fn the_path_decides_before_the_method() {
    let routes = [
        ("GET", "/users/me", 10),
        ("POST", "/users/{id}", 11),
        ("DELETE", "/users/{name}", 12),
        ("GET", "/users/{id}", 13),
    ];
    let router = Router::build(routes).unwrap();
    let allow = |methods: &[&str]| Find::MethodNotAllowed {
        allow: methods.iter().map(|m| (*m).to_owned()).collect(),
    };
    assert_eq!(router.find("POST", "/users/me"), allow(&["GET"]));
    assert_eq!(router.find("PUT", "/users/7"), allow(&["DELETE", "GET", "POST"]));
    assert_eq!(router.find("get", "/users/7"), allow(&["DELETE", "GET", "POST"]));
    assert_eq!(router.find("PUT", "/teams"), Find::NotFound);
    // Templates of one shape are one path, each with its own names.
    for (method, id, name) in [("POST", 11, "id"), ("DELETE", 12, "name"), ("GET", 13, "id")] {
        let parameters = vec![(name.to_owned(), "7".to_owned())];
        assert_eq!(router.find(method, "/users/7"), Find::Matched(Match { id, parameters }));
    }
}

#[test]
fn every_conflict_is_named() {
    let routes = [
        ("GET", "/a/{x}", 0),
        ("GET", "/a/{y}", 1),
        ("PUT", "/a/{y}", 2),
        ("GET", "/b/{", 3),
        ("GET", "/c/{x}.json", 4),
        ("GET", "/c/{y}.json", 5),
        ("GET", "/d%2fe", 6),
        ("GET", "/d/e", 7),
        ("GET", "/%65", 8),
        ("GET", "/e", 9),
    ];
    let conflicts = Router::build(routes).unwrap_err();
    let told: Vec<String> = conflicts.iter().map(RouteConflict::to_string).collect();
    assert_eq!(
        told,
        [
            "GET /a/{x} and GET /a/{y} match the same requests",
            "GET /b/{: a \"{\" in a path must be closed before the next \"/\"",
            "GET /c/{x}.json and GET /c/{y}.json match the same requests",
            "GET /%65 and GET /e match the same requests",
        ]
    );
}

#[test]
fn malformed_templates_say_what_is_wrong() {
    for (template, reason) in [
        ("a", "a path must start with \"/\""),
        ("/{}", "a parameter in a path must have a name"),
        ("/a}", "a \"}\" in a path must be opened by a \"{\" first"),
        ("/{a}}", "a \"}\" in a path must be opened by a \"{\" first"),
        ("/{a{b}}", "a \"{\" in a path must be closed before the next one"),
        ("/{a/b}", "a \"{\" in a path must be closed before the next \"/\""),
        ("/%ff", "a path must be UTF-8 when it is percent-decoded"),
        (&"/a".repeat(257), "a path must have at most 256 segments"),
        (&format!("/{}", "{a}".repeat(65)), "a path must have at most 64 parameters"),
        (&format!("/{}", "a".repeat(9000)), "a path must be at most 8,192 bytes long"),
    ] {
        assert_eq!(Template::parse(template), Err(reason), "{template}");
    }
}

#[test]
fn a_hostile_path_costs_no_more_than_the_tree() {
    // Each level could go two ways; a search that tried ways anew would need 2^20 steps.
    let mut templates: Vec<String> = Vec::new();
    for level in 0..20 {
        templates.push(format!("{}/{{p}}/x{level}", "/a".repeat(level)));
        templates.push(format!("{}/a/y{level}", "/{p}".repeat(level)));
    }
    let router =
        Router::build(templates.iter().enumerate().map(|(id, template)| ("GET", template, id))).unwrap();
    assert_eq!(router.find("GET", &"/a".repeat(22)), Find::NotFound);
    assert_eq!(router.find("GET", &"/a".repeat(100_000)), Find::NotFound);
    let many = format!("/{}", "{p}-".repeat(64));
    let router = Router::build([("GET", many.as_str(), 0)]).unwrap();
    assert_eq!(router.find("GET", &format!("/{}x", "-".repeat(8_000))), Find::NotFound);
}

/// Every way to cut a segment, shortest values first.
fn slow_capture(literals: &[String], text: &str) -> Option<Vec<String>> {
    let rest = text.strip_prefix(literals[0].as_str())?;
    if literals.len() == 1 {
        return rest.is_empty().then(Vec::new);
    }
    let ends = rest.char_indices().map(|(at, character)| at + character.len_utf8());
    ends.into_iter().find_map(|end| {
        let mut values = vec![rest[..end].to_owned()];
        values.extend(slow_capture(&literals[1..], &rest[end..])?);
        Some(values)
    })
}

/// Every template against the whole path; then the most fixed, compared segment by segment.
fn slow_find(templates: &[String], path: &str) -> Option<(usize, Vec<String>)> {
    let segments: Vec<&str> = path[1..].split('/').collect();
    let mut best: Option<(Vec<_>, usize, Vec<String>)> = None;
    for (id, text) in templates.iter().enumerate() {
        let template = Template::parse(text).unwrap();
        if template.segments.len() != segments.len() {
            continue;
        }
        let pairs = template.segments.iter().zip(&segments);
        let captured: Option<Vec<Vec<String>>> =
            pairs.map(|(segment, text)| slow_capture(&segment.literals, text)).collect();
        let Some(values) = captured else { continue };
        let rank = template.segments.iter().map(|segment| {
            let fixed: usize = segment.literals.iter().map(String::len).sum();
            let class = match (segment.names.len(), fixed) {
                (0, _) => 0,
                (1, 0) => 2,
                _ => 1,
            };
            (class, std::cmp::Reverse(fixed), segment.names.len(), segment.literals.clone())
        });
        let rank: Vec<_> = rank.collect();
        if best.as_ref().is_none_or(|(other, ..)| rank < *other) {
            best = Some((rank, id, values.concat()));
        }
    }
    best.map(|(_, id, values)| (id, values))
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ab]{1,2}",
        2 => Just("{p}".to_owned()),
        2 => "[ab.]{0,2}\\{p\\}[ab.]{0,2}",
        1 => "[ab]?\\{p\\}[ab.]{0,2}\\{q\\}[ab]?",
        1 => "\\{p\\}[.]{0,2}\\{q\\}[.é]?\\{r\\}",
        1 => Just(String::new()),
    ]
}

fn templates() -> impl Strategy<Value = Vec<String>> {
    let template =
        prop::collection::vec(segment(), 1..4).prop_map(|segments| format!("/{}", segments.join("/")));
    prop::collection::vec(template, 1..14).prop_map(|mut all| {
        // Of one shape only one, or the router refuses.
        let mut shapes = std::collections::HashSet::new();
        all.retain(|template| shapes.insert(Template::parse(template).unwrap().shape()));
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_agrees_with_the_slow_matcher(
        templates in templates(),
        paths in prop::collection::vec("(/[ab.é]{0,4}){1,4}", 1..12),
    ) {
        let router = Router::build(templates.iter().enumerate().map(|(id, t)| ("GET", t, id))).unwrap();
        for path in paths {
            if path.split('/').any(|segment| segment == "." || segment == "..") {
                continue;
            }
            prop_assert_eq!(found(&router, &path), slow_find(&templates, &path), "{} in {:?}", path, templates);
        }
    }

    #[test]
    fn escaping_changes_nothing(templates in templates(), path in "(/[ab.é]{1,4}){1,3}") {
        let router = Router::build(templates.iter().enumerate().map(|(id, t)| ("GET", t, id))).unwrap();
        let escaped: String = path.bytes().map(|byte| if byte == b'/' { "/".to_owned() } else { format!("%{byte:02x}") }).collect();
        prop_assert_eq!(found(&router, &path), found(&router, &escaped));
    }

    #[test]
    fn any_template_and_any_path_are_survived(template in "\\PC{0,40}", path in "\\PC{0,40}") {
        if let Ok(router) = Router::build([("GET", template.as_str(), 0)]) {
            router.find("GET", &path);
            router.find("GET", &template);
        }
    }

    #[test]
    fn a_filled_template_gives_its_values_back(values in prop::collection::vec("[a-z/%é .]{1,6}", 3)) {
        prop_assume!(values.iter().all(|value| value != "." && value != ".."));
        let router = router(&["/r/{a}/x/{b}/{c}"]);
        let escape = |value: &String| value.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let path = format!("/r/{}/x/{}/{}", escape(&values[0]), escape(&values[1]), escape(&values[2]));
        prop_assert_eq!(found(&router, &path), Some((0, values)));
    }
}
