//! What nodes say to each other: frames, sessions, dialects (pure).

mod error_code;
mod legacy;
mod legacy_order;
mod lenient;
mod message;

pub use error_code::ErrorCode;
pub use legacy::LegacyPolicy;
pub use legacy_order::{LegacyOrder, LegacyTrade, UnsignedOrder, UnsignedTrade};
pub use message::{
    CAPABILITY_X1, Capabilities, Dialect, Forward, ForwardBody, Handshake, MAX_CAPABILITIES,
    MAX_NAME, MAX_PEERS, MAX_STATEMENT_BYTES, MAX_STATEMENTS, MAX_SYNC_ORDERS, MAX_TEXT,
    MAX_TRADES, Message, PROTOCOL_VERSION, PeerEntry, RawStatement, RawTrade, TakeAnswer,
    TakeRequest,
};
