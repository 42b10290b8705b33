//! What reads the bodies of requests to the control address: for the fuzz targets. Nothing here does
//! anything of its own.

use meshbook::node::{BanTarget, NewOrder};
use meshbook::types::{InvalidValue, Millis};

use crate::control::{PlaceBan, PlaceOrder};

/// What was read, written again.
type Text = serde_json::Result<Vec<u8>>;

/// The body of an order as the command would write it, and the order that it means.
///
/// # Errors
/// A body that is refused.
pub fn place_order(body: &[u8]) -> Result<(Text, Result<NewOrder, InvalidValue>), InvalidValue> {
    let order = PlaceOrder::from_json(body)?;
    Ok((serde_json::to_vec(&order), order.read()))
}

/// The body of a ban as the command would write it, who is banned and for how long.
///
/// # Errors
/// A body that is refused.
pub fn place_ban(body: &[u8]) -> Result<(Text, BanTarget, Millis), InvalidValue> {
    let ban = PlaceBan::from_json(body)?;
    Ok((serde_json::to_vec(&ban), ban.peer, ban.duration))
}
