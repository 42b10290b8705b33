//! A trade as it is written down: its four statements without the quotes, escapes and hex digits of
//! the wire, and each owner once. That is little more than half as long.

use super::{RawStatement, RawTrade, Signature, TradeRecord};
use crate::types::NodeId;

/// How it begins: JSON never does.
const MARK: u8 = 1;

impl TradeRecord {
    /// The trade in few bytes, which [`RawTrade::unpack`] reads.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let RawTrade {
            maker,
            taker,
            req,
            fill,
        } = self.raw();
        let texts = [&maker, &taker, &req, &fill].map(|part| part.p.len() + 66);
        let mut packed = Vec::with_capacity(65 + texts.iter().sum::<usize>());
        packed.push(MARK);
        packed.extend_from_slice(&maker.k.0);
        packed.extend_from_slice(&taker.k.0);
        for part in [maker, taker, req, fill] {
            // No text of a statement is longer than 8 KiB.
            let length = u16::try_from(part.p.len()).unwrap_or(u16::MAX);
            packed.extend_from_slice(&part.s.0);
            packed.extend_from_slice(&length.to_le_bytes());
            packed.extend_from_slice(part.p.as_bytes());
        }
        packed
    }
}

impl RawTrade {
    /// What [`TradeRecord::pack`] gave; `None` if these bytes are something else.
    pub(crate) fn unpack(packed: &[u8]) -> Option<Self> {
        let (mark, rest) = packed.split_first()?;
        if *mark != MARK {
            return None;
        }
        let (maker, rest) = rest.split_first_chunk()?;
        let (taker, mut rest) = rest.split_first_chunk()?;
        let (maker, taker) = (NodeId(*maker), NodeId(*taker));
        let mut next = |k| {
            let (signature, after) = rest.split_first_chunk()?;
            let (length, after) = after.split_first_chunk()?;
            let (text, after) = after.split_at_checked(u16::from_le_bytes(*length).into())?;
            rest = after;
            Some(RawStatement {
                p: std::str::from_utf8(text).ok()?.to_owned(),
                k,
                s: Signature(*signature),
            })
        };
        let trade = Self {
            maker: next(maker)?,
            taker: next(taker)?,
            req: next(taker)?,
            fill: next(maker)?,
        };
        rest.is_empty().then_some(trade)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::Draft;
    use super::*;

    #[test]
    fn a_packed_trade_is_the_same_and_little_more_than_half_as_long() {
        let trade = Draft::new().trade().unwrap();
        let packed = trade.pack();
        assert_eq!(RawTrade::unpack(&packed), Some(trade.raw()));
        let wire = trade.wire().len();
        assert!(packed.len() * 10 < wire * 7, "{} of {wire}", packed.len());
        for cut in 0..packed.len() {
            assert_eq!(RawTrade::unpack(&packed[..cut]), None);
        }
        let longer = [packed.as_slice(), &[0]].concat();
        assert_eq!(RawTrade::unpack(&longer), None);
        assert_eq!(RawTrade::unpack(trade.wire().as_bytes()), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_unpacking_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let marked = [&[MARK], bytes.as_slice()].concat();
            let _ = (RawTrade::unpack(&bytes), RawTrade::unpack(&marked));
        }
    }
}
