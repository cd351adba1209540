//! From schemas to shapes.
//!
//! What is composed (`allOf`, `anyOf`, `oneOf`, `$ref` with siblings) is laid out flat, and what several branches say
//! of the same member becomes one shape: what is in all of them, or in any. A schema is read once, however often it is
//! referred to; what is composed is bounded, and where a bound is met, anything is allowed: the shape only says how
//! to read a text, and the schema still decides.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ANYTHING, Node, Others, Shape, Spellings, Types};
use crate::schema::{SchemaId, SchemaSet};

/// So many schemas are laid out as one.
const LEAF_LIMIT: usize = 256;

/// So deep they may be nested in each other.
const DEPTH_LIMIT: usize = 64;

/// So many members are read for one API, each as often as it is composed. The largest documents need a tenth of it.
const WORK_LIMIT: usize = 1_000_000;

/// So many places of `prefixItems` are told apart.
const FIRST_ITEMS_LIMIT: usize = 64;

/// Reads the shapes of one API.
pub(crate) struct Reader<'s> {
    set: &'s SchemaSet,
    spellings: Arc<Spellings>,
    nodes: Vec<Node>,
    known: HashMap<Vec<usize>, usize>,
    waiting: Vec<(usize, Source<'s>)>,
    work: usize,
}

/// What a shape is made from.
#[derive(Clone)]
enum Source<'s> {
    One(&'s Value),
    All(Vec<Source<'s>>),
    Any(Vec<Source<'s>>),
}

/// A source, laid out.
enum Tree<'s> {
    Leaf(&'s Map<String, Value>),
    All(Vec<Tree<'s>>),
    Any(Vec<Tree<'s>>),
}

/// What a tree says of the insides of a value.
#[derive(Default)]
struct Insides<'s> {
    members: HashMap<&'s str, Source<'s>>,
    others: Option<Source<'s>>,
    others_refused: bool,
    items: Option<Source<'s>>,
    first_items: Vec<Source<'s>>,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(set: &'s SchemaSet) -> Reader<'s> {
        Reader::with(set, Arc::new(Spellings::of(set)))
    }

    /// Another one for the same API, with as much work before it.
    pub(crate) fn another(&self) -> Reader<'s> {
        Reader::with(self.set, Arc::clone(&self.spellings))
    }

    fn with(set: &'s SchemaSet, spellings: Arc<Spellings>) -> Reader<'s> {
        let nodes = vec![Node::default()];
        Reader { set, spellings, nodes, known: HashMap::new(), waiting: Vec::new(), work: 0 }
    }

    /// The place of a schema's shape. It is read by `finish`.
    pub(crate) fn add(&mut self, id: Option<SchemaId>) -> usize {
        match id.and_then(|id| self.set.find(id)) {
            Some(schema) => self.place(Source::One(schema)),
            None => ANYTHING,
        }
    }

    /// Reads everything that was added and what is in it, and gives the shape at each place.
    pub(crate) fn finish(mut self) -> impl Fn(usize) -> Shape {
        while let Some((at, source)) = self.waiting.pop() {
            let node = self.read(&source);
            if let Some(place) = self.nodes.get_mut(at) {
                *place = node;
            }
        }
        let nodes: Arc<[Node]> = self.nodes.into();
        let spellings = self.spellings;
        move |at| Shape { nodes: Arc::clone(&nodes), spellings: Arc::clone(&spellings), at }
    }

    fn place(&mut self, source: Source<'s>) -> usize {
        let (key, source) = self.simple(source);
        self.work += key.len();
        if let Some(at) = self.known.get(&key) {
            return *at;
        }
        if self.work > WORK_LIMIT {
            return ANYTHING;
        }
        let at = self.nodes.len();
        self.nodes.push(Node::default());
        self.known.insert(key, at);
        self.waiting.push((at, source));
        at
    }

    /// The same without references that say nothing else, without doubles, and without lists of one; and a key, which
    /// two sources share when they are made of the same schemas in the same way.
    fn simple(&self, source: Source<'s>) -> (Vec<usize>, Source<'s>) {
        // No schema stands at so low an address as the marks.
        let (mark, sources, make): (_, _, fn(Vec<Source<'s>>) -> Source<'s>) = match source {
            Source::One(schema) => {
                let schema = self.set.resolve(schema);
                return (vec![std::ptr::from_ref(schema).addr()], Source::One(schema));
            }
            Source::All(sources) => (1, sources, Source::All),
            Source::Any(sources) => (2, sources, Source::Any),
        };
        let mut keyed: Vec<_> = sources.into_iter().map(|source| self.simple(source)).collect();
        keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
        keyed.dedup_by(|(left, _), (right, _)| left == right);
        if keyed.len() == 1
            && let Some(only) = keyed.pop()
        {
            return only;
        }
        let mut key = vec![mark, keyed.len()];
        let mut sources = Vec::with_capacity(keyed.len());
        for (part, source) in keyed {
            key.extend(part);
            sources.push(source);
        }
        (key, make(sources))
    }

    fn read(&mut self, source: &Source<'s>) -> Node {
        let mut leaves = 0;
        let tree = self.lay_out(source, &mut Vec::new(), &mut leaves);
        self.work += leaves;
        let insides = insides_of(&tree, &mut self.work);
        let mut node = Node {
            types: types_of(&tree),
            choices: choices_of(&tree),
            is_binary: any_leaf(&tree, &is_binary),
            is_measured: any_leaf(&tree, &|leaf| {
                leaf.contains_key("maxLength") || leaf.contains_key("minLength")
            }),
            ..Node::default()
        };
        if self.work > WORK_LIMIT {
            return node;
        }
        node.members =
            insides.members.into_iter().map(|(name, source)| (Box::from(name), self.place(source))).collect();
        node.others = match insides.others {
            _ if insides.others_refused => Others::Refused,
            Some(source) => Others::Of(self.place(source)),
            None => Others::Unsaid,
        };
        node.first_items = insides.first_items.into_iter().map(|source| self.place(source)).collect();
        node.items = insides.items.map(|source| self.place(source));
        node
    }

    fn lay_out(&self, source: &Source<'s>, within: &mut Vec<usize>, leaves: &mut usize) -> Tree<'s> {
        match source {
            Source::One(schema) => self.lay_out_schema(schema, within, leaves),
            Source::All(sources) => {
                Tree::All(sources.iter().map(|source| self.lay_out(source, within, leaves)).collect())
            }
            Source::Any(sources) => {
                Tree::Any(sources.iter().map(|source| self.lay_out(source, within, leaves)).collect())
            }
        }
    }

    fn lay_out_schema(&self, schema: &'s Value, within: &mut Vec<usize>, leaves: &mut usize) -> Tree<'s> {
        let schema = self.set.resolve(schema);
        let address = std::ptr::from_ref(schema).addr();
        *leaves += 1;
        let Value::Object(leaf) = schema else { return Tree::All(Vec::new()) };
        if *leaves > LEAF_LIMIT || within.len() >= DEPTH_LIMIT || within.contains(&address) {
            return Tree::All(Vec::new());
        }
        within.push(address);
        let mut all = vec![Tree::Leaf(leaf)];
        if let Some(target) = target_of(leaf).and_then(|id| self.set.find(id)) {
            all.push(self.lay_out_schema(target, within, leaves));
        }
        let list = |name: &str| leaf.get(name).and_then(Value::as_array).into_iter().flatten();
        for one in list("allOf") {
            if *leaves >= LEAF_LIMIT {
                break;
            }
            all.push(self.lay_out_schema(one, within, leaves));
        }
        for name in ["anyOf", "oneOf"] {
            let mut any = Vec::new();
            for one in list(name) {
                any.push(self.lay_out_schema(one, within, leaves));
                if *leaves >= LEAF_LIMIT {
                    // What was not looked at can be anything.
                    any.push(Tree::All(Vec::new()));
                    break;
                }
            }
            if !any.is_empty() {
                all.push(Tree::Any(any));
            }
        }
        // What a condition says of members helps to read them, but it holds for some values only.
        let mut some: Vec<_> = ["then", "else"]
            .iter()
            .filter_map(|name| leaf.get(*name))
            .map(|one| self.lay_out_schema(one, within, leaves))
            .collect();
        if !some.is_empty() {
            some.push(Tree::All(Vec::new()));
            all.push(Tree::Any(some));
        }
        within.pop();
        match (all.len(), all.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                all.extend(last);
                Tree::All(all)
            }
        }
    }
}

/// Where a `$ref` leads, whatever stands beside it.
fn target_of(leaf: &Map<String, Value>) -> Option<SchemaId> {
    let number = leaf.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    number.parse().ok().map(SchemaId)
}

fn types_of(tree: &Tree<'_>) -> Types {
    match tree {
        Tree::Leaf(leaf) => types_of_leaf(leaf),
        Tree::All(all) => all.iter().map(types_of).fold(Types::ALL, Types::and),
        Tree::Any(any) => any.iter().map(types_of).fold(Types::NONE, Types::or),
    }
}

fn types_of_leaf(leaf: &Map<String, Value>) -> Types {
    let mut types = match leaf.get("type") {
        Some(Value::String(name)) => Types::named(name),
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).map(Types::named).fold(Types::NONE, Types::or)
        }
        _ => Types::ALL,
    };
    if leaf.get("nullable").and_then(Value::as_bool) == Some(true) {
        types = types.or(Types::NULL);
    }
    match choices_of_leaf(leaf) {
        Some(choices) => types.and(choices.iter().map(Types::of).fold(Types::NONE, Types::or)),
        None => types,
    }
}

fn choices_of(tree: &Tree<'_>) -> Option<Vec<Value>> {
    match tree {
        Tree::Leaf(leaf) => choices_of_leaf(leaf).map(<[Value]>::to_vec),
        Tree::All(all) => all.iter().find_map(choices_of),
        Tree::Any(any) => {
            let all: Option<Vec<Vec<Value>>> = any.iter().map(choices_of).collect();
            all.map(|all| all.concat())
        }
    }
}

fn choices_of_leaf(leaf: &Map<String, Value>) -> Option<&[Value]> {
    let constant = leaf.get("const").map(std::slice::from_ref);
    constant.or_else(|| leaf.get("enum").and_then(Value::as_array).map(Vec::as_slice))
}

fn any_leaf(tree: &Tree<'_>, is_so: &dyn Fn(&Map<String, Value>) -> bool) -> bool {
    match tree {
        Tree::Leaf(leaf) => is_so(leaf),
        Tree::All(trees) | Tree::Any(trees) => trees.iter().any(|tree| any_leaf(tree, is_so)),
    }
}

/// Bytes as they are, said in the way of 3.0 or of 3.1.
fn is_binary(leaf: &Map<String, Value>) -> bool {
    leaf.get("format").and_then(Value::as_str) == Some("binary")
        || (leaf.contains_key("contentMediaType") && !leaf.contains_key("contentEncoding"))
}

fn insides_of<'s>(tree: &Tree<'s>, work: &mut usize) -> Insides<'s> {
    let (trees, make): (_, fn(Vec<Source<'s>>) -> Source<'s>) = match tree {
        Tree::Leaf(leaf) => return insides_of_leaf(leaf, work),
        Tree::All(trees) => (trees, Source::All),
        Tree::Any(trees) => (trees, Source::Any),
    };
    let mut members: HashMap<&'s str, Vec<Source<'s>>> = HashMap::new();
    let (mut others, mut items, mut first_items) = (Vec::new(), Vec::new(), Vec::<Vec<Source<'s>>>::new());
    let mut refused = 0;
    for tree in trees {
        let inside = insides_of(tree, work);
        for (name, source) in inside.members {
            members.entry(name).or_default().push(source);
        }
        for (index, source) in inside.first_items.into_iter().enumerate() {
            if index == first_items.len() {
                first_items.push(Vec::new());
            }
            first_items.get_mut(index).into_iter().for_each(|place| place.push(source.clone()));
        }
        others.extend(inside.others);
        items.extend(inside.items);
        refused += usize::from(inside.others_refused);
    }
    let is_all = matches!(tree, Tree::All(_));
    Insides {
        members: members.into_iter().map(|(name, sources)| (name, make(sources))).collect(),
        others: (!others.is_empty()).then(|| make(others)),
        others_refused: refused > 0 && (is_all || refused == trees.len()),
        items: (!items.is_empty()).then(|| make(items)),
        first_items: first_items.into_iter().map(make).collect(),
    }
}

fn insides_of_leaf<'s>(leaf: &'s Map<String, Value>, work: &mut usize) -> Insides<'s> {
    let mut insides = Insides::default();
    if let Some(Value::Object(members)) = leaf.get("properties") {
        *work += members.len();
        if *work <= WORK_LIMIT {
            insides.members =
                members.iter().map(|(name, schema)| (name.as_str(), Source::One(schema))).collect();
        }
    }
    for name in ["additionalProperties", "unevaluatedProperties"] {
        match leaf.get(name) {
            Some(Value::Bool(false)) => insides.others_refused = true,
            Some(schema) => insides.others = Some(Source::One(schema)),
            None => {}
        }
    }
    insides.items = leaf.get("items").map(Source::One);
    if let Some(Value::Array(first)) = leaf.get("prefixItems") {
        insides.first_items = first.iter().take(FIRST_ITEMS_LIMIT).map(Source::One).collect();
    }
    insides
}
