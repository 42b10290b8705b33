//! What whoever checks a node may read of it besides its ledger: the requests in flight and what
//! the book shows, order by order. Simulations judge a node by these, not by its own sums.

use super::core::Node;
use crate::ledger::Piece;
use crate::types::{Amount, NodeId, OrderId, Side, TakeId};

/// A request that waits for its answer, and the piece that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeInFlight {
    /// The request's id.
    pub take: TakeId,
    /// The own order that takes.
    pub order: OrderId,
    /// The piece of it that nothing else may burn meanwhile.
    pub piece: Piece,
    /// The order that it takes from.
    pub maker: OrderId,
    /// That order's owner.
    pub owner: NodeId,
}

impl Node {
    /// The own requests that wait for an answer, by their ids.
    pub fn takes_in_flight(&self) -> impl Iterator<Item = TakeInFlight> + '_ {
        self.takes.iter().map(|(id, take)| TakeInFlight {
            take: *id,
            order: take.order,
            piece: take.piece,
            maker: take.maker,
            owner: take.owner,
        })
    }

    /// What the book shows: each order with what may be taken of it, best bids first, then best
    /// asks.
    pub fn shown_orders(&self) -> impl Iterator<Item = (OrderId, Amount)> + '_ {
        let bids = self.market.side(Side::Buy, None);
        let asks = self.market.side(Side::Sell, None);
        bids.chain(asks).map(|order| (order.id, order.open))
    }
}
