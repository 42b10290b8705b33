//! Connections that are no sessions yet, on both sides.

use std::sync::Arc;

use bytes::Bytes;
use meshbook::ledger::Identity;
use meshbook::protocol::{
    Established, HANDSHAKE_FRAME_LIMIT, Handshaking, LegacyPolicy, Opening, SessionConfig,
    SessionError, Step,
};
use meshbook::types::{Millis, Now, PeerId};

use crate::script::steps;

pub(crate) const NOW: Now = Now {
    mono: Millis(1_000),
    wall: Millis(1_795_000_000_000),
};

/// The frames of an honest peer, changed, cut, left out, or others in their place, never make a
/// session with anybody but that peer; nothing that was changed makes a secured session at all;
/// what has failed stays failed, and says little.
pub fn handshake(data: &[u8]) {
    let Some((set, script)) = data.split_first() else {
        return;
    };
    let legacy = match set & 1 {
        0 => LegacyPolicy::Off,
        _ => LegacyPolicy::Observe,
    };
    let (honest, victim) = match (set >> 1) & 3 {
        0 => (secured(), Opening::Accept),
        1 => (Opening::Accept, secured()),
        2 => (plain(), Opening::Accept),
        _ => (Opening::Accept, plain()),
    };
    let mut connection = Connection {
        honest: open(1, honest, LegacyPolicy::Observe),
        victim: open(2, victim, legacy),
        on_the_way: Vec::new(),
        changed: false,
        outcome: None,
    };
    connection.exchange();
    for step in steps(script, 16) {
        let mut frame = connection.next();
        match step.what % 4 {
            0 => {}
            1 => {
                connection.changed = true;
                frame = step.content.to_vec();
            }
            2 => {
                let before = frame.clone();
                for change in step.content.chunks_exact(2) {
                    let at = usize::from(change[0]);
                    if let Some(byte) = frame.get_mut(at) {
                        *byte ^= change[1];
                    }
                }
                connection.changed |= frame != before;
            }
            _ => {
                let keep = step.content.first().map_or(0, |keep| usize::from(*keep));
                connection.changed |= keep < frame.len();
                frame.truncate(keep);
            }
        }
        connection.deliver(&frame);
    }
}

struct Connection {
    honest: Handshaking,
    victim: Handshaking,
    /// What the honest side has sent and the victim not seen.
    on_the_way: Vec<Bytes>,
    /// Something else came than what the honest side had sent.
    changed: bool,
    outcome: Option<Result<Box<Established>, SessionError>>,
}

impl Connection {
    /// The next frame of the honest side; an empty one where there is none.
    fn next(&mut self) -> Vec<u8> {
        if self.on_the_way.is_empty() {
            self.changed = true;
            return Vec::new();
        }
        self.on_the_way.remove(0).to_vec()
    }

    fn deliver(&mut self, frame: &[u8]) {
        if matches!(self.outcome, Some(Ok(_))) {
            return;
        }
        let step = self.victim.on_frame(frame, NOW);
        if let Some(Err(_)) = &self.outcome {
            assert!(step.is_err(), "it had failed");
            return;
        }
        match step {
            Ok(Step::Continue) => {}
            Ok(Step::Ready(ready)) => {
                self.look_at(&ready);
                self.outcome = Some(Ok(ready));
            }
            Err(error) => self.outcome = Some(Err(error)),
        }
        self.exchange();
    }

    fn look_at(&self, ready: &Established) {
        match &ready.peer.id {
            PeerId::Node(id) => {
                assert_eq!(*id, identity(1).node_id(), "a key that nobody proved");
                assert!(!self.changed, "a changed handshake is a session");
            }
            PeerId::Legacy(_) => assert!(!ready.peer.speaks_x1()),
        }
    }

    /// What the victim says goes to the honest side, whose answers are kept for later.
    fn exchange(&mut self) {
        let said = self.victim.outgoing();
        assert!(said.len() <= 4, "{} frames at once", said.len());
        for frame in said {
            assert!(frame.len() <= HANDSHAKE_FRAME_LIMIT);
            // The honest side may have had enough, and says why.
            let _ = self.honest.on_frame(&frame, NOW);
        }
        self.on_the_way.append(&mut self.honest.outgoing());
    }
}

const fn secured() -> Opening {
    Opening::Dial {
        expect: None,
        plain: false,
    }
}

const fn plain() -> Opening {
    Opening::Dial {
        expect: None,
        plain: true,
    }
}

pub(crate) fn identity(seed: u8) -> Identity {
    Identity::from_seed([seed; 32])
}

/// One side of a connection, with the key of this seed.
pub(crate) fn open(seed: u8, opening: Opening, legacy: LegacyPolicy) -> Handshaking {
    let config = SessionConfig {
        signer: Arc::new(identity(seed)),
        network: network(),
        listen_port: 3000,
        legacy,
        max_message: MAX_MESSAGE,
        capabilities: SessionConfig::default_capabilities(),
    };
    Handshaking::new(Arc::new(config), opening, [seed; 32], NOW)
}

/// The longest message of these sessions.
pub(crate) const MAX_MESSAGE: usize = 8 * 1024;

pub(crate) fn network() -> meshbook::types::NetworkId {
    match "local".parse() {
        Ok(network) => network,
        Err(error) => panic!("{error}"),
    }
}
