//! Values with a meaning: what crosses layers is a `NodeId`, a `Price`, a `Millis`, never a bare
//! string or integer.

mod bucket;
mod decimal;
mod ids;
mod invalid;
mod ip_group;
mod network;
mod pair;
mod peer_address;
mod printable;
mod side;
mod time;
mod user_id;

pub(crate) use bucket::{Bucket, Rate};
pub use decimal::{Amount, MAX_UNITS, Price, SCALE};
pub use ids::{NodeId, OrderId, StatementHash, TakeId, TradeId};
pub use invalid::InvalidValue;
pub(crate) use ip_group::{host, subnet};
pub use network::{NetworkId, PeerId};
pub use pair::Pair;
pub use peer_address::PeerAddress;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use peer_address::ends_in_number;
pub use printable::{Printable, is_unprintable};
pub use side::Side;
pub use time::{Millis, Now};
pub use user_id::UserId;
