//! Peers that speak the seed's protocol: their orders and trades, which carry no signature.

mod bridge;
mod plain_book;
mod unsigned_orders;

pub(super) use bridge::MayMeet;
pub(super) use plain_book::PlainBook;
pub(super) use unsigned_orders::Unsigned;
