//! Trees of files, as people write them.

use std::collections::BTreeMap;

use super::super::Document;
use super::*;

fn bundle(files: &[(&str, &str)]) -> Result<Bundle, BundleError> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    Bundle::read("api.yaml", |name| {
        let text = files.get(name).ok_or("there is no such file")?;
        Ok(text.as_bytes().to_vec())
    })
}

fn refused(files: &[(&str, &str)]) -> String {
    bundle(files).unwrap_err().to_string()
}

const ROOT: &str = "
openapi: 3.0.3
info: { title: Pets, version: 1 }
paths:
  /pets/{id}:
    $ref: ./paths/pet.yaml
  /pets: { $ref: 'paths/all.yaml#/pets' }
components:
  parameters: { $ref: parameters.yaml }
  schemas:
    Id: { type: integer, minimum: 1 }
";

const TREE: &[(&str, &str)] = &[
    ("api.yaml", ROOT),
    (
        "paths/pet.yaml",
        "parameters: [$ref: '../api.yaml#/components/parameters/Id']\nput:\n  requestBody: { content: { application/json: { schema: { $ref: ../schemas/pet.yaml } } } }\n",
    ),
    (
        "paths/all.yaml",
        "pets:\n  get: { parameters: [{ name: name, in: query, schema: { $ref: '../schemas/pet.yaml#/properties/name' } }] }\n  post: { $ref: '#/other/post' }\nother: { post: { operationId: made }, example: { $ref: nowhere.yaml } }\n",
    ),
    (
        "parameters.yaml",
        "Id: { name: id, in: path, required: true, schema: { $ref: 'api.yaml#/components/schemas/Id' } }\n",
    ),
    (
        "schemas/pet.yaml",
        "type: object\nproperties:\n  name: { type: string, maxLength: 9 }\n  owner: { $ref: owner.json }\n  example: { $ref: '#/properties/name' }\ndiscriminator: { propertyName: k, mapping: { o: owner.json, p: Pet } }\n",
    ),
    ("schemas/owner.json", "{\"properties\": {\"pets\": {\"items\": {\"$ref\": \"pet.yaml\"}}}}"),
];

#[test]
fn a_tree_of_files_becomes_one_document() {
    let bundle = bundle(TREE).unwrap();
    assert_eq!(bundle.files().len(), 6);
    let document = Document::parse(bundle.text()).unwrap();
    assert_eq!(document.warnings(), [""; 0]);
    let shown = document.operations().iter().map(|operation| {
        let names = operation.parameters.iter().map(|parameter| parameter.name.as_str());
        format!("{} {} {}", operation.method, operation.path, names.collect::<Vec<_>>().join(","))
    });
    assert_eq!(shown.collect::<Vec<_>>(), ["PUT /pets/{id} id", "GET /pets name", "POST /pets "]);
    let schema = |id| document.schemas().resolve(document.schemas().find(id).unwrap());
    let [put, get, post] = document.operations() else { panic!("three operations") };
    assert_eq!(schema(put.parameters[0].schema_id.unwrap())["minimum"], 1);
    assert_eq!(schema(get.parameters[0].schema_id.unwrap())["maxLength"], 9);
    assert_eq!(post.operation_id.as_deref(), Some("made"));
    let body = schema(put.body.as_ref().unwrap().content[0].schema_id.unwrap());
    assert_eq!(body["properties"]["name"]["maxLength"], 9);

    let text: Value = serde_json::from_slice(bundle.text()).unwrap();
    let pet = &text["x-files"]["schemas/pet.yaml"];
    let example = &text["x-files"]["paths/all.yaml"]["other"]["example"];
    assert_eq!(example["$ref"], "nowhere.yaml", "data is no reference");
    assert_eq!(pet["properties"]["example"]["$ref"], "#/x-files/schemas~1pet.yaml/properties/name");
    assert_eq!(pet["discriminator"]["mapping"]["o"], "#/x-files/schemas~1owner.json");
    assert_eq!(pet["discriminator"]["mapping"]["p"], "Pet");
}

#[test]
fn one_file_stays_as_it_is() {
    let text = "openapi: 3.0.0\npaths: {}\ncomponents: { schemas: { A: { $ref: 'api.yaml#/components/schemas/B' }, B: {} } }\n";
    let only = bundle(&[("api.yaml", &text.replace("api.yaml", ""))]).unwrap();
    assert_eq!(only.text(), text.replace("api.yaml", "").as_bytes());
    // A file may name itself; then it is written anew.
    let itself = bundle(&[("api.yaml", text)]).unwrap();
    assert!(Document::parse(itself.text()).is_ok());
}

#[test]
fn odd_names_are_found_again() {
    let root = "openapi: 3.0.0\nx-files: mine\npaths: { /a: { $ref: 'a%20b/~c%25.yaml#/x~1y' } }\n";
    let bundle = bundle(&[("api.yaml", root), ("a b/~c%.yaml", "x/y: { get: {} }")]).unwrap();
    assert_eq!(Document::parse(bundle.text()).unwrap().operations().len(), 1);
}

#[test]
fn what_is_wrong_is_told_with_its_file() {
    let root = |target: &str| format!("openapi: 3.0.0\npaths:\n  /a:\n    $ref: {target}\n");
    let here = |reason: &str| format!("api.yaml: line 4, column 11: /paths/~1a/$ref: {reason}");
    let folder = "leads out of the folder of the document, where nothing is read";
    for (target, reason) in [
        ("b.yaml", "b.yaml cannot be read: there is no such file".to_owned()),
        ("../b.yaml", format!("the reference \"../b.yaml\" {folder}")),
        ("b/%2e%2e/../c", format!("the reference \"b/%2e%2e/../c\" {folder}")),
        ("/etc/passwd", "the reference \"/etc/passwd\" must be relative to the file in which it stands".to_owned()),
        (
            "https://e.example/a.yaml",
            "the reference \"https://e.example/a.yaml\" leads out of the files, and nothing is fetched; put a copy beside the document"
                .to_owned(),
        ),
    ] {
        assert_eq!(refused(&[("api.yaml", &root(target))]), here(&reason));
    }
    assert_eq!(
        refused(&[("api.yaml", &root("b.yaml")), ("b.yaml", "get:\n  - {\n")]),
        "b.yaml: line 2, column 5: /get/0: unclosed bracket '{'"
    );
    assert_eq!(
        refused(&[("api.yaml", &root("b.yaml")), ("b.yaml", "get:\n  a: { $ref: ../c.yaml }\n")]),
        "b.yaml: line 2, column 14: /get/a/$ref: the reference \"../c.yaml\" leads out of the folder of the document, where nothing is read"
    );
}

/// What is only seen when the one document is read stands in one of the files.
#[test]
fn errors_of_the_one_document_are_put_back_to_their_file() {
    for (path, file, expected) in [
        ("get: {}\n", "security:\n  - 1\nget: {}\n", None),
        (
            "get:\n  security:\n    - k: 1\n",
            "",
            Some(
                "a/b.yaml: line 3, column 7: /get/security/0: a security requirement must map names of schemes to lists of scopes",
            ),
        ),
        (
            "get:\n  parameters:\n    - $ref: '#/nope'\n",
            "",
            Some(
                "a/b.yaml: line 3, column 13: /get/parameters/0/$ref: the reference \"a/b.yaml#/nope\" leads nowhere",
            ),
        ),
    ] {
        let root = "openapi: 3.0.0\npaths: { /a: { $ref: a/b.yaml } }\n";
        let bundle = bundle(&[("api.yaml", root), ("a/b.yaml", path), ("c.yaml", file)]).unwrap();
        let said = Document::parse(bundle.text()).err().map(|error| bundle.locate(&error).to_string());
        assert_eq!(said.as_deref(), expected);
    }
}

#[test]
fn files_and_bytes_are_bounded() {
    // Each file names another one: it would never end.
    let mut number = 0;
    let endless = Bundle::read("0", |_| {
        number += 1;
        Ok(format!("{{\"a\": {{\"$ref\": \"{number}\"}}}}").into_bytes())
    });
    assert_eq!(
        endless.unwrap_err().to_string(),
        "4999: line 1, column 15: /a/$ref: the document is made of more than 5000 files"
    );
    let mut number = 0;
    let large = Bundle::read("0", |_| {
        number += 1;
        let filling = " ".repeat(DOCUMENT_LIMIT_BYTES / 4);
        Ok(format!("{{\"a\": {{\"$ref\": \"{number}\"}}}}{filling}").into_bytes())
    });
    assert_eq!(large.unwrap_err().to_string(), "3: the document is longer than 32 MiB");
    // The values of all files are counted together.
    let mut number = 0;
    let many = Bundle::read("0", |_| {
        number += 1;
        let list = "1,".repeat(900_000);
        Ok(format!("{{\"a\": {{\"$ref\": \"{number}\"}}, \"x-b\": [{list}1]}}").into_bytes())
    });
    assert!(many.unwrap_err().to_string().ends_with("the document has more than 2000000 values"));
}

#[test]
fn what_the_first_file_calls_by_an_id_is_no_file() {
    let root = "
openapi: 3.1.0
paths:
  /pets:
    post: { requestBody: { content: { application/json: { schema: { $ref: 'https://example.com/pet' } } } } }
components:
  schemas:
    Pet:
      $id: https://example.com/pet
      properties: { name: { $ref: name }, owner: { $ref: schemas/owner.yaml } }
      $defs: { name: { $id: name, type: string } }
";
    let bundle = bundle(&[("api.yaml", root), ("schemas/owner.yaml", "{ type: integer }")]).unwrap();
    assert_eq!(bundle.files(), ["api.yaml", "schemas/owner.yaml"]);
    let document = Document::parse(bundle.text()).unwrap();
    let kinds = document.schemas().iter().map(|schema| schema["type"].as_str().unwrap_or_default());
    assert_eq!(kinds.collect::<Vec<_>>(), ["", "string", "integer"]);

    let said = refused(&[("api.yaml", &root.replace("$id: name", "$id: others"))]);
    assert!(said.contains("name cannot be read: there is no such file"), "{said}");
}
