//! What the tests stand on: a platform, a recording upstream, a client that sends raw bytes.

mod described;
pub(crate) mod frames;
mod keyed;
mod machine;
mod mount;
mod platform;
mod provocation;
mod real;
mod secrets;
mod shop;
mod upstream;
mod wire;

pub(crate) use described::Described;
pub(crate) use frames::{Http2, Outcome};
pub(crate) use keyed::{BODY, begin, hold, is_replay, keyed_request, post};
pub(crate) use machine::{
    Ending, Ticker, connect_from, connect_narrowly, own_address, peak_kib, raise_file_limit, reset,
    resident_kib,
};
pub(crate) use mount::{SmallDisk, in_own_namespace};
pub(crate) use platform::{Platform, PlatformBuilder, wait_until};
pub(crate) use provocation::{Nowhere, UPSTREAM_DETAIL, UPSTREAM_SECRET, provocative_shop, provoke};
pub(crate) use real::{RealServer, gunzip, installed, run_node, run_python};
pub(crate) use shop::{SHOP, Shop, ShopClient, new_client};
pub(crate) use upstream::{Gate, Received, Reply, Upstream};
pub(crate) use wire::{Connection, Response, get, request, send_raw};
