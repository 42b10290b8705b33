//! What a node shows to its users: plain values in the shapes of the client contract, with
//! amounts and prices as decimal strings and times in milliseconds since the epoch.

use serde::{Deserialize, Serialize};

use crate::types::{Amount, Millis, OrderId, Pair, PeerAddress, Price, Side, TradeId, UserId};

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Open, nothing filled yet.
    Pending,
    /// Open, partly filled.
    Partial,
    /// Filled completely.
    Filled,
    /// Closed before it was filled completely: by its user, by its time in force, or expired.
    Cancelled,
}

/// An order as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The same on all nodes.
    pub id: OrderId,
    /// The label of the user who placed it.
    pub user_id: UserId,
    /// Bid or ask.
    pub side: Side,
    /// The whole amount, filled or not.
    pub amount: Amount,
    /// The part of `amount` that is filled.
    pub filled: Amount,
    /// The limit; absent for a market order, which has none.
    pub price: Option<Price>,
    /// How far it has come.
    pub status: OrderStatus,
    /// When it was placed.
    pub timestamp: Millis,
    /// What it trades.
    pub pair: Pair,
}

/// A trade as users see it. Both owners and everybody else show the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trade {
    /// The same on all nodes.
    pub id: TradeId,
    /// The bid.
    pub buy_order_id: OrderId,
    /// The ask.
    pub sell_order_id: OrderId,
    /// What changed hands.
    pub amount: Amount,
    /// The maker's price.
    pub price: Price,
    /// When the maker filled it.
    pub timestamp: Millis,
    /// The side of the order that took.
    pub taker_side: Side,
    /// An order of this node traded with one that nobody signed (`P2P_LEGACY=match`): only this
    /// node knows of it, and the other order's id is made from the one that its peer gave it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsigned: bool,
}

/// One price of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// What is open at this price, over all orders. May exceed what one order can hold.
    #[serde(with = "total")]
    pub amount: u128,
    /// How many orders stand at this price.
    pub count: usize,
    /// The part of `amount` that nobody signed: orders of legacy peers (`P2P_LEGACY=match`).
    #[serde(with = "total", default, skip_serializing_if = "is_zero")]
    pub unsigned: u128,
}

const fn is_zero(units: &u128) -> bool {
    *units == 0
}

/// The best levels of the book at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookSnapshot {
    /// What is traded.
    pub pair: Pair,
    /// When the snapshot was taken.
    pub timestamp: Millis,
    /// Best (highest) price first.
    pub bids: Vec<Level>,
    /// Best (lowest) price first.
    pub asks: Vec<Level>,
}

/// How much there is in a node's book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BookSize {
    /// Open orders, anybody's.
    pub orders: usize,
    /// Prices at which somebody buys.
    pub bid_levels: usize,
    /// Prices at which somebody sells.
    pub ask_levels: usize,
    /// Trades of the pair that the node remembers, anybody's.
    pub trades: usize,
}

/// To whom an order went at once. More peers get it by gossip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    /// Whether it went to at least one peer, or had no need to.
    pub success: bool,
    /// Ids of the peers that it was sent to.
    pub distributed_to: Vec<String>,
    /// Ids of connected peers whose queue was full.
    pub failed_to: Vec<String>,
}

/// What became of a new order by the time that it was filled, closed or published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderResult {
    /// Always true here; failures are errors, which bindings show as `success: false`.
    pub success: bool,
    /// The order's id.
    pub order_id: OrderId,
    /// Its confirmed trades so far, oldest first.
    pub trades: Vec<Trade>,
    /// The order, if a part of it is still open; its `amount` is the whole amount.
    pub remaining_order: Option<Order>,
    /// To whom it went.
    pub distribution: Distribution,
}

/// A connected or known peer: the seed's peer record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerView {
    /// Who it is; absent while an address has never answered.
    pub node_id: Option<String>,
    /// Where it can be dialed, if anywhere.
    pub address: Option<PeerAddress>,
    /// `connected`, `connecting` or `disconnected`.
    pub status: PeerStatus,
    /// `inbound` or `outbound`, while connected.
    pub direction: Option<Direction>,
    /// `secured`, `seed` or `original`, while connected.
    pub dialect: Option<String>,
    /// Where the address came from.
    pub source: PeerSource,
    /// When it last said anything.
    pub last_seen: Option<Millis>,
    /// When its last heartbeat or heartbeat answer came.
    pub last_heartbeat: Option<Millis>,
    /// Whether it is connected and was heard in the last 60 s.
    pub healthy: bool,
    /// Round-trip time of the last heartbeat.
    pub latency: Option<Millis>,
    /// Dials that failed since one worked.
    pub failures: u32,
    /// When it was dialed last.
    #[serde(default)]
    pub last_tried: Option<Millis>,
    /// What came of the last dial: `connected`, or the label by which the failure is counted.
    #[serde(default)]
    pub last_outcome: Option<String>,
    /// 0 is neutral; failures and bad messages lower it, good sessions raise it.
    pub score: i32,
    /// What it can do.
    pub capabilities: PeerCapabilities,
    /// Traffic of the present connection.
    pub stats: TrafficStats,
}

/// Whether there is a connection to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerStatus {
    /// A session is up.
    Connected,
    /// A dial is under way.
    Connecting,
    /// Known, and to be dialed when its turn comes.
    Disconnected,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The peer dialed us.
    Inbound,
    /// We dialed the peer.
    Outbound,
}

/// How an address became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerSource {
    /// Kept on disk from an earlier run.
    Persisted,
    /// Configured.
    Bootstrap,
    /// Found on the local network.
    Mdns,
    /// Looked up at a Grape.
    Grenache,
    /// Looked up in a DHT.
    Dht,
    /// Told by a peer.
    PeerExchange,
    /// It connected to us.
    Inbound,
}

/// What a peer said that it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerCapabilities {
    /// The version of its protocol.
    pub version: String,
    /// Message families, like `order`, `trade`, `peerexchange`, `x1`.
    pub supported_protocols: Vec<String>,
}

/// Messages and bytes in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficStats {
    /// Messages that came in.
    pub messages_received: u64,
    /// Messages that went out.
    pub messages_sent: u64,
    /// Payload bytes that came in.
    pub bytes_received: u64,
    /// Payload bytes that went out.
    pub bytes_sent: u64,
}

/// The figures of `getP2PStats()`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct P2pStats {
    /// Whether a Grape answered when it was last asked.
    pub has_grenache: bool,
    /// Connections and traffic.
    pub peers: PeerStats,
    /// Ways by which peers are found.
    pub discovery: DiscoveryStats,
    /// Queues of the message router.
    pub router: RouterStats,
    /// The listener.
    pub direct_connection: DirectConnectionStats,
}

/// Connections and traffic in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerStats {
    /// Known peers, connected or not.
    pub total_peers: usize,
    /// Sessions that are up.
    pub connected_peers: usize,
    /// Sessions heard in the last 60 s.
    pub healthy_peers: usize,
    /// Sessions that peers opened.
    pub inbound_peers: usize,
    /// Sessions that this node opened.
    pub outbound_peers: usize,
    /// Since the start, over all sessions.
    pub total_messages_received: u64,
    /// Since the start, over all sessions.
    pub total_messages_sent: u64,
    /// Since the start, over all sessions.
    pub total_bytes_received: u64,
    /// Since the start, over all sessions.
    pub total_bytes_sent: u64,
}

/// Ways by which peers are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscoveryStats {
    /// Whether the node looks for peers.
    pub is_running: bool,
    /// Which ways are on.
    pub strategies: DiscoveryStrategies,
    /// How many bootstrap addresses are configured.
    pub bootstrap_peers: usize,
}

/// Which ways of finding peers are on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscoveryStrategies {
    /// Multicast DNS on the local network is switched on and running.
    pub mdns: bool,
    /// Look-ups at Grapes are switched on and running, whether or not one answers.
    pub grenache: bool,
    /// Look-ups in a DHT are switched on and running, whether or not it answers.
    #[serde(default)]
    pub dht: bool,
    /// Lists that peers send.
    pub peer_exchange: bool,
}

/// Queues of the message router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouterStats {
    /// Messages that wait for their peer.
    pub queue_size: usize,
    /// How many may wait.
    pub max_queue_size: usize,
    /// Messages remembered so that they are taken once.
    pub deduplication_cache_size: usize,
    /// Whether Grenache is a second way to peers.
    pub has_grenache: bool,
}

/// The listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectConnectionStats {
    /// This node's id.
    pub node_id: String,
    /// The address that it listens on.
    pub host: String,
    /// The port that it listens on.
    pub port: u16,
    /// Whether it listens.
    pub is_running: bool,
    /// Sessions that are up.
    pub connections: usize,
    /// Connections whose handshake is under way.
    pub pending_handshakes: usize,
}

/// An order that a legacy peer sent, signed by nobody. Shown apart; with `P2P_LEGACY=match` it also
/// stands in the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnsignedOrder {
    /// The name of the peer that sent it.
    pub from: String,
    /// The id that the peer gave it.
    pub id: String,
    /// The user that the peer named.
    pub user_id: UserId,
    /// Bid or ask.
    pub side: Side,
    /// As the peer said, rounded up to 8 decimals.
    pub amount: Amount,
    /// The part of `amount` that is left by the orders that were announced since.
    pub open: Amount,
    /// As the peer said, rounded up to 8 decimals.
    pub price: Price,
    /// Nothing was rounded. An order that is not exact is never matched.
    pub exact: bool,
    /// As the peer said.
    pub pair: Pair,
    /// When the peer says that it was placed.
    pub timestamp: Millis,
}

/// A trade that a legacy peer reported: shown apart, signed by nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnsignedTrade {
    /// The name of the peer that sent it.
    pub from: String,
    /// The id that the peer gave it.
    pub id: String,
    /// As the peer said.
    pub buy_order_id: String,
    /// As the peer said.
    pub sell_order_id: String,
    /// As the peer said.
    pub amount: Amount,
    /// As the peer said.
    pub price: Price,
    /// When the peer says that it happened.
    pub timestamp: Millis,
}

/// What legacy peers sent, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsignedView {
    /// Orders.
    pub orders: Vec<UnsignedOrder>,
    /// Trades.
    pub trades: Vec<UnsignedTrade>,
}

/// Totals over a level, which may exceed the largest single amount.
mod total {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const ONE: u128 = 10u128.pow(crate::types::SCALE);

    pub(super) fn serialize<S: Serializer>(units: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        let (whole, fraction) = (units / ONE, units % ONE);
        if fraction == 0 {
            return serializer.collect_str(&whole);
        }
        let text = format!("{whole}.{fraction:08}");
        serializer.serialize_str(text.trim_end_matches('0'))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let read = |s: &str| s.parse::<u128>().map_err(D::Error::custom);
        if fraction.len() > 8 {
            return Err(D::Error::custom("more than 8 digits after the point"));
        }
        let fraction = read(&format!("{fraction:0<8}"))?;
        read(whole)?
            .checked_mul(ONE)
            .and_then(|units| units.checked_add(fraction))
            .ok_or_else(|| D::Error::custom("too large"))
    }
}
