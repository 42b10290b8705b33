//! Who trades what in the demo.

use meshbook::types::{Price, Side};

use crate::control::{OrderKindName, PlaceOrder};

/// One thing that a user does.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Places an order.
    Place(PlaceOrder),
    /// Cancels the open order at this price.
    Cancel(&'static str),
}

fn order(side: Side, amount: &str, price: Option<&str>, tif: Option<&str>) -> Act {
    let kind = match price {
        Some(_) => OrderKindName::Limit,
        None => OrderKindName::Market,
    };
    Act::Place(PlaceOrder {
        side,
        amount: amount.to_owned(),
        price: price.map(str::to_owned),
        kind,
        time_in_force: tif.map(str::to_owned),
        user_id: None,
    })
}

/// Node and act: a scene with resting orders, takers of one and of several makers, a market
/// order, a post-only order and a cancel.
pub(super) fn scene() -> Vec<(usize, Act)> {
    use Side::{Buy, Sell};
    vec![
        (0, order(Sell, "1", Some("60100"), None)),
        (0, order(Sell, "0.5", Some("60200"), None)),
        (1, order(Buy, "0.8", Some("59900"), None)),
        (2, order(Buy, "0.4", Some("59800"), None)),
        // Carol takes 0.6 of Alice's 1.
        (2, order(Buy, "0.6", Some("60100"), None)),
        // Alice takes all of Bob's 0.8, and 0.2 of hers rests.
        (0, order(Sell, "1", Some("59900"), None)),
        // Bob takes those 0.2, and 0.1 at 60100.
        (1, order(Buy, "0.3", None, None)),
        (2, order(Sell, "0.25", Some("60050"), Some("post"))),
        (0, Act::Cancel("60200")),
    ]
}

/// What is left when the scene has been played: bids, asks (price and amount, best first), and
/// the number of trades.
pub(super) const SCENE_BIDS: &[(&str, &str)] = &[("59800", "0.4")];
/// See [`SCENE_BIDS`].
pub(super) const SCENE_ASKS: &[(&str, &str)] = &[("60050", "0.25"), ("60100", "0.3")];
/// See [`SCENE_BIDS`].
pub(super) const SCENE_TRADES: usize = 4;

/// A market that goes on: orders around a price that wanders, the same in each demo.
#[derive(Debug)]
pub(super) struct Market {
    state: u64,
    /// The price around which orders come, in whole units.
    middle: u64,
}

impl Market {
    pub(super) const fn new() -> Self {
        Self {
            state: 1,
            middle: 60_000,
        }
    }

    /// A number below `below`, by the constants of Knuth's MMIX generator.
    const fn draw(&mut self, below: u64) -> u64 {
        let next = self.state.wrapping_mul(6_364_136_223_846_793_005);
        self.state = next.wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    /// The next order, and the node whose user places it. It comes near the best opposite price,
    /// so that about half of the orders find a partner.
    pub(super) fn next(&mut self, bid: Option<Price>, ask: Option<Price>) -> (usize, PlaceOrder) {
        self.middle = (self.middle + self.draw(21))
            .saturating_sub(10)
            .clamp(50_000, 70_000);
        let node = self.draw(3) as usize;
        let side = if self.draw(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let amount = format!("0.{:02}", 5 + self.draw(90));
        let distance = self.draw(30);
        let price = match side {
            Side::Buy => self.middle + 8 - distance,
            Side::Sell => self.middle + distance - 8,
        };
        let partner = match side {
            Side::Buy => ask,
            Side::Sell => bid,
        };
        // Now and then an order that takes whatever stands there.
        let market = partner.is_some() && self.draw(8) == 0;
        let price = (!market).then(|| price.to_string());
        let Act::Place(order) = order(side, &amount, price.as_deref(), None) else {
            unreachable!("an order is placed")
        };
        (node, order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_orders_of_the_scene_and_the_market_are_allowed() {
        for (node, act) in scene() {
            assert!(node < 3);
            if let Act::Place(order) = act {
                order.read().unwrap();
            }
        }
        let mut market = Market::new();
        let best = Some("60000".parse().unwrap());
        for _ in 0..1000 {
            let (node, order) = market.next(best, best);
            assert!(node < 3);
            order.read().unwrap();
        }
    }
}
