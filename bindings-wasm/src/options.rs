//! The options of a client, as the package checks and defaults them.

use meshbook::node::{Limits, NodeBounds, NodeConfig, Ways};
use meshbook::orderbook::SelfTrade;
use meshbook::protocol::LegacyPolicy;
use meshbook::types::{InvalidValue, Millis};
use serde::Deserialize;

/// The most sessions: a page has no more sockets to give than browsers allow.
const MAX_PEERS: usize = 16;
/// The longest pause before a lost peer is dialed again: somebody sits in front of the page.
const RECONNECT_INTERVAL: Millis = Millis::from_secs(10);

/// Texts as they came from the page; the package has filled in the defaults.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Options {
    pair: String,
    network: String,
    user_id: String,
    peers: Vec<String>,
    max_order_amount: String,
    max_order_price: String,
}

impl Options {
    /// Checks them.
    ///
    /// # Errors
    /// The first that is not allowed, by its name.
    pub(crate) fn read(json: &str) -> Result<NodeConfig, InvalidValue> {
        let not_json =
            |error: serde_json::Error| InvalidValue::new("options", "", error.to_string());
        let options: Self = serde_json::from_str(json).map_err(not_json)?;
        let named = |name: &'static str| move |error: InvalidValue| error.for_field(name);
        let peers = options.peers.iter().map(|peer| peer.parse());
        Ok(NodeConfig {
            network: options.network.parse().map_err(named("network"))?,
            pair: options.pair.parse().map_err(named("pair"))?,
            user_id: options.user_id.parse().map_err(named("userId"))?,
            max_peers: MAX_PEERS,
            reconnect_interval: RECONNECT_INTERVAL,
            bootstrap_peers: peers.collect::<Result<_, _>>().map_err(named("peers"))?,
            ways: Ways::DIRECT,
            peer_exchange: true,
            legacy: LegacyPolicy::Off,
            self_trade: SelfTrade::Allow,
            max_order_amount: options
                .max_order_amount
                .parse()
                .map_err(named("maxOrderAmount"))?,
            max_order_price: options
                .max_order_price
                .parse()
                .map_err(named("maxOrderPrice"))?,
            order_rate: None,
            limits: Limits::DEFAULT,
            bounds: NodeBounds::DEFAULT,
        })
    }
}
