//! The orders and their owners.

use meshbook::ledger::{
    Inventory, Ka, Ord, OrdStatus, OrdWhy, Payload, Place, PlaceTif, RawStatement,
};
use meshbook::types::{Amount, Millis, OrderId, Price, Side};
use meshbook_tests::{Persona, now};

use super::Options;

/// The oldest order is so old.
const AGE: Millis = Millis::from_secs(20 * 3600);
const LIFE: Millis = Millis::from_secs(7 * 24 * 3600);

/// Sequence numbers from one order of an owner to its next: what happened in between finds room.
const STEP: u64 = 4;
/// Above all of the orders' numbers.
const NOW: u64 = 1 << 20;

/// Prices of each side.
const LEVELS: usize = 900;
const ONE: u128 = 100_000_000;

/// An open order.
#[derive(Clone, Copy, Debug)]
struct Open {
    id: OrderId,
    amt: Amount,
    /// The newest number that was used for it.
    n: u64,
    /// The time after it is used: an owner uses a number once.
    touched: bool,
}

#[derive(Debug)]
struct Owner {
    who: Persona,
    open: Vec<Open>,
    /// The last number that it used.
    n: u64,
    side: Side,
}

/// All owners and what they have open.
#[derive(Debug)]
pub(crate) struct Market {
    owners: Vec<Owner>,
}

impl Market {
    /// The owners, and all that each has to say, in their order.
    pub(crate) fn new(options: Options) -> (Self, Vec<Vec<RawStatement>>) {
        let pause = AGE.0 / options.orders as u64;
        let mut market = Self { owners: Vec::new() };
        let mut said = Vec::new();
        for number in 0..options.owners {
            let mut owner = Owner {
                who: Persona::numbered(number as u32),
                open: Vec::new(),
                n: NOW,
                side: if number % 2 == 0 {
                    Side::Buy
                } else {
                    Side::Sell
                },
            };
            let first = now().wall.0.saturating_sub(AGE.0);
            let places = (0..options.orders as u64).map(|order| {
                let ts = Millis(first + order * pause);
                owner.place((1 + order) * STEP, ts, number + order as usize * 7)
            });
            let mut places: Vec<RawStatement> = places.collect();
            // Old orders are no news unless their owner is there.
            places.insert(0, owner.alive());
            market.owners.push(owner);
            said.push(places);
        }
        (market, said)
    }

    /// A new keep-alive of each owner.
    pub(crate) fn alive(&mut self) -> Vec<RawStatement> {
        self.owners.iter_mut().map(Owner::alive).collect()
    }

    /// What a book shows of it in all: orders, and their amounts in units.
    pub(crate) fn size(&self) -> (usize, u128) {
        let orders = || self.owners.iter().flat_map(|owner| &owner.open);
        let amount = orders().map(|order| order.amt.units()).sum();
        (orders().count(), amount)
    }

    /// Orders of so many owners change: a third is new, a third cancelled, a third shrunk.
    pub(crate) fn change(&mut self, count: usize) -> Vec<RawStatement> {
        let mut said = Vec::new();
        for index in 0..count {
            // Spread over the owners, and over the ages of their orders.
            let at = index * self.owners.len() / count;
            let owner = &mut self.owners[at];
            let first = index * 37 % owner.open.len();
            let order = (first..owner.open.len())
                .chain(0..first)
                .find(|order| !owner.open[*order].touched)
                .expect("an order that nothing has happened to");
            let open = &mut owner.open[order];
            open.touched = true;
            owner.n += 1;
            let (n, ts) = (owner.n, now().wall);
            said.push(match index % 3 {
                0 => owner.place(n, ts, index),
                1 => {
                    let closed = owner.open.swap_remove(order);
                    owner.order(n, ts, closed.id, None)
                }
                _ => {
                    open.n = n;
                    open.amt = amount(ONE / 2);
                    let shrunk = *open;
                    owner.order(n, ts, shrunk.id, Some(shrunk.amt))
                }
            });
        }
        said
    }
}

fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap_or_default()
}

impl Owner {
    fn place(&mut self, n: u64, ts: Millis, spread: usize) -> RawStatement {
        let (side, level) = (self.side, (spread % LEVELS) as u128 + 1);
        let level = match side {
            Side::Buy => level,
            Side::Sell => level + LEVELS as u128,
        };
        let place = Payload::Place(Place {
            n,
            ts,
            pair: "BTC/USD".parse().expect("a pair"),
            side,
            px: Price::from_units(level * ONE).expect("a price"),
            amt: amount(ONE),
            exp: ts + LIFE,
            tif: PlaceTif::Gtc,
            u: "owner".parse().expect("a user"),
            rest: true,
            replaces: None,
        });
        let place = self.who.sign(place);
        let id = place.order_id().expect("a place");
        self.open.push(Open {
            id,
            amt: amount(ONE),
            n,
            // What is new has no time after it.
            touched: n >= NOW,
        });
        place.raw()
    }

    /// Shrinks an order to `amt`, or closes it.
    fn order(&self, n: u64, ts: Millis, id: OrderId, amt: Option<Amount>) -> RawStatement {
        let ord = Payload::Ord(Ord {
            n,
            ts,
            id,
            open: amt.unwrap_or_default(),
            status: amt.map_or(OrdStatus::Closed, |_| OrdStatus::Open),
            why: amt.map_or(OrdWhy::Cancel, |_| OrdWhy::Reduce),
            amt,
        });
        self.who.sign(ord).raw()
    }

    fn alive(&mut self) -> RawStatement {
        self.n += 1;
        let open = self.open.iter().map(|open| (open.id, open.n)).collect();
        let inventory = Inventory::new(open);
        let ka = Payload::Ka(Ka {
            n: self.n,
            ts: now().wall,
            live: true,
            cnt: inventory.entries.len() as u64,
            root: inventory.root,
            addrs: Vec::new(),
        });
        self.who.sign(ka).raw()
    }
}
