//! Cases of the suite that come out otherwise here, and why. These lists may only become shorter.

/// A group of cases, at least one of which comes out otherwise.
pub(super) struct Exception {
    pub(super) file: &'static str,
    pub(super) group: &'static str,
    pub(super) why: &'static str,
}

const REMOTE: &str = "nothing is fetched: such a document is refused by name";
const IDENTIFIER: &str = "OpenAPI 3.0 has no id: a reference that is no fragment is refused by name";
const FORMAT: &str = "formats are enforced, where the draft leaves that open";
const VOCABULARY: &str = "every schema of a document is of one dialect";

const fn except(file: &'static str, group: &'static str, why: &'static str) -> Exception {
    Exception { file, group, why }
}

/// Draft 4, in OpenAPI 3.0.
pub(super) const FORMER: [Exception; 15] = [
    except("definitions", "validate definition against metaschema", REMOTE),
    except("ref", "$ref prevents a sibling id from changing the base uri", IDENTIFIER),
    except("ref", "remote ref, containing refs itself", REMOTE),
    except("ref", "Recursive references between schemas", IDENTIFIER),
    except("ref", "Location-independent identifier", IDENTIFIER),
    except("ref", "Location-independent identifier with base URI change in subschema", IDENTIFIER),
    except("ref", "id must be resolved against nearest parent, not just immediate parent", IDENTIFIER),
    except("refRemote", "remote ref", REMOTE),
    except("refRemote", "fragment within remote ref", REMOTE),
    except("refRemote", "ref within remote ref", REMOTE),
    except("refRemote", "base URI change", REMOTE),
    except("refRemote", "base URI change - change folder", REMOTE),
    except("refRemote", "base URI change - change folder in subschema", REMOTE),
    except("refRemote", "root ref in remote ref", REMOTE),
    except("refRemote", "Location-independent identifier in remote ref", REMOTE),
];

/// Draft 2020-12, in OpenAPI 3.1.
pub(super) const NEWEST: [Exception; 31] = [
    except("defs", "validate definition against metaschema", REMOTE),
    except("dynamicRef", "strict-tree schema, guards against misspelled properties", REMOTE),
    except("dynamicRef", "tests for implementation dynamic anchor and reference link", REMOTE),
    except("dynamicRef", "$ref and $dynamicAnchor are independent of order - $defs first", REMOTE),
    except("dynamicRef", "$ref and $dynamicAnchor are independent of order - $ref first", REMOTE),
    except("dynamicRef", "$ref to $dynamicRef finds detached $dynamicAnchor", REMOTE),
    except("format", "email format", FORMAT),
    except("format", "ipv4 format", FORMAT),
    except("format", "ipv6 format", FORMAT),
    except("format", "date format", FORMAT),
    except("format", "date-time format", FORMAT),
    except("format", "time format", FORMAT),
    except("format", "uri format", FORMAT),
    except("format", "uuid format", FORMAT),
    except("ref", "remote ref, containing refs itself", REMOTE),
    except("refRemote", "remote ref", REMOTE),
    except("refRemote", "fragment within remote ref", REMOTE),
    except("refRemote", "anchor within remote ref", REMOTE),
    except("refRemote", "ref within remote ref", REMOTE),
    except("refRemote", "base URI change", REMOTE),
    except("refRemote", "base URI change - change folder", REMOTE),
    except("refRemote", "base URI change - change folder in subschema", REMOTE),
    except("refRemote", "root ref in remote ref", REMOTE),
    except("refRemote", "remote ref with ref to defs", REMOTE),
    except("refRemote", "Location-independent identifier in remote ref", REMOTE),
    except("refRemote", "retrieved nested refs resolve relative to their URI not $id", REMOTE),
    except("refRemote", "remote HTTP ref with different $id", REMOTE),
    except("refRemote", "remote HTTP ref with different URN $id", REMOTE),
    except("refRemote", "remote HTTP ref with nested absolute ref", REMOTE),
    except("refRemote", "$ref to $ref finds detached $anchor", REMOTE),
    except("vocabulary", "schema that uses custom metaschema with with no validation vocabulary", VOCABULARY),
];
