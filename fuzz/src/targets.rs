//! What is tried: each target takes any bytes, and panics if something that has to hold does not.

mod credentials;
mod document;
mod forwarded_chain;
mod http;
mod http2;
mod proxy_header;
mod request;
mod request_checks;
mod response;

/// Something that strangers' bytes reach.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Tries one input.
    pub run: fn(&[u8]),
    /// What mutations put in: pieces that mean something to it.
    pub words: &'static [&'static [u8]],
    /// How often the bounded run tries.
    pub tries: u32,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "request_head_and_framing",
        run: request::request_head_and_framing,
        words: http::WORDS,
        tries: 20_000,
    },
    Target {
        name: "response_head_and_framing",
        run: response::response_head_and_framing,
        words: http::WORDS,
        tries: 20_000,
    },
    Target { name: "credentials", run: credentials::credentials, words: credentials::WORDS, tries: 30_000 },
    Target {
        name: "proxy_header",
        run: proxy_header::proxy_header,
        words: proxy_header::WORDS,
        tries: 30_000,
    },
    Target {
        name: "forwarded_chain",
        run: forwarded_chain::forwarded_chain,
        words: forwarded_chain::WORDS,
        tries: 30_000,
    },
    Target { name: "http2_translation", run: http2::http2_translation, words: http2::WORDS, tries: 30_000 },
    Target {
        name: "openapi_document",
        run: document::openapi_document,
        words: document::WORDS,
        tries: 5_000,
    },
    Target {
        name: "request_checks",
        run: request_checks::request_checks,
        words: request_checks::WORDS,
        tries: 20_000,
    },
];

/// The target of this name.
pub fn find_target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
