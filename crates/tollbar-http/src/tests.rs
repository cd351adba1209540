//! The rules as tables, each fed whole and byte by byte, and the properties that hold for everything.

mod chunks;
mod connection;
mod coverage;
mod feed;
mod properties;
mod proxy_headers;
mod requests_accepted;
mod requests_refused;
mod responses;
mod writing;
