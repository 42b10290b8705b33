//! Names in the DHT and the distance between them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The longest info hash: the longest name of a service, in bytes. A query with it still fits into
/// one packet of every network.
pub const MAX_INFO_HASH: usize = 1024;

/// The bytes of a node's id.
pub(crate) const ID_LENGTH: usize = 20;

/// Names a node of the DHT.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) [u8; ID_LENGTH]);

impl NodeId {
    /// The id in these bytes, if they are as many as an id has.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// How many leading bits two ids share.
    pub(crate) fn common_bits(&self, other: &Self) -> usize {
        let mut bits = 0;
        for (a, b) in self.0.iter().zip(&other.0) {
            let different = a ^ b;
            bits += different.leading_zeros() as usize;
            if different != 0 {
                break;
            }
        }
        bits
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Which of two nodes is nearer to a target of any length: by XOR over the bytes that both have.
///
/// Grapes count each byte that only one has as 255, for all nodes alike, so it decides nothing;
/// and they compare in floating point, so what they call equal this may order.
pub(crate) fn nearer(target: &[u8], a: &NodeId, b: &NodeId) -> Ordering {
    let to = |id: &NodeId| -> [u8; ID_LENGTH] {
        let mut distance = [0; ID_LENGTH];
        for ((distance, byte), target) in distance.iter_mut().zip(id.0).zip(target) {
            *distance = byte ^ target;
        }
        distance
    };
    to(a).cmp(&to(b))
}

/// What services are found by: 1 to [`MAX_INFO_HASH`] bytes. Grapes take the service's name as it
/// is, and no hash of it. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHash(Arc<[u8]>);

impl InfoHash {
    /// The info hash of these bytes, or `None` where there are none or too many.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=MAX_INFO_HASH)
            .contains(&bytes.len())
            .then(|| Self(bytes.into()))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::{InfoHash, MAX_INFO_HASH, NodeId, nearer};

    /// The distance as k-bucket, on which Grapes are built, computes it.
    fn original(id: &[u8], target: &[u8]) -> f64 {
        let (short, long) = (id.len().min(target.len()), id.len().max(target.len()));
        let common = (0..short).map(|i| f64::from(id[i] ^ target[i]));
        let rest = (short..long).map(|_| 255.0);
        common.chain(rest).fold(0.0, |d, byte| d * 256.0 + byte)
    }

    #[test]
    fn an_info_hash_has_a_length() {
        assert!(InfoHash::new(b"").is_none());
        assert!(InfoHash::new(&[0; MAX_INFO_HASH + 1]).is_none());
        assert!(InfoHash::new(&[0; MAX_INFO_HASH]).is_some());
        assert_eq!(InfoHash::new(b"p2p").unwrap().as_bytes(), b"p2p");
    }

    #[test]
    fn ids_share_their_leading_bits() {
        let zero = NodeId([0; 20]);
        let mut other = [0; 20];
        other[1] = 0b0001_0000;
        assert_eq!(zero.common_bits(&NodeId(other)), 11);
        assert_eq!(zero.common_bits(&zero), 160);
    }

    proptest! {
        #[test]
        fn the_order_is_never_against_that_of_grapes(
            a in any::<[u8; 20]>(), b in any::<[u8; 20]>(),
            target in prop::collection::vec(any::<u8>(), 1..100),
        ) {
            let order = nearer(&target, &NodeId(a), &NodeId(b));
            match original(&a, &target).partial_cmp(&original(&b, &target)).unwrap() {
                Ordering::Equal => {}
                theirs => prop_assert_eq!(order, theirs),
            }
        }
    }
}
