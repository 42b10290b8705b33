//! Which part of an own order a fill may burn: no less than its smallest piece, but for the fill
//! that ends it.
//!
//! Only the maker's order is bound. So of two orders that cross the one with more left can always
//! take the other whole, and where the newer one is too small to ask, the older one's owner does.

use super::own::OwnOrder;
use crate::ledger::{OrderState, Piece, Pieces, smallest_piece};
use crate::mutations::Mutation;
use crate::types::Amount;

/// What a maker gives to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Portion {
    /// What is burned of the maker's order.
    pub(super) piece: Piece,
    /// The fill closes the order.
    pub(super) last: bool,
}

/// Why a maker gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nothing {
    /// Not even the least amount is free.
    Gone,
    /// The request is for less than a smallest piece, and not for all that is left.
    Small,
}

impl OwnOrder {
    /// The least that a fill burns of it, but for the fill that ends it.
    pub(super) fn smallest(&self) -> Amount {
        match Mutation::DustFills.is_on() {
            true => Amount::from_units(1).unwrap_or(self.place.amt),
            false => smallest_piece(self.place.amt),
        }
    }

    /// The free pieces that can be traded: each is neither burned nor held, and was not refused so
    /// often that no statement can show all the refusals.
    pub(super) fn spare(&self, state: &OrderState) -> Vec<Piece> {
        let taken = self.taken(state);
        let gaps = taken.gaps(state.amt());
        gaps.filter(|gap| !self.is_stuck(gap)).collect()
    }

    /// What takers may ask for: all that is free, or of a rest in several pieces that are each too
    /// small the largest one, since a fill burns one piece. Nothing while more may be free again.
    pub(super) fn offer(&self, state: &OrderState) -> Amount {
        self.offered(state, &self.taken(state))
    }

    /// What takers may ask for once `piece` is burned.
    pub(super) fn offer_without(&self, state: &OrderState, piece: Piece) -> Amount {
        let mut taken = self.taken(state);
        taken.insert(piece);
        self.offered(state, &taken)
    }

    fn offered(&self, state: &OrderState, taken: &Pieces) -> Amount {
        let lengths = || taken.gaps(state.amt()).map(|gap| gap.len());
        let largest = lengths().max().unwrap_or_default();
        match largest < self.smallest() {
            true if self.held.is_empty() => largest,
            true => Amount::ZERO,
            false => state.amt().saturating_sub(taken.measure()),
        }
    }

    /// What it gives to a request for `asked`, and for `min` at least.
    ///
    /// # Errors
    /// Why it gives nothing.
    pub(super) fn portion(
        &self,
        state: &OrderState,
        asked: Amount,
        min: Amount,
    ) -> Result<Portion, Nothing> {
        let (spare, smallest) = (self.spare(state), self.smallest());
        let least = smallest.max(min);
        if let Some(gap) = spare.iter().find(|gap| gap.len() >= least) {
            let most = asked.min(gap.len());
            if most < smallest {
                return Err(Nothing::Small);
            }
            let qty = without_small_rest(gap.len(), most, least, smallest);
            let piece = Piece::at(gap.start(), qty).map_err(|_| Nothing::Gone)?;
            return Ok(Portion { piece, last: false });
        }
        // What is held may be free again, and is not given up for a rest.
        let ends = self.held.is_empty() && spare.iter().all(|gap| gap.len() < smallest);
        match spare.iter().max_by_key(|gap| gap.len()) {
            Some(gap) if ends && gap.len() >= min => match gap.len() <= asked {
                true => Ok(Portion {
                    piece: *gap,
                    last: true,
                }),
                false => Err(Nothing::Small),
            },
            _ => Err(Nothing::Gone),
        }
    }
}

/// So much of `most` that what is left of a free piece is nothing or at least a smallest piece;
/// all of `most` where that would be less than `least`.
fn without_small_rest(free: Amount, most: Amount, least: Amount, smallest: Amount) -> Amount {
    let rest = free.saturating_sub(most);
    let less = free.saturating_sub(smallest);
    match !rest.is_zero() && rest < smallest && less >= least {
        true => less,
        false => most,
    }
}

/// What an order asks for at least of a maker's order of amount `amt` with `open` left, so that the
/// maker may fill it.
pub(super) fn least_to_ask(amt: Amount, open: Amount) -> Amount {
    match Mutation::DustFills.is_on() {
        true => Amount::from_units(1).unwrap_or(open),
        false => smallest_piece(amt).min(open),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn a_fill_leaves_nothing_or_a_smallest_piece() {
        let cases = [
            // (free, most, least, given), of an order whose smallest piece is 0.01
            ("10", "4", "0.01", "4"),
            ("10", "10", "0.01", "10"),
            ("10", "9.995", "0.01", "9.99"),
            // Fill or kill.
            ("10", "9.995", "9.995", "9.995"),
            ("0.015", "0.012", "0.01", "0.012"),
        ];
        for (free, most, least, given) in cases {
            let [free, most, least] = [free, most, least].map(amount);
            let qty = without_small_rest(free, most, least, amount("0.01"));
            assert_eq!(qty, amount(given), "{most} of {free}");
        }
    }

    #[test]
    fn a_taker_asks_for_a_smallest_piece_or_for_all() {
        assert_eq!(least_to_ask(amount("10"), amount("6")), amount("0.01"));
        assert_eq!(least_to_ask(amount("10"), amount("0.004")), amount("0.004"));
    }
}
