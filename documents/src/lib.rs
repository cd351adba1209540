//! The documents of a public directory, each imported in a process of its own, and what became of them.

pub mod all;
pub mod limits;
pub mod one;
pub mod page;
