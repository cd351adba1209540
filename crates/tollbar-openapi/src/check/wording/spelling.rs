//! Names of members that are not the document's, and that some readers take for those.

use serde_json::Value;

use super::super::shape::View;
use super::find::{Finding, Findings};
use super::path::{At, Step};
use super::wrong::Wrong;

/// Finds the members whose names differ from a described one only in their capital letters. Go, .NET and others would read
/// each as that one, whatever it is, and in its place. Goes no deeper than JSON may be.
pub(super) fn find<'v>(value: &'v Value, view: View<'v>, at: &At<'_, 'v>, findings: &mut Findings<'v>) {
    if view.says_nothing() || findings.is_full() {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(named) = view.named_member(name) {
                    find(member, named, &at.step(Step::Name(name)), findings);
                } else if let Some(meant) = view.find_spelling(name) {
                    let path = at.step(Step::Name(name)).path();
                    findings.add(Finding { path, wrong: Wrong::Spelling(meant), value: None });
                } else {
                    find(member, view.member(name), &at.step(Step::Unknown(name)), findings);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find(item, view.item(index), &at.step(Step::Item(index)), findings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
