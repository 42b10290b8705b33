//! What nodes say to each other: frames, sessions, dialects (pure).

#[cfg(test)]
mod codec_tests;
mod decode;
mod encode;
mod error_code;
mod frame;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod grenache;
mod handshaking;
mod legacy;
mod legacy_order;
mod lenient;
mod message;
mod noise;
mod session;
mod session_error;
#[cfg(test)]
mod session_tests;
mod sniff;
mod sync;

pub use decode::{DecodeError, MAX_DEPTH, decode};
pub use encode::{
    EncodeError, MAX_BATCH_BYTES, encode, encode_proofs, encode_statements, encode_trades,
};
pub use error_code::ErrorCode;
pub use frame::{
    DEFAULT_MESSAGE_LIMIT, FRAME_HEADER, FrameDecoder, FrameTooLarge, HANDSHAKE_FRAME_LIMIT,
    frame_header, write_frame,
};
pub use grenache::{RpcError, RpcRequest, read_rpc, rpc_answer, was_taken};
pub use handshaking::{HANDSHAKE_TIMEOUT, Handshaking, Opening, Step};
pub use legacy::LegacyPolicy;
pub(crate) use legacy::PLAIN_PEERS;
pub use legacy_order::{LegacyOrder, LegacyTrade, UnsignedOrder, UnsignedTrade};
pub use message::{
    CAPABILITY_PLAIN, CAPABILITY_X1, Capabilities, Dialect, Forward, ForwardBody, Handshake,
    MAX_CAPABILITIES, MAX_NAME, MAX_PEERS, MAX_PROOFS, MAX_STATEMENTS, MAX_SYNC_ORDERS, MAX_TEXT,
    MAX_TRADES, Message, PROTOCOL_VERSION, PeerEntry, TakeAnswer, TakeRequest,
};
pub use noise::{
    MAX_SECURED_FRAME, SESSION_VERSION, SecureReader, SecureWriter, Signer, TransportError,
};
pub(crate) use session::clock_offset;
pub use session::{Established, PeerInfo, SessionConfig, SessionReader, SessionWriter};
pub use session_error::SessionError;
pub use sniff::{
    HttpHead, HttpHeadError, MAX_HTTP_HEAD, SNIFF_BYTES, Sniffed, UpgradeError, http_head,
    is_websocket_key, sniff,
};
pub use sync::{
    BookPage, BookPart, BookPlace, BookRequest, GetOwner, InventoryEntry, MAX_INVENTORY,
    MAX_PREFIXES, MAX_RECON_BYTES, OwnerState, Prefix, Recon,
};
