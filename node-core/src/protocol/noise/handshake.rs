//! The three messages that make a secured session.
//!
//! 1. dialer: a fresh key; its network's name, in clear, so that a listener of another network
//!    can say so.
//! 2. listener: a fresh key, its Noise key, the proof of its node key.
//! 3. dialer: its Noise key, the proof of its node key.
//!
//! Noise keys are made anew for each session. Both names of the network are also in the
//! prologue, so a changed name fails the handshake.

use std::sync::Arc;

use bytes::Bytes;
use snow::{Builder, HandshakeState};
use thiserror::Error;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use super::primitives::{Primitives, public_half};
use super::proof::{PROOF, Signer, check, prove};
use super::transport::{SecureReader, SecureWriter, secure_halves};
use super::{MAX_NOISE, SESSION_VERSION, TAG};
use crate::types::{NetworkId, NodeId};

const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_BLAKE2s";

/// The bytes of a handshake message beside what it carries: at most two keys and two tags.
const OVERHEAD: usize = 2 * 32 + 2 * TAG;

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::protocol) enum NoiseError {
    /// The dialer named another network.
    #[error("a node of the network {0}")]
    WrongNetwork(NetworkId),
    /// A message that is not one of this handshake, or that was changed on its way.
    #[error("not a message of this handshake")]
    Broken,
    /// A node key that its owner doesn't own, as far as the proof goes.
    #[error("the proof of the node key does not hold")]
    BadProof,
}

impl From<snow::Error> for NoiseError {
    fn from(_: snow::Error) -> Self {
        Self::Broken
    }
}

/// The outcome: who is there, and the two halves of the session.
#[derive(Debug)]
pub(in crate::protocol) struct Proved {
    pub(in crate::protocol) node: NodeId,
    pub(in crate::protocol) reader: SecureReader,
    pub(in crate::protocol) writer: SecureWriter,
}

/// One side of a handshake that has not ended.
#[derive(Debug)]
pub(in crate::protocol) struct NoiseHandshake {
    state: Box<HandshakeState>,
    noise_key: [u8; 32],
    signer: Arc<dyn Signer>,
    network: NetworkId,
}

impl NoiseHandshake {
    /// The dialer's side, with the payload of its first frame.
    pub(in crate::protocol) fn dial(
        signer: Arc<dyn Signer>,
        network: NetworkId,
        entropy: [u8; 32],
    ) -> Result<(Self, Bytes), NoiseError> {
        let mut side = Self::new(signer, network, entropy, true)?;
        let name = side.network.clone();
        let first = side.write(name.as_str().as_bytes())?;
        Ok((side, first))
    }

    /// The listener's side, with the payload that answers the dialer's `first`.
    pub(in crate::protocol) fn accept(
        signer: Arc<dyn Signer>,
        network: NetworkId,
        entropy: [u8; 32],
        first: &[u8],
    ) -> Result<(Self, Bytes), NoiseError> {
        let mut side = Self::new(signer, network, entropy, false)?;
        let name = side.read(first)?;
        let name = std::str::from_utf8(&name).map_err(|_| NoiseError::Broken)?;
        let theirs: NetworkId = name.parse().map_err(|_| NoiseError::Broken)?;
        if theirs != side.network {
            return Err(NoiseError::WrongNetwork(theirs));
        }
        let proof = side.proof();
        let second = side.write(&proof)?;
        Ok((side, second))
    }

    /// The dialer reads the listener's answer: who it is. Nothing of the dialer's identity is
    /// sent before [`Self::finish_dial`].
    pub(in crate::protocol) fn read_second(&mut self, second: &[u8]) -> Result<NodeId, NoiseError> {
        let proof = self.read(second)?;
        self.check(&proof)
    }

    /// The dialer ends the handshake with `node`: the payload of its last frame, and the session.
    pub(in crate::protocol) fn finish_dial(
        mut self,
        node: NodeId,
        limit: usize,
    ) -> Result<(Bytes, Proved), NoiseError> {
        let proof = self.proof();
        let third = self.write(&proof)?;
        Ok((third, self.split(node, limit)?))
    }

    /// The listener ends the handshake by the dialer's last message.
    pub(in crate::protocol) fn finish_accept(
        mut self,
        third: &[u8],
        limit: usize,
    ) -> Result<Proved, NoiseError> {
        let proof = self.read(third)?;
        let node = self.check(&proof)?;
        self.split(node, limit)
    }

    fn new(
        signer: Arc<dyn Signer>,
        network: NetworkId,
        entropy: [u8; 32],
        initiator: bool,
    ) -> Result<Self, NoiseError> {
        let primitives = Primitives::new(entropy);
        let secret: Zeroizing<[u8; 32]> = primitives.fresh();
        let noise_key = public_half(&StaticSecret::from(*secret)).to_bytes();
        let prologue = format!("meshbook/x1/{network}");
        let builder = Builder::with_resolver(PATTERN.parse()?, Box::new(primitives))
            .prologue(prologue.as_bytes())?
            .local_private_key(secret.as_ref())?;
        let state = if initiator {
            builder.build_initiator()?
        } else {
            builder.build_responder()?
        };
        Ok(Self {
            state: Box::new(state),
            noise_key,
            signer,
            network,
        })
    }

    fn proof(&self) -> [u8; PROOF] {
        prove(self.signer.as_ref(), &self.network, &self.noise_key)
    }

    fn check(&self, proof: &[u8]) -> Result<NodeId, NoiseError> {
        let key = self.state.get_remote_static().ok_or(NoiseError::Broken)?;
        check(proof, &self.network, key).ok_or(NoiseError::BadProof)
    }

    fn write(&mut self, content: &[u8]) -> Result<Bytes, NoiseError> {
        let mut payload = vec![0; 1 + OVERHEAD + content.len()];
        payload[0] = SESSION_VERSION;
        let length = self.state.write_message(content, &mut payload[1..])?;
        payload.truncate(1 + length);
        Ok(payload.into())
    }

    fn read(&mut self, payload: &[u8]) -> Result<Vec<u8>, NoiseError> {
        let message = match payload.split_first() {
            Some((&SESSION_VERSION, message)) if message.len() <= MAX_NOISE => message,
            _ => return Err(NoiseError::Broken),
        };
        let mut content = vec![0; message.len()];
        let length = self.state.read_message(message, &mut content)?;
        content.truncate(length);
        Ok(content)
    }

    fn split(self, node: NodeId, limit: usize) -> Result<Proved, NoiseError> {
        let state = self.state.into_stateless_transport_mode()?;
        let (reader, writer) = secure_halves(state, limit);
        Ok(Proved {
            node,
            reader,
            writer,
        })
    }
}
