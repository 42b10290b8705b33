//! A dialer that seals whatever it likes: for the fuzz targets.

use std::sync::Arc;

use bytes::Bytes;

use super::noise::{NoiseHandshake, SecureWriter, Signer};
use crate::types::NetworkId;

/// A dialer that has sent the first message.
#[derive(Debug)]
pub struct RawDial(NoiseHandshake);

/// Its session's outgoing half.
#[derive(Debug)]
pub struct Seal(SecureWriter);

impl RawDial {
    /// The dialer, with its first message.
    #[must_use]
    pub fn new(
        signer: Arc<dyn Signer>,
        network: NetworkId,
        entropy: [u8; 32],
    ) -> Option<(Self, Bytes)> {
        let (noise, first) = NoiseHandshake::dial(signer, network, entropy).ok()?;
        Some((Self(noise), first))
    }

    /// Ends the handshake: its last message, and the session.
    #[must_use]
    pub fn finish(mut self, second: &[u8], limit: usize) -> Option<(Bytes, Seal)> {
        let node = self.0.read_second(second).ok()?;
        let (third, proved) = self.0.finish_dial(node, limit).ok()?;
        Some((third, Seal(proved.writer)))
    }
}

impl Seal {
    /// A frame with a piece of the session's stream as it is.
    pub fn piece(&mut self, piece: &[u8]) -> Bytes {
        self.0.seal_piece(piece)
    }
}
