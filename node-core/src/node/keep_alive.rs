//! Keep-alives: while this node has published orders it says so regularly, and names them all.

use super::core::Node;
use super::own::Stage;
use super::rng::Rng;
use crate::ledger::limits::KEEP_ALIVE;
use crate::ledger::{Ka, Payload};
use crate::types::{Millis, Now, PeerAddress};

/// When the next keep-alive is due (monotonic); none is while nothing was published since the
/// last one that named no orders.
#[derive(Debug, Default)]
pub(super) struct KeepAlive {
    due: Option<Millis>,
    /// Where this node can be dialed from anywhere, if it listens at such an address.
    pub(super) addrs: Vec<PeerAddress>,
}

impl Node {
    /// Signs a keep-alive if one is due. An order is a sign of life by itself, so the first one
    /// comes a while after it; one more comes after the last order closed, since the inventory is
    /// what ends an order where its closing was lost.
    pub(super) fn keep_alive(&mut self, now: Now) {
        if self.store_failure.is_some() || !self.is_up_to_date() {
            return;
        }
        let publishes = self.publishes();
        // Its clock may have jumped, or this is the first one after a start.
        let quiet = now.wall.since(self.sequence.last_ts()) > KEEP_ALIVE + KEEP_ALIVE;
        match self.keep_alive.due {
            _ if publishes && quiet => self.sign_ka(true, now),
            None if publishes => {}
            Some(due) if due <= now.mono => self.sign_ka(true, now),
            _ => return,
        }
        let next = now.mono + jittered(&mut self.rng);
        self.keep_alive.due = publishes.then_some(next);
    }

    /// Hides this node's orders everywhere at once: it leaves. Who had none has nothing to say.
    pub(super) fn say_goodbye(&mut self, now: Now) {
        if self.own.iter().next().is_some() {
            self.sign_ka(false, now);
        }
        self.keep_alive.due = None;
    }

    /// Whether other nodes see an open order of this node.
    fn publishes(&self) -> bool {
        let mut open = self.own.open().filter_map(|id| self.own.get(&id));
        open.any(|own| own.stage == Stage::Published)
    }

    fn sign_ka(&mut self, live: bool, now: Now) {
        let (n, ts) = self.sequence.next(now);
        let inventory = self.market.ledger().inventory(&self.node_id(), ts);
        let ka = Ka {
            n,
            ts,
            live,
            cnt: inventory.entries.len() as u64,
            root: inventory.root,
            addrs: self.keep_alive.addrs.clone(),
        };
        match self.sign(Payload::Ka(ka)) {
            Ok(ka) => {
                self.apply_own(ka.clone(), now);
                self.tell_own(ka);
            }
            Err(_) => self.counters.count("own_statement_refused"),
        }
    }
}

/// The usual time, a tenth more or less, so that nodes that started together don't go on so.
fn jittered(rng: &mut Rng) -> Millis {
    let tenth = KEEP_ALIVE.0 / 10;
    KEEP_ALIVE - Millis(tenth) + Millis(rng.next() % (2 * tenth + 1))
}
