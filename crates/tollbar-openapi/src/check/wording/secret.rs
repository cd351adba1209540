//! What is a secret: such a value is named, and never shown.

use std::collections::HashSet;

use serde_json::Value;

use super::find::{find_definition, reference};
use super::path::Step;
use crate::schema::SchemaSet;

/// A name that has one of these words says that the value is a secret: `api_key`, but not `monkey`.
const WORDS: [&str; 30] = [
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "csc",
    "cvc",
    "cvv",
    "hmac",
    "iban",
    "jwt",
    "key",
    "otp",
    "pan",
    "pass",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "pin",
    "private",
    "pwd",
    "secret",
    "session",
    "sid",
    "signature",
    "ssn",
    "token",
    "totp",
    "authentication",
];

/// These say so wherever they stand in a name, since many write them without a gap.
const PARTS: [&str; 15] = [
    "accesskey",
    "accesstoken",
    "apikey",
    "authorization",
    "authtoken",
    "cardnumber",
    "clientsecret",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "refreshtoken",
    "secretkey",
    "sessionid",
];

/// So many schemas are looked into for one path. Where there are more, the value counts as a secret.
const SCHEMA_LIMIT: usize = 2_000;

/// A schema to look up secrets in.
pub(super) struct Secrets<'a> {
    set: &'a SchemaSet,
    schema: &'a Value,
}

impl<'a> Secrets<'a> {
    pub(super) fn new(set: &'a SchemaSet, schema: &'a Value) -> Secrets<'a> {
        Secrets { set, schema }
    }

    /// Whether what stands at a path is a secret, or lies in one: by a name, or by any schema that speaks of it,
    /// whichever form the value was held against.
    pub(super) fn contain(&self, path: &[Step<'_>]) -> bool {
        let is_named = path
            .iter()
            .any(|step| matches!(step, Step::Name(name) | Step::Unknown(name) if is_secret_name(name)));
        is_named || self.are_declared(path)
    }

    fn are_declared(&self, path: &[Step<'_>]) -> bool {
        let mut here = vec![self.schema];
        let mut steps = path.iter();
        loop {
            if !self.spread(&mut here) || here.iter().any(|schema| is_declared(schema)) {
                return true;
            }
            let Some(step) = steps.next() else { return false };
            here = here.into_iter().flat_map(|schema| below(schema, *step)).collect();
        }
    }

    /// Adds all schemas that speak of the same value. Tells whether there were few enough.
    fn spread(&self, schemas: &mut Vec<&'a Value>) -> bool {
        let mut known: HashSet<*const Value> = HashSet::new();
        schemas.retain(|schema| known.insert(std::ptr::from_ref(*schema)));
        let mut next = 0;
        while let Some(schema) = schemas.get(next).copied() {
            next += 1;
            let Some(members) = schema.as_object() else { continue };
            let mapped = schema.get("discriminator").and_then(|tag| tag.get("mapping"));
            let named = mapped.and_then(Value::as_object).into_iter().flat_map(|names| names.values());
            let named = named.filter_map(|name| find_definition(self.set, name.as_str()?));
            let lists = ["allOf", "anyOf", "oneOf"].into_iter();
            let listed = lists.filter_map(|list| schema.get(list)?.as_array()).flatten();
            let single = ["if", "then", "else"].into_iter().filter_map(|name| schema.get(name));
            let dependent = schema.get("dependentSchemas").and_then(Value::as_object);
            let dependent = dependent.into_iter().flat_map(|schemas| schemas.values());
            let target = reference(self.set, members).into_iter();
            for more in target.chain(named).chain(listed).chain(single).chain(dependent) {
                if known.insert(std::ptr::from_ref(more)) {
                    schemas.push(more);
                }
                if schemas.len() > SCHEMA_LIMIT {
                    return false;
                }
            }
        }
        true
    }
}

/// The schemas that a schema has for a member or an item.
fn below<'a>(schema: &'a Value, step: Step<'_>) -> Vec<&'a Value> {
    let member = |name: &str| schema.get(name);
    match step {
        Step::Name(name) | Step::Unknown(name) => {
            let own = member("properties").and_then(|members| members.get(name));
            let patterns = member("patternProperties").and_then(Value::as_object);
            let patterns = patterns.into_iter().flat_map(|patterns| patterns.values());
            let others = ["additionalProperties", "unevaluatedProperties"].into_iter().filter_map(member);
            own.into_iter().chain(patterns).chain(others).collect()
        }
        Step::Item(index) => {
            let own = member("prefixItems").and_then(|items| items.get(index));
            let others = ["items", "contains", "unevaluatedItems"].into_iter().filter_map(member);
            own.into_iter().chain(others).collect()
        }
    }
}

fn is_declared(schema: &Value) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true))
        || schema.get("format").and_then(Value::as_str) == Some("password")
}

/// Whether a name says that its value is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let joined: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    PARTS.iter().any(|part| joined.contains(part)) || words(name).iter().any(|word| is_secret_word(word))
}

fn is_secret_word(word: &str) -> bool {
    let is_listed = |word: &str| WORDS.contains(&word);
    is_listed(word) || word.strip_suffix('s').is_some_and(is_listed)
}

/// The words of `apiKey`, `API-Key`, `APIKey` and `api_key2`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = name.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        let starts_word = letter.is_uppercase()
            && (before.is_some_and(|before| !before.is_uppercase())
                || after.is_some_and(|after| after.is_lowercase()));
        if starts_word || !letter.is_alphabetic() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphabetic()) {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_their_words() {
        for name in [
            "key",
            "keys",
            "api_key",
            "apiKey",
            "APIKey",
            "APIKEY",
            "x-api-key",
            "apikey2",
            "PASSWORD",
            "userPassword",
            "pwd",
            "Authorization",
            "X-Auth-Token",
            "card.cvv",
            "cvv2",
            "CVC",
            "pin",
            "newPin",
            "card_number",
            "cardNumber",
            "client secret",
            "Set-Cookie",
            "cookies",
            "sessionid",
            "JSESSIONID",
            "privateKey",
            "credentials",
            "signature",
            "iban",
            "authToken",
            "otp",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "",
            "monkey",
            "keyword",
            "keyboard",
            "turkey",
            "spinner",
            "shipping",
            "pinned",
            "tokenized",
            "secretary",
            "author",
            "authored_by",
            "company",
            "span",
            "panel",
            "passenger",
            "passed",
            "side",
            "status",
            "expand",
            "insider",
            "sort",
            "number",
            "card",
            "description",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
