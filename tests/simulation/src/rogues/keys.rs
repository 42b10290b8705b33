//! Floods under fresh keys, which cost nothing.

use meshbook::ledger::{Identity, Inventory, Ka, Payload, Statement};
use meshbook::protocol::Message;
use meshbook::types::{Millis, Price, Side};

use super::takes::place_of;
use super::{Rogue, order_id};
use crate::clock::truth;
use crate::load::terms;
use crate::world::{World, network_id};

/// The most keys in one flood.
const MOST_KEYS: u64 = 40;

/// What the owners of a flood have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Orders {
    None,
    Sent,
    /// Listed, and kept back.
    Withheld,
}

impl Rogue {
    /// A key that nobody has seen.
    pub(super) fn fresh_key(&mut self) -> Identity {
        Identity::from_seed(self.random.bytes())
    }

    /// A keep-alive and what it lists, under a fresh key.
    fn fresh_owner(&mut self, orders: Orders, ts: Millis) -> Option<Vec<Statement>> {
        let key = self.fresh_key();
        let place = match orders {
            Orders::None => None,
            Orders::Sent | Orders::Withheld => Some(self.fresh_place(&key, ts)?),
        };
        let entries: Vec<_> = place.iter().map(|place| (order_id(place), 1)).collect();
        let ka = Payload::Ka(Ka {
            n: 2,
            ts,
            live: true,
            cnt: entries.len() as u64,
            root: Inventory::new(entries).root,
            addrs: Vec::new(),
        });
        let ka = key.sign(&network_id(), ka).ok()?;
        let sent = place.filter(|_| orders == Orders::Sent);
        Some(sent.into_iter().chain([ka]).collect())
    }

    /// A resting order of another key, dear enough to cross nothing.
    fn fresh_place(&mut self, key: &Identity, ts: Millis) -> Option<Statement> {
        let (side, _, amt) = terms(&mut self.random);
        let px = match side {
            Side::Buy => Price::from_units(1)?,
            Side::Sell => Price::MAX,
        };
        let place = Payload::Place(place_of(side, px, amt, ts)?);
        key.sign(&network_id(), place).ok()
    }
}

impl World {
    /// A flood of owners, to one peer or to all.
    pub(super) fn floods_keys(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let orders = it
            .random
            .pick(&[Orders::None, Orders::None, Orders::Sent, Orders::Withheld]);
        let count = it.random.between(1, MOST_KEYS);
        let owners = (0..count).filter_map(|_| it.fresh_owner(orders, ts));
        let statements: Vec<Statement> = owners.flatten().collect();
        let one = it.random.percent(30);
        self.judge.counts.more(
            match orders {
                Orders::None => "rogues: fresh keys without orders",
                Orders::Sent => "rogues: fresh keys with orders",
                Orders::Withheld => "rogues: fresh keys with orders withheld",
            },
            count,
        );
        if !one {
            self.tells(rogue, &statements);
            return;
        }
        let conns = self.rogue_conns(rogue);
        let which = self.rogues[rogue].random.index(conns.len());
        if let Some(conn) = conns.get(which) {
            let raw = statements.iter().map(Statement::raw).collect();
            self.rogue_says(rogue, *conn, &Message::Statements(raw));
        }
    }
}
