//! The rules by name. The numbers are those of the invariants in the consistency rules.

pub(crate) const PIECES: &str = "1 pieces of an honest owner's order are disjoint and inside it";
pub(crate) const FILLED: &str = "2 no order is filled beyond its amount in any view";
pub(crate) const ANSWERS: &str = "3 an honest maker gives a take one answer";
pub(crate) const NUMBERS: &str = "3 an honest owner uses a number once, and never dates back";
pub(crate) const TRADES: &str = "4 every trade proves itself, and both sides are equal";
pub(crate) const COMMIT: &str = "5 no closed or expired order is taken, and no limit is broken";
pub(crate) const REVOKED: &str = "6 no honest owner is proven to cheat";
pub(crate) const PERMUTED: &str = "7 a set makes one state, in whatever order it comes";
pub(crate) const AGREE: &str = "8 trades and books are equal, and show what is open";
pub(crate) const RESOLVED: &str = "9 every take is answered, and both owners have the trade";
pub(crate) const CROSSING: &str = "10 no two orders cross";
pub(crate) const CANCELLED: &str = "11 nobody takes an order that its user knows to be cancelled";
pub(crate) const TOLD: &str = "what a user was told of outlives the process";
pub(crate) const SIGNED: &str = "nobody passes on what its owner has not signed";
pub(crate) const STORE: &str = "a node writes down what it can read again";
pub(crate) const MESSAGES: &str = "every message that a node sends can be read";
pub(crate) const PANIC: &str = "no node panics";
