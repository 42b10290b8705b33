//! The smallest piece of an order: what one fill burns of it at least.
//!
//! Without it an order could be filled in as many pieces as it has units of amount, and every node
//! keeps every trade. So an order has at most [`MOST_FILLS`] fills, which each trade shows by itself.

use crate::types::Amount;

use super::limits::LEAST_AMOUNT;

/// How many parts an order's amount has, of which a fill burns one at least.
const PARTS: u128 = 1_000;

/// The most fills that one order can have: one for each part, and one that takes a smaller rest and
/// closes the order.
pub const MOST_FILLS: usize = PARTS as usize + 1;

/// The least that a fill burns of a maker's order of this amount, but for the fill that closes it:
/// a thousandth, rounded up, and at least [`LEAST_AMOUNT`].
#[must_use]
pub fn smallest_piece(amt: Amount) -> Amount {
    let part = Amount::from_units(amt.units().div_ceil(PARTS));
    // A thousandth of an amount is always an amount.
    part.unwrap_or(amt).max(LEAST_AMOUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smallest_piece_is_a_thousandth_rounded_up() {
        let cases = [
            ("0.00000001", "0.00000001"),
            ("0.00001", "0.00000001"),
            ("0.00001001", "0.00000002"),
            ("1", "0.001"),
            ("1000", "1"),
            ("1000.00000001", "1.00000001"),
        ];
        for (amt, smallest) in cases {
            let amt: Amount = amt.parse().unwrap();
            assert_eq!(smallest_piece(amt).to_string(), smallest, "{amt}");
        }
    }

    #[test]
    fn an_order_has_at_most_a_thousand_and_one_fills() {
        for units in [1, 999, 1_000, 1_001, 123_456_789] {
            let amt = Amount::from_units(units).unwrap();
            let smallest = smallest_piece(amt).units();
            let rest = usize::from(units % smallest > 0);
            let fills = usize::try_from(units / smallest).unwrap() + rest;
            assert!(fills <= MOST_FILLS, "{units}: {fills}");
        }
    }
}
