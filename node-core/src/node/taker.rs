//! The taker's side: which orders an own order takes from, and what becomes of its requests.

use super::core::Node;
use super::deliver::Detour;
use super::io::{ConnId, TimeInForce};
use super::legacy::MayMeet;
use super::market::UNSIGNED;
use super::own::{OwnOrder, REJECTED_LIMIT, Stage};
use super::portion::{Portion, least_to_ask};
use super::relay::Carried;
use super::takes::{FAILED_AFTER, IN_FLIGHT_LIMIT, Take, doubled};
use crate::ledger::limits::{LEAST_AMOUNT, VALID};
use crate::ledger::{OrdWhy, Payload, Piece, Req, Statement, TradeRecord};
use crate::mutations::Mutation;
use crate::orderbook::{OrderRef, SelfTrade};
use crate::protocol::PLAIN_PEERS;
use crate::types::{Amount, Millis, NodeId, Now, OrderId, TakeId};

/// The owner of the newer of two crossing orders has so long to act before the older's may.
const NEWER_MUST_ACT: Millis = Millis::from_secs(5);

/// A piece that was refused so often before waits after each further refusal.
const OFTEN: usize = 4;

/// What stands first against an own order.
#[derive(Debug)]
enum Opposite {
    /// Another own order: a trade without any request.
    Own(OrderRef),
    /// Another node's order.
    Foreign(OrderRef, NodeId),
    /// A legacy peer's order, which nobody signed: a trade without any request.
    Unsigned(OrderRef),
    /// An order of the same user, and the setting says to stop here.
    CancelsNewest,
}

impl Node {
    /// Takes whatever crosses an own order, best price first, as far as its free pieces reach.
    pub(super) fn match_own(&mut self, id: OrderId, now: Now) {
        if self.must_not_commit(&id, now) {
            self.after_match(id, now);
            return;
        }
        let outer = self.matching.replace(id);
        while let Some((opposite, gap)) = self.next_opposite(&id, now) {
            let went_on = match opposite {
                Opposite::Own(maker) => self.trade_locally(id, maker, gap, now),
                Opposite::Foreign(maker, owner) => self.request(id, maker, owner, gap, now),
                Opposite::Unsigned(theirs) => self.trade_unsigned(id, theirs, gap, now),
                Opposite::CancelsNewest => {
                    self.close_order(&id, OrdWhy::Cancel, now);
                    false
                }
            };
            if !went_on {
                break;
            }
        }
        self.matching = outer;
        self.after_match(id, now);
    }

    /// The first order that this one may take from now, and the piece that it may give.
    fn next_opposite(&mut self, id: &OrderId, now: Now) -> Option<(Opposite, Piece)> {
        let own = self.own.get(id).filter(|own| own.is_open())?;
        let state = self.market.ledger().order(id)?;
        let spare = own.spare(state);
        let first = *spare.first()?;
        let offer = own.offer(state);
        let only_makes = own.time_in_force == TimeInForce::Post;
        let may_request = own.takes.len() < IN_FLIGHT_LIMIT
            && own.rejected.len() < REJECTED_LIMIT
            && own.asks_after <= now.mono;
        let mut waits_for_newer = false;
        let mut waits_for_plain_book = false;
        let mut found = None;
        let (pair, side, limit) = (&own.place.pair, own.place.side, own.place.px);
        for maker in self.market.crossing(pair, side, limit) {
            if maker.owner == UNSIGNED {
                match self.may_meet_unsigned(own, &maker, now) {
                    MayMeet::Now => found = Some((Opposite::Unsigned(maker), first)),
                    MayMeet::Later => waits_for_plain_book = true,
                    MayMeet::Never => continue,
                }
                break;
            }
            if maker.id == *id || only_makes {
                continue;
            }
            if let Some(other) = self.own.get(&maker.id) {
                let same_user = other.place.u == own.place.u;
                match (same_user, self.config.self_trade) {
                    (true, SelfTrade::Skip) => continue,
                    (true, SelfTrade::CancelNewest) => {
                        found = Some((Opposite::CancelsNewest, first));
                        break;
                    }
                    _ => {}
                }
                let may_make = other.is_open()
                    && !self.must_not_commit(&maker.id, now)
                    && !self.takes.is_paused(&maker.id, now);
                let gives = |gap: &&Piece| self.own_portion(&maker.id, gap.len()).is_some();
                if may_make && let Some(gap) = spare.iter().find(gives) {
                    found = Some((Opposite::Own(maker), *gap));
                    break;
                }
                continue;
            }
            let Some(theirs) = self.market.ledger().order(&maker.id) else {
                continue;
            };
            let available = maker.open.saturating_sub(self.takes.asked_of(&maker.id));
            let least = least_to_ask(theirs.place().amt, maker.open);
            let Some(gap) = spare.iter().find(|gap| gap.len() >= least) else {
                // Too small for that order. Its owner takes this one.
                continue;
            };
            let asked_out = available.is_zero() || available < least;
            if !may_request || asked_out || self.takes.is_avoided(&maker.id, &theirs.owner(), now) {
                continue;
            }
            let least_of_own = least_to_ask(own.place.amt, offer);
            let theirs_can_not = offer.is_zero() || maker.open < least_of_own;
            if !theirs_can_not && !self.may_act(own, &maker, now) {
                waits_for_newer = true;
                continue;
            }
            found = Some((Opposite::Foreign(maker, theirs.owner()), *gap));
            break;
        }
        if PLAIN_PEERS {
            self.plain.set_delayed(*id, waits_for_plain_book);
        }
        if waits_for_newer
            && let Some(own) = self.own.get_mut(id)
            && own.act_at.is_none()
        {
            own.act_at = Some(now.mono + NEWER_MUST_ACT);
        }
        found
    }

    /// Of two crossing orders in the book the newer one's owner takes; the older one's may only
    /// after a while. An order that nobody has seen yet takes at once.
    fn may_act(&self, own: &OwnOrder, maker: &OrderRef, now: Now) -> bool {
        let own_key = (own.place.ts, OrderId::from(own.statement.hash()));
        own.stage == Stage::Placing
            || own_key > (maker.time, maker.id)
            || own.act_at.is_some_and(|at| at <= now.mono)
    }

    /// What an own order gives to another one that asks for so much.
    fn own_portion(&self, maker: &OrderId, asked: Amount) -> Option<Portion> {
        let state = self.market.ledger().order(maker)?;
        let own = self.own.get(maker)?;
        own.portion(state, asked, LEAST_AMOUNT).ok()
    }

    /// A trade of two own orders: the same record as any other, one key on both legs.
    fn trade_locally(&mut self, id: OrderId, maker: OrderRef, gap: Piece, now: Now) -> bool {
        let made = self.sign_locally(id, &maker, gap, now);
        let traded = made.is_some_and(|trade| {
            self.answers
                .keep_fill(trade.take_id(), trade.fill().clone());
            self.on_trade(&trade, None, now)
        });
        if !traded {
            // Not tried again at once, whatever was wrong: each try costs two signatures.
            self.takes.pause(maker.id, 0, Millis::ZERO, now);
        }
        traded
    }

    fn sign_locally(
        &mut self,
        id: OrderId,
        maker: &OrderRef,
        gap: Piece,
        now: Now,
    ) -> Option<TradeRecord> {
        let portion = self.own_portion(&maker.id, gap.len())?;
        let qty = portion.piece.len();
        let piece = Piece::at(gap.start(), qty).ok()?;
        let req = self.sign_req(&id, maker, piece, qty, now)?;
        let place = self.own.get(&id)?.statement.clone();
        self.sign_fill(&req, &place, portion, now)
    }

    /// Asks the owner of `maker` for a piece. The piece is held until there is an answer.
    fn request(
        &mut self,
        id: OrderId,
        maker: OrderRef,
        owner: NodeId,
        gap: Piece,
        now: Now,
    ) -> bool {
        let available = maker.open.saturating_sub(self.takes.asked_of(&maker.id));
        let qty = gap.len().min(available);
        let Some(own) = self.own.get(&id) else {
            return false;
        };
        let min = match own.time_in_force {
            TimeInForce::Fok => qty,
            _ => LEAST_AMOUNT,
        };
        let Ok(piece) = Piece::at(gap.start(), qty) else {
            return false;
        };
        let Some(req) = self.sign_req(&id, &maker, piece, min, now) else {
            return false;
        };
        let take_id = TakeId::from(req.hash());
        let Some(place) = self.market.ledger().order(&maker.id) else {
            return false;
        };
        let place = place.statement().clone();
        let Some(own) = self.own.get_mut(&id) else {
            return false;
        };
        own.held.insert(piece);
        own.takes.insert(take_id);
        let mut take = Take {
            order: id,
            maker: maker.id,
            owner,
            place,
            piece,
            req,
            attempt: 0,
            resend_at: now.mono,
        };
        take.schedule(now);
        self.hurry(take.resend_at);
        self.takes.insert(take_id, take);
        self.send_take(&take_id, Detour::None, now);
        true
    }

    fn sign_req(
        &mut self,
        id: &OrderId,
        maker: &OrderRef,
        piece: Piece,
        min: Amount,
        now: Now,
    ) -> Option<Statement> {
        let (n, ts) = self.sequence.next(now);
        let own = self.own.get(id)?;
        let freed = own.freed_for(&piece);
        let req = Req {
            n,
            ts,
            until: ts + VALID,
            order: *id,
            at: piece.start(),
            qty: piece.len(),
            min,
            lim: own.place.px,
            maker: maker.id,
            freed: freed.iter().map(Statement::raw).collect(),
        };
        match self.sign(Payload::Req(req)) {
            Ok(statement) => Some(statement),
            Err(_) => {
                self.counters.count("own_statement_refused");
                None
            }
        }
    }

    /// Sends a request's bytes, the same each time.
    fn send_take(&mut self, take_id: &TakeId, detour: Detour, now: Now) {
        let Some(take) = self.takes.get(take_id) else {
            return;
        };
        let Some(own) = self.own.get(&take.order) else {
            return;
        };
        let body = Carried::Take {
            req: take.req.clone(),
            place: own.statement.clone(),
        };
        let owner = take.owner;
        self.deliver(owner, body, detour, now);
    }

    /// Sends again what waits for the answer of a node that has just (re)appeared.
    pub(super) fn resend_takes_of(&mut self, owner: NodeId, now: Now) {
        for take_id in self.takes.to_resend(Some(owner), now) {
            self.send_take(&take_id, Detour::None, now);
        }
    }

    /// Sends again what is due, each time by other ways as well.
    pub(super) fn resend_due_takes(&mut self, now: Now) {
        for take_id in self.takes.to_resend(None, now) {
            let Some(take) = self.takes.get_mut(&take_id) else {
                continue;
            };
            take.schedule(now);
            let (attempt, owner, order) = (take.attempt, take.owner, take.order);
            self.send_take(&take_id, Detour::of_sending(attempt), now);
            if attempt == FAILED_AFTER {
                self.counters.count("take_unanswered");
                self.takes.failed(owner, now);
                if Mutation::HoldsTimeOut.is_on() {
                    self.resolve(&take_id, None, now);
                }
                // The rest of the order looks elsewhere.
                self.match_own(order, now);
            }
        }
    }

    /// A maker's answer to a request of this node.
    pub(super) fn on_answer(&mut self, answer: Statement, from: Option<ConnId>, now: Now) {
        if self.store_failure.is_some() {
            // It comes again, as its request does.
            self.counters.count("store_failing");
            return;
        }
        if let Some(fill) = answer.as_fill() {
            let take = self.takes.get(&fill.take);
            let asked = take.and_then(|take| Some((take, self.own.get(&take.order)?)));
            let Some((take, own)) = asked else {
                self.counters.count("answer_unasked");
                return;
            };
            let (maker, taker) = (take.place.clone(), own.statement.clone());
            match TradeRecord::new(maker, taker, take.req.clone(), answer) {
                Ok(trade) => {
                    self.on_trade(&trade, from, now);
                }
                Err(error) => self.counters.count(error.reason()),
            }
        } else if let Some(rej) = answer.as_rej() {
            let take_id = rej.take;
            let asked = self.takes.get(&take_id);
            if asked.is_none_or(|take| take.owner != answer.owner()) {
                self.counters.count("answer_unasked");
                return;
            }
            self.counters.count("take_refused");
            self.resolve(&take_id, Some(answer), now);
        } else {
            self.counters.count("answer_malformed");
        }
    }

    /// A request has its answer: its piece is free again, but for what the fill burned.
    pub(super) fn resolve(&mut self, take_id: &TakeId, rej: Option<Statement>, now: Now) {
        let Some(take) = self.takes.remove(take_id) else {
            return;
        };
        self.takes.answered(&take.owner);
        if rej.is_none() {
            self.takes.resume(&take.maker);
        }
        if let Some(own) = self.own.get_mut(&take.order) {
            own.takes.remove(take_id);
            own.held.remove(take.piece);
            if let Some(rej) = rej {
                if let Some(refusal) = rej.as_rej() {
                    let freed = own.freed_for(&take.piece);
                    let before = freed.iter().filter(|it| it.owner() == rej.owner());
                    let before = before.count();
                    if let Some(excess) = freed.len().checked_sub(OFTEN) {
                        own.asks_after = now.mono + doubled(excess);
                    }
                    self.takes.refused(take.maker, &refusal.why, before, now);
                }
                own.rejected.push((take.piece, rej));
                self.own.mark_changed(&take.order);
            }
        }
        self.match_own(take.order, now);
    }
}
