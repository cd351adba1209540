//! A disk as a crash finds it: replayed from a record of what a process did, call by call.
//!
//! After the end of a process everything is there that it wrote. After a loss of power that holds only for what was synced:
//! the bytes of a file by a sync of the file, a name by a sync of the folder that it stands in. What was not synced may be
//! there all the same, in any part and in any order: each sector of 512 bytes, each change of a length, and the changes of
//! each name up to some point, for themselves.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};

use super::{random::Random, record::Call};

const SECTOR: usize = 512;
const ROOT: usize = 0;

/// What stands beneath a folder: files with their content, and folders (`None`), by path.
pub(super) type Tree = BTreeMap<String, Option<Vec<u8>>>;

#[derive(Clone)]
pub(super) struct Disk {
    nodes: Vec<Node>,
    handles: HashMap<u32, usize>,
    /// A disk that says that it has synced, and has not.
    pub(super) lies: bool,
}

#[derive(Clone)]
enum Node {
    File { now: Vec<u8>, durable: Vec<u8>, pending: Vec<Change> },
    Folder { now: Names, durable: Names, pending: Vec<(String, Option<usize>)> },
}

type Names = BTreeMap<String, usize>;

#[derive(Clone)]
enum Change {
    Bytes { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// What of the changes that were not synced is on the disk after a loss of power.
pub(super) enum Survival<'a> {
    Nothing,
    /// So many of a hundred.
    Some(&'a mut Random, u64),
}

impl Disk {
    /// A disk with this on it, long since synced.
    pub(super) fn with(tree: &Tree) -> Self {
        let root = Node::Folder { now: Names::new(), durable: Names::new(), pending: Vec::new() };
        let mut disk = Self { nodes: vec![root], handles: HashMap::new(), lies: false };
        for (path, content) in tree {
            let node = match content {
                Some(bytes) => Node::File { now: bytes.clone(), durable: bytes.clone(), pending: Vec::new() },
                None => Node::Folder { now: Names::new(), durable: Names::new(), pending: Vec::new() },
            };
            disk.add(path, node);
        }
        (0..disk.nodes.len()).for_each(|node| disk.sync(node));
        disk
    }

    /// The process is another one from now on.
    pub(super) fn end_process(&mut self) {
        self.handles.clear();
    }

    pub(super) fn perform(&mut self, call: &Call) {
        match call {
            Call::Open { handle, path, is_new, truncates } => {
                let node = match self.find(path) {
                    Some(node) => node,
                    None => {
                        assert!(is_new, "{path} was opened and never made");
                        let file = Node::File { now: Vec::new(), durable: Vec::new(), pending: Vec::new() };
                        self.add(path, file)
                    }
                };
                if *truncates {
                    self.cut(node, 0);
                }
                self.handles.insert(*handle, node);
            }
            Call::Write { handle, at, bytes } => {
                let Node::File { now, pending, .. } = &mut self.nodes[self.handles[handle]] else {
                    panic!("a folder was written to")
                };
                put(now, *at, bytes);
                pending.push(Change::Bytes { at: *at, bytes: bytes.clone() });
            }
            Call::Cut { handle, length } => self.cut(self.handles[handle], *length),
            Call::Sync { handle } => {
                if !self.lies {
                    self.sync(self.handles[handle]);
                }
            }
            Call::Unlink { path } => self.set_name(path, None),
            Call::Rename { from, to } => {
                let node = self.find(from);
                self.set_name(from, None);
                self.set_name(to, node);
            }
            Call::MakeFolder { path } => {
                let folder = Node::Folder { now: Names::new(), durable: Names::new(), pending: Vec::new() };
                self.add(path, folder);
            }
            Call::Line(_) => {}
        }
    }

    /// Where a handle's file stands; for a write that is torn.
    pub(super) fn path_of(&self, handle: u32) -> Option<String> {
        let wanted = self.handles[&handle];
        let mut found = None;
        self.walk(ROOT, "", &mut |path, node| {
            if node == wanted {
                found = Some(path.to_owned());
            }
        });
        found
    }

    /// What is there after the end of the process.
    pub(super) fn after_kill(&self) -> Tree {
        let mut tree = Tree::new();
        self.walk(ROOT, "", &mut |path, node| {
            let content = match &self.nodes[node] {
                Node::File { now, .. } => Some(now.clone()),
                Node::Folder { .. } => None,
            };
            tree.insert(path.to_owned(), content);
        });
        tree
    }

    /// What is there after a loss of power.
    pub(super) fn after_power_loss(&self, mut survival: Survival<'_>) -> Tree {
        let mut tree = Tree::new();
        self.survive(ROOT, "", &mut survival, &mut tree);
        tree
    }

    fn walk(&self, folder: usize, path: &str, see: &mut impl FnMut(&str, usize)) {
        let Node::Folder { now, .. } = &self.nodes[folder] else { return };
        for (name, node) in now {
            let path = format!("{path}/{name}");
            see(&path, *node);
            self.walk(*node, &path, see);
        }
    }

    fn survive(&self, folder: usize, path: &str, survival: &mut Survival<'_>, tree: &mut Tree) {
        let Node::Folder { durable, pending, .. } = &self.nodes[folder] else { return };
        let mut names = durable.clone();
        let mut lost = BTreeSet::new();
        for (name, node) in pending {
            if lost.contains(name) || !survival.chosen() {
                lost.insert(name);
                continue;
            }
            match node {
                Some(node) => names.insert(name.clone(), *node),
                None => names.remove(name),
            };
        }
        for (name, node) in names {
            let path = format!("{path}/{name}");
            let content = match &self.nodes[node] {
                Node::File { durable, pending, .. } => Some(survivors(durable, pending, survival)),
                Node::Folder { .. } => None,
            };
            tree.insert(path.clone(), content);
            self.survive(node, &path, survival, tree);
        }
    }

    fn find(&self, path: &str) -> Option<usize> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(ROOT, |folder, name| {
            match &self.nodes[folder] {
                Node::Folder { now, .. } => now.get(name).copied(),
                Node::File { .. } => None,
            }
        })
    }

    fn add(&mut self, path: &str, node: Node) -> usize {
        self.nodes.push(node);
        let number = self.nodes.len() - 1;
        self.set_name(path, Some(number));
        number
    }

    fn set_name(&mut self, path: &str, node: Option<usize>) {
        let (folder, name) = path.rsplit_once('/').expect("paths begin with a slash");
        let folder = self.find(folder).unwrap_or_else(|| panic!("{path} has no folder"));
        let Node::Folder { now, pending, .. } = &mut self.nodes[folder] else {
            panic!("{path} has no folder")
        };
        match node {
            Some(node) => now.insert(name.to_owned(), node),
            None => now.remove(name),
        };
        pending.push((name.to_owned(), node));
    }

    fn cut(&mut self, node: usize, length: usize) {
        let Node::File { now, pending, .. } = &mut self.nodes[node] else { panic!("a folder was cut") };
        now.resize(length, 0);
        pending.push(Change::Length(length));
    }

    fn sync(&mut self, node: usize) {
        match &mut self.nodes[node] {
            Node::File { now, durable, pending } => {
                if !pending.is_empty() {
                    durable.clone_from(now);
                    pending.clear();
                }
            }
            Node::Folder { now, durable, pending } => {
                durable.clone_from(now);
                pending.clear();
            }
        }
    }
}

impl Survival<'_> {
    fn chosen(&mut self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Some(random, percent) => random.below(100) < *percent,
        }
    }
}

fn survivors(durable: &[u8], pending: &[Change], survival: &mut Survival<'_>) -> Vec<u8> {
    let mut content = durable.to_vec();
    for change in pending {
        match change {
            Change::Length(length) if survival.chosen() => content.resize(*length, 0),
            Change::Length(_) => {}
            Change::Bytes { at, bytes } => {
                let mut from = *at;
                let end = at + bytes.len();
                while from < end {
                    let to = end.min((from / SECTOR + 1) * SECTOR);
                    if survival.chosen() {
                        put(&mut content, from, &bytes[from - at..to - at]);
                    }
                    from = to;
                }
            }
        }
    }
    content
}

/// Writes into a content, which grows where it must.
pub(super) fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// Makes files of a tree.
pub(super) fn write_tree(tree: &Tree, folder: &Path) {
    for (path, content) in tree {
        let path = folder.join(&path[1..]);
        match content {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::create_dir(path).unwrap(),
        }
    }
}

/// Reads what is there, but for what the record does not see either.
pub(super) fn read_tree(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    read_into(folder, "", &mut tree);
    tree
}

fn read_into(folder: &Path, path: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{path}/{name}");
        if entry.file_type().unwrap().is_dir() {
            tree.insert(path.clone(), None);
            read_into(&entry.path(), &path, tree);
        } else if !name.ends_with("-shm") {
            tree.insert(path, Some(fs::read(entry.path()).unwrap()));
        }
    }
}
