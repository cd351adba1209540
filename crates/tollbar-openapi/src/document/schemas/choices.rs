//! `discriminator`: which member says which of several schemas is meant.

use serde_json::{Map, Value, json};

use super::super::error::join;
use super::super::reference::Place;
use super::{Collector, Dialect, LoadError};
use crate::schema::{SchemaId, number_of, reference_to};

impl<'d> Collector<'d> {
    /// Keeps what a discriminator says about the choices beside it; it is not enforced by itself, and tells only
    /// which choice was meant.
    pub(super) fn finish_choices(
        &mut self,
        place: &Place<'d>,
        members: &Map<String, Value>,
        read: &mut Map<String, Value>,
    ) -> Result<(), LoadError> {
        self.finish_members(place, read);
        if self.dialect == Dialect::V30 && place.reference().is_some() {
            return Ok(());
        }
        let Some(discriminator) = members.get("discriminator").and_then(Value::as_object) else {
            return Ok(());
        };
        let Some(property) = discriminator.get("propertyName").filter(|name| name.is_string()) else {
            return Ok(());
        };
        let Some((keyword, branches)) =
            ["oneOf", "anyOf"].into_iter().find_map(|name| Some((name, read.get(name)?.as_array()?.clone())))
        else {
            return Ok(());
        };
        // Where `oneOf` was read, or what was made of it.
        let Some(written) = members.get(keyword).or_else(|| members.get("oneOf")).and_then(Value::as_array)
        else {
            return Ok(());
        };
        let numbers: Vec<Option<SchemaId>> = branches
            .iter()
            .map(|branch| branch.get("$ref").and_then(Value::as_str).and_then(number_of))
            .collect();
        let mut mapping = Map::new();
        for (name, target) in discriminator.get("mapping").and_then(Value::as_object).into_iter().flatten() {
            let Some(target) = target.as_str() else { continue };
            let found = written.iter().zip(&numbers).find(|(branch, _)| {
                branch.get("$ref").and_then(Value::as_str).is_some_and(|reference| means(reference, target))
            });
            match found {
                Some((_, Some(id))) => {
                    mapping.insert(name.clone(), reference_to(*id).into());
                }
                _ => {
                    let pointer = join(&join(&place.pointer, "discriminator"), "mapping");
                    let message =
                        format!("\"{name}\" is mapped to \"{target}\", which is not one of the choices");
                    self.notes.push((pointer, message));
                }
            }
        }
        for (branch, id) in written.iter().zip(&numbers) {
            let name =
                branch.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
            if let (Some(name), Some(id)) = (name, id) {
                mapping.entry(name).or_insert_with(|| reference_to(*id).into());
            }
        }
        read.insert("discriminator".to_owned(), json!({ "propertyName": property, "mapping": mapping }));
        Ok(())
    }
}

/// Whether a mapping, which may be a reference or a bare name, means what a reference refers to.
fn means(reference: &str, target: &str) -> bool {
    reference == target || reference.strip_prefix("#/components/schemas/") == Some(target)
}
