//! The JSON-Schema-Test-Suite, through the loader: each case as the schema of a JSON body in a document.

mod exceptions;

use jsonschema::Draft;
use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::schema::{SchemaId, Validators};
use exceptions::{Exception, FORMER, NEWEST};

const DRAFT_4: &str = include_str!("../../../tests/json-schema-test-suite/draft4.json");
const DRAFT_2020_12: &str = include_str!("../../../tests/json-schema-test-suite/draft2020-12.json");

/// Where the schema of a case stands in the document.
const BASE: &str = "#/components/schemas/Case";

#[test]
fn openapi_3_0_agrees_with_draft_4() {
    run("3.0.3", DRAFT_4, Draft::Draft4, &FORMER);
}

#[test]
fn openapi_3_1_agrees_with_draft_2020_12() {
    run("3.1.0", DRAFT_2020_12, Draft::Draft202012, &NEWEST);
}

fn run(version: &str, suite: &str, draft: Draft, exceptions: &[Exception]) {
    let suite: Map<String, Value> = serde_json::from_str(suite).unwrap();
    let (mut total, mut ours, mut theirs) = (0, 0, 0);
    let mut wrong: Vec<String> = Vec::new();
    let mut used: Vec<(&str, &str)> = Vec::new();
    for (file, groups) in &suite {
        for group in groups.as_array().unwrap() {
            let description = group["description"].as_str().unwrap();
            let exception =
                exceptions.iter().find(|exception| (exception.file, exception.group) == (file, description));
            let loaded = load(version, &group["schema"]);
            let plain = jsonschema::options().with_draft(draft).offline().build(&group["schema"]);
            for case in group["tests"].as_array().unwrap() {
                total += 1;
                let expected = case["valid"].as_bool().unwrap();
                let said = loaded
                    .as_ref()
                    .map(|(validators, id)| validators.hold(*id, case["data"].clone()).is_valid());
                let library = plain.as_ref().map(|plain| plain.is_valid(&case["data"]));
                theirs += usize::from(library.is_ok_and(|valid| valid == expected));
                if said == Ok(expected) {
                    ours += 1;
                } else if let Some(exception) = exception {
                    used.push((exception.file, exception.group));
                } else {
                    let case = case["description"].as_str().unwrap();
                    wrong
                        .push(format!("{file} / {description} / {case}: {said:?} where {expected} is right"));
                }
            }
        }
    }
    println!("OpenAPI {version}: {ours} of {total} cases are right; the library by itself: {theirs}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let unused = exceptions.iter().filter(|one| !used.contains(&(one.file, one.group)));
    let unused: Vec<String> =
        unused.map(|Exception { file, group, why }| format!("{file} / {group} ({why})")).collect();
    assert!(unused.is_empty(), "no longer exceptions:\n{}", unused.join("\n"));
}

fn load(version: &str, schema: &Value) -> Result<(Validators, SchemaId), String> {
    let mut schema = schema.clone();
    rebase(&mut schema);
    let body = json!({ "content": { "application/json": { "schema": { "$ref": BASE } } } });
    let document = json!({
        "openapi": version,
        "paths": { "/x": { "post": { "requestBody": body } } },
        "components": { "schemas": { "Case": schema } },
    });
    let document = Document::parse(document.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let id = document.operations()[0].body.as_ref().unwrap().content[0].schema_id.unwrap();
    Ok((Validators::compile(document.schemas().clone()).map_err(|error| error.to_string())?, id))
}

/// What refers to the whole refers to the document, once it stands in one, unless there is an `$id` above.
fn rebase(schema: &mut Value) {
    match schema {
        Value::Object(members) if members.get("$id").is_some_and(Value::is_string) => {}
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::String(target) if matches!(name.as_str(), "$ref" | "$dynamicRef") => {
                        if let Some(rest) =
                            target.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'))
                        {
                            *target = format!("{BASE}{rest}");
                        }
                    }
                    _ if name == "enum" || name == "const" => {}
                    _ => rebase(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rebase),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
