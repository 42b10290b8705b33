//! A session that is ready: who the peer is, and one half for each direction.

use std::sync::Arc;

use bytes::Bytes;

use super::decode::decode;
use super::frame::FrameTooLarge;
use super::legacy::LegacyPolicy;
use super::message::{CAPABILITY_PLAIN, CAPABILITY_X1, Dialect, Message};
use super::noise::{MAX_SECURED_FRAME, SecureReader, SecureWriter, Signer};
use super::session_error::SessionError;
use crate::types::{Millis, NetworkId, PeerId};

/// What all sessions of a node have in common.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The node's key.
    pub signer: Arc<dyn Signer>,
    /// The node's network.
    pub network: NetworkId,
    /// The port on which the node listens for peers, 0 if on none.
    pub listen_port: u16,
    /// What becomes of plain peers.
    pub legacy: LegacyPolicy,
    /// The longest message, in bytes, that a ready session takes or gives.
    pub max_message: usize,
    /// What the node says that it can do; [`CAPABILITY_X1`] is left out towards plain peers.
    pub capabilities: Vec<String>,
}

impl SessionConfig {
    /// Returns the capabilities of this version of a node with the default policy for plain peers.
    #[must_use]
    pub fn default_capabilities() -> Vec<String> {
        Self::capabilities_of(LegacyPolicy::default())
    }

    /// Returns the capabilities of this version of a node with a policy for plain peers.
    #[must_use]
    pub fn capabilities_of(legacy: LegacyPolicy) -> Vec<String> {
        let all = ["order", "trade", "peerexchange", CAPABILITY_X1];
        let bridge = (legacy == LegacyPolicy::Match).then_some(CAPABILITY_PLAIN);
        all.into_iter().chain(bridge).map(str::to_owned).collect()
    }
}

/// A peer, as its handshake showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Who it is: proved in a secured session, claimed in a plain one.
    pub id: PeerId,
    /// How it speaks.
    pub dialect: Dialect,
    /// The protocol version that it speaks; its major version is ours.
    pub version: String,
    /// The port on which it says that it listens, 0 if on none.
    pub port: u16,
    /// What it says that it can do.
    pub capabilities: Vec<String>,
    /// Its clock minus this node's, in milliseconds, as its handshake told. Only where this node
    /// dialed, and the answer came soon enough to tell.
    pub clock_offset: Option<i64>,
}

/// The slowest answer by which a clock is measured: the error is at most half of it.
const CLOCK_ROUND_TRIP: Millis = Millis::from_secs(4);

/// What another clock shows more than this one's, in milliseconds: it showed `theirs` within
/// `round_trip` after this one showed `asked`. `None` where that took too long to tell.
pub(crate) fn clock_offset(theirs: Millis, asked: Millis, round_trip: Millis) -> Option<i64> {
    if round_trip > CLOCK_ROUND_TRIP {
        return None;
    }
    let half_way = i128::from(asked.0) + i128::from(round_trip.0 / 2);
    i64::try_from(i128::from(theirs.0) - half_way).ok()
}

impl PeerInfo {
    /// Whether `x_*` messages may be sent to it.
    #[must_use]
    pub fn speaks_x1(&self) -> bool {
        self.dialect.is_secured() && self.capabilities.iter().any(|name| name == CAPABILITY_X1)
    }
}

/// A session that is ready.
#[derive(Debug)]
pub struct Established {
    /// Who is there.
    pub peer: PeerInfo,
    /// What the peer says.
    pub reader: SessionReader,
    /// What the peer is told.
    pub writer: SessionWriter,
    /// Messages that came in one frame with the peer's handshake; they come before everything
    /// that `reader` gives.
    pub early: Vec<Message>,
}

/// Turns payloads of a ready session's frames into messages.
#[derive(Debug)]
pub struct SessionReader {
    pub(super) security: Option<SecureReader>,
    pub(super) dialect: Dialect,
    pub(super) max_message: usize,
    pub(super) opened: Vec<Bytes>,
}

impl SessionReader {
    /// The longest payload of a frame that this session can have, for the frame decoder.
    #[must_use]
    pub const fn frame_limit(&self) -> usize {
        match self.security {
            Some(_) => MAX_SECURED_FRAME,
            None => self.max_message,
        }
    }

    /// Reads the payload of the next frame and appends its messages to `out`: one in a plain
    /// session, none or many in a secured one.
    ///
    /// # Errors
    /// The session has to end; the messages before the fault are in `out`.
    pub fn read(&mut self, payload: &[u8], out: &mut Vec<Message>) -> Result<(), SessionError> {
        let Some(security) = &mut self.security else {
            let (length, limit) = (payload.len(), self.max_message);
            if length > limit {
                return Err(FrameTooLarge { length, limit }.into());
            }
            out.push(self.message(payload)?);
            return Ok(());
        };
        let mut opened = std::mem::take(&mut self.opened);
        let outcome = security.read(payload, &mut opened);
        for bytes in opened.drain(..) {
            out.push(self.message(&bytes)?);
        }
        self.opened = opened;
        Ok(outcome?)
    }

    fn message(&self, bytes: &[u8]) -> Result<Message, SessionError> {
        match decode(bytes, self.dialect)? {
            Message::Handshake(_) => Err(SessionError::SecondHandshake),
            message => Ok(message),
        }
    }
}

/// Turns messages into payloads of a ready session's frames.
#[derive(Debug)]
pub struct SessionWriter {
    pub(super) security: Option<SecureWriter>,
    pub(super) max_message: usize,
}

impl SessionWriter {
    /// Appends the payloads of the frames that carry `messages` to `frames`: one for each
    /// message in a plain session, as few as hold them all in a secured one. The messages are
    /// texts that [`encode`](super::encode()) made for the peer's dialect. The payloads have to
    /// be sent in the order in which they were made.
    ///
    /// # Errors
    /// [`SessionError::TooLarge`] if a message is above the limit: nothing was written, and the
    /// session can go on without that message. Anything else ends the session.
    pub fn write(
        &mut self,
        messages: &[Bytes],
        frames: &mut Vec<Bytes>,
    ) -> Result<(), SessionError> {
        if let Some(security) = &mut self.security {
            return Ok(security.write(messages, frames)?);
        }
        let limit = self.max_message;
        let long = messages.iter().map(Bytes::len).find(|len| *len > limit);
        if let Some(length) = long {
            return Err(FrameTooLarge { length, limit }.into());
        }
        frames.extend_from_slice(messages);
        Ok(())
    }

    /// As [`write`](Self::write), but leaves out the messages that are above the limit, and gives
    /// their number.
    ///
    /// # Errors
    /// What ends the session.
    pub fn write_those_that_fit(
        &mut self,
        messages: &[Bytes],
        frames: &mut Vec<Bytes>,
    ) -> Result<usize, SessionError> {
        match self.write(messages, frames) {
            Ok(()) => return Ok(0),
            // Of its whole batch, nothing is written.
            Err(SessionError::TooLarge(_)) => {}
            Err(error) => return Err(error),
        }
        let mut left_out = 0;
        for message in messages {
            match self.write(std::slice::from_ref(message), frames) {
                Ok(()) => {}
                Err(SessionError::TooLarge(_)) => left_out += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(left_out)
    }
}
