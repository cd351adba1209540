//! `security`: misread, it would open a door, so that anything odd is refused.

use super::LoadError;
use super::reference::{Place, Root, weight};
use crate::operation::SecurityRequirement;

pub(super) fn read(
    root: Root<'_>,
    place: Option<&Place<'_>>,
) -> Result<Option<Vec<SecurityRequirement>>, LoadError> {
    let Some(place) = place else {
        return Ok(None);
    };
    root.take(weight(place.value), place)?;
    let items = place.value.as_array().ok_or_else(|| place.error("security must be a list"))?;
    let read =
        (0..items.len()).filter_map(|index| place.member(&index.to_string())).map(|item| requirement(&item));
    read.collect::<Result<Vec<_>, _>>().map(Some)
}

fn requirement(place: &Place<'_>) -> Result<SecurityRequirement, LoadError> {
    let wrong = || place.error("a security requirement must map names of schemes to lists of scopes");
    let schemes = place.value.as_object().ok_or_else(wrong)?;
    let read = schemes.iter().map(|(scheme, scopes)| {
        let scopes = scopes.as_array().ok_or_else(wrong)?;
        let scopes = scopes.iter().map(|scope| scope.as_str().map(str::to_owned).ok_or_else(wrong));
        Ok((scheme.clone(), scopes.collect::<Result<Vec<String>, LoadError>>()?))
    });
    read.collect()
}
