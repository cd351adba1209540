//! Members and their members: `a[b][0]=1` and what else writes one value in several places.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::choices::Choices;
use crate::check::shape::{Types, View};

/// So deep a name may go.
pub(crate) const NAME_DEPTH_LIMIT: usize = 16;

/// What was given under one name: values, and members by their names.
pub(crate) struct Branch<L> {
    pub(crate) values: Vec<L>,
    pub(crate) members: Vec<(String, Branch<L>)>,
    places: HashMap<String, usize>,
}

/// Reads one value of one shape; what is wrong comes in words that follow a name.
pub(crate) type ReadLeaf<'r, L> = dyn FnMut(&L, View<'_>, &mut Choices) -> Result<Value, String> + 'r;

impl<L> Default for Branch<L> {
    fn default() -> Branch<L> {
        Branch { values: Vec::new(), members: Vec::new(), places: HashMap::new() }
    }
}

impl<L> Branch<L> {
    /// Puts a value under a path of names.
    pub(crate) fn insert<'p>(&mut self, path: impl IntoIterator<Item = &'p str>, value: L) {
        let mut branch = self;
        for name in path {
            branch = branch.member(name);
        }
        branch.values.push(value);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.members.is_empty()
    }

    /// The value of the whole.
    pub(crate) fn read(
        &self,
        view: View<'_>,
        choices: &mut Choices,
        leaf: &mut ReadLeaf<'_, L>,
    ) -> Result<Value, String> {
        if self.members.is_empty() {
            return self.read_values(view, choices, leaf);
        }
        if !self.values.is_empty() {
            return Err("is given both as one value and by its members".to_owned());
        }
        let may_be_list = self.members.iter().all(|(name, _)| is_index(name));
        let list = may_be_list && (view.types().has(Types::ARRAY) || !view.types().has(Types::OBJECT));
        if list && (!view.types().has(Types::OBJECT) || choices.pick(2) == 0) {
            return self.read_indexed(view, choices, leaf);
        }
        let mut object = Map::with_capacity(self.members.len());
        for (name, member) in &self.members {
            let value =
                member.read(view.member(name), choices, leaf).map_err(|wrong| within(name, &wrong))?;
            object.insert(name.clone(), value);
        }
        Ok(Value::Object(object))
    }

    fn read_values(
        &self,
        view: View<'_>,
        choices: &mut Choices,
        leaf: &mut ReadLeaf<'_, L>,
    ) -> Result<Value, String> {
        let one = match self.values.as_slice() {
            [one] if !view.means_list() => Some(one),
            [one] if view.means_scalar() || view.means_object() => (choices.pick(2) == 0).then_some(one),
            [_] => None,
            _ if view.types().has(Types::ARRAY) => None,
            _ => return Err("is given more than once".to_owned()),
        };
        if let Some(one) = one {
            return leaf(one, view, choices);
        }
        let items = self.values.iter().enumerate();
        items.map(|(index, value)| leaf(value, view.item(index), choices)).collect()
    }

    /// `a[]=1&a[]=2` and `a[0]=1&a[1]=2`: in the order of the numbers, those without one last.
    fn read_indexed(
        &self,
        view: View<'_>,
        choices: &mut Choices,
        leaf: &mut ReadLeaf<'_, L>,
    ) -> Result<Value, String> {
        let mut numbered: Vec<(usize, &Branch<L>)> = Vec::new();
        let mut items = Vec::new();
        for (name, member) in &self.members {
            match name.parse::<usize>() {
                Ok(index) => numbered.push((index, member)),
                Err(_) => {
                    for value in &member.values {
                        items.push(leaf(value, view.item(items.len()), choices)?);
                    }
                    if !member.members.is_empty() {
                        // Readers do not agree on which of these belong together.
                        return Err("needs numbers in its brackets, as in \"[0][name]\"".to_owned());
                    }
                }
            }
        }
        numbered.sort_by_key(|(index, _)| *index);
        let mut ordered = Vec::with_capacity(numbered.len() + items.len());
        for (_, member) in numbered {
            ordered.push(member.read(view.item(ordered.len()), choices, leaf)?);
        }
        ordered.append(&mut items);
        Ok(Value::Array(ordered))
    }

    #[expect(clippy::indexing_slicing, reason = "a member's place is in the list")]
    fn member(&mut self, name: &str) -> &mut Branch<L> {
        let next = self.members.len();
        let place = *self.places.entry(name.to_owned()).or_insert(next);
        if place == next {
            self.members.push((name.to_owned(), Branch::default()));
        }
        &mut self.members[place].1
    }
}

/// `a[b][0]` is `a` and `[b, 0]`. `None` when it has no brackets, or other text around them.
pub(crate) fn split_name(name: &str) -> Option<(&str, Vec<&str>)> {
    let (base, rest) = name.split_at_checked(name.find('[')?)?;
    if base.is_empty() {
        return None;
    }
    Some((base, split_brackets(rest)?))
}

/// `[b][0]` is `[b, 0]`.
pub(crate) fn split_brackets(brackets: &str) -> Option<Vec<&str>> {
    let inside = brackets.strip_prefix('[')?.strip_suffix(']')?;
    let path: Vec<&str> = inside.split("][").take(NAME_DEPTH_LIMIT + 1).collect();
    path.iter().all(|name| !name.contains(['[', ']'])).then_some(path)
}

/// Which member is wrong. The name is the document's or the client's: it is escaped and cut when it is shown.
fn within(name: &str, wrong: &str) -> String {
    format!("has the member {}, which {wrong}", crate::check::decode::shown_name(name))
}

fn is_index(name: &str) -> bool {
    name.len() <= 6 && name.bytes().all(|byte| byte.is_ascii_digit())
}
