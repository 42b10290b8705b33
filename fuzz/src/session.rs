//! What a peer says inside a session that it has every right to.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use meshbook::fuzzing::{RawDial, Seal};
use meshbook::protocol::{
    Capabilities, Dialect, FrameDecoder, Handshake, Handshaking, LegacyPolicy, Message, Opening,
    PROTOCOL_VERSION, SessionReader, Step, decode, encode,
};
use meshbook::types::PeerId;

use crate::handshake::{MAX_MESSAGE, NOW, identity, network, open};
use crate::script::steps;

/// The pieces of a session's stream, sealed as they are, give the messages that are in the stream,
/// however it is cut, up to the first fault; a frame that is not sealed as the next one gives none.
pub fn session(data: &[u8]) {
    let Some((set, script)) = data.split_first() else {
        return;
    };
    let (mut listener, mut seal) = raw_session();
    let mut reader = None;
    if set & 1 == 0 {
        let frame = seal.piece(&own_handshake());
        match listener.on_frame(&frame, NOW) {
            Ok(Step::Ready(ready)) => reader = Some(ready.reader),
            other => panic!("an honest handshake gives {other:?}"),
        }
    }
    let (mut stream, mut heard) = (BytesMut::new(), Vec::new());
    for step in steps(script, 16) {
        let mut frame = seal.piece(step.content).to_vec();
        let bent = step.what == 255;
        if bent && let Some(last) = frame.last_mut() {
            *last ^= 1;
        }
        let before = heard.len();
        let ended = match &mut reader {
            Some(reader) => {
                let outcome = reader.read(&frame, &mut heard);
                if !bent {
                    stream.extend_from_slice(step.content);
                    let (_, fault) = said(&stream);
                    assert_eq!(outcome.is_err(), fault, "{outcome:?}");
                }
                outcome.is_err()
            }
            None => before_ready(&mut listener, &frame, &mut reader),
        };
        assert!(!bent || (ended && heard.len() == before));
        if ended {
            break;
        }
    }
    if set & 1 == 0 {
        let (expected, _) = said(&stream);
        assert_eq!(format!("{heard:?}"), format!("{expected:?}"));
    }
}

/// Whether the connection ended with a frame that came before the session was ready.
fn before_ready(
    listener: &mut Handshaking,
    frame: &[u8],
    reader: &mut Option<SessionReader>,
) -> bool {
    match listener.on_frame(frame, NOW) {
        Ok(Step::Continue) => false,
        Ok(Step::Ready(ready)) => {
            assert_eq!(ready.peer.id, PeerId::Node(identity(1).node_id()));
            *reader = Some(ready.reader);
            false
        }
        Err(_) => {
            assert!(listener.on_frame(frame, NOW).is_err(), "it had failed");
            true
        }
    }
}

/// The messages of a session's stream, and whether a fault ends it.
fn said(stream: &[u8]) -> (Vec<Message>, bool) {
    let mut rest = BytesMut::from(stream);
    let decoder = FrameDecoder::new(MAX_MESSAGE);
    let mut messages = Vec::new();
    loop {
        match decoder.decode(&mut rest) {
            Ok(None) => return (messages, false),
            Ok(Some(text)) => match decode(&text, Dialect::Secured) {
                Ok(Message::Handshake(_)) | Err(_) => return (messages, true),
                Ok(message) => messages.push(message),
            },
            Err(_) => return (messages, true),
        }
    }
}

/// A listener whose peer has proved its key, and what that peer seals.
fn raw_session() -> (Handshaking, Seal) {
    let mut listener = open(2, Opening::Accept, LegacyPolicy::Off);
    let signer = Arc::new(identity(1));
    let (dial, first) = RawDial::new(signer, network(), [1; 32]).expect("a dialer");
    assert!(matches!(listener.on_frame(&first, NOW), Ok(Step::Continue)));
    let second: Bytes = listener.outgoing().remove(0);
    let (third, seal) = dial.finish(&second, MAX_MESSAGE).expect("a session");
    assert!(matches!(listener.on_frame(&third, NOW), Ok(Step::Continue)));
    (listener, seal)
}

/// The handshake inside the session, as it is in its stream.
pub(crate) fn own_handshake() -> Vec<u8> {
    let node_id = identity(1).node_id().to_string();
    let handshake = Message::Handshake(Handshake {
        node_id: node_id.clone(),
        version: PROTOCOL_VERSION.to_owned(),
        port: 3000,
        capabilities: Capabilities::List(vec!["x1".to_owned()]),
        network: None,
        timestamp: NOW.wall,
    });
    let text = encode(&handshake, Dialect::Secured, &node_id, NOW.wall).expect("its text");
    let mut stream = BytesMut::new();
    meshbook::protocol::write_frame(&text, MAX_MESSAGE, &mut stream).expect("a frame");
    stream.to_vec()
}
