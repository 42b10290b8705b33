//! What must hold for any bytes from outside. Each function of [`TARGETS`] panics where a promise is
//! broken.
//!
//! `cargo xtask fuzz` looks for such bytes; the tests replay what was found worth keeping, which is
//! in `corpus`, a folder a target.

mod config;
mod control;
mod discovery;
mod frames;
mod handshake;
mod krpc;
mod lists;
mod messages;
mod node;
mod reconciliation;
mod script;
pub mod seeds;
mod session;
mod statements;
mod stranger;

pub use config::config;
pub use control::control;
pub use discovery::{grape_answers, mdns_txt};
pub use frames::frames;
pub use handshake::handshake;
pub use krpc::krpc;
pub use lists::lists;
pub use messages::messages;
pub use node::node;
pub use reconciliation::reconciliation;
pub use session::session;
pub use statements::statements;

/// What a target does with bytes.
pub type Target = fn(&[u8]);

/// Every target, by its name.
pub const TARGETS: [(&str, Target); 13] = [
    ("config", config),
    ("control", control),
    ("frames", frames),
    ("grape_answers", grape_answers),
    ("handshake", handshake),
    ("krpc", krpc),
    ("lists", lists),
    ("mdns_txt", mdns_txt),
    ("messages", messages),
    ("node", node),
    ("reconciliation", reconciliation),
    ("session", session),
    ("statements", statements),
];
