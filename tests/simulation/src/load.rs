//! Who there is, and what users do.

use meshbook::node::{Limits, NewOrder, NodeBounds, NodeConfig, OrderKind, TimeInForce, Ways};
use meshbook::orderbook::SelfTrade;
use meshbook::protocol::LegacyPolicy;
use meshbook::types::{Amount, Millis, Price, Side, UserId};

use crate::host::Host;
use crate::random::Random;
use crate::rogues::UNREST;
use crate::wires::address;
use crate::world::{Happening, World, network_id};

/// Units of 10^-8 in one.
const ONE: u128 = 100_000_000;

impl World {
    /// Makes the hosts and decides who knows whom.
    pub(crate) fn found(&mut self) {
        let (seed, nodes) = (self.scenario.seed, self.scenario.nodes);
        let mut random = Random::stream(seed, "topology");
        let peer_exchange = random.percent(50);
        let few = random.percent(30);
        for index in 0..nodes {
            let mut bootstrap_peers = Vec::new();
            // Each knows one that was there before it, so that the whole is connected.
            if index > 0 {
                bootstrap_peers.push(address(random.index(index)));
            }
            let more = random.below(if few { 2 } else { 4 });
            for _ in 0..more {
                let other = random.index(nodes);
                if other != index {
                    bootstrap_peers.push(address(other));
                }
            }
            let mut config = NodeConfig {
                network: network_id(),
                pair: "BTC/USD".parse().expect("a pair"),
                user_id: user(random.below(3)),
                max_peers: 50,
                reconnect_interval: Millis::from_secs(random.pick(&[2, 10, 30])),
                bootstrap_peers,
                ways: Ways::DIRECT,
                peer_exchange,
                legacy: LegacyPolicy::Observe,
                self_trade: random.pick(&[
                    SelfTrade::Allow,
                    SelfTrade::Allow,
                    SelfTrade::CancelNewest,
                    SelfTrade::Skip,
                ]),
                max_order_amount: amount(1_000_000),
                max_order_price: price(1_000_000),
                order_rate: None,
                limits: Limits::DEFAULT,
                bounds: NodeBounds::DEFAULT,
            };
            for bound in &self.scenario.bounds {
                bound.lower(&mut config, nodes, self.scenario.actions);
            }
            let host = Host::new(seed, index, config);
            self.judge.honest(index, &host);
            self.hosts.push(host);
            let at = random.below(500);
            self.queue.add(at, Happening::Start { host: index });
        }
    }

    /// Decides what users do, and when.
    pub(crate) fn plan_load(&mut self) {
        let mut random = Random::stream(self.scenario.seed, "load");
        let nodes = self.hosts.len();
        let width = random.pick(&[1, 3, 8]);
        // Some runs come in one burst, so that many things are in flight at once.
        let spread = match random.percent(30) {
            true => 500,
            false => self.scenario.trouble_time,
        };
        let healed_at = self.scenario.trouble_time + 600;
        let mut late = Random::stream(self.scenario.seed, "late load");
        for _ in 0..self.scenario.actions {
            // Long enough after the start that there are some sessions.
            let mut at = 600 + random.below(spread);
            if self.scenario.never_rests() && late.percent(30) {
                // Some of it among rogues alone.
                at = healed_at + late.below(UNREST);
            }
            let host = random.index(nodes);
            let cancel = random.percent(20);
            let (order, which) = (order(&mut random, width), random.next());
            let happening = match cancel {
                true => Happening::Cancel { host, which },
                false => Happening::Place { host, order },
            };
            self.queue.add(at, happening);
        }
    }
}

/// What a rogue's order says: it crosses much.
pub(crate) fn terms(random: &mut Random) -> (Side, Price, Amount) {
    let side = random.pick(&[Side::Buy, Side::Sell]);
    let amount = amount(random.between(1, 10));
    (side, price(random.between(97, 103)), amount)
}

/// An order near 100, at most `width` ticks away from it.
fn order(random: &mut Random, width: u64) -> NewOrder {
    let side = random.pick(&[Side::Buy, Side::Sell]);
    let limit = price(100 - width + random.below(2 * width + 1));
    let time_in_force = match random.below(20) {
        0..=11 => TimeInForce::Gtc,
        12..=14 => TimeInForce::Ioc,
        15..=16 => TimeInForce::Fok,
        _ => TimeInForce::Post,
    };
    let market = random.percent(8) && time_in_force != TimeInForce::Post;
    // Some are odd, so that pieces don't line up.
    let units = match random.percent(70) {
        true => u128::from(random.between(1, 10)) * ONE,
        false => u128::from(random.between(1, 1_000_000_000)),
    };
    let lifetime = random.between(2_000, 40_000);
    NewOrder {
        side,
        amount: Amount::from_units(units).unwrap_or(Amount::MAX),
        kind: match market {
            true => OrderKind::Market,
            false => OrderKind::Limit(limit),
        },
        time_in_force,
        user: Some(user(random.below(3))),
        lifetime: random.percent(15).then_some(Millis(lifetime)),
    }
}

fn user(number: u64) -> UserId {
    let names = ["alice", "bob", "carol"];
    let name = names[(number % 3) as usize];
    name.parse().expect("a user")
}

fn price(whole: u64) -> Price {
    Price::from_units(u128::from(whole) * ONE).unwrap_or(Price::MAX)
}

fn amount(whole: u64) -> Amount {
    Amount::from_units(u128::from(whole) * ONE).unwrap_or(Amount::MAX)
}
