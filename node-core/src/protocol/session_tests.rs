//! Two sides against each other, and one side against peers that misbehave.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::noise::{MAX_FRAMES, NoiseHandshake, Proved};
use super::*;
use crate::ledger::Identity;
use crate::types::{Millis, NetworkId, NodeId, Now, PeerId};

const NOW: Now = Now {
    mono: Millis(1_000),
    wall: Millis(1_700_000_000_000),
};
const LIMIT: usize = 200_000;
const ORIGINAL_HANDSHAKE: &str = r#"{"type":"handshake","version":"1.0.0","nodeId":"orig-1",
    "port":4000,"timestamp":1699999999999,"capabilities":{"supportsOrderMatching":true,
    "supportsPeerExchange":true,"supportsOrderbookSync":false}}"#;
const SEED_HANDSHAKE: &str = r#"{"type":"handshake","nodeId":"seed-1","version":"1.0.0",
    "port":4001,"capabilities":["order","trade","peerexchange"]}"#;

fn network(name: &str) -> NetworkId {
    name.parse().unwrap()
}

fn config(seed: u8) -> SessionConfig {
    SessionConfig {
        signer: Arc::new(Identity::from_seed([seed; 32])),
        network: network("testnet"),
        listen_port: 3000,
        legacy: LegacyPolicy::Observe,
        max_message: LIMIT,
        capabilities: SessionConfig::default_capabilities(),
    }
}

fn node(seed: u8) -> NodeId {
    Identity::from_seed([seed; 32]).node_id()
}

fn open(config: SessionConfig, opening: Opening) -> Handshaking {
    let entropy = *b"fresh for each side of each test";
    let own = config.signer.node_id().0;
    let role = u8::from(opening == Opening::Accept);
    let entropy = std::array::from_fn(|i| entropy[i] ^ own[i] ^ role);
    Handshaking::new(Arc::new(config), opening, entropy, NOW)
}

fn dial(seed: u8) -> Handshaking {
    open(config(seed), SECURED)
}

fn accept(seed: u8) -> Handshaking {
    open(config(seed), Opening::Accept)
}

const SECURED: Opening = Opening::Dial {
    expect: None,
    plain: false,
};
const PLAIN: Opening = Opening::Dial {
    expect: None,
    plain: true,
};

/// One side of a connection, fed with frames until it is ready or has failed.
struct Side {
    handshaking: Handshaking,
    outcome: Option<Result<Box<Established>, SessionError>>,
    got: Vec<Message>,
}

impl Side {
    fn new(handshaking: Handshaking) -> Self {
        Self {
            handshaking,
            outcome: None,
            got: Vec::new(),
        }
    }

    fn feed(&mut self, payload: &[u8]) {
        match &mut self.outcome {
            None => match self.handshaking.on_frame(payload, NOW) {
                Ok(Step::Continue) => {}
                Ok(Step::Ready(mut ready)) => {
                    self.got.append(&mut ready.early);
                    self.outcome = Some(Ok(ready));
                }
                Err(error) => self.outcome = Some(Err(error)),
            },
            Some(Ok(ready)) => {
                if let Err(error) = ready.reader.read(payload, &mut self.got) {
                    self.outcome = Some(Err(error));
                }
            }
            Some(Err(_)) => {}
        }
    }

    fn error(&self) -> &SessionError {
        match &self.outcome {
            Some(Err(error)) => error,
            other => panic!("no error but {other:?}"),
        }
    }

    fn ready(&mut self) -> &mut Established {
        match &mut self.outcome {
            Some(Ok(ready)) => ready,
            other => panic!("not ready but {other:?}"),
        }
    }
}

/// Carries frames both ways until there are none; `meddle` sees each on its way.
fn run_with(
    a: Handshaking,
    b: Handshaking,
    mut meddle: impl FnMut(usize, Bytes) -> Bytes,
) -> (Side, Side) {
    let (mut a, mut b) = (Side::new(a), Side::new(b));
    let mut count = 0;
    loop {
        let (from_a, from_b) = (a.handshaking.outgoing(), b.handshaking.outgoing());
        if from_a.is_empty() && from_b.is_empty() {
            return (a, b);
        }
        for (frames, to) in [(from_a, &mut b), (from_b, &mut a)] {
            for frame in frames {
                to.feed(&meddle(count, frame));
                count += 1;
            }
        }
    }
}

fn run(a: Handshaking, b: Handshaking) -> (Side, Side) {
    run_with(a, b, |_, frame| frame)
}

/// Feeds one side with texts, and gives what it says as messages with their JSON.
fn talk(side: &mut Side, texts: &[&str]) -> Vec<(Message, String)> {
    for text in texts {
        side.feed(text.as_bytes());
    }
    let said = side.handshaking.outgoing();
    let read = |bytes: Bytes| {
        let message = decode(&bytes, Dialect::Seed).unwrap();
        (message, String::from_utf8(bytes.to_vec()).unwrap())
    };
    said.into_iter().map(read).collect()
}

/// Runs the Noise part by hand, as a dialer that then says what it likes.
fn raw_dialer(seed: u8, listener: &mut Side) -> Proved {
    let signer: Arc<dyn Signer> = Arc::new(Identity::from_seed([seed; 32]));
    let (mut noise, first) = NoiseHandshake::dial(signer, network("testnet"), [seed; 32]).unwrap();
    listener.feed(&first);
    let second = listener.handshaking.outgoing();
    let found = noise.read_second(&second[0]).unwrap();
    let (third, proved) = noise.finish_dial(found, 10 * LIMIT).unwrap();
    listener.feed(&third);
    proved
}

/// Sends `messages` from a hand-made dialer in one frame.
fn say(dialer: &mut Proved, messages: &[Message], from: NodeId, to: &mut Side) {
    let texts: Vec<Bytes> = messages
        .iter()
        .map(|m| encode(m, Dialect::Secured, &from.to_string(), NOW.wall).unwrap())
        .collect();
    let mut frames = Vec::new();
    dialer.writer.write(&texts, &mut frames).unwrap();
    for frame in frames {
        to.feed(&frame);
    }
}

fn handshake_of(seed: u8) -> Handshake {
    Handshake {
        node_id: node(seed).to_string(),
        version: PROTOCOL_VERSION.to_owned(),
        port: 3000,
        capabilities: Capabilities::List(vec!["x1".to_owned()]),
        network: None,
        timestamp: NOW.wall,
    }
}

fn heartbeat() -> Message {
    Message::Heartbeat {
        timestamp: Millis(1),
    }
}

#[test]
fn two_nodes_are_ready_with_proved_keys_and_nothing_readable_between_them() {
    let expect = Opening::Dial {
        expect: Some(node(2)),
        plain: false,
    };
    let mut frames = Vec::new();
    let (mut a, mut b) = run_with(open(config(1), expect), accept(2), |_, frame| {
        frames.push(frame.clone());
        frame
    });
    assert!(
        frames
            .iter()
            .all(|f| f[0] == SESSION_VERSION && f.len() <= HANDSHAKE_FRAME_LIMIT)
    );
    assert!(
        !frames
            .iter()
            .any(|f| f.windows(9).any(|w| w == b"handshake"))
    );
    for (side, other) in [(&mut a, 2), (&mut b, 1)] {
        let peer = side.ready().peer.clone();
        assert_eq!(peer.id, PeerId::Node(node(other)));
        assert_eq!((peer.dialect, peer.port), (Dialect::Secured, 3000));
        assert!(peer.speaks_x1());
        assert!(matches!(side.got[..], [Message::HandshakeAck { .. }]));
    }
}

#[test]
fn two_plain_sides_speak_the_seeds_dialect_and_never_offer_signed_messages() {
    let (mut a, mut b) = run(open(config(1), PLAIN), accept(2));
    for (side, other) in [(&mut a, 2), (&mut b, 1)] {
        let peer = side.ready().peer.clone();
        assert_eq!(peer.id, PeerId::Legacy(node(other).to_string().into()));
        assert_eq!(peer.dialect, Dialect::Seed);
        assert!(!peer.speaks_x1() && peer.capabilities == ["order", "trade", "peerexchange"]);
    }
}

#[test]
fn an_original_dialer_is_answered_as_it_needs_it() {
    let mut config = config(1);
    config.listen_port = 0;
    let mut side = Side::new(open(config, Opening::Accept));
    let said = talk(&mut side, &[ORIGINAL_HANDSHAKE]);
    assert_eq!(side.ready().peer.dialect, Dialect::Original);
    assert_eq!(side.ready().peer.id, PeerId::Legacy("orig-1".into()));
    // Its handshake first: an ack before it would make it deaf to the handshake.
    let [
        (Message::Handshake(ours), _),
        (Message::HandshakeAck { .. }, _),
    ] = &said[..]
    else {
        panic!("{said:?}");
    };
    assert_eq!(ours.version, "1.0.0");
    assert_eq!(ours.capabilities, Capabilities::original());
    for (_, json) in said {
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(json["nodeId"].is_string() && json["timestamp"].as_u64() > Some(0));
        assert_ne!(json["port"], 0);
    }
}

#[test]
fn an_original_or_seed_listener_is_dialed_in_plain() {
    for (text, dialect) in [
        (ORIGINAL_HANDSHAKE, Dialect::Original),
        (SEED_HANDSHAKE, Dialect::Seed),
    ] {
        let mut side = Side::new(open(config(1), PLAIN));
        assert!(matches!(
            talk(&mut side, &[])[..],
            [(Message::Handshake(_), _)]
        ));
        // Some introduce themselves after the ack only.
        let early_ack = r#"{"type":"handshake_ack","nodeId":"x","timestamp":1}"#;
        let said = talk(&mut side, &[early_ack, text]);
        assert!(matches!(said[..], [(Message::HandshakeAck { .. }, _)]));
        assert_eq!(side.ready().peer.dialect, dialect);
    }
}

#[test]
fn a_plain_peer_is_refused_with_words_where_the_policy_is_off() {
    let mut config = config(1);
    config.legacy = LegacyPolicy::Off;
    let mut side = Side::new(open(config, Opening::Accept));
    let said = talk(&mut side, &[ORIGINAL_HANDSHAKE]);
    assert_eq!(side.error(), &SessionError::LegacyRefused);
    let [(Message::Error { code, message }, _)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(*code, ErrorCode::AuthenticationFailed);
    assert!(message.contains("encrypted"));
}

#[test]
fn a_secured_dialer_knows_a_plain_peer_by_its_answer_or_its_silence() {
    assert_eq!(dial(1).on_closed(), SessionError::PlainPeer);
    assert_eq!(accept(1).on_closed(), SessionError::ClosedEarly);
    let invalid = r#"{"type":"error","nodeId":"x","error":{"code":"INVALID_MESSAGE"}}"#;
    for answer in [ORIGINAL_HANDSHAKE, SEED_HANDSHAKE, invalid, "{"] {
        let mut side = Side::new(dial(1));
        side.feed(answer.as_bytes());
        assert_eq!(side.error(), &SessionError::PlainPeer, "{answer}");
    }
    for code in ["AUTHENTICATION_FAILED", "PEER_LIMIT_REACHED"] {
        let mut side = Side::new(dial(1));
        let answer = format!(r#"{{"type":"error","error":{{"code":"{code}","message":"no"}}}}"#);
        side.feed(answer.as_bytes());
        assert_eq!(side.error().reason(), "refused_by_peer");
    }
}

#[test]
fn nodes_of_two_networks_part_with_both_names_on_both_sides() {
    let mut other = config(2);
    other.network = network("mainnet");
    let (a, b) = run(dial(1), open(other.clone(), Opening::Accept));
    let wrong = |ours: &str, theirs: &str| SessionError::WrongNetwork {
        ours: network(ours),
        theirs: network(theirs),
    };
    assert_eq!(a.error(), &wrong("testnet", "mainnet"));
    assert_eq!(b.error(), &wrong("mainnet", "testnet"));
    // In plain, the handshakes tell.
    let (_, b) = run(open(config(1), PLAIN), open(other, Opening::Accept));
    assert_eq!(b.error().reason(), "wrong_network");
}

#[test]
fn private_networks_share_nothing() {
    let of = |seed, name: &str| SessionConfig {
        network: network(name),
        ..config(seed)
    };
    for (ours, theirs) in [
        ("local:acme", "local:acne"),
        ("local:acme", "local"),
        ("local", "local:acme"),
        ("local:a", "local:aa"),
    ] {
        let (a, b) = run(
            open(of(1, ours), SECURED),
            open(of(2, theirs), Opening::Accept),
        );
        assert_eq!(a.error().reason(), "wrong_network", "{ours} and {theirs}");
        assert_eq!(b.error().reason(), "wrong_network", "{ours} and {theirs}");
        // Neither does anything that was signed for one hold in the other.
        let ka = crate::ledger::Ka {
            n: 1,
            ts: NOW.wall,
            live: true,
            cnt: 0,
            root: [0; 32],
            addrs: Vec::new(),
        };
        let payload = crate::ledger::Payload::Ka(ka);
        let signed = Identity::from_seed([1; 32]).sign(&network(ours), payload);
        let raw = signed.unwrap().raw();
        let verify = |name| crate::ledger::Verifier::new(network(name)).verify(raw.clone());
        verify(ours).unwrap();
        assert_eq!(verify(theirs).unwrap_err().reason(), "bad_signature");
    }
    let (mut a, mut b) = run(
        open(of(1, "local:acme"), SECURED),
        open(of(2, "local:acme"), Opening::Accept),
    );
    assert_eq!(a.ready().peer.id, PeerId::Node(node(2)));
    assert_eq!(b.ready().peer.id, PeerId::Node(node(1)));
}

#[test]
fn a_plain_peer_that_names_no_network_is_none_of_a_private_one() {
    for name in ["local", "local:acme"] {
        let config = SessionConfig {
            network: network(name),
            ..config(1)
        };
        let mut side = Side::new(open(config, Opening::Accept));
        side.feed(SEED_HANDSHAKE.as_bytes());
        let refused =
            matches!(&side.outcome, Some(Err(error)) if error.reason() == "wrong_network");
        assert_eq!(refused, name != "local", "{name}");
    }
}

#[test]
fn a_dialer_measures_the_peers_clock_by_its_handshake() {
    // The listener's clock is 20 s ahead, and its answers take 1 s or 5 s.
    for (way, expected) in [(500, Some(20_000)), (2_500, None)] {
        let ahead = Now {
            wall: NOW.wall + Millis(20_000),
            ..NOW
        };
        let later = |now: Now, by: u64| Now {
            mono: now.mono + Millis(by),
            wall: now.wall + Millis(by),
        };
        let mut a = dial(1);
        let mut b = accept(2);
        let mut ready = [None, None];
        // Each turn carries what one side said to the other, which takes its time.
        for turn in 0..6u64 {
            let at = turn * way;
            let (from, to, now, side) = match turn % 2 {
                0 => (&mut a, &mut b, later(ahead, at + way), 1),
                _ => (&mut b, &mut a, later(NOW, at + way), 0),
            };
            for frame in from.outgoing() {
                if ready[side].is_some() {
                    continue;
                }
                if let Step::Ready(session) = to.on_frame(&frame, now).unwrap() {
                    ready[side] = Some(session.peer);
                }
            }
        }
        let [dialer, listener] = ready.map(Option::unwrap);
        assert_eq!(dialer.clock_offset, expected);
        assert_eq!(
            listener.clock_offset, None,
            "who is dialed measures nothing"
        );
    }
}

#[test]
fn a_dialer_that_finds_another_node_leaves_without_showing_its_own_key() {
    let expect = Opening::Dial {
        expect: Some(node(3)),
        plain: false,
    };
    let mut sent = 0;
    let (a, b) = run_with(open(config(1), expect), accept(2), |_, frame| {
        sent += usize::from(frame[0] == SESSION_VERSION);
        frame
    });
    assert_eq!(a.error(), &SessionError::WrongKey { expected: node(3) });
    assert_eq!(b.error().reason(), "refused_by_peer");
    assert_eq!(sent, 2);
    let plain = Opening::Dial {
        expect: Some(node(2)),
        plain: true,
    };
    let (a, _) = run(open(config(1), plain), accept(2));
    assert_eq!(a.error().reason(), "wrong_key");
}

/// Says that it is one node, and signs with the key of another.
#[derive(Debug)]
struct Liar(Identity, NodeId);

impl Signer for Liar {
    fn node_id(&self) -> NodeId {
        self.1
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign_bytes(bytes)
    }
}

#[test]
fn a_key_that_is_not_proved_is_refused_on_either_side() {
    let mut liar = config(1);
    liar.signer = Arc::new(Liar(Identity::from_seed([1; 32]), node(3)));
    let (a, b) = run(open(liar.clone(), SECURED), accept(2));
    assert_eq!(b.error(), &SessionError::BadProof);
    assert_eq!(a.error().reason(), "refused_by_peer");
    let (a, b) = run(dial(2), open(liar, Opening::Accept));
    assert_eq!(a.error(), &SessionError::BadProof);
    assert_eq!(b.error().reason(), "refused_by_peer");
}

#[test]
fn a_handshake_that_names_another_key_than_the_proved_one_is_refused() {
    let mut listener = Side::new(accept(2));
    let mut dialer = raw_dialer(1, &mut listener);
    let lie = Message::Handshake(handshake_of(3));
    say(&mut dialer, &[lie], node(3), &mut listener);
    assert_eq!(listener.error(), &SessionError::BadProof);
}

#[test]
fn a_node_that_dials_itself_notices() {
    for opening in [SECURED, PLAIN] {
        let (a, b) = run(open(config(1), opening), accept(1));
        let reasons = [&a, &b].map(|side| side.outcome.as_ref().map(|_| side.error().reason()));
        assert!(reasons.contains(&Some("self_connection")), "{reasons:?}");
    }
}

#[test]
fn another_major_version_is_refused_and_a_minor_one_is_not() {
    for (version, fits) in [
        ("1.9.3", true),
        ("2.0.0", false),
        ("", false),
        ("10.0.0", false),
    ] {
        let mut side = Side::new(accept(1));
        let text = SEED_HANDSHAKE.replace("1.0.0", version);
        let said = talk(&mut side, &[&text]);
        if fits {
            side.ready();
        } else {
            assert_eq!(side.error().reason(), "version_mismatch");
            assert!(said[0].1.contains("PROTOCOL_VERSION_MISMATCH"));
        }
    }
}

#[test]
fn what_is_no_protocol_of_ours_is_refused_at_its_first_frame() {
    for (first, reason) in [
        (&b""[..], "unknown_protocol"),
        (&b"\x02abc"[..], "unknown_protocol"),
        (&b"hello"[..], "unknown_protocol"),
        (&b"\x01"[..], "broken_handshake"),
        (&[1; 40][..], "broken_handshake"),
        (&b"{"[..], "malformed"),
        (
            &b"{\"type\":\"order\",\"order\":{\"id\":\"o\"}}"[..],
            "unexpected_message",
        ),
        (&b"{\"type\":\"handshake_ack\"}"[..], "unexpected_message"),
        (&b"{\"type\":\"disconnect\"}"[..], "closed_early"),
        (&[b'{'; HANDSHAKE_FRAME_LIMIT + 1][..], "too_large"),
    ] {
        let mut side = Side::new(accept(1));
        let said = talk(&mut side, &[]);
        assert!(said.is_empty());
        side.feed(first);
        let error = side.error().clone();
        assert_eq!(error.reason(), reason);
        let told = side.handshaking.outgoing();
        assert_eq!(told.len(), usize::from(error.code().is_some()));
    }
}

#[test]
fn messages_out_of_their_order_end_a_secured_session_with_an_error_inside_it() {
    let hello = || Message::Handshake(handshake_of(1));
    for (messages, reason) in [
        (vec![heartbeat()], "unexpected_message"),
        (
            vec![Message::Statements(vec![]), hello()],
            "unexpected_message",
        ),
        (vec![hello(), hello()], "second_handshake"),
    ] {
        let mut listener = Side::new(accept(2));
        let mut dialer = raw_dialer(1, &mut listener);
        say(&mut dialer, &messages, node(1), &mut listener);
        assert_eq!(listener.error().reason(), reason);
        let mut opened = Vec::new();
        for frame in listener.handshaking.outgoing() {
            dialer.reader.read(&frame, &mut opened).unwrap();
        }
        let last = decode(opened.last().unwrap(), Dialect::Secured).unwrap();
        assert!(matches!(
            last,
            Message::Error {
                code: ErrorCode::InvalidMessage,
                ..
            }
        ));
    }
    let mut listener = Side::new(accept(2));
    let mut dialer = raw_dialer(1, &mut listener);
    say(&mut dialer, &[hello()], node(1), &mut listener);
    say(&mut dialer, &[heartbeat(), hello()], node(1), &mut listener);
    assert_eq!(listener.error(), &SessionError::SecondHandshake);
    assert!(matches!(listener.got[..], [Message::Heartbeat { .. }]));
}

#[test]
fn messages_in_one_frame_with_the_handshake_are_not_lost() {
    let mut listener = Side::new(accept(2));
    let mut dialer = raw_dialer(1, &mut listener);
    let hello = Message::Handshake(handshake_of(1));
    say(
        &mut dialer,
        &[hello, heartbeat(), heartbeat()],
        node(1),
        &mut listener,
    );
    listener.ready();
    assert_eq!(listener.got.len(), 2);
}

#[test]
fn a_peer_gets_no_more_room_before_its_handshake_by_cutting_it_up() {
    let mut listener = Side::new(accept(2));
    let mut dialer = raw_dialer(1, &mut listener);
    // The start of a message of an allowed length, in pieces that are small frames each.
    let mut piece = 100_000u32.to_be_bytes().to_vec();
    for fits in [true, true, false] {
        piece.resize(2000, b' ');
        listener.feed(&dialer.writer.seal_piece(&piece));
        assert_eq!(listener.outcome.is_none(), fits);
    }
    assert_eq!(listener.error().reason(), "too_large");
}

#[test]
fn a_session_ends_long_before_its_counters_do() {
    let (mut a, _) = run(dial(1), accept(2));
    let writer = &mut a.ready().writer;
    writer.security.as_mut().unwrap().spend(MAX_FRAMES - 1);
    let mut frames = Vec::new();
    writer.write(&[heartbeat_text()], &mut frames).unwrap();
    let last = writer.write(&[heartbeat_text()], &mut frames);
    assert_eq!(last, Err(SessionError::Exhausted));
    assert_eq!(frames.len(), 1);
}

#[test]
fn a_connection_that_says_nothing_ends_at_its_deadline() {
    for mut side in [dial(1), accept(1), open(config(1), PLAIN)] {
        assert_eq!(side.deadline(), NOW.mono + HANDSHAKE_TIMEOUT);
        let _ = side.outgoing();
        assert_eq!(side.on_timeout(NOW), SessionError::HandshakeTimeout);
        let told = side.outgoing();
        assert!(String::from_utf8_lossy(&told[0]).contains("HANDSHAKE_TIMEOUT"));
    }
}

#[test]
fn secrets_are_not_shown_by_debug() {
    let entropy = [0xab; 32];
    for opening in [SECURED, Opening::Accept] {
        let side = Handshaking::new(Arc::new(config(1)), opening, entropy, NOW);
        let shown = format!("{side:?}");
        assert!(!shown.contains("171, 171"), "{shown}");
    }
}

fn texts(count: usize) -> Vec<Bytes> {
    let text = |i| {
        encode_statements(
            &[format!(
                r#"{{"p":"{i}","k":"{}","s":"{}"}}"#,
                node(9),
                "ab".repeat(64)
            )],
            "n",
            Millis(1),
            0,
        )
    };
    (0..count).flat_map(text).collect()
}

#[test]
fn many_small_messages_go_in_few_frames_and_a_long_one_in_several() {
    let (mut a, mut b) = run(dial(1), accept(2));
    b.got.clear();
    let small = texts(1000);
    let mut frames = Vec::new();
    a.ready().writer.write(&small, &mut frames).unwrap();
    let bytes: usize = small.iter().map(|m| m.len() + 4).sum();
    assert_eq!(frames.len(), bytes.div_ceil(MAX_SECURED_FRAME - 17));
    let reason = "x".repeat(LIMIT - 200);
    let long = encode(
        &Message::Disconnect { reason },
        Dialect::Secured,
        "n",
        Millis(1),
    )
    .unwrap();
    a.ready().writer.write(&[long], &mut frames).unwrap();
    for frame in &frames {
        assert!(frame.len() <= b.ready().reader.frame_limit());
        b.feed(frame);
    }
    b.ready();
    assert_eq!(b.got.len(), 1001);
    assert_eq!(b.got[999].kind(), "x_stmts");
}

#[test]
fn a_message_above_the_limit_is_not_written_and_not_read() {
    let (mut a, mut b) = run(dial(1), accept(2));
    let mut frames = Vec::new();
    let long = Bytes::from(vec![b' '; LIMIT + 1]);
    let refused = a
        .ready()
        .writer
        .write(&[heartbeat_text(), long.clone()], &mut frames);
    assert_eq!(refused.unwrap_err().reason(), "too_large");
    assert!(frames.is_empty());
    // The session goes on as if nothing had been asked.
    a.ready()
        .writer
        .write(&[heartbeat_text()], &mut frames)
        .unwrap();
    b.feed(&frames[0]);
    b.ready();

    let mut listener = Side::new(accept(2));
    let mut dialer = raw_dialer(1, &mut listener);
    say(
        &mut dialer,
        &[Message::Handshake(handshake_of(1))],
        node(1),
        &mut listener,
    );
    let mut frames = Vec::new();
    dialer.writer.write(&[long], &mut frames).unwrap();
    listener.feed(&frames[0]);
    assert_eq!(listener.error().reason(), "too_large");
}

#[test]
fn a_message_above_the_limit_keeps_no_other_from_being_written() {
    let (mut a, mut b) = run(dial(1), accept(2));
    b.got.clear();
    let mut frames = Vec::new();
    let long = Bytes::from(vec![b' '; LIMIT + 1]);
    let messages = [heartbeat_text(), long, heartbeat_text()];
    let writer = &mut a.ready().writer;
    assert_eq!(writer.write_those_that_fit(&messages, &mut frames), Ok(1));
    assert_eq!(
        writer.write_those_that_fit(&[heartbeat_text()], &mut frames),
        Ok(0)
    );
    for frame in &frames {
        b.feed(frame);
    }
    b.ready();
    assert_eq!(b.got.len(), 3);
}

fn heartbeat_text() -> Bytes {
    encode(&heartbeat(), Dialect::Secured, "n", Millis(1)).unwrap()
}

#[test]
fn a_frame_that_is_cut_doubled_swapped_or_in_clear_ends_the_session() {
    type Meddle = fn(&[Bytes]) -> Vec<Bytes>;
    let meddles: [Meddle; 5] = [
        |frames| vec![frames[0].slice(..frames[0].len() - 1)],
        |frames| vec![frames[0].clone(), frames[0].clone()],
        |frames| vec![frames[1].clone(), frames[0].clone()],
        |_| vec![Bytes::from_static(b"{\"type\":\"heartbeat\"}")],
        |_| vec![Bytes::from_static(b"\x01")],
    ];
    for meddle in meddles {
        let (mut a, mut b) = run(dial(1), accept(2));
        let mut frames = Vec::new();
        for _ in 0..2 {
            a.ready()
                .writer
                .write(&[heartbeat_text()], &mut frames)
                .unwrap();
        }
        for frame in meddle(&frames) {
            b.feed(&frame);
        }
        assert_eq!(b.error(), &SessionError::Tampered);
    }
}

#[test]
fn the_halves_of_a_session_can_live_in_different_threads() {
    fn half<T: Send + 'static>() {}
    half::<SessionReader>();
    half::<SessionWriter>();
    half::<Handshaking>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_bit_anywhere_in_the_handshake_never_gives_two_ready_sides(
        which in 0usize..7,
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (a, b) = run_with(dial(1), accept(2), |count, frame| {
            if count != which {
                return frame;
            }
            let mut changed = frame.to_vec();
            let at = at.index(changed.len());
            changed[at] ^= 1 << bit;
            changed.into()
        });
        let failed = |side: &Side| !matches!(side.outcome, Some(Ok(_)));
        prop_assert!(failed(&a) || failed(&b));
    }

    #[test]
    fn any_bytes_after_any_prefix_of_a_handshake_are_survived(
        junk in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..4),
        version in any::<bool>(),
        after in 0usize..6,
    ) {
        let (mut a, mut b) = (Side::new(dial(1)), Side::new(accept(2)));
        for _ in 0..after {
            for frame in a.handshaking.outgoing() {
                b.feed(&frame);
            }
            std::mem::swap(&mut a, &mut b);
        }
        for mut payload in junk {
            if version {
                payload.insert(0, SESSION_VERSION);
            }
            a.feed(&payload);
            b.feed(&payload);
        }
    }

    #[test]
    fn any_chopping_of_the_stream_gives_the_same_messages(
        sizes in prop::collection::vec(prop_oneof![0usize..300, 60_000usize..70_000], 1..12),
        batch in 1usize..5,
        cuts in prop::collection::vec(1usize..40_000, 1..20),
        plain in any::<bool>(),
    ) {
        let opening = if plain { PLAIN } else { SECURED };
        let (mut a, mut b) = run(open(config(1), opening), accept(2));
        b.got.clear();
        let dialect = a.ready().peer.dialect;
        let mut sent = Vec::new();
        let mut stream = BytesMut::new();
        for sizes in sizes.chunks(batch) {
            let mut messages = Vec::new();
            for size in sizes {
                let order_id = "o".repeat((*size).clamp(1, MAX_NAME));
                let mut text = encode(
                    &Message::CancelOrder { order_id }, dialect, "n", Millis(1),
                ).unwrap().to_vec();
                // White space after a message is a part of it, so it can be of any length.
                text.resize(text.len().max(*size), b' ');
                sent.push(format!("{:?}", decode(&text, dialect).unwrap()));
                messages.push(Bytes::from(text));
            }
            let mut frames = Vec::new();
            a.ready().writer.write(&messages, &mut frames).unwrap();
            for frame in frames {
                write_frame(&frame, LIMIT, &mut stream).unwrap();
            }
        }
        let frames = FrameDecoder::new(b.ready().reader.frame_limit());
        let (mut buffer, mut cuts) = (BytesMut::new(), cuts.iter().cycle());
        while !stream.is_empty() {
            let step = (*cuts.next().unwrap()).min(stream.len());
            buffer.extend_from_slice(&stream.split_to(step));
            while let Some(payload) = frames.decode(&mut buffer).unwrap() {
                b.feed(&payload);
            }
        }
        b.ready();
        let got: Vec<String> = b.got.iter().map(|m| format!("{m:?}")).collect();
        prop_assert_eq!(got, sent);
    }
}
