//! From a method and a path to the operation that it means.

mod tree;

use crate::template::Template;
use tree::{Path, Tree};

/// Many templates, ready to be matched against.
///
/// Segments are compared from the left, the most fixed first: literal text, then text with parameters in it, then
/// a lone parameter. The path alone decides which template is meant, as OpenAPI says; the method is looked at
/// after that, so that `POST /users/me` never becomes `POST /users/{id}` because `/users/me` has only `GET`.
#[derive(Debug)]
pub struct Router {
    tree: Tree,
}

/// What became of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Find {
    /// The path and the method exist.
    Matched(Match),
    /// The path exists, with other methods.
    MethodNotAllowed {
        /// Those, sorted.
        allow: Vec<String>,
    },
    /// No template has this path.
    NotFound,
}

/// A route, and what the path said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// What the route was given as its id.
    pub id: usize,
    /// The parameters' names and their values as the path has them, from the left: percent-encoded, with escapes that
    /// are whole and UTF-8 once decoded.
    pub parameters: Vec<(String, String)>,
}

/// Why a set of routes cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteConflict {
    /// Two routes match the same requests.
    #[error("{method} {first} and {method} {second} match the same requests")]
    Same {
        /// The method of both.
        method: String,
        /// The template that came first.
        first: String,
        /// The template that came later.
        second: String,
        /// The id that came first.
        first_id: usize,
        /// The id that came later.
        second_id: usize,
    },
    /// A template cannot be read.
    #[error("{method} {template}: {reason}")]
    Malformed {
        /// The method of the route.
        method: String,
        /// The template.
        template: String,
        /// What is wrong with it.
        reason: &'static str,
        /// The id of the route.
        id: usize,
    },
}

impl Router {
    /// Builds a router from methods, templates and ids; or names every route that stands in the way.
    pub fn build<M, T>(routes: impl IntoIterator<Item = (M, T, usize)>) -> Result<Router, Vec<RouteConflict>>
    where
        M: AsRef<str>,
        T: AsRef<str>,
    {
        let mut tree = Tree::new();
        let mut conflicts = Vec::new();
        for (method, template, id) in routes {
            let (method, text) = (method.as_ref(), template.as_ref());
            let inserted = match Template::parse(text) {
                Ok(template) => tree.insert(method, text, template, id),
                Err(reason) => Err(RouteConflict::Malformed {
                    method: method.to_owned(),
                    template: text.to_owned(),
                    reason,
                    id,
                }),
            };
            conflicts.extend(inserted.err());
        }
        tree.finish();
        if conflicts.is_empty() { Ok(Router { tree }) } else { Err(conflicts) }
    }

    /// Finds what a method (compared exactly) and a raw path (percent-encoded, without query) mean.
    ///
    /// A path is found nowhere when it has a malformed escape, is not UTF-8 once decoded, or has a segment `.`
    /// or `..` in any spelling: others on the way may resolve those, and would then see another path than we.
    pub fn find(&self, method: &str, path: &str) -> Find {
        let Some(path) = Path::parse(path) else {
            return Find::NotFound;
        };
        let Some(leaf) = self.tree.find(&path) else {
            return Find::NotFound;
        };
        match leaf.routes.iter().find(|route| route.method == method) {
            Some(route) => {
                let names = route.names.iter().cloned();
                let values = leaf.values.iter().map(|value| (*value).to_owned());
                Find::Matched(Match { id: route.id, parameters: names.zip(values).collect() })
            }
            None => {
                let mut allow: Vec<String> = leaf.routes.iter().map(|route| route.method.clone()).collect();
                allow.sort_unstable();
                Find::MethodNotAllowed { allow }
            }
        }
    }
}

#[cfg(test)]
mod tests;
