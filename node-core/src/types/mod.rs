//! Values with a meaning: what crosses layers is a `NodeId`, a `Price`, a `Millis`, never a bare
//! string or integer.

mod decimal;
mod ids;
mod invalid;
mod network;
mod pair;
mod side;
mod time;
mod user_id;

pub use decimal::{Amount, MAX_UNITS, Price, SCALE};
pub use ids::{NodeId, OrderId, StatementHash, TakeId, TradeId};
pub use invalid::InvalidValue;
pub use network::{NetworkId, PeerAddress, PeerId};
pub use pair::Pair;
pub use side::Side;
pub use time::{Millis, Now};
pub use user_id::UserId;
