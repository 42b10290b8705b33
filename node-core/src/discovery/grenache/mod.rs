//! Grapes: where services announce themselves and are looked up by their names.

mod breaker;
mod grape;
mod source;

pub use breaker::CircuitBreaker;
pub use grape::{GRENACHE_SERVICE, MAX_ANSWER, MAX_LOOKED_UP};
#[cfg(feature = "fuzzing")]
pub(super) use source::fuzzing;
pub use source::{ANNOUNCE_EVERY, Grenache, GrenacheOptions};
