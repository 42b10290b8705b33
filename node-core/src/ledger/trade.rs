//! A trade: the four statements that prove it to anybody.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::mutations::Mutation;
use crate::types::{Amount, Millis, NodeId, OrderId, Pair, Price, Side, TakeId, TradeId};

use super::limits::SKEW;
use super::smallest::smallest_piece;
use super::{Fill, Piece, Place, PlaceTif, RawStatement, Req, Statement, StatementError};

/// Why four statements are no trade.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TradeError {
    /// One of the statements does not count by itself.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// They are not two `place`, a `req` and a `fill`, in this order.
    #[error("a trade is the maker's place, the taker's place, a req and a fill")]
    Kinds,
    /// The `fill` is not the maker's, or the `req` not the taker's.
    #[error("{0} is not signed by its order's owner")]
    Owner(&'static str),
    /// One statement names another than the one that came with it.
    #[error("{0} does not name the statement that came with it")]
    Link(&'static str),
    /// The two orders are of different pairs.
    #[error("the two orders are of different pairs")]
    Pair,
    /// The two orders are on the same side.
    #[error("the two orders are on the same side")]
    Side,
    /// A post-only order took, or an IOC order was taken from.
    #[error("the {0}'s time in force does not allow it")]
    TimeInForce(&'static str),
    /// The price is not the maker's, or worse than the taker's limit.
    #[error("the price is not the maker's within the taker's limit")]
    Price,
    /// The amount is more than was asked for, or less than the least that was asked for.
    #[error("the amount is not within what was asked for")]
    Amount,
    /// The amount is below the maker's smallest piece, and the fill does not close its order.
    #[error("the amount is below the smallest piece of the maker's order, which stays open")]
    Small,
    /// A burned piece is not inside its order.
    #[error("the {0}'s piece is not inside its order")]
    Piece(&'static str),
    /// The `fill` came before its `req`, too late for it, or after an order's end.
    #[error("the fill is not dated within the req's and both orders' time")]
    Time,
    /// An owner's later statement has no larger `n`, or an earlier date.
    #[error("the {0}'s statements are not in sequence")]
    Sequence(&'static str),
}

impl TradeError {
    /// The stable label under which it is counted.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Statement(error) => error.reason(),
            Self::Kinds => "trade_kinds",
            Self::Owner(_) => "trade_owner",
            Self::Link(_) => "trade_link",
            Self::Pair => "trade_pair",
            Self::Side => "trade_side",
            Self::TimeInForce(_) => "trade_time_in_force",
            Self::Price => "trade_price",
            Self::Amount => "trade_amount",
            Self::Small => "trade_small",
            Self::Piece(_) => "trade_piece",
            Self::Time => "trade_time",
            Self::Sequence(_) => "trade_sequence",
        }
    }
}

/// A trade's place among others, oldest first: by the date of its fill and, within a millisecond, by
/// the number of the request. So the trades of one order that takes from several stand in the
/// order in which it asked for them. The id decides between trades of different takers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TradeRank {
    /// When it was filled.
    pub ts: Millis,
    /// The `n` of its `req`.
    pub asked: u64,
    /// Its id.
    pub id: TradeId,
}

impl TradeRank {
    /// The length of [`Self::key`].
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) const KEY: usize = 48;

    /// Bytes in whose order trades stand as their ranks do.
    pub(crate) fn key(&self) -> Vec<u8> {
        let Self { ts, asked, id } = self;
        let (ts, asked) = (ts.0.to_be_bytes(), asked.to_be_bytes());
        [ts.as_slice(), &asked, &id.0].concat()
    }
}

/// A trade as it came: nothing is checked but its outer shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTrade {
    /// The maker's `place`.
    pub maker: RawStatement,
    /// The taker's `place`.
    pub taker: RawStatement,
    /// The taker's `req`.
    pub req: RawStatement,
    /// The maker's `fill`.
    pub fill: RawStatement,
}

impl RawTrade {
    /// All four statements.
    pub(crate) const fn parts(&self) -> [&RawStatement; 4] {
        [&self.maker, &self.taker, &self.req, &self.fill]
    }
}

/// A verified trade: all that can be checked without knowing anything else holds. A trade of two
/// orders of one node is the same record, with one key on both sides. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeRecord(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    maker: Statement,
    taker: Statement,
    req: Statement,
    fill: Statement,
    pair: Pair,
    price: Price,
    taker_side: Side,
    maker_order: OrderId,
    taker_order: OrderId,
    maker_piece: Piece,
    taker_piece: Piece,
}

impl TradeRecord {
    /// Checks that the four statements make a trade.
    ///
    /// # Errors
    /// The first rule that they break; see [`TradeError`].
    pub fn new(
        maker: Statement,
        taker: Statement,
        req: Statement,
        fill: Statement,
    ) -> Result<Self, TradeError> {
        let (Some(m), Some(t), Some(r), Some(f)) = (
            maker.as_place(),
            taker.as_place(),
            req.as_req(),
            fill.as_fill(),
        ) else {
            return Err(TradeError::Kinds);
        };
        if maker.owner() != fill.owner() {
            return Err(TradeError::Owner("fill"));
        }
        if taker.owner() != req.owner() {
            return Err(TradeError::Owner("req"));
        }
        let (maker_order, taker_order) = (OrderId::from(maker.hash()), taker.hash().into());
        check_links(r, f, maker_order, taker_order, req.hash().into())?;
        check_terms(m, t, r, f)?;
        check_times(m, t, r, f)?;
        let piece = |at, order: &Place, side| {
            let piece = Piece::at(at, f.qty).ok();
            piece
                .filter(|piece| piece.end() <= order.amt)
                .ok_or(TradeError::Piece(side))
        };
        let maker_piece = piece(f.at, m, "maker")?;
        let taker_piece = piece(r.at, t, "taker")?;
        let (pair, price, taker_side) = (m.pair.clone(), f.px, t.side);
        Ok(Self(Arc::new(Inner {
            maker,
            taker,
            req,
            fill,
            pair,
            price,
            taker_side,
            maker_order,
            taker_order,
            maker_piece,
            taker_piece,
        })))
    }

    /// The refusals that it embeds, each with the owner who counts its own take as refused by it.
    pub fn freed(&self) -> impl Iterator<Item = (&Statement, NodeId)> {
        [self.req(), self.fill()].into_iter().flat_map(|statement| {
            let by = statement.owner();
            statement.freed().iter().map(move |rej| (rej, by))
        })
    }

    /// The trade's id, equal on all nodes.
    #[must_use]
    pub fn id(&self) -> TradeId {
        self.0.fill.hash().into()
    }

    /// The take that it answers.
    #[must_use]
    pub fn take_id(&self) -> TakeId {
        self.0.req.hash().into()
    }

    /// The traded amount of base.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.0.maker_piece.len()
    }

    /// The price, which is the maker's.
    #[must_use]
    pub fn price(&self) -> Price {
        self.0.price
    }

    /// What was traded.
    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.0.pair
    }

    /// Its place among all trades, oldest first, equal on all nodes. See [`TradeRank`].
    #[must_use]
    pub fn rank(&self) -> TradeRank {
        TradeRank {
            ts: self.ts(),
            asked: self.0.req.n().unwrap_or(0),
            id: self.id(),
        }
    }

    /// When the maker committed it, by the maker's clock since the Unix epoch.
    #[must_use]
    pub fn ts(&self) -> Millis {
        self.0.fill.ts()
    }

    /// The maker's order.
    #[must_use]
    pub fn maker_order(&self) -> OrderId {
        self.0.maker_order
    }

    /// The taker's order.
    #[must_use]
    pub fn taker_order(&self) -> OrderId {
        self.0.taker_order
    }

    /// The bid.
    #[must_use]
    pub fn buy_order(&self) -> OrderId {
        match self.0.taker_side {
            Side::Buy => self.0.taker_order,
            Side::Sell => self.0.maker_order,
        }
    }

    /// The ask.
    #[must_use]
    pub fn sell_order(&self) -> OrderId {
        match self.0.taker_side {
            Side::Buy => self.0.maker_order,
            Side::Sell => self.0.taker_order,
        }
    }

    /// What it burns of the maker's order.
    #[must_use]
    pub fn maker_piece(&self) -> Piece {
        self.0.maker_piece
    }

    /// What it burns of the taker's order.
    #[must_use]
    pub fn taker_piece(&self) -> Piece {
        self.0.taker_piece
    }

    /// The side of the taker's order.
    #[must_use]
    pub fn taker_side(&self) -> Side {
        self.0.taker_side
    }

    /// The maker's `place`.
    #[must_use]
    pub fn maker(&self) -> &Statement {
        &self.0.maker
    }

    /// The taker's `place`.
    #[must_use]
    pub fn taker(&self) -> &Statement {
        &self.0.taker
    }

    /// The taker's `req`.
    #[must_use]
    pub fn req(&self) -> &Statement {
        &self.0.req
    }

    /// The maker's `fill`.
    #[must_use]
    pub fn fill(&self) -> &Statement {
        &self.0.fill
    }

    /// The wire's JSON object, which reads as a [`RawTrade`].
    #[must_use]
    pub fn wire(&self) -> String {
        let Inner {
            maker,
            taker,
            req,
            fill,
            ..
        } = &*self.0;
        format!(
            r#"{{"maker":{},"taker":{},"req":{},"fill":{}}}"#,
            maker.wire(),
            taker.wire(),
            req.wire(),
            fill.wire()
        )
    }

    /// The trade as it goes into other structures.
    #[must_use]
    pub fn raw(&self) -> RawTrade {
        RawTrade {
            maker: self.0.maker.raw(),
            taker: self.0.taker.raw(),
            req: self.0.req.raw(),
            fill: self.0.fill.raw(),
        }
    }
}

fn check_links(
    req: &Req,
    fill: &Fill,
    maker: OrderId,
    taker: OrderId,
    take: TakeId,
) -> Result<(), TradeError> {
    if fill.take != take {
        return Err(TradeError::Link("fill.take"));
    }
    if fill.id != maker {
        return Err(TradeError::Link("fill.id"));
    }
    if req.order != taker {
        return Err(TradeError::Link("req.order"));
    }
    if req.maker != maker {
        return Err(TradeError::Link("req.maker"));
    }
    Ok(())
}

fn check_terms(maker: &Place, taker: &Place, req: &Req, fill: &Fill) -> Result<(), TradeError> {
    if !maker.is_opposite(taker) {
        return Err(match maker.pair == taker.pair {
            true => TradeError::Side,
            false => TradeError::Pair,
        });
    }
    if taker.tif == PlaceTif::Post {
        return Err(TradeError::TimeInForce("taker"));
    }
    if maker.tif == PlaceTif::Ioc {
        return Err(TradeError::TimeInForce("maker"));
    }
    // The request's limit is the node's, the order's price is its user's: both must hold.
    let within = match taker.side {
        Side::Buy => fill.px <= req.lim && req.lim <= taker.px,
        Side::Sell => fill.px >= req.lim && req.lim >= taker.px,
    };
    if fill.px != maker.px || !within {
        return Err(TradeError::Price);
    }
    if fill.qty > req.qty || fill.qty < req.min {
        return Err(TradeError::Amount);
    }
    let small = fill.qty < smallest_piece(maker.amt) && !fill.last;
    if small && !Mutation::DustFills.is_on() {
        return Err(TradeError::Small);
    }
    Ok(())
}

fn check_times(maker: &Place, taker: &Place, req: &Req, fill: &Fill) -> Result<(), TradeError> {
    let early = fill.ts + SKEW < req.ts;
    let late = fill.ts > req.until + SKEW;
    if early || late || fill.ts >= maker.exp || fill.ts >= taker.exp {
        return Err(TradeError::Time);
    }
    if fill.n <= maker.n || fill.ts < maker.ts {
        return Err(TradeError::Sequence("maker"));
    }
    if req.n <= taker.n || req.ts < taker.ts {
        return Err(TradeError::Sequence("taker"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Draft, amount, network, price, sign};
    use super::super::{Payload, Verifier};
    use super::*;
    use crate::types::Millis;

    #[test]
    fn an_honest_trade_holds_and_says_what_was_traded() {
        let draft = Draft::new();
        let trade = draft.clone().trade().unwrap();
        let [maker, taker, req, fill] = draft.statements();
        assert_eq!(trade.maker_order(), maker.order_id().unwrap());
        assert_eq!(trade.taker_order(), taker.order_id().unwrap());
        assert_eq!(trade.sell_order(), trade.maker_order());
        assert_eq!(trade.buy_order(), trade.taker_order());
        assert_eq!(Some(trade.take_id()), req.take_id());
        assert_eq!(Some(trade.id()), fill.trade_id());
        assert_eq!(trade.amount(), amount("4"));
        assert_eq!(trade.price(), price("100"));
        assert_eq!(trade.taker_side(), Side::Buy);
        let piece = |from, to| Piece::new(amount(from), amount(to)).unwrap();
        assert_eq!(trade.maker_piece(), piece("0", "4"));
        assert_eq!(trade.taker_piece(), piece("1", "5"));
    }

    #[test]
    fn a_trade_verifies_from_its_own_bytes_and_no_others() {
        let trade = Draft::new().trade().unwrap();
        let raw: RawTrade = serde_json::from_str(&trade.wire()).unwrap();
        assert_eq!(raw, trade.raw());
        let verified = Verifier::new(network()).verify_trade(raw.clone()).unwrap();
        assert_eq!(verified, trade);
        let mut bad = raw;
        bad.fill.s.0[0] ^= 1;
        let error = Verifier::new(network()).verify_trade(bad).unwrap_err();
        assert!(matches!(error, TradeError::Statement(_)));
    }

    #[test]
    fn two_orders_of_one_node_make_the_same_record() {
        let mut draft = Draft::new();
        draft.keys = [1; 4];
        draft.taker.n = 2;
        draft.req.n = 3;
        draft.fill.n = 4;
        assert!(draft.trade().is_ok());
    }

    #[test]
    fn a_fill_may_come_up_to_the_skew_after_the_req_and_before_it() {
        for ts in [17_000, 1_000] {
            let mut draft = Draft::new();
            draft.fill.ts = Millis(ts);
            draft.req.ts = Millis(5_000);
            assert!(draft.trade().is_ok());
        }
    }

    #[test]
    fn a_fill_below_the_smallest_piece_must_close_its_order() {
        let mut draft = Draft::new();
        draft.req.min = amount("0.00000001");
        draft.fill.qty = amount("0.01");
        assert!(draft.clone().trade().is_ok(), "a thousandth of 10");
        draft.fill.qty = amount("0.00000001");
        assert_eq!(draft.clone().trade().unwrap_err(), TradeError::Small);
        (draft.fill.last, draft.fill.open) = (true, Amount::ZERO);
        assert!(draft.trade().is_ok());
    }

    #[test]
    fn a_large_order_takes_any_small_one() {
        let mut draft = Draft::new();
        draft.maker.amt = amount("0.5");
        draft.taker.amt = amount("1000000");
        (draft.req.qty, draft.req.min) = (amount("0.5"), amount("0.5"));
        (draft.fill.qty, draft.fill.open) = (amount("0.5"), Amount::ZERO);
        assert!(draft.trade().is_ok());
    }

    #[test]
    fn statements_of_other_kinds_are_no_trade() {
        let [maker, taker, req, fill] = Draft::new().statements();
        let error = TradeRecord::new(maker, taker, fill, req).unwrap_err();
        assert_eq!(error, TradeError::Kinds);
    }

    #[test]
    fn each_rule_of_a_trade_refuses_exactly_what_breaks_it() {
        type Change = fn(&mut Draft);
        let foreign = |draft: &mut Draft| {
            draft.maker.n = 0;
            sign(1, Payload::Place(draft.maker.clone()))
        };
        let other_order = foreign(&mut Draft::new()).order_id().unwrap();
        let cases: [(TradeError, Change); 28] = [
            (TradeError::Owner("fill"), |d| d.keys[3] = 3),
            (TradeError::Owner("req"), |d| d.keys[2] = 3),
            (TradeError::Link("fill.take"), |d| d.fill.take.0[0] = 1),
            (TradeError::Link("fill.id"), |d| d.fill.id.0[0] = 1),
            (TradeError::Link("req.order"), |d| d.req.order.0[0] = 1),
            (TradeError::Link("req.maker"), |d| d.req.maker.0[0] = 1),
            (TradeError::Pair, |d| {
                d.taker.pair = "ETH/USD".parse().unwrap();
            }),
            (TradeError::Side, |d| d.taker.side = Side::Sell),
            (TradeError::TimeInForce("taker"), |d| {
                d.taker.tif = PlaceTif::Post;
            }),
            (TradeError::TimeInForce("maker"), |d| {
                d.maker.tif = PlaceTif::Ioc;
                d.maker.rest = false;
            }),
            (TradeError::Price, |d| d.fill.px = price("99")),
            (TradeError::Price, |d| d.fill.px = price("101")),
            (TradeError::Price, |d| d.req.lim = price("99")),
            (TradeError::Price, |d| d.req.lim = price("101")),
            (TradeError::Price, |d| {
                d.maker.px = price("101");
                d.fill.px = price("101");
            }),
            (TradeError::Price, |d| {
                (d.maker.side, d.taker.side) = (Side::Buy, Side::Sell);
                d.req.lim = price("101");
            }),
            (TradeError::Amount, |d| d.fill.qty = amount("4.00000001")),
            (TradeError::Amount, |d| d.fill.qty = amount("0.99999999")),
            (TradeError::Small, |d| {
                d.req.min = amount("0.00999999");
                d.fill.qty = amount("0.00999999");
            }),
            (TradeError::Piece("maker"), |d| {
                d.fill.at = amount("6.00000001");
            }),
            (TradeError::Piece("taker"), |d| {
                d.req.at = amount("6.00000001");
            }),
            (TradeError::Time, |d| d.fill.ts = Millis(17_001)),
            (TradeError::Time, |d| {
                d.req.ts = Millis(12_501);
                d.req.until = Millis(15_000);
            }),
            (TradeError::Time, |d| d.maker.exp = Millis(2_500)),
            (TradeError::Time, |d| d.taker.exp = Millis(2_500)),
            (TradeError::Sequence("maker"), |d| d.fill.n = 1),
            (TradeError::Sequence("taker"), |d| d.req.n = 1),
            (TradeError::Sequence("maker"), |d| {
                d.maker.ts = Millis(2_501);
            }),
        ];
        for (i, (error, change)) in cases.into_iter().enumerate() {
            let mut draft = Draft::new();
            change(&mut draft);
            assert_eq!(draft.trade().unwrap_err(), error, "case {i}");
        }
        let mut draft = Draft::new();
        draft.req.maker = other_order;
        assert_eq!(draft.trade().unwrap_err(), TradeError::Link("req.maker"));
        let mut draft = Draft::new();
        draft.taker.ts = Millis(2_001);
        let error = TradeError::Sequence("taker");
        assert_eq!(draft.trade().unwrap_err(), error);
    }
}
