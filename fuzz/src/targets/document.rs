//! OpenAPI documents, which come from whoever wrote them.

use tollbar_openapi::{Bundle, Checks, Document, Router};

/// Pieces that mean something.
pub(super) const WORDS: &[&[u8]] = &[
    b"openapi: 3.0.0\n",
    b"{\"openapi\": \"3.1.0\", \"paths\": {",
    b"swagger: '2.0'\n",
    b"paths:\n",
    b"  /a/{b}:\n",
    b"    get:\n",
    b"    post: ",
    b"parameters: ",
    b"{name: b, in: path, schema: ",
    b"{name: c, in: body, schema: ",
    b"{name: d, in: formData, type: file}",
    b"collectionFormat: pipes",
    b"requestBody: {content: {'*/*': {schema: ",
    b"components:\n  schemas:\n",
    b"definitions: ",
    b"$ref: '#/components/schemas/A'",
    b"{$ref: '#/paths/~1a~1{b}/get'}",
    b"$ref: '#/definitions/A'",
    b"$ref: other.yaml#/a",
    b"allOf: [",
    b"discriminator: ",
    b"type: [string, 'null']",
    b"pattern: '(a+)+$'",
    b"security: [{o: [a]}]",
    b"servers: [{url: '{a}/b', variables: {a: {default: c}}}]",
    b"&a [*a, *a]",
    b"<<: *a\n",
    b"? ",
    b"---\n",
    b"...\n",
    b"\t",
    b"[[[[[[[[",
    b"\xef\xbb\xbf",
    b"\"\\ud800\"",
    b"1e400",
];

/// Reading ends, says where it failed, and what is read can be routed.
pub(super) fn openapi_document(input: &[u8]) {
    // The input is every file, so that it can refer to itself by many names.
    let mut files = 0;
    let bundle = Bundle::read("api.yaml", |_| {
        files += 1;
        if files > 4 { Err("there are no more".to_owned()) } else { Ok(input.to_vec()) }
    });
    if let Ok(bundle) = bundle
        && let Err(error) = Document::parse(bundle.text())
    {
        assert_is_short(&bundle.locate(&error).to_string());
    }
    let document = match Document::parse(input) {
        Ok(document) => document,
        Err(error) => {
            assert!(error.line().is_none_or(|line| line > 0), "{error}");
            return assert_is_short(&error.to_string());
        }
    };
    document.warnings().iter().for_each(|warning| assert_is_short(warning));
    let operations = document.operations();
    let routes = operations.iter().enumerate();
    let routes = routes.map(|(id, operation)| (operation.method.as_str(), operation.path.as_str(), id));
    assert!(Router::build(routes).is_ok(), "what is read can be routed");
    // Whether it can be compiled is asked again before it is stored; that the answer comes is enough.
    let _ = Checks::build(operations, document.schemas());
}

fn assert_is_short(text: &str) {
    assert!(text.chars().count() < 2_000 && !text.contains(char::is_control), "{text:?}");
}
