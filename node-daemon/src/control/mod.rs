//! The control address: how other processes of this machine talk to a running node.
//!
//! HTTP and WebSocket, JSON only, for whoever holds the token in `control.json`.

mod auth;
mod client;
mod events;
mod file;
mod history;
mod server;
mod wire;

pub(crate) use client::Control;
pub(crate) use file::ControlFile;
pub(crate) use history::OrdersPage;
pub(crate) use server::{Server, Shared};
pub(crate) use wire::{
    Cancelled, DEPTHS, LIMITS, OrderKindName, PlaceBan, PlaceOrder, StatusView, Unbanned, count,
};
