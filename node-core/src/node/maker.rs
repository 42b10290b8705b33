//! The maker's side: answering requests for pieces of this node's orders.
//!
//! The signed `fill` is the commit point of a trade. It leaves in the same batch in which it was
//! decided, after everything else of the batch was applied.

use super::core::Node;
use super::deliver::Detour;
use super::own::Stage;
use super::peers::Share;
use super::portion::{Nothing, Portion};
use super::relay::Carried;
use crate::ledger::limits::{SKEW, VALID};
use crate::ledger::{Fill, Payload, Piece, Place, Rej, RejWhy, Req, Statement, TradeRecord};
use crate::types::{Amount, Millis, NodeId, Now, OrderId, TakeId};

/// Requests that wait until a request of this node to the same order is answered.
pub(super) const POSTPONED_LIMIT: usize = 64;

/// A request that waits for this node's own request to the same order.
#[derive(Debug)]
pub(super) struct Postponed {
    pub(super) req: Statement,
    pub(super) place: Statement,
    pub(super) until: Millis,
    /// The party whose session brought it.
    pub(super) share: Option<Share>,
}

/// Why a request is refused.
struct Refusal {
    why: RejWhy,
    /// What is free of the order, where that helps.
    open: Option<Amount>,
    /// The same request will be refused whenever it comes again, so nothing has to be remembered of
    /// this refusal. Requests for orders that never were are free to make.
    lasting: bool,
}

impl Refusal {
    /// For now: the answer has to be remembered, so that the same request is not filled later.
    const fn passing(why: RejWhy) -> Self {
        Self {
            why,
            open: None,
            lasting: false,
        }
    }

    /// For good, by what cannot change any more.
    const fn lasting(why: RejWhy) -> Self {
        Self {
            why,
            open: None,
            lasting: true,
        }
    }
}

/// What a maker does with a request.
enum Verdict {
    /// Fill this part of the order.
    Fill(Portion),
    Refuse(Refusal),
    /// Answer when this node's own request to the taker's order is answered.
    Postpone,
}

impl Node {
    /// A request for a piece of an own order. `share` is the party whose session brought it. Returns
    /// whether it was refused for good, so that it should not have been made.
    pub(super) fn on_take(
        &mut self,
        req: Statement,
        place: Statement,
        share: Option<Share>,
        now: Now,
    ) -> bool {
        if self.store_failure.is_some() {
            // An answer that is not written down must not be given. The request comes again.
            self.counters.count("store_failing");
            return false;
        }
        let taker = req.owner();
        if taker == self.identity.node_id() {
            // Trades of two own orders need no asking: somebody sends what is not theirs.
            self.counters.count("take_of_own");
            return false;
        }
        let take_id = TakeId::from(req.hash());
        if let Some(answer) = self.answers.get(&take_id) {
            self.counters.count("take_repeated");
            let answer = answer.clone();
            self.answer(taker, &answer, now);
            return false;
        }
        let (Some(asked), Some(taking)) = (req.as_req(), place.as_place()) else {
            self.counters.count("take_malformed");
            return false;
        };
        if asked.order != OrderId::from(place.hash()) || place.owner() != taker {
            self.counters.count("take_malformed");
            return false;
        }
        if asked.ts > now.wall + SKEW {
            // Not refused: nothing would remember that refusal after a restart, when it is due.
            self.counters.count("take_early");
            return false;
        }
        if self.may_have_filled_before(asked) {
            self.counters.count("take_of_forgotten_order");
            return false;
        }
        let verdict = self.judge(taker, asked, taking, now);
        let doomed = matches!(&verdict, Verdict::Refuse(refusal) if refusal.lasting);
        match verdict {
            Verdict::Fill(portion) => match self.sign_fill(&req, &place, portion, now) {
                Some(trade) => {
                    let fill = trade.fill().clone();
                    self.answers.keep_fill(take_id, fill.clone());
                    self.answer(taker, &fill, now);
                    self.on_trade(&trade, None, now);
                }
                None => {
                    let refusal = Refusal::passing(RejWhy::Malformed);
                    self.refuse(taker, asked, take_id, refusal, share, now);
                }
            },
            Verdict::Refuse(refusal) => self.refuse(taker, asked, take_id, refusal, share, now),
            Verdict::Postpone => {
                if self.postponed.len() < POSTPONED_LIMIT {
                    let until = asked.until;
                    self.postponed.push(Postponed {
                        req,
                        place,
                        until,
                        share,
                    });
                } else {
                    let refusal = Refusal::passing(RejWhy::Busy);
                    self.refuse(taker, asked, take_id, refusal, share, now);
                }
            }
        }
        doomed
    }

    fn judge(&self, taker: NodeId, asked: &Req, taking: &Place, now: Now) -> Verdict {
        let refuse = |why| Verdict::Refuse(Refusal::passing(why));
        let never = |why| Verdict::Refuse(Refusal::lasting(why));
        let state = self.market.ledger().order(&asked.maker);
        let (Some(own), Some(state)) = (self.own.get(&asked.maker), state) else {
            // Its id is the hash of its `place`, so no order of this id will be placed later.
            return never(RejWhy::Unknown);
        };
        if own.stage == Stage::Cancelled {
            return never(RejWhy::Closed);
        }
        if own.stage != Stage::Published || own.place.exp <= now.wall {
            return refuse(RejWhy::Closed);
        }
        if !own.place.is_opposite(taking) {
            return refuse(RejWhy::Malformed);
        }
        if self.market.ledger().is_revoked(&taker) {
            return refuse(RejWhy::Revoked);
        }
        if own.restored && self.is_behind_barrier(asked.ts) {
            return refuse(RejWhy::Boot);
        }
        if asked.until > asked.ts + VALID {
            return never(RejWhy::Expired);
        }
        if taking.exp <= now.wall {
            return refuse(RejWhy::Expired);
        }
        if asked.until + SKEW < now.wall {
            return refuse(RejWhy::Expired);
        }
        if self.is_behind_itself(now) {
            // This node would set its own fill aside as too early, and sell the piece once more.
            return refuse(RejWhy::Busy);
        }
        let crosses = match own.place.side {
            crate::types::Side::Buy => asked.lim <= own.place.px,
            crate::types::Side::Sell => asked.lim >= own.place.px,
        };
        if !crosses {
            return never(RejWhy::Price);
        }
        if self.has_burned(&asked.order, asked) {
            return refuse(RejWhy::Gone);
        }
        if self.takes.is_asking(&asked.maker, &asked.order) {
            // Both owners ask each other at once: the newer order's request goes through, and
            // this order waits for the answer to its own only if it is the older one.
            let own_key = (own.place.ts, asked.maker);
            return match own_key > (taking.ts, asked.order) {
                true => refuse(RejWhy::Busy),
                false => Verdict::Postpone,
            };
        }
        match own.portion(state, asked.qty, asked.min) {
            Ok(portion) => Verdict::Fill(portion),
            Err(nothing) => {
                let why = match nothing {
                    Nothing::Gone => RejWhy::Gone,
                    Nothing::Small => RejWhy::Small,
                };
                Verdict::Refuse(Refusal {
                    open: Some(own.offer(state)),
                    ..Refusal::passing(why)
                })
            }
        }
    }

    /// Whether the taker's piece is burned already, as far as this node knows.
    fn has_burned(&self, order: &OrderId, asked: &Req) -> bool {
        let Ok(piece) = Piece::at(asked.at, asked.qty) else {
            return true;
        };
        let state = self.market.ledger().order(order);
        state.is_some_and(|state| state.burned().overlaps(&piece))
    }

    /// Signs the fill of a part of an own order, and makes the trade of it. `None` if the request
    /// does not fit its order.
    pub(super) fn sign_fill(
        &mut self,
        req: &Statement,
        taker: &Statement,
        portion: Portion,
        now: Now,
    ) -> Option<TradeRecord> {
        let (maker, until) = req.as_req().map(|asked| (asked.maker, asked.until))?;
        let own = self.own.get(&maker)?;
        let state = self.market.ledger().order(&maker)?;
        let (statement, price) = (own.statement.clone(), own.place.px);
        let Portion {
            piece: burned,
            last,
        } = portion;
        let open = match last {
            true => Amount::ZERO,
            false => own.offer_without(state, burned),
        };
        let freed = own.freed_for(&burned);
        let freed = freed.iter().map(Statement::raw).collect();
        // Dated within the request's own time, so that it counts at once though this clock is ahead.
        let wall = now.wall.min(until);
        let (n, ts) = self.sequence.next(Now { wall, ..now });
        let fill = Fill {
            n,
            ts,
            take: TakeId::from(req.hash()),
            id: maker,
            at: burned.start(),
            qty: burned.len(),
            px: price,
            open,
            last,
            freed,
        };
        let made = self
            .sign(Payload::Fill(fill))
            .ok()
            .and_then(|fill| TradeRecord::new(statement, taker.clone(), req.clone(), fill).ok());
        if made.is_none() {
            self.counters.count("take_malformed");
        }
        made
    }

    fn refuse(
        &mut self,
        taker: NodeId,
        asked: &Req,
        take_id: TakeId,
        refusal: Refusal,
        share: Option<Share>,
        now: Now,
    ) {
        let Refusal { why, open, lasting } = refusal;
        if !lasting && !self.answers.has_room(&share) {
            self.counters.count("answers_full");
            return;
        }
        let over = asked.until + SKEW + SKEW;
        let ts = self.sequence.stamp(now);
        let rej = Rej {
            ts,
            take: take_id,
            why,
            open,
        };
        let Ok(rej) = self.sign(Payload::Rej(rej)) else {
            self.counters.count("own_statement_refused");
            return;
        };
        self.counters.count("take_refused_by_us");
        if !lasting {
            self.answers.keep_refusal(take_id, rej.clone(), over, share);
        }
        self.answer(taker, &rej, now);
    }

    fn answer(&mut self, taker: NodeId, answer: &Statement, now: Now) {
        self.deliver(taker, Carried::Answer(answer.clone()), Detour::None, now);
    }

    /// Answers the requests that waited for an answer to this node's own, where it has come.
    pub(super) fn answer_postponed(&mut self, now: Now) {
        let takes = &self.takes;
        let is_free = |postponed: &Postponed| {
            let asked = postponed.req.as_req();
            asked.is_none_or(|asked| !takes.is_asking(&asked.maker, &asked.order))
                || postponed.until + SKEW < now.wall
        };
        let (ready, waiting): (Vec<_>, Vec<_>) = self.postponed.drain(..).partition(is_free);
        self.postponed = waiting;
        for Postponed {
            req, place, share, ..
        } in ready
        {
            self.on_take(req, place, share, now);
        }
    }
}
