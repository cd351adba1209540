//! What the tests stand on: a platform, a recording upstream, a client that sends raw bytes.

mod platform;
mod shop;
mod upstream;
mod wire;

pub(crate) use platform::{Platform, PlatformBuilder, wait_until};
pub(crate) use shop::{SHOP, Shop, ShopClient};
pub(crate) use upstream::{Gate, Received, Reply, Upstream};
pub(crate) use wire::{Connection, Response, get, request, send_raw};
