//! Who watches one node: when each order came to its book, and what it tells of trades.

use std::sync::Arc;
use std::time::{Duration, Instant};

use meshbook::client::{EVENTS, ExchangeClient};
use meshbook::node::{Event, Trade};
use tokio::time::{MissedTickBehavior, interval};

use super::orders::number_of;
use super::record::Record;
use super::trades::is_one;

/// Levels that are looked at whenever the book changes: what comes in time is among them.
const TOP: usize = 64;

/// All levels are looked at so often: what comes late is found no later than that.
const THOROUGHLY: Duration = Duration::from_millis(100);
const ALL: usize = 4_096;

pub(super) async fn watch(client: ExchangeClient, peer: usize, record: Arc<Record>) {
    let mut events = client.events();
    let mut watch = Watch {
        client,
        peer,
        record,
        known: Vec::new(),
    };
    let mut thoroughly = interval(THOROUGHLY);
    thoroughly.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = thoroughly.tick() => {
                watch.look(ALL, Instant::now());
                continue;
            }
        };
        let now = Instant::now();
        match event {
            Some(Event::Book { .. }) => watch.look(TOP, now),
            Some(Event::Trade { trade, own }) => watch.hear(trade, own, now),
            // What it missed is among the latest.
            Some(Event::Lagged { missed }) => {
                let missed = usize::try_from(missed).unwrap_or(usize::MAX);
                let count = missed.saturating_add(EVENTS);
                for trade in watch.client.trades(count) {
                    watch.hear(trade, false, now);
                }
            }
            Some(Event::PeerDisconnected { .. }) => watch.record.disconnected(),
            Some(_) => {}
            None => return,
        }
    }
}

struct Watch {
    client: ExchangeClient,
    peer: usize,
    record: Arc<Record>,
    /// Which orders it has seen, by number.
    known: Vec<bool>,
}

impl Watch {
    /// Notes a trade of honest nodes. What strangers trade with each other is nobody's matter.
    fn hear(&self, trade: Trade, own: bool, now: Instant) {
        if own {
            self.record.own_trade(self.peer, &trade);
        }
        if is_one(trade.price) {
            self.record.heard(self.peer, trade, now);
        }
    }

    fn look(&mut self, depth: usize, now: Instant) {
        let mut new = Vec::new();
        for level in self.client.order_book(depth).bids {
            // What others have in the book comes after all that is looked for.
            let Some(number) = number_of(level.price) else {
                break;
            };
            if self.known.len() <= number {
                self.known.resize(number + 1, false);
            }
            if !self.known[number] {
                self.known[number] = true;
                new.push(number);
            }
        }
        if !new.is_empty() {
            self.record.saw(self.peer, &new, now);
        }
    }
}
