//! Admission: which owners and orders of others find room here.
//!
//! Keys cost nothing, so nothing may depend on how many of them there are (docs/limits.md,
//! "Orders"). Three rules bound what strangers can claim:
//!
//! 1. **One gate** ([`gate`]): whatever makes an owner known - a `place`, a leg of a trade, a
//!    proof, a statement about an order that is not here - is charged to the session that brought
//!    it. What is refused is neither stored nor passed on. A keep-alive alone makes no owner known:
//!    it waits in a small ring for the owner's first order ([`waiting_heads`]).
//! 2. **Room by use** ([`room`]): at a bound the owners of least use here make room: those without
//!    open orders, then silent ones, then live ones, and the user's own partners last. Among
//!    equals the party that brought most gives up its youngest owner. A newcomer is the youngest
//!    of its party, so a full share refuses instead of turning over, and nodes need not remember
//!    what they have evicted.
//! 3. **Exempt** are this node's own orders, and owners that have a session here.

mod gate;
mod origins;
mod ranking;
mod room;
mod waiting_heads;

pub(super) use gate::Entrance;
pub(super) use room::Admission;
