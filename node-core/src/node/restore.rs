//! Going on after a start: what an earlier run wrote down, and what to mind until other nodes
//! have told what they know.
//!
//! An order of an earlier run could have been refused to a taker just before a crash, and that
//! refusal is nowhere written down: so requests from before the start are refused once more (the
//! boot barrier). And the store could be an older copy of itself: then pieces that seem free were
//! burned since. So an order of an earlier run neither makes nor takes until some peers have been
//! asked what this node signed last, and if that is more than the store knows, all of them are
//! closed.

use super::answers::MAX_ANSWERS;
use super::core::Node;
use super::durable::{Entry, Table};
use super::io::Event;
use super::stored::{self, RestoredOrder, RestoredTake};
use crate::collections::{BTreeMap, BTreeSet};
use crate::ledger::limits::SKEW;
use crate::ledger::{OrdWhy, Req, Statement, TradeRank, TradeRecord, TradeShare, Verifier};
use crate::mutations::Mutation;
use crate::types::{InvalidValue, Millis, NetworkId, NodeId, Now, OrderId, TakeId};

/// So many peers are asked what this node signed last, or as many as there are.
const PEERS_TO_ASK: usize = 3;
/// Peers that don't answer are waited for so long after the first of them came.
const ASKING_TIME: Millis = Millis::from_secs(30);

/// What there is to mind after a start from a store.
#[derive(Debug)]
pub(super) struct Boot {
    at: Now,
    /// When the earlier run signed last, by its clock, which may have gone back since.
    signed: Millis,
    /// Whether the earlier run left open orders or requests.
    any: bool,
    /// Peers whose whole knowledge has been compared with this node's.
    asked: BTreeSet<NodeId>,
    first_peer: Option<Millis>,
    /// Orders of the earlier run may trade, now or for good.
    up_to_date: bool,
    over: bool,
    behind: bool,
}

impl Boot {
    const fn new(at: Now) -> Self {
        Self {
            at,
            signed: Millis::ZERO,
            any: false,
            asked: BTreeSet::new(),
            first_peer: None,
            up_to_date: false,
            over: false,
            behind: false,
        }
    }

    /// Whether an earlier run may have answered a request of that time.
    fn is_before(&self, asked: Millis) -> bool {
        asked <= self.at.wall.max(self.signed) + SKEW && !Mutation::NoBootBarrier.is_on()
    }
}

/// What the trades of an earlier run leave to be done when all were taken in.
#[derive(Default)]
struct RestoredTrades {
    /// The trades of each own order.
    of_orders: BTreeMap<OrderId, BTreeSet<TradeRank>>,
    /// The last answers that this node gave.
    fills: BTreeMap<TradeRank, (TakeId, Statement)>,
    /// Whom this node traded with, and the first trade with each.
    partners: BTreeMap<NodeId, TradeRank>,
}

impl Node {
    /// Gives the node what an earlier run wrote down: all entries of the store, but of
    /// [`Table::Trades`] and [`Table::Others`] only some, orders before trades. They are taken in one
    /// by one, so it takes no more memory than the node has afterwards. To be called before
    /// [`start`](Self::start), also with an empty store: from then on the node has things written
    /// down.
    ///
    /// # Errors
    /// An entry that this version can't read; the node must not be started then.
    pub fn restore(
        &mut self,
        entries: impl IntoIterator<Item = Entry>,
        now: Now,
    ) -> Result<(), InvalidValue> {
        let verifier = Verifier::new(self.config.network.clone());
        let mut boot = Boot::new(now);
        let mut orders: Vec<RestoredOrder> = Vec::new();
        let mut takes: Vec<RestoredTake> = Vec::new();
        let mut trades: Option<RestoredTrades> = None;
        for entry in entries {
            match entry.table {
                Table::Meta if entry.key == stored::SEQUENCE => {
                    let (n, ts) = stored::read_sequence(&entry)?;
                    self.sequence.resume(n, ts);
                    boot.signed = ts;
                }
                Table::Meta if entry.key == stored::FORGOTTEN => {
                    self.answers.forget_until(stored::read_forgotten(&entry)?);
                }
                Table::Meta => {
                    if let Some(network) = stored::read_network(&entry) {
                        self.check_store_of(&network?)?;
                    }
                }
                Table::Proofs => {
                    let proof = stored::read_proof(&entry, &verifier)?;
                    self.market.apply_proof(proof, |_| false, now);
                }
                Table::Orders if trades.is_some() => {
                    let allowed = "an order before all trades";
                    return Err(InvalidValue::new(
                        "store.orders",
                        hex::encode(&entry.key),
                        allowed,
                    ));
                }
                Table::Orders => orders.push(stored::read_order(&entry, &verifier, now)?),
                Table::Takes => takes.push(stored::read_take(&entry, &verifier, now)?),
                Table::Fills | Table::Trades | Table::Others => {
                    let trades = trades.get_or_insert_with(|| {
                        boot.any = orders.iter().any(|order| order.own.is_open());
                        self.restore_orders(std::mem::take(&mut orders), now);
                        RestoredTrades::default()
                    });
                    let (trade, share) = stored::read_trade(&entry, &verifier)?;
                    self.restore_trade(trade, share, trades, now);
                }
            }
        }
        boot.any |= !takes.is_empty() || orders.iter().any(|order| order.own.is_open());
        boot.over = Mutation::NoBootBarrier.is_on();
        boot.up_to_date = boot.over;
        self.restore_orders(orders, now);
        self.finish_trades(trades.unwrap_or_default());
        self.restore_takes(takes, now);
        self.restore_plain_orders();
        self.boot = Some(boot);
        Ok(())
    }

    /// What was signed for one network means nothing in another.
    fn check_store_of(&mut self, network: &NetworkId) -> Result<(), InvalidValue> {
        if *network != self.config.network {
            let allowed = format!("{network}, of which the store is");
            let value = self.config.network.as_str();
            return Err(InvalidValue::new("network", value, allowed));
        }
        self.network_unsaved = false;
        Ok(())
    }

    fn restore_orders(&mut self, mut orders: Vec<RestoredOrder>, now: Now) {
        orders.sort_by_cached_key(|order| order.own.place.n);
        for RestoredOrder { id, own, said } in orders {
            let place = own.statement.clone();
            for fill in &own.unsigned {
                self.unsigned
                    .add_fill(&own.place.pair, fill.n, fill.trade.clone());
            }
            self.own.restore(id, own);
            for statement in std::iter::once(place).chain(said) {
                // What is over by now is refused, and remembered as own all the same.
                let own = &self.own;
                self.market.apply(statement, |id| own.contains(id), now);
            }
        }
        self.unsigned.sort_fills();
    }

    /// Takes in one trade of an earlier run. Of many the ledger remembers as few as ever.
    fn restore_trade(
        &mut self,
        trade: TradeRecord,
        share: TradeShare,
        restored: &mut RestoredTrades,
        now: Now,
    ) {
        let rank = trade.rank();
        for id in [trade.maker_order(), trade.taker_order()] {
            // It is written down twice: with its order, and in the history.
            if let Some(own) = self.own.get_mut(&id)
                && restored.of_orders.entry(id).or_default().insert(rank)
            {
                own.note_trade(&trade);
            }
        }
        if let Some(partner) = self.partner_in(&trade) {
            let first = restored.partners.entry(partner).or_insert(rank);
            *first = rank.min(*first);
        }
        if trade.fill().owner() == self.identity.node_id() {
            let fill = (trade.take_id(), trade.fill().clone());
            restored.fills.insert(rank, fill);
            if restored.fills.len() > MAX_ANSWERS
                && let Some((oldest, _)) = restored.fills.pop_first()
            {
                self.answers.forget_until(oldest.ts);
            }
        }
        // It was not too early when it was written down, whatever the clock shows now. Were it
        // set aside, its piece would be free until it is due.
        let signed = [trade.maker(), trade.taker(), trade.req(), trade.fill()];
        let latest = signed.map(Statement::ts).into_iter().max();
        let wall = now.wall.max(latest.unwrap_or_default());
        let own = &self.own;
        let now = Now { wall, ..now };
        self.market
            .restore_trade(share, trade, |id| own.contains(id), now);
    }

    /// Puts in order what came by other keys than the trades' ranks.
    fn finish_trades(&mut self, restored: RestoredTrades) {
        for (id, trades) in restored.of_orders {
            if let Some(own) = self.own.get_mut(&id) {
                own.trades = trades.into_iter().map(|trade| trade.id).collect();
            }
        }
        for (take, fill) in restored.fills.into_values() {
            self.answers.keep_fill(take, fill);
        }
        let partners = restored.partners.into_iter();
        let by_trade: BTreeMap<_, _> = partners.map(|(owner, first)| (first, owner)).collect();
        for partner in by_trade.into_values() {
            self.note_partner(partner);
        }
    }

    fn restore_takes(&mut self, takes: Vec<RestoredTake>, now: Now) {
        for RestoredTake { id, mut take } in takes {
            let Some(own) = self.own.get_mut(&take.order) else {
                continue;
            };
            own.held.insert(take.piece);
            own.takes.insert(id);
            take.schedule(now);
            self.takes.restore(id, take);
        }
    }

    /// Closes the orders of this node's own key that its store knows by a trade alone, as after it was
    /// lost and came back in part from other nodes: nobody can fill them any more.
    pub(super) fn close_left_behind(&mut self, now: Now) {
        let me = self.node_id();
        for (id, _) in self.market.ledger().inventory(&me, now.wall).entries {
            self.look_after_returned(id, now);
        }
    }

    /// Whether an own order must leave everything as it is: nothing can be written down, the clock
    /// is wrong, or it is an earlier run's and not yet known to be up to date.
    pub(super) fn must_not_commit(&self, id: &OrderId, now: Now) -> bool {
        let restored = self.own.get(id).is_some_and(|own| own.restored);
        self.store_failure.is_some()
            || self.check_clock(now).is_err()
            || (restored && !self.is_up_to_date())
    }

    /// Whether a request of that time for an earlier run's order has to be refused.
    pub(super) fn is_behind_barrier(&self, ts: Millis) -> bool {
        let before = |boot: &Boot| boot.is_before(ts);
        self.boot.as_ref().is_some_and(before) || !self.is_up_to_date()
    }

    /// Whether this node may have filled a request and not remember it, since the fill was
    /// forgotten or the store is behind. A refusal could then contradict that fill.
    pub(super) fn may_have_filled_before(&self, asked: &Req) -> bool {
        let Some(own) = self.own.get(&asked.maker) else {
            let before = |boot: &Boot| boot.is_before(asked.ts);
            return self.answers.may_have_forgotten(asked.ts)
                || self.boot.as_ref().is_some_and(before);
        };
        let unsure = |boot: &Boot| boot.is_before(asked.ts) && (boot.behind || !boot.up_to_date);
        own.restored && self.boot.as_ref().is_some_and(unsure)
    }

    /// Whether enough peers were asked for what this node signed last.
    pub(super) fn is_up_to_date(&self) -> bool {
        self.boot.as_ref().is_none_or(|boot| boot.up_to_date)
    }

    /// Whether there is nothing more to mind after a start.
    pub(super) fn is_boot_over(&self) -> bool {
        self.boot.as_ref().is_none_or(|boot| boot.over)
    }

    /// Looks whether orders of an earlier run may trade again.
    pub(super) fn look_after_boot(&mut self, now: Now) {
        let peers = self.peers.x1().count();
        let Some(boot) = self.boot.as_mut().filter(|boot| !boot.over) else {
            return;
        };
        if peers > 0 && boot.first_peer.is_none() {
            boot.first_peer = Some(now.mono);
        }
        let settled = now.mono.since(boot.at.mono) >= SKEW;
        let asked = boot.asked.len();
        let waited = |since| now.mono.since(since) >= ASKING_TIME;
        let enough = asked >= PEERS_TO_ASK
            || (asked > 0 && asked >= peers)
            || boot.first_peer.is_some_and(waited);
        // Who is alone can go on with its own orders: there is nobody who could know more.
        let alone = peers == 0 && boot.first_peer.is_none();
        boot.over = !boot.any || (settled && enough);
        boot.up_to_date = boot.over || (settled && alone);
    }

    /// Everything that a peer knows has been compared with what this node knows.
    pub(super) fn on_compared(&mut self, peer: NodeId, now: Now) {
        if let Some(boot) = self.boot.as_mut()
            && boot.asked.len() < PEERS_TO_ASK
        {
            boot.asked.insert(peer);
            self.hurry(now.mono);
        }
    }

    /// A statement of this node's own key came from outside. If neither the store nor this run
    /// knows its number, the store is behind what was signed.
    pub(super) fn notice_own(&mut self, statement: &Statement, now: Now) {
        let Some(n) = statement.n() else {
            return;
        };
        if !self.sequence.is_strange(n) || self.store_failure.is_some() {
            return;
        }
        self.sequence.jump_past(n, statement.ts());
        let Some(boot) = self.boot.as_mut().filter(|boot| !boot.behind) else {
            return;
        };
        boot.behind = true;
        let open = self.own.open().filter(|id| {
            let own = self.own.get(id);
            own.is_some_and(|own| own.restored)
        });
        let open: Vec<OrderId> = open.collect();
        self.counters.count("store_behind");
        self.event(Event::Error {
            code: "STORE_BEHIND".to_owned(),
            message: format!(
                "other nodes hold statements of this node that its store does not know, as after \
                 a backup was restored; its {} open orders from before the start are closed",
                open.len()
            ),
        });
        for id in open {
            self.close_order(&id, OrdWhy::Cancel, now);
        }
    }
}
