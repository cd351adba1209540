//! Black box tests under development.

#![allow(missing_docs, dead_code, unused_imports, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "it"]
mod it {
    pub(crate) mod support;

    mod demo;
    mod tour;
}

pub(crate) use it::support;
