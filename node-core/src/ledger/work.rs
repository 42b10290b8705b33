//! The work that is in an owner's key: it decides who has to make room above a bound.

use sha2::{Digest, Sha256};

use crate::types::NodeId;

/// An owner's place in line for room: SHA-256 of its key, so that the more leading zero bits it
/// has, the more keys had to be tried for it, and no two are equal. The largest goes first.
///
/// It depends on nothing but the key. Then those who stay are the same ones on every node, and
/// all of their orders are there, whatever came first: any rule that looks at their orders as well
/// would judge an owner by what happens to be known of it at that moment.
pub(crate) type Work = [u8; 32];

pub(crate) fn work(owner: &NodeId) -> Work {
    Sha256::digest(owner.0).into()
}
