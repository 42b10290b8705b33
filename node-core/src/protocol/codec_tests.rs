//! What encoding and decoding promise together.

use proptest::prelude::*;

use super::*;
use crate::ledger::limits::MAX_REQ_PAYLOAD;
use crate::ledger::{ProofKind, RawEvidence, RawProof, RawStatement, RawTrade, Signature};
use crate::types::{Millis, NodeId, OrderId, Side, StatementHash};

const DIALECTS: [Dialect; 3] = [Dialect::Secured, Dialect::Seed, Dialect::Original];
const NODE: &str = "node-1";

fn statement(p: &str) -> RawStatement {
    RawStatement {
        p: p.to_owned(),
        k: NodeId([7; 32]),
        s: Signature([0xab; 64]),
    }
}

fn order() -> LegacyOrder {
    LegacyOrder {
        id: "o-1".into(),
        user_id: "alice".into(),
        side: "buy".into(),
        amount: "1.5".into(),
        price: "30000.25".into(),
        status: "pending".into(),
        timestamp: Millis(1_700_000_000_000),
        pair: "BTC/USD".into(),
    }
}

fn handshake(capabilities: Capabilities) -> Message {
    Message::Handshake(Handshake {
        node_id: NODE.into(),
        version: PROTOCOL_VERSION.into(),
        port: 3000,
        capabilities,
        network: Some("testnet".into()),
        timestamp: Millis(5),
    })
}

/// One of each message that every dialect has.
fn plain_messages() -> Vec<Message> {
    let timestamp = Millis(5);
    let peer = PeerEntry {
        node_id: Some("node-2".into()),
        address: "192.168.1.101".into(),
        port: 3001,
    };
    let trade = LegacyTrade {
        id: "t-1".into(),
        buy_order_id: "o-1".into(),
        sell_order_id: "o-2".into(),
        amount: "0.5".into(),
        price: "30000".into(),
        timestamp,
    };
    vec![
        handshake(Capabilities::List(vec!["order".into(), "x1".into()])),
        handshake(Capabilities::original()),
        Message::HandshakeAck { timestamp },
        Message::Heartbeat { timestamp },
        Message::HeartbeatAck {
            timestamp,
            echo: Some(Millis(3)),
        },
        Message::HeartbeatAck {
            timestamp,
            echo: None,
        },
        Message::PeerExchange(vec![
            peer.clone(),
            PeerEntry {
                node_id: None,
                ..peer
            },
        ]),
        Message::PeerExchangeRequest,
        Message::Disconnect {
            reason: "shutdown \"now\" \u{1F980}".into(),
        },
        Message::Error {
            code: ErrorCode::InvalidOrder,
            message: "price \"0\" is not allowed".into(),
        },
        Message::Order(order()),
        Message::Trade(trade),
        Message::CancelOrder {
            order_id: "o-1".into(),
        },
        Message::OrderbookSyncRequest,
        Message::OrderbookSyncResponse(vec![order(), order()]),
    ]
}

/// One of each message that only a secured session has.
fn secured_messages() -> Vec<Message> {
    let take = TakeRequest {
        req: statement(r#"{"t":"req"}"#),
        place: statement(r#"{"t":"place"}"#),
    };
    let answer = TakeAnswer {
        answer: statement(r#"{"t":"fill"}"#),
    };
    let forward = |body| {
        Message::Forward(Forward {
            to: NodeId([1; 32]),
            id: "00112233445566778899aabbccddeeff".into(),
            hops: 16,
            body,
        })
    };
    vec![
        Message::Statements(vec![statement(r#"{"t":"ka","n":1}"#), statement("{}")]),
        Message::Statements(Vec::new()),
        Message::Trades(vec![RawTrade {
            maker: statement("1"),
            taker: statement("2"),
            req: statement("3"),
            fill: statement("4"),
        }]),
        Message::Take(take.clone()),
        Message::Answer(answer.clone()),
        forward(ForwardBody::Take(take)),
        forward(ForwardBody::Answer(answer)),
    ]
    .into_iter()
    .chain(sync_messages())
    .collect()
}

/// One of each message by which nodes find out what the other has.
fn sync_messages() -> Vec<Message> {
    let recon = |data| Recon {
        sid: 7,
        count: (1 << 53) - 1,
        data,
    };
    let place = BookPlace {
        px: "0.00000001".parse().unwrap(),
        ts: Millis(5),
        id: OrderId::from_u128(9),
    };
    let (owner, side) = (NodeId([3; 32]), Side::Sell);
    let parts = [
        BookPart::Heads { after: None },
        BookPart::Heads { after: Some(owner) },
        BookPart::Side {
            side: Side::Buy,
            after: None,
        },
        BookPart::Side {
            side,
            after: Some(place),
        },
    ];
    let pages = parts.into_iter().flat_map(|part| {
        let last = matches!(
            part,
            BookPart::Heads { after: None } | BookPart::Side { after: None, .. }
        );
        let pair = "BTC/USD".parse().unwrap();
        let request = BookRequest {
            pair,
            part: part.clone(),
        };
        [
            Message::Book(request),
            Message::Page(BookPage { part, last }),
        ]
    });
    let list = vec![(OrderId::from_u128(1), 2), (OrderId::from_u128(3), 0)];
    let half = |p| RawEvidence::Statement(statement(p));
    let proof = RawProof {
        kind: ProofKind::Equivocation,
        a: half("1"),
        b: half("2"),
    };
    let state = |ka, list| Message::State(OwnerState { owner, ka, list });
    [
        Message::Proofs(vec![proof; MAX_PROOFS]),
        Message::Lazy,
        Message::Have(vec![[0xab; 8], [0; 8]]),
        Message::Have(Vec::new()),
        Message::Want(vec![[1, 2, 3, 4, 5, 6, 7, 8]; MAX_PREFIXES]),
        Message::Recon(recon(vec![0x61, 0, 255])),
        Message::ReconAnswer(recon(Vec::new())),
        Message::Recon(recon(vec![7; MAX_RECON_BYTES])),
        Message::Get(GetOwner {
            owner,
            have: list.clone(),
        }),
        Message::Get(GetOwner {
            owner,
            have: vec![(OrderId::from_u128(1), 2); MAX_INVENTORY],
        }),
        state(Some(StatementHash([8; 32])), Some(list)),
        state(None, None),
    ]
    .into_iter()
    .chain(pages)
    .collect()
}

/// The same message in the envelope's shape.
fn envelope(flat: &[u8]) -> Vec<u8> {
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(flat).unwrap();
    let kind = fields.remove("type").unwrap();
    let from = fields.remove("nodeId").unwrap();
    let timestamp = fields.remove("timestamp").unwrap();
    let json = serde_json::json!({
        "payload": fields, "to": "*", "from": from, "timestamp": timestamp, "type": kind,
    });
    json.to_string().into_bytes()
}

fn show(message: &Message) -> String {
    format!("{message:?}")
}

#[test]
fn every_message_reads_back_in_every_dialect_and_in_both_shapes() {
    for dialect in DIALECTS {
        let mut messages = plain_messages();
        if dialect.is_secured() {
            messages.extend(secured_messages());
        }
        for message in messages {
            let bytes = encode(&message, dialect, NODE, Millis(5)).unwrap();
            let flat = decode(&bytes, dialect).unwrap();
            assert_eq!(show(&flat), show(&message));
            let enveloped = decode(&envelope(&bytes), dialect).unwrap();
            assert_eq!(show(&enveloped), show(&message));
        }
    }
}

#[test]
fn the_batch_builders_write_what_the_codec_reads() {
    let statements = vec![statement(r#"{"a":"\u00e9\\"}"#), statement("b")];
    let texts: Vec<String> = statements
        .iter()
        .map(|s| serde_json::to_string(s).unwrap())
        .collect();
    let batches = encode_statements(&texts, NODE, Millis(5), MAX_BATCH_BYTES);
    let read = decode(&batches[0], Dialect::Secured).unwrap();
    assert_eq!(batches.len(), 1);
    assert_eq!(show(&read), show(&Message::Statements(statements)));
}

#[test]
fn a_message_of_the_seeds_text_is_read_without_node_id_and_timestamp() {
    let handshake = br#"{ "type": "handshake", "nodeId": "node-123", "version": "1.0.0",
        "port": 3000, "capabilities": ["order", "trade", "peerexchange"] }"#;
    let Message::Handshake(read) = decode(handshake, Dialect::Seed).unwrap() else {
        panic!("not a handshake");
    };
    assert_eq!(read.node_id, "node-123");
    assert!(read.capabilities.has("trade") && !read.capabilities.has("x1"));
    let order = br#"{"type":"order","payload":{"id":"o","amount":2,"price":1e3}}"#;
    let Message::Order(read) = decode(order, Dialect::Seed).unwrap() else {
        panic!("not an order");
    };
    assert_eq!((read.amount.as_str(), read.price.as_str()), ("2", "1e3"));
}

#[test]
fn an_unknown_type_is_ignored_and_so_is_a_signed_one_in_plain() {
    for (json, dialect) in [
        (r#"{"type":"x_stmts","stmts":[]}"#, Dialect::Seed),
        (r#"{"type":"x_future","a":[{"b":1}]}"#, Dialect::Secured),
    ] {
        let message = decode(json.as_bytes(), dialect).unwrap();
        assert!(matches!(message, Message::Ignored { kind } if kind.starts_with("x_")));
    }
}

#[test]
fn nesting_deeper_than_the_limit_is_refused_before_it_is_parsed() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"type":"heartbeat","x":{open}{close},"y":"[[[["}}"#).into_bytes()
    };
    assert!(decode(&nested(MAX_DEPTH), Dialect::Seed).is_ok());
    let deep = decode(&nested(MAX_DEPTH + 1), Dialect::Seed);
    assert_eq!(deep.unwrap_err(), DecodeError::TooDeep);
    let endless = "[".repeat(1 << 20);
    let deep = decode(endless.as_bytes(), Dialect::Seed);
    assert_eq!(deep.unwrap_err(), DecodeError::TooDeep);
}

#[test]
fn lists_are_read_up_to_their_bounds() {
    let peer = r#"{"address":"h","port":1}"#;
    let peers = vec![peer; MAX_PEERS + 5].join(",");
    let json = format!(r#"{{"type":"peerexchange","peers":[7,{{"port":0}},{peers}]}}"#);
    let Message::PeerExchange(read) = decode(json.as_bytes(), Dialect::Seed).unwrap() else {
        panic!("not a peer exchange");
    };
    assert_eq!(read.len(), MAX_PEERS - 2);

    let text = serde_json::to_string(&statement("{}")).unwrap();
    for (count, fits) in [(MAX_STATEMENTS, true), (MAX_STATEMENTS + 1, false)] {
        let list = vec![text.as_str(); count].join(",");
        let json = format!(r#"{{"type":"x_stmts","stmts":[{list}]}}"#);
        assert_eq!(decode(json.as_bytes(), Dialect::Secured).is_ok(), fits);
    }
}

#[test]
fn what_peers_tell_of_their_store_is_bounded() {
    let id = "0123456789abcdef";
    let entry = r#"["00000000000000000000000000000001",1]"#;
    let owner = NodeId([3; 32]);
    let most = [
        (MAX_PREFIXES, id, ""),
        (MAX_RECON_BYTES / 3, "AAAA", ""),
        (MAX_INVENTORY, entry, ","),
    ];
    for (at, (most, item, between)) in most.into_iter().enumerate() {
        for (count, fits) in [(most, true), (most + 1, false)] {
            let list = vec![item; count].join(between);
            let bodies = [
                format!(r#"{{"type":"x_have","ids":"{list}"}}"#),
                format!(r#"{{"type":"x_recon","sid":1,"count":1,"q":"{list}"}}"#),
                format!(r#"{{"type":"x_get","owner":"{owner}","have":[{list}]}}"#),
            ];
            let read = decode(bodies[at].as_bytes(), Dialect::Secured);
            assert_eq!(read.is_ok(), fits, "{count} of {item}");
        }
    }
}

#[test]
fn what_is_not_a_message_is_refused() {
    let long = "x".repeat(MAX_REQ_PAYLOAD + 1);
    let long = serde_json::to_string(&statement(&long)).unwrap();
    let long = format!(r#"{{"type":"x_stmts","stmts":[{long}]}}"#);
    let bad = [
        "",
        "{",
        "null",
        "[]",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"handshake"}"#,
        r#"{"type":"handshake","nodeId":""}"#,
        r#"{"type":"order"}"#,
        r#"{"type":"order","order":{}}"#,
        r#"{"type":"trade","trade":7}"#,
        r#"{"type":"cancel_order"}"#,
        r#"{"type":"x_stmts"}"#,
        r#"{"type":"x_stmts","stmts":[{"p":"","k":"00","s":""}]}"#,
        r#"{"type":"x_take","req":{}}"#,
        r#"{"type":"x_fwd"}"#,
        r#"{"type":"heartbeat"} {"type":"heartbeat"}"#,
        r#"{"type":"x_have"}"#,
        r#"{"type":"x_have","ids":7}"#,
        r#"{"type":"x_have","ids":"0123456789abcdef0"}"#,
        r#"{"type":"x_want","ids":"0123456789ABCDEF"}"#,
        r#"{"type":"x_want","ids":"0123456789abcdeg"}"#,
        r#"{"type":"x_recon","sid":1,"count":1,"q":"*"}"#,
        r#"{"type":"x_recon","sid":9007199254740992,"count":1,"q":""}"#,
        r#"{"type":"x_recon_answer","sid":1,"count":-1,"a":""}"#,
        r#"{"type":"x_book","pair":"BTC/USD","part":"heads","after":{"px":"1","ts":1,"id":"00000000000000000000000000000001"}}"#,
        r#"{"type":"x_book","pair":"BTC/USD","part":"bids","after":null}"#,
        r#"{"type":"x_book","part":"buy","after":null}"#,
        r#"{"type":"x_page","part":"sell","next":"00"}"#,
        r#"{"type":"x_get","owner":"00","have":[]}"#,
        r#"{"type":"x_state","owner":"00"}"#,
        &long,
    ];
    for json in bad {
        assert!(decode(json.as_bytes(), Dialect::Secured).is_err(), "{json}");
    }
    assert!(decode(b"{\"type\":\"heart\xff\"}", Dialect::Secured).is_err());
}

proptest! {
    #[test]
    fn decoding_never_panics_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        for dialect in DIALECTS {
            let _ = decode(&bytes, dialect);
        }
    }

    #[test]
    fn decoding_never_panics_on_a_damaged_message(
        which in any::<prop::sample::Index>(),
        enveloped in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut messages = plain_messages();
        messages.extend(secured_messages());
        let message = which.get(&messages);
        let flat = encode(message, Dialect::Secured, NODE, Millis(5)).unwrap();
        let mut bytes = if enveloped { envelope(&flat) } else { flat.to_vec() };
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 4).max(1));
        for dialect in DIALECTS {
            let _ = decode(&bytes, dialect);
        }
    }

    #[test]
    fn text_of_any_kind_survives_the_wire(reason in "\\PC{0,100}", id in "\\PC{1,60}") {
        for message in [
            Message::Disconnect { reason },
            Message::CancelOrder { order_id: id },
        ] {
            let bytes = encode(&message, Dialect::Original, NODE, Millis(5)).unwrap();
            prop_assert_eq!(show(&decode(&bytes, Dialect::Original).unwrap()), show(&message));
        }
    }
}
