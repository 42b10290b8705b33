//! The two halves of a secured session. Each counts its own Noise messages, so they run in
//! different tasks without a lock.
//!
//! Inside Noise is a byte stream of `[4-byte big-endian length][message]`, cut into Noise
//! messages wherever they are full.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use snow::StatelessTransportState;
use thiserror::Error;

use super::{MAX_NOISE, SESSION_VERSION, TAG};
use crate::protocol::frame::{FrameDecoder, FrameTooLarge, frame_header};

/// The most that one Noise message carries.
const MAX_PLAIN: usize = MAX_NOISE - TAG;

/// The Noise messages that one direction of a session may have: far below the 2^64 - 1 that
/// the cipher allows, and still 35 years of a million a second. After them the session ends.
pub(in crate::protocol) const MAX_FRAMES: u64 = 1 << 50;

/// Why a secured session can't go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// A payload that the peer didn't seal as the next one: changed, lost, doubled or not its own.
    #[error("a frame was changed on its way")]
    Tampered,
    /// A message above the limit.
    #[error(transparent)]
    TooLarge(#[from] FrameTooLarge),
    /// One direction has had all the messages that it may have.
    #[error("the session has used up its counters")]
    Exhausted,
}

/// Opens what the peer seals.
pub struct SecureReader {
    state: Arc<StatelessTransportState>,
    counter: u64,
    stream: BytesMut,
    messages: FrameDecoder,
}

/// Seals what the peer opens.
pub struct SecureWriter {
    state: Arc<StatelessTransportState>,
    counter: u64,
    plain: Vec<u8>,
    limit: usize,
}

/// The halves of a session that takes and gives messages of at most `limit` bytes.
pub(super) fn secure_halves(
    state: StatelessTransportState,
    limit: usize,
) -> (SecureReader, SecureWriter) {
    let state = Arc::new(state);
    let reader = SecureReader {
        state: Arc::clone(&state),
        counter: 0,
        stream: BytesMut::new(),
        messages: FrameDecoder::new(limit),
    };
    let writer = SecureWriter {
        state,
        counter: 0,
        plain: Vec::new(),
        limit,
    };
    (reader, writer)
}

impl SecureReader {
    /// The bytes of a message whose end has not come yet.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.stream.len()
    }

    /// Opens the payload of the next frame and appends the messages that are complete with it
    /// to `out`. Holds back at most one message and one frame.
    ///
    /// # Errors
    /// The session has to end; the messages before the fault are in `out`.
    pub fn read(&mut self, payload: &[u8], out: &mut Vec<Bytes>) -> Result<(), TransportError> {
        let sealed = match payload.split_first() {
            Some((&SESSION_VERSION, sealed)) if sealed.len() <= MAX_NOISE => sealed,
            _ => return Err(TransportError::Tampered),
        };
        let length = sealed.len().checked_sub(TAG);
        let length = length.ok_or(TransportError::Tampered)?;
        if self.counter >= MAX_FRAMES {
            return Err(TransportError::Exhausted);
        }
        let start = self.stream.len();
        self.stream.resize(start + length, 0);
        let room = &mut self.stream[start..];
        if self.state.read_message(self.counter, sealed, room).is_err() {
            self.stream.truncate(start);
            return Err(TransportError::Tampered);
        }
        self.counter += 1;
        while let Some(message) = self.messages.decode(&mut self.stream)? {
            out.push(message);
        }
        // A long message leaves its room behind, which an idle session should not keep.
        if !self.stream.has_remaining() {
            self.stream = BytesMut::new();
        }
        Ok(())
    }
}

impl SecureWriter {
    /// Seals `messages`, in their order, into as few frames as hold them, and appends the
    /// frames' payloads to `frames`.
    ///
    /// # Errors
    /// If a message is above the limit, before anything is sealed; or if the session's counters
    /// are used up, after which it has to end.
    pub fn write(
        &mut self,
        messages: &[Bytes],
        frames: &mut Vec<Bytes>,
    ) -> Result<(), TransportError> {
        let limit = self.limit;
        let long = messages.iter().map(Bytes::len).find(|len| *len > limit);
        if let Some(length) = long {
            return Err(FrameTooLarge { length, limit }.into());
        }
        self.plain.clear();
        for message in messages {
            let length = message.len();
            let header = frame_header(length).ok_or(FrameTooLarge { length, limit })?;
            self.append(&header, frames)?;
            self.append(message, frames)?;
        }
        if !self.plain.is_empty() {
            self.seal(frames)?;
        }
        Ok(())
    }

    fn append(&mut self, mut bytes: &[u8], frames: &mut Vec<Bytes>) -> Result<(), TransportError> {
        while !bytes.is_empty() {
            if self.plain.len() == MAX_PLAIN {
                self.seal(frames)?;
            }
            let fits = bytes.len().min(MAX_PLAIN - self.plain.len());
            let (now, later) = bytes.split_at(fits);
            self.plain.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn seal(&mut self, frames: &mut Vec<Bytes>) -> Result<(), TransportError> {
        if self.counter >= MAX_FRAMES {
            return Err(TransportError::Exhausted);
        }
        let mut payload = vec![0; 1 + self.plain.len() + TAG];
        payload[0] = SESSION_VERSION;
        let sealed = self
            .state
            .write_message(self.counter, &self.plain, &mut payload[1..]);
        // The sizes are right by construction; whatever else failed, the counter is spent.
        self.counter += 1;
        self.plain.clear();
        sealed.map_err(|_| TransportError::Exhausted)?;
        frames.push(payload.into());
        Ok(())
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl SecureWriter {
    /// Seals one piece of the stream as it is; at most so much as a frame can carry.
    pub(in crate::protocol) fn seal_piece(&mut self, piece: &[u8]) -> Bytes {
        self.plain = piece[..piece.len().min(MAX_PLAIN)].to_vec();
        let mut frames = Vec::new();
        // Nothing comes out only where the counters are used up.
        let _ = self.seal(&mut frames);
        frames.pop().unwrap_or_default()
    }
}

#[cfg(test)]
impl SecureWriter {
    /// Goes on as if so many frames had been sealed.
    pub(in crate::protocol) const fn spend(&mut self, counter: u64) {
        self.counter = counter;
    }
}

impl fmt::Debug for SecureReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SecureReader");
        shown
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SecureWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SecureWriter");
        shown
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}
