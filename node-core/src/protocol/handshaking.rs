//! From a new connection to a session: who speaks how, and whether it may stay.
//!
//! Secured (the default), in frames: Noise 1, 2, 3 (see `noise/handshake.rs`), then the seed's
//! `handshake` of both sides inside Noise. Plain: the seed's `handshake` of both sides. A side
//! is ready once the peer's handshake is in; a `handshake_ack` is sent and never waited for.

use std::sync::Arc;
use std::{fmt, mem};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::decode::decode;
use super::encode::encode;
use super::error_code::ErrorCode;
use super::frame::{FrameTooLarge, HANDSHAKE_FRAME_LIMIT};
use super::legacy::PLAIN_PEERS;
use super::message::{
    CAPABILITY_PLAIN, CAPABILITY_X1, Capabilities, Dialect, Handshake, Message, PROTOCOL_VERSION,
};
use super::noise::{NoiseError, NoiseHandshake, Proved, SESSION_VERSION};
use super::session::{
    Established, PeerInfo, SessionConfig, SessionReader, SessionWriter, clock_offset,
};
use super::session_error::SessionError;
use crate::types::{Millis, NodeId, Now, PeerId};

/// How long a connection may take to become a session.
pub const HANDSHAKE_TIMEOUT: Millis = Millis::from_secs(10);

/// How a connection came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// This node dialed.
    Dial {
        /// The node that must be there, if it matters. A plain peer proves nothing, so with
        /// `plain` this always fails.
        expect: Option<NodeId>,
        /// Without encryption, because the peer is known not to speak it.
        plain: bool,
    },
    /// The peer dialed.
    Accept,
}

/// What a payload led to.
#[derive(Debug)]
pub enum Step {
    /// The handshake goes on.
    Continue,
    /// The session is ready. What [`Handshaking::outgoing`] still gives has to be sent before
    /// anything of the session's writer; all payloads that follow belong to its reader.
    Ready(Box<Established>),
}

/// A connection that is not a session yet. Made of input and time only: payloads go in by
/// [`Self::on_frame`], payloads to send come out of [`Self::outgoing`], after every call, also
/// after one that failed: the last one then tells the peer why.
#[derive(Debug)]
pub struct Handshaking {
    config: Arc<SessionConfig>,
    state: State,
    outgoing: Vec<Bytes>,
    deadline: Millis,
    /// When a dialer sent its handshake, which the peer answers at once by its own.
    asked: Option<Now>,
}

#[derive(Debug)]
enum State {
    /// A dialer has sent the first Noise message.
    AwaitSecond {
        noise: NoiseHandshake,
        expect: Option<NodeId>,
    },
    /// A listener has seen nothing yet.
    AwaitFirst(Entropy),
    /// A listener has sent the second Noise message.
    AwaitThird(NoiseHandshake),
    /// The keys are proved and our handshake is sent.
    AwaitSecured(Box<Proved>),
    /// A plain dialer has sent its handshake.
    AwaitPlain { expect: Option<NodeId> },
    /// Ready, or failed.
    Over,
}

/// What a listener's keys will be made of: not to be seen in a log.
struct Entropy(Zeroizing<[u8; 32]>);

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

impl Handshaking {
    /// A connection that came about by `opening`. `entropy` is 32 random bytes that are used for
    /// nothing else.
    #[must_use]
    pub fn new(config: Arc<SessionConfig>, opening: Opening, entropy: [u8; 32], now: Now) -> Self {
        let mut new = Self {
            config,
            state: State::Over,
            outgoing: Vec::new(),
            deadline: now.mono + HANDSHAKE_TIMEOUT,
            asked: None,
        };
        new.state = match opening {
            Opening::Accept => State::AwaitFirst(Entropy(entropy.into())),
            Opening::Dial {
                expect,
                plain: true,
            } if PLAIN_PEERS => {
                // The peer's dialect is unknown yet. The seed's text asks for a list, and the
                // original node keeps whatever it gets without looking at it, so a list does
                // for both.
                let capabilities = Capabilities::List(new.plain_capabilities());
                new.say_plain(&new.handshake(capabilities, now), now);
                State::AwaitPlain { expect }
            }
            Opening::Dial { expect, .. } => {
                let signer = Arc::clone(&new.config.signer);
                let network = new.config.network.clone();
                match NoiseHandshake::dial(signer, network, entropy) {
                    Ok((noise, first)) => {
                        new.outgoing.push(first);
                        State::AwaitSecond { noise, expect }
                    }
                    // Not for any input: the pattern and its primitives are there. The driver
                    // finds nothing to send, and the deadline ends it.
                    Err(_) => State::Over,
                }
            }
        };
        new
    }

    /// The time, on the monotonic clock, at which [`Self::on_timeout`] is due.
    #[must_use]
    pub const fn deadline(&self) -> Millis {
        self.deadline
    }

    /// The payloads to send now, in their order.
    #[must_use]
    pub fn outgoing(&mut self) -> Vec<Bytes> {
        mem::take(&mut self.outgoing)
    }

    /// The peer sent a frame with this payload.
    ///
    /// # Errors
    /// The connection has to end, after what [`Self::outgoing`] gives is sent.
    pub fn on_frame(&mut self, payload: &[u8], now: Now) -> Result<Step, SessionError> {
        match self.step(payload, now) {
            Ok(step) => Ok(step),
            Err(error) => Err(self.fail(error, now)),
        }
    }

    /// The deadline has passed.
    pub fn on_timeout(&mut self, now: Now) -> SessionError {
        self.fail(SessionError::HandshakeTimeout, now)
    }

    /// The driver found a fault of its own, like a frame above the limit: tells the peer.
    pub fn fail(&mut self, error: SessionError, now: Now) -> SessionError {
        let error = match error {
            SessionError::TooLarge(long) if long.reads_http() => SessionError::SpeaksHttp,
            error => error,
        };
        let state = mem::replace(&mut self.state, State::Over);
        let Some(message) = error.message() else {
            return error;
        };
        match state {
            State::AwaitSecured(mut proved) => {
                let bytes = self.say(&message, Dialect::Secured, now);
                // The peer is only told if the session still can.
                let _ = proved.writer.write(&bytes, &mut self.outgoing);
            }
            _ => self.say_error_in_clear(&error, now),
        }
        error
    }

    /// The connection is closed: why there is no session.
    #[must_use]
    pub fn on_closed(&self) -> SessionError {
        match self.state {
            // A peer that doesn't know Noise can't read our first frame, and hangs up.
            State::AwaitSecond { .. } => SessionError::PlainPeer,
            _ => SessionError::ClosedEarly,
        }
    }

    fn step(&mut self, payload: &[u8], now: Now) -> Result<Step, SessionError> {
        let (length, limit) = (payload.len(), HANDSHAKE_FRAME_LIMIT);
        if length > limit {
            return Err(FrameTooLarge { length, limit }.into());
        }
        let plain = payload.first() == Some(&b'{');
        match mem::replace(&mut self.state, State::Over) {
            State::AwaitFirst(_) if plain => self.on_plain(payload, None, now),
            State::AwaitFirst(_) if payload.first() != Some(&SESSION_VERSION) => {
                Err(SessionError::UnknownProtocol)
            }
            State::AwaitFirst(Entropy(entropy)) => {
                let signer = Arc::clone(&self.config.signer);
                let network = self.config.network.clone();
                let accepted = NoiseHandshake::accept(signer, network, *entropy, payload);
                let (noise, second) = accepted.map_err(|e| self.noise_error(e))?;
                self.outgoing.push(second);
                self.state = State::AwaitThird(noise);
                Ok(Step::Continue)
            }
            State::AwaitSecond { .. } if plain => Err(self.plain_answer(payload)),
            State::AwaitSecond { noise, expect } => self.on_second(noise, expect, payload, now),
            // A peer that doesn't take our proof, or finds itself, says so in clear.
            State::AwaitThird(_) | State::AwaitSecured(_) if plain => {
                Err(self.plain_refusal(payload))
            }
            State::AwaitThird(noise) => {
                let proved = noise.finish_accept(payload, self.config.max_message);
                let proved = proved.map_err(|e| self.noise_error(e))?;
                self.await_secured(proved, now)
            }
            State::AwaitSecured(proved) => self.on_secured(proved, payload, now),
            State::AwaitPlain { expect } => self.on_plain(payload, Some(expect), now),
            State::Over => Err(SessionError::ClosedEarly),
        }
    }

    /// The dialer has the listener's proof.
    fn on_second(
        &mut self,
        mut noise: NoiseHandshake,
        expect: Option<NodeId>,
        payload: &[u8],
        now: Now,
    ) -> Result<Step, SessionError> {
        let found = noise.read_second(payload);
        let node = found.map_err(|e| self.noise_error(e))?;
        if node == self.config.signer.node_id() {
            return Err(SessionError::SelfConnection);
        }
        if let Some(expected) = expect.filter(|expected| *expected != node) {
            return Err(SessionError::WrongKey { expected });
        }
        let finished = noise.finish_dial(node, self.config.max_message);
        let (third, proved) = finished.map_err(|e| self.noise_error(e))?;
        self.outgoing.push(third);
        self.asked = Some(now);
        self.await_secured(proved, now)
    }

    /// Both keys are proved: sends our handshake inside the session.
    fn await_secured(&mut self, mut proved: Proved, now: Now) -> Result<Step, SessionError> {
        if proved.node == self.config.signer.node_id() {
            return Err(SessionError::SelfConnection);
        }
        let capabilities = Capabilities::List(self.config.capabilities.clone());
        let handshake = self.handshake(capabilities, now);
        let bytes = self.say(&handshake, Dialect::Secured, now);
        proved.writer.write(&bytes, &mut self.outgoing)?;
        self.state = State::AwaitSecured(Box::new(proved));
        Ok(Step::Continue)
    }

    /// A frame of a secured session that has not had the peer's handshake.
    fn on_secured(
        &mut self,
        mut proved: Box<Proved>,
        payload: &[u8],
        now: Now,
    ) -> Result<Step, SessionError> {
        let mut opened = Vec::new();
        let outcome = proved.reader.read(payload, &mut opened);
        // From here on the session can carry an error, unless the checks below move it on.
        self.state = State::AwaitSecured(proved);
        outcome?;
        let mut opened = opened.into_iter();
        let handshake = loop {
            let Some(bytes) = opened.next() else {
                return self.check_backlog();
            };
            match decode(&bytes, Dialect::Secured)? {
                Message::Handshake(handshake) => break handshake,
                other => before_handshake(other, true)?,
            }
        };
        let State::AwaitSecured(proved) = &self.state else {
            return Err(SessionError::ClosedEarly);
        };
        let node = proved.node;
        self.check_handshake(&handshake)?;
        if handshake.node_id != node.to_string() {
            return Err(SessionError::BadProof);
        }
        let mut early = Vec::new();
        for bytes in opened {
            match decode(&bytes, Dialect::Secured)? {
                Message::Handshake(_) => return Err(SessionError::SecondHandshake),
                message => early.push(message),
            }
        }
        let ack = self.say(&ack(now), Dialect::Secured, now);
        let State::AwaitSecured(proved) = mem::replace(&mut self.state, State::Over) else {
            return Err(SessionError::ClosedEarly);
        };
        let Proved {
            reader, mut writer, ..
        } = *proved;
        writer.write(&ack, &mut self.outgoing)?;
        let clock_offset = self.asked.and_then(|asked| {
            let round_trip = now.mono.since(asked.mono);
            clock_offset(handshake.timestamp, asked.wall, round_trip)
        });
        let peer = PeerInfo {
            clock_offset,
            ..peer_info(PeerId::Node(node), Dialect::Secured, handshake)
        };
        let max_message = self.config.max_message;
        Ok(Step::Ready(Box::new(Established {
            peer,
            reader: SessionReader {
                security: Some(reader),
                dialect: Dialect::Secured,
                max_message,
                opened: Vec::new(),
            },
            writer: SessionWriter {
                security: Some(writer),
                max_message,
            },
            early,
        })))
    }

    /// A peer that hides its handshake behind a long message may not have more room than one
    /// that doesn't.
    fn check_backlog(&self) -> Result<Step, SessionError> {
        let limit = HANDSHAKE_FRAME_LIMIT;
        match &self.state {
            State::AwaitSecured(proved) if proved.reader.backlog() > limit => {
                let length = proved.reader.backlog();
                Err(FrameTooLarge { length, limit }.into())
            }
            _ => Ok(Step::Continue),
        }
    }

    /// A frame of a plain peer. `dialed` is there if we dialed and have sent our handshake; in
    /// it, whom we expected.
    fn on_plain(
        &mut self,
        payload: &[u8],
        dialed: Option<Option<NodeId>>,
        now: Now,
    ) -> Result<Step, SessionError> {
        if !self.config.legacy.takes_plain_peers() {
            return Err(SessionError::LegacyRefused);
        }
        let handshake = match decode(payload, Dialect::Seed)? {
            Message::Handshake(handshake) => handshake,
            other => {
                before_handshake(other, dialed.is_some())?;
                let expect = dialed.unwrap_or_default();
                self.state = State::AwaitPlain { expect };
                return Ok(Step::Continue);
            }
        };
        self.check_handshake(&handshake)?;
        if handshake.node_id == self.config.signer.node_id().to_string() {
            return Err(SessionError::SelfConnection);
        }
        if let Some(Some(expected)) = dialed {
            return Err(SessionError::WrongKey { expected });
        }
        let (dialect, capabilities) = match handshake.capabilities {
            Capabilities::List(_) => {
                let ours = Capabilities::List(self.plain_capabilities());
                (Dialect::Seed, ours)
            }
            Capabilities::Flags(_) => (Dialect::Original, Capabilities::original()),
        };
        // The handshake goes before the ack: an original node that gets an ack first takes no
        // handshake after it.
        if dialed.is_none() {
            self.say_plain(&self.handshake(capabilities, now), now);
        }
        self.say_plain(&ack(now), now);
        let id = PeerId::Legacy(handshake.node_id.as_str().into());
        let max_message = self.config.max_message;
        Ok(Step::Ready(Box::new(Established {
            peer: peer_info(id, dialect, handshake),
            reader: SessionReader {
                security: None,
                dialect,
                max_message,
                opened: Vec::new(),
            },
            writer: SessionWriter {
                security: None,
                max_message,
            },
            early: Vec::new(),
        })))
    }

    /// What every handshake has to fulfil, secured or plain.
    fn check_handshake(&self, handshake: &Handshake) -> Result<(), SessionError> {
        let major = |version: &str| version.split('.').next().map(str::to_owned);
        if major(&handshake.version) != major(PROTOCOL_VERSION) {
            let theirs = handshake.version.clone();
            return Err(SessionError::VersionMismatch { theirs });
        }
        let ours = &self.config.network;
        match handshake.network.as_deref().map(str::parse) {
            Some(Ok(theirs)) if theirs != *ours => {
                let ours = ours.clone();
                Err(SessionError::WrongNetwork { ours, theirs })
            }
            Some(Ok(_)) => Ok(()),
            // Without a name, or with one that no network can have, it is a legacy peer. In a
            // private network that is not enough.
            _ if ours.private_name().is_some() => {
                Err(SessionError::NoNetwork { ours: ours.clone() })
            }
            _ => Ok(()),
        }
    }

    /// What a dialer makes of a plain answer to its first Noise message.
    fn plain_answer(&self, payload: &[u8]) -> SessionError {
        match self.plain_refusal(payload) {
            SessionError::RefusedByPeer {
                code:
                    ErrorCode::InvalidMessage | ErrorCode::MessageTooLarge | ErrorCode::UnknownError,
                ..
            }
            | SessionError::BrokenHandshake => SessionError::PlainPeer,
            refused => refused,
        }
    }

    /// What a plain frame says in the middle of a Noise handshake, where only an `error` has a
    /// meaning. It is not authenticated, and ends nothing but this connection.
    fn plain_refusal(&self, payload: &[u8]) -> SessionError {
        #[derive(Deserialize)]
        struct Hint {
            network: Option<String>,
        }
        let Ok(Message::Error { code, message }) = decode(payload, Dialect::Seed) else {
            return SessionError::BrokenHandshake;
        };
        let text = std::str::from_utf8(payload).ok();
        let hint = text.and_then(|text| serde_json::from_str::<Hint>(text).ok());
        let network = hint.and_then(|hint| hint.network?.parse().ok());
        match network {
            Some(theirs)
                if code == ErrorCode::AuthenticationFailed && theirs != self.config.network =>
            {
                let ours = self.config.network.clone();
                SessionError::WrongNetwork { ours, theirs }
            }
            _ => SessionError::RefusedByPeer { code, message },
        }
    }

    fn noise_error(&self, error: NoiseError) -> SessionError {
        SessionError::of_noise(error, &self.config.network)
    }

    fn handshake(&self, capabilities: Capabilities, now: Now) -> Message {
        Message::Handshake(Handshake {
            node_id: self.config.signer.node_id().to_string(),
            version: PROTOCOL_VERSION.to_owned(),
            port: self.config.listen_port,
            capabilities,
            network: Some(self.config.network.to_string()),
            timestamp: now.wall,
        })
    }

    /// Signed messages have no place in a plain session, so it doesn't offer them.
    fn plain_capabilities(&self) -> Vec<String> {
        let all = self.config.capabilities.iter();
        all.filter(|name| ![CAPABILITY_X1, CAPABILITY_PLAIN].contains(&name.as_str()))
            .cloned()
            .collect()
    }

    /// The message's text, alone in a list; empty for what the dialect can't say, which no
    /// message of a handshake is.
    fn say(&self, message: &Message, dialect: Dialect, now: Now) -> Vec<Bytes> {
        let from = self.config.signer.node_id().to_string();
        let text = encode(message, dialect, &from, now.wall);
        text.into_iter().collect()
    }

    fn say_plain(&mut self, message: &Message, now: Now) {
        let message = match message {
            // The original node drops a handshake whose port is 0. Port 1 is as closed.
            Message::Handshake(handshake) if handshake.port == 0 => {
                &Message::Handshake(Handshake {
                    port: 1,
                    ..handshake.clone()
                })
            }
            message => message,
        };
        let bytes = self.say(message, Dialect::Seed, now);
        self.outgoing.extend(bytes);
    }

    /// The `error` message in clear, because there is no session that could carry it. It names
    /// our network where that is the matter, so that the peer's counters can tell.
    fn say_error_in_clear(&mut self, error: &SessionError, now: Now) {
        #[derive(Serialize)]
        struct Inner {
            code: ErrorCode,
            message: String,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Refusal<'a> {
            r#type: &'static str,
            node_id: NodeId,
            error: Inner,
            #[serde(skip_serializing_if = "Option::is_none")]
            network: Option<&'a str>,
            timestamp: u64,
        }
        let Some(code) = error.code() else {
            return;
        };
        let network = match error {
            SessionError::WrongNetwork { ours, .. } | SessionError::NoNetwork { ours } => {
                Some(ours.as_str())
            }
            _ => None,
        };
        let refusal = Refusal {
            r#type: "error",
            node_id: self.config.signer.node_id(),
            error: Inner {
                code,
                message: error.to_string(),
            },
            network,
            timestamp: now.wall.0.max(1),
        };
        let text = serde_json::to_vec(&refusal).ok();
        self.outgoing.extend(text.map(Bytes::from));
    }
}

const fn ack(now: Now) -> Message {
    let timestamp = now.wall;
    Message::HandshakeAck { timestamp }
}

/// What a message before the handshake means. An ack is no harm to a side that has sent its
/// handshake: there are peers that answer first and introduce themselves then.
fn before_handshake(message: Message, sent: bool) -> Result<(), SessionError> {
    match message {
        Message::HandshakeAck { .. } if sent => Ok(()),
        Message::Error { code, message } => Err(SessionError::RefusedByPeer { code, message }),
        Message::Disconnect { .. } => Err(SessionError::ClosedEarly),
        other => {
            let kind = other.kind().to_owned();
            Err(SessionError::UnexpectedMessage { kind })
        }
    }
}

fn peer_info(id: PeerId, dialect: Dialect, handshake: Handshake) -> PeerInfo {
    PeerInfo {
        id,
        dialect,
        version: handshake.version,
        port: handshake.port,
        capabilities: handshake.capabilities.names(),
        clock_offset: None,
    }
}
