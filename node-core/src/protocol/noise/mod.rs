//! Noise_XX_25519_ChaChaPoly_BLAKE2s over frames, and the proof that ties it to a node's key.

mod handshake;
mod primitives;
mod proof;
mod transport;

pub(super) use handshake::{NoiseError, NoiseHandshake, Proved};
pub use proof::Signer;
#[cfg(test)]
pub(super) use transport::MAX_FRAMES;
pub use transport::{SecureReader, SecureWriter, TransportError};

/// The first byte of every payload of a secured session: the session's version.
pub const SESSION_VERSION: u8 = 1;

/// The longest payload of a secured session's frame: the version and one Noise message.
pub const MAX_SECURED_FRAME: usize = 1 + MAX_NOISE;

/// The longest Noise message.
const MAX_NOISE: usize = 65_535;

/// The bytes by which a Noise message is longer than what it carries.
const TAG: usize = 16;
