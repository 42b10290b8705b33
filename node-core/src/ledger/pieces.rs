//! Sets of pieces of an order's segment `[0, amount)`.
//!
//! Which parts of an order are burned is a set of positions, not a counter: a union does not
//! care for order or repetition, so no trade can ever be counted twice.

use crate::mutations::Mutation;
use crate::types::{Amount, InvalidValue};

/// A half-open piece `[start, end)` of an order's segment. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    start: Amount,
    end: Amount,
}

impl Piece {
    /// The piece from `start` up to, but not including, `end`; `None` if that is empty.
    #[must_use]
    pub fn new(start: Amount, end: Amount) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// The piece of length `len` that begins at `start`.
    ///
    /// # Errors
    /// A length of zero, and an end above [`Amount::MAX`].
    pub fn at(start: Amount, len: Amount) -> Result<Self, InvalidValue> {
        start
            .checked_add(len)
            .and_then(|end| Self::new(start, end))
            .ok_or_else(|| {
                let allowed = "an amount above 0 whose piece ends within the largest amount";
                InvalidValue::new("qty", len.to_string(), allowed)
            })
    }

    /// The first position inside.
    #[must_use]
    pub const fn start(&self) -> Amount {
        self.start
    }

    /// The first position behind it.
    #[must_use]
    pub const fn end(&self) -> Amount {
        self.end
    }

    /// The length, never zero.
    #[must_use]
    pub const fn len(&self) -> Amount {
        self.end.saturating_sub(self.start)
    }

    /// Always false: an empty piece cannot be made.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Whether the two share a position.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// A set of positions, kept as sorted pieces that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pieces {
    sorted: Vec<Piece>,
}

impl Pieces {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { sorted: Vec::new() }
    }

    /// Whether no position is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The pieces, in order.
    pub fn iter(&self) -> impl Iterator<Item = Piece> + '_ {
        self.sorted.iter().copied()
    }

    /// The length of everything in the set.
    #[must_use]
    pub fn measure(&self) -> Amount {
        // The pieces are disjoint and end within `Amount::MAX`, so their sum does as well.
        total(&self.sorted)
    }

    /// The first position behind the last piece; zero for the empty set.
    #[must_use]
    pub fn end(&self) -> Amount {
        self.sorted.last().map_or(Amount::ZERO, Piece::end)
    }

    /// Adds a piece; returns how much of it was not in the set before.
    pub fn insert(&mut self, piece: Piece) -> Amount {
        // Everything that overlaps or touches becomes one piece.
        let first = self.sorted.partition_point(|p| p.end < piece.start);
        let behind = match Mutation::PiecesAddUp.is_on() {
            true => first,
            false => self.sorted.partition_point(|p| p.start <= piece.end),
        };
        let merged = self.sorted.get(first..behind).unwrap_or_default();
        let before = total(merged);
        let whole = merged.iter().fold(piece, |whole, p| Piece {
            start: whole.start.min(p.start),
            end: whole.end.max(p.end),
        });
        self.sorted.splice(first..behind, [whole]);
        whole.len().saturating_sub(before)
    }

    /// Takes a piece out, whether or not all of it is in the set.
    pub fn remove(&mut self, piece: Piece) {
        let first = self.sorted.partition_point(|p| p.end <= piece.start);
        let behind = self.sorted.partition_point(|p| p.start < piece.end);
        let cut = self.sorted.get(first..behind).unwrap_or_default();
        let left = cut.first().and_then(|p| Piece::new(p.start, piece.start));
        let right = cut.last().and_then(|p| Piece::new(piece.end, p.end));
        self.sorted
            .splice(first..behind, left.into_iter().chain(right));
    }

    /// Whether the piece shares a position with the set.
    #[must_use]
    pub fn overlaps(&self, piece: &Piece) -> bool {
        let first = self.sorted.partition_point(|p| p.end <= piece.start);
        self.sorted.get(first).is_some_and(|p| p.start < piece.end)
    }

    /// Whether all of the piece is in the set.
    #[must_use]
    pub fn contains(&self, piece: &Piece) -> bool {
        let first = self.sorted.partition_point(|p| p.end <= piece.start);
        self.sorted
            .get(first)
            .is_some_and(|p| p.start <= piece.start && piece.end <= p.end)
    }

    /// What of `[0, within)` is not in the set, in order.
    pub fn gaps(&self, within: Amount) -> impl Iterator<Item = Piece> + '_ {
        let ends = std::iter::once(Amount::ZERO).chain(self.sorted.iter().map(Piece::end));
        let starts = self.sorted.iter().map(Piece::start);
        ends.zip(starts.chain(std::iter::once(within)))
            .filter_map(move |(start, end)| Piece::new(start, end.min(within)))
    }

    /// The first gap of `[0, within)` that is at least `min` long.
    #[must_use]
    pub fn first_gap(&self, within: Amount, min: Amount) -> Option<Piece> {
        self.gaps(within).find(|gap| gap.len() >= min)
    }
}

impl Extend<Piece> for Pieces {
    fn extend<I: IntoIterator<Item = Piece>>(&mut self, pieces: I) {
        for piece in pieces {
            self.insert(piece);
        }
    }
}

impl FromIterator<Piece> for Pieces {
    fn from_iter<I: IntoIterator<Item = Piece>>(pieces: I) -> Self {
        let mut set = Self::new();
        set.extend(pieces);
        set
    }
}

/// The length of disjoint pieces together.
fn total(pieces: &[Piece]) -> Amount {
    pieces.iter().fold(Amount::ZERO, |sum, piece| {
        sum.checked_add(piece.len()).unwrap_or(Amount::MAX)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: u128 = 48;

    fn units(n: u128) -> Amount {
        Amount::from_units(n).unwrap()
    }

    fn piece(start: u128, end: u128) -> Piece {
        Piece::new(units(start), units(end)).unwrap()
    }

    /// The runs of equal bits, as pieces.
    fn runs(bits: &[bool], wanted: bool) -> Vec<Piece> {
        let mut found = Vec::new();
        let mut start = None;
        for (i, bit) in bits.iter().chain([&!wanted]).enumerate() {
            match (start, *bit == wanted) {
                (None, true) => start = Some(i),
                (Some(from), false) => {
                    found.push(piece(from as u128, i as u128));
                    start = None;
                }
                _ => {}
            }
        }
        found
    }

    fn any_piece() -> impl Strategy<Value = (u128, u128)> {
        (0..SIZE, 1..=SIZE).prop_map(|(start, len)| (start, (start + len).min(SIZE)))
    }

    #[test]
    fn an_empty_or_overlong_piece_cannot_be_made() {
        assert_eq!(Piece::new(units(3), units(3)), None);
        assert_eq!(Piece::new(units(3), units(2)), None);
        assert!(Piece::at(Amount::ZERO, Amount::ZERO).is_err());
        assert!(Piece::at(Amount::MAX, units(1)).is_err());
        assert_eq!(Piece::at(units(1), units(2)).unwrap(), piece(1, 3));
    }

    #[test]
    fn touching_pieces_become_one() {
        let set: Pieces = [piece(0, 2), piece(4, 6), piece(2, 4)]
            .into_iter()
            .collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [piece(0, 6)]);
    }

    proptest! {
        #[test]
        fn a_set_of_pieces_is_a_set_of_bits(
            steps in prop::collection::vec((any::<bool>(), any_piece()), 0..40),
            asked in any_piece(),
            within in 0..=SIZE,
            min in 0..SIZE,
        ) {
            let mut set = Pieces::new();
            let mut bits = vec![false; SIZE as usize];
            for (insert, (start, end)) in steps {
                let range = start as usize..end as usize;
                if insert {
                    let fresh = bits[range.clone()].iter().filter(|bit| !**bit).count();
                    prop_assert_eq!(set.insert(piece(start, end)), units(fresh as u128));
                } else {
                    set.remove(piece(start, end));
                }
                bits[range].fill(insert);
                prop_assert_eq!(set.iter().collect::<Vec<_>>(), runs(&bits, true));
            }
            let ones = bits.iter().filter(|bit| **bit).count() as u128;
            prop_assert_eq!(set.measure(), units(ones));
            prop_assert_eq!(set.is_empty(), ones == 0);
            let end = bits.iter().rposition(|bit| *bit).map_or(0, |last| last + 1);
            prop_assert_eq!(set.end(), units(end as u128));

            let range = &bits[asked.0 as usize..asked.1 as usize];
            let asked = piece(asked.0, asked.1);
            prop_assert_eq!(set.overlaps(&asked), range.contains(&true));
            prop_assert_eq!(set.contains(&asked), !range.contains(&false));

            let gaps = runs(&bits[..within as usize], false);
            prop_assert_eq!(&set.gaps(units(within)).collect::<Vec<_>>(), &gaps);
            let first = gaps.iter().copied().find(|gap| gap.len() >= units(min));
            prop_assert_eq!(set.first_gap(units(within), units(min)), first);
        }
    }
}
