//! The node's settings: plain data, checked where they enter (`client::Config`).

use super::bounds::NodeBounds;
use super::io::Way;
use super::limits::Limits;
use crate::orderbook::SelfTrade;
use crate::protocol::LegacyPolicy;
use crate::types::{Amount, Millis, NetworkId, Pair, PeerAddress, Price, UserId};

/// Settings of the sans-IO node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The network that it belongs to.
    pub network: NetworkId,
    /// What its book trades. Statements for other pairs are passed on, and not shown.
    pub pair: Pair,
    /// The user of orders that name none.
    pub user_id: UserId,
    /// The most connections, inbound and outbound together.
    pub max_peers: usize,
    /// The longest pause before a lost peer is dialed again.
    pub reconnect_interval: Millis,
    /// Addresses to dial besides those that are found.
    pub bootstrap_peers: Vec<PeerAddress>,
    /// By which ways peers are reached.
    pub ways: Ways,
    /// Whether to send and take lists of peers.
    pub peer_exchange: bool,
    /// What becomes of plain peers.
    pub legacy: LegacyPolicy,
    /// Whether a user may trade with its own orders.
    pub self_trade: SelfTrade,
    /// The largest amount of one order.
    pub max_order_amount: Amount,
    /// The highest price of one order.
    pub max_order_price: Price,
    /// Own orders a second and a minute, if limited.
    pub order_rate: Option<OrderRate>,
    /// What others may claim of this node.
    pub limits: Limits,
    /// How much it stores of each kind.
    pub bounds: NodeBounds,
}

/// By which ways peers are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// By direct connections.
    pub direct: bool,
    /// By Grenache's RPC: where nothing else answers, or in any case without direct connections.
    pub rpc: bool,
}

impl Ways {
    /// By direct connections alone.
    pub const DIRECT: Self = Self {
        direct: true,
        rpc: false,
    };

    /// How an address is dialed of which nothing is known.
    pub(super) const fn first(self) -> Way {
        match self.direct {
            true => Way::Secured,
            false => Way::Rpc,
        }
    }

    pub(super) const fn allows(self, way: Way) -> bool {
        match way {
            Way::Secured | Way::Plain => self.direct,
            Way::Rpc => self.rpc,
        }
    }
}

/// How many own orders are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRate {
    /// In any second.
    pub per_second: u32,
    /// In any minute.
    pub per_minute: u32,
}
