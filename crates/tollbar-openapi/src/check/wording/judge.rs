//! Single rules that the library judges: patterns, formats and the like. Each is compiled when it is first needed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::schema::dialect::options;

/// So many rules are kept by each thread.
const KEPT_RULES: usize = 256;

/// Where a rule stands: its keyword, and the address of what it demands.
type Place = (&'static str, *const Value);

thread_local! {
    static KEPT: RefCell<HashMap<String, Option<Rc<Validator>>>> = RefCell::new(HashMap::new());
}

/// The rules that were needed for one value.
#[derive(Default)]
pub(super) struct Judge {
    rules: HashMap<Place, Option<Rc<Validator>>>,
    /// The names of members of `patternProperties`, by their addresses.
    patterns: HashMap<*const str, Option<Rc<Validator>>>,
    compiled: usize,
}

impl Judge {
    /// Whether a value keeps a rule. One that cannot be compiled is kept by all.
    pub(super) fn holds(&mut self, keyword: &'static str, demand: &Value, value: &Value) -> bool {
        let place = (keyword, std::ptr::from_ref(demand));
        let rule = self.rules.entry(place).or_insert_with(|| find(keyword, demand, &mut self.compiled));
        rule.as_ref().is_none_or(|rule| rule.is_valid(value))
    }

    /// Whether a name matches the pattern that is the name of a member of `patternProperties`.
    pub(super) fn is_match(&mut self, pattern: &str, name: &Value) -> bool {
        let compiled = &mut self.compiled;
        let rule = self
            .patterns
            .entry(std::ptr::from_ref(pattern))
            .or_insert_with(|| find("pattern", &Value::String(pattern.to_owned()), compiled));
        rule.as_ref().is_some_and(|rule| rule.is_valid(name))
    }

    /// How many rules had to be compiled.
    pub(super) fn compiled(&self) -> usize {
        self.compiled
    }
}

fn find(keyword: &str, demand: &Value, compiled: &mut usize) -> Option<Rc<Validator>> {
    let key = format!("{keyword}:{demand}");
    KEPT.with_borrow_mut(|kept| {
        if let Some(rule) = kept.get(&key) {
            return rule.clone();
        }
        if kept.len() >= KEPT_RULES {
            kept.clear();
        }
        *compiled += 1;
        let rule = compile(keyword, demand).map(Rc::new);
        kept.insert(key, rule.clone());
        rule
    })
}

fn compile(keyword: &str, demand: &Value) -> Option<Validator> {
    options().build(&json!({ keyword: demand })).ok()
}
