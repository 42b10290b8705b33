//! The codes of an `error` message.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a node ends or refuses something, as an `error` message says it. The wire has the names
/// in capitals with underscores, like `INVALID_MESSAGE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// The peer speaks another major version.
    ProtocolVersionMismatch,
    /// A message that can't be read, or not at this point.
    InvalidMessage,
    /// No handshake within its time.
    HandshakeTimeout,
    /// Silence for longer than the heartbeat allows.
    HeartbeatTimeout,
    /// A frame or a message above the limit.
    MessageTooLarge,
    /// An order that no book takes.
    InvalidOrder,
    /// The node has as many peers as it wants.
    PeerLimitReached,
    /// A wrong key, network or proof, or a plain session where only secured ones are taken.
    AuthenticationFailed,
    /// Anything else; a code that this version doesn't know reads as this one.
    UnknownError,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 9] = [
        Self::ProtocolVersionMismatch,
        Self::InvalidMessage,
        Self::HandshakeTimeout,
        Self::HeartbeatTimeout,
        Self::MessageTooLarge,
        Self::InvalidOrder,
        Self::PeerLimitReached,
        Self::AuthenticationFailed,
        Self::UnknownError,
    ];

    /// The code as the wire has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProtocolVersionMismatch => "PROTOCOL_VERSION_MISMATCH",
            Self::InvalidMessage => "INVALID_MESSAGE",
            Self::HandshakeTimeout => "HANDSHAKE_TIMEOUT",
            Self::HeartbeatTimeout => "HEARTBEAT_TIMEOUT",
            Self::MessageTooLarge => "MESSAGE_TOO_LARGE",
            Self::InvalidOrder => "INVALID_ORDER",
            Self::PeerLimitReached => "PEER_LIMIT_REACHED",
            Self::AuthenticationFailed => "AUTHENTICATION_FAILED",
            Self::UnknownError => "UNKNOWN_ERROR",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ErrorCode {
    type Err = Infallible;

    /// Never fails: what it doesn't know is [`Self::UnknownError`].
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let known = Self::ALL.into_iter().find(|code| code.as_str() == text);
        Ok(known.unwrap_or(Self::UnknownError))
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let Ok(code) = text.parse();
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_what_it_shows_and_an_unknown_one_reads_as_unknown() {
        for code in ErrorCode::ALL {
            assert_eq!(code.to_string().parse(), Ok(code));
            let json = serde_json::to_string(&code).unwrap();
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).unwrap(), code);
        }
        for other in ["", "invalid_message", "OUT_OF_COFFEE"] {
            assert_eq!(other.parse(), Ok(ErrorCode::UnknownError));
        }
    }
}
