//! Why a session ends, or never begins.

use thiserror::Error;

use super::decode::DecodeError;
use super::error_code::ErrorCode;
use super::frame::FrameTooLarge;
use super::message::Message;
use super::noise::{NoiseError, TransportError};
use crate::types::{NetworkId, NodeId};

/// Why a session ends, or never begins. All of them end the connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The peer belongs to another network.
    #[error("this node is of the network {ours}, the peer of {theirs}")]
    WrongNetwork {
        /// Our network.
        ours: NetworkId,
        /// What the peer says.
        theirs: NetworkId,
    },
    /// A plain peer that names no network, where this node's is a private one.
    #[error("this node is of the private network {ours}, and the peer names none")]
    NoNetwork {
        /// Our network.
        ours: NetworkId,
    },
    /// The dialer expected a certain node and found another, or none that has a key.
    #[error("expected the node {expected}, found another")]
    WrongKey {
        /// Who was expected.
        expected: NodeId,
    },
    /// The peer's proof of its key does not hold, or its handshake names another key.
    #[error("the peer does not prove its nodeId")]
    BadProof,
    /// The peer is this node.
    #[error("the peer is this node itself")]
    SelfConnection,
    /// The peer speaks another major version.
    #[error(
        "protocol version {theirs:?} is not compatible with {}",
        super::PROTOCOL_VERSION
    )]
    VersionMismatch {
        /// What the peer speaks.
        theirs: String,
    },
    /// A plain peer, where only secured ones are taken.
    #[error("this node wants encrypted sessions (Noise_XX_25519_ChaChaPoly_BLAKE2s)")]
    LegacyRefused,
    /// No handshake within its time.
    #[error("no handshake in time")]
    HandshakeTimeout,
    /// A first byte that starts neither a secured session nor a plain one.
    #[error("not a protocol of this port")]
    UnknownProtocol,
    /// A Noise handshake that can't be followed: damaged, or of another make.
    #[error("the encrypted handshake is broken")]
    BrokenHandshake,
    /// A frame of a secured session that was changed, lost or doubled on its way.
    #[error("a frame was changed on its way")]
    Tampered,
    /// A message that can't be read.
    #[error("{0}")]
    Malformed(DecodeError),
    /// A frame or a message above the limit.
    #[error("{0}")]
    TooLarge(FrameTooLarge),
    /// A message that has no place before the handshake.
    #[error("a {kind} message before the handshake")]
    UnexpectedMessage {
        /// Its type.
        kind: String,
    },
    /// A handshake in a session that has had one.
    #[error("a second handshake")]
    SecondHandshake,
    /// The connection was closed before the session was ready.
    #[error("the peer closed the connection before its handshake")]
    ClosedEarly,
    /// A dialer in secured mode found a peer that doesn't speak it: dial again in plain, where
    /// that is allowed.
    #[error("the peer does not speak encrypted sessions")]
    PlainPeer,
    /// What listens there answers in HTTP: it is reached by Grenache's RPC, if at all.
    #[error("the peer speaks HTTP")]
    SpeaksHttp,
    /// The peer said no. There is no sense in dialing again at once, in whatever mode.
    #[error("the peer refused: {code}: {message}")]
    RefusedByPeer {
        /// Its code.
        code: ErrorCode,
        /// Its words.
        message: String,
    },
    /// The session has used up what one key may encrypt.
    #[error("the session has used up its counters")]
    Exhausted,
}

impl SessionError {
    /// The code of the `error` message that tells the peer; `None` where it is not told, because
    /// it is gone or has said so itself.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::WrongNetwork { .. }
            | Self::NoNetwork { .. }
            | Self::WrongKey { .. }
            | Self::BadProof
            | Self::SelfConnection
            | Self::LegacyRefused => Some(ErrorCode::AuthenticationFailed),
            Self::VersionMismatch { .. } => Some(ErrorCode::ProtocolVersionMismatch),
            Self::HandshakeTimeout => Some(ErrorCode::HandshakeTimeout),
            Self::UnknownProtocol
            | Self::BrokenHandshake
            | Self::Tampered
            | Self::Malformed(_)
            | Self::UnexpectedMessage { .. }
            | Self::SecondHandshake => Some(ErrorCode::InvalidMessage),
            Self::TooLarge(_) => Some(ErrorCode::MessageTooLarge),
            Self::ClosedEarly
            | Self::PlainPeer
            | Self::SpeaksHttp
            | Self::RefusedByPeer { .. }
            | Self::Exhausted => None,
        }
    }

    /// A label for counters: stable, in snake case.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::WrongNetwork { .. } | Self::NoNetwork { .. } => "wrong_network",
            Self::WrongKey { .. } => "wrong_key",
            Self::BadProof => "bad_proof",
            Self::SelfConnection => "self_connection",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::LegacyRefused => "legacy_refused",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::UnknownProtocol => "unknown_protocol",
            Self::BrokenHandshake => "broken_handshake",
            Self::Tampered => "tampered",
            Self::Malformed(_) => "malformed",
            Self::TooLarge(_) => "too_large",
            Self::UnexpectedMessage { .. } => "unexpected_message",
            Self::SecondHandshake => "second_handshake",
            Self::ClosedEarly => "closed_early",
            Self::PlainPeer => "plain_peer",
            Self::SpeaksHttp => "speaks_http",
            Self::RefusedByPeer { .. } => "refused_by_peer",
            Self::Exhausted => "exhausted",
        }
    }

    /// The `error` message that tells the peer, where there is one to send.
    #[must_use]
    pub fn message(&self) -> Option<Message> {
        let code = self.code()?;
        let message = self.to_string();
        Some(Message::Error { code, message })
    }
}

impl From<DecodeError> for SessionError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<FrameTooLarge> for SessionError {
    fn from(error: FrameTooLarge) -> Self {
        Self::TooLarge(error)
    }
}

impl From<TransportError> for SessionError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Tampered => Self::Tampered,
            TransportError::TooLarge(large) => Self::TooLarge(large),
            TransportError::Exhausted => Self::Exhausted,
        }
    }
}

impl SessionError {
    /// What a failed Noise handshake means for a node of the network `ours`.
    pub(super) fn of_noise(error: NoiseError, ours: &NetworkId) -> Self {
        match error {
            NoiseError::WrongNetwork(theirs) => Self::WrongNetwork {
                ours: ours.clone(),
                theirs,
            },
            NoiseError::Broken => Self::BrokenHandshake,
            NoiseError::BadProof => Self::BadProof,
        }
    }
}
