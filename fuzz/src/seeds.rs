//! Valid inputs, as the project's own encoders write them, from which a search begins.

use std::sync::Arc;

use meshbook::client::Config;
use meshbook::fuzzing::{write_bans, write_peers, write_txt};
use meshbook::ledger::{
    Fill, Inventory, Ka, Ord, OrdStatus, Payload, Place, Proof, Rej, Req, Statement, TradeRecord,
};
use meshbook::node::{Ban, BanTarget, Node, PersistedPeer};
use meshbook::protocol::{
    BookPart, BookRequest, Capabilities, Dialect, ErrorCode, Forward, ForwardBody, GetOwner,
    Handshake, LegacyOrder, LegacyTrade, Message, OwnerState, PROTOCOL_VERSION, PeerEntry, Recon,
    TakeAnswer, TakeRequest, encode, write_frame,
};
use meshbook::types::{Amount, Millis, NodeId, OrderId, Price, Side, TakeId};

use crate::handshake::{NOW, identity, network};
use crate::script;
use crate::session::own_handshake;
use crate::stranger::{place, signed};

/// An input of a target.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// What it is called in the target's folder.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// All of them; the same in every run.
#[must_use]
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, inputs: Vec<Vec<u8>>| {
        for (number, bytes) in inputs.into_iter().enumerate() {
            let name = format!("seed-{number:02}");
            seeds.push(Seed {
                target,
                name,
                bytes,
            });
        }
    };
    add("config", configs());
    add("control", controls());
    add("frames", frames());
    add("grape_answers", grape_answers());
    add("handshake", handshakes());
    add("krpc", krpc());
    add("lists", lists());
    add("mdns_txt", vec![txt()]);
    add("messages", messages());
    add("node", conversations());
    add("reconciliation", comparisons());
    add("session", sessions());
    add("statements", statements());
    seeds
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn configs() -> Vec<Vec<u8>> {
    let variables: Vec<String> = Config::default()
        .to_env()
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let toml = "p2p_port = 3007\nexchange_pair = 'ETH/USD'\nenable_metrics = false\n\
                bootstrap_peers = ['127.0.0.1:1', '[::1]:2']\nmax_order_amount = '2.5'\n\
                grape_url = 'http://127.0.0.1:30001'\np2p_legacy = 'match'\n";
    vec![variables.join("\n").into_bytes(), toml.into()]
}

fn controls() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"side":"buy","amount":"1.5","price":"50000","type":"limit","timeInForce":"post"}"#,
        r#"{"side":"sell","amount":"1","type":"market","userId":"bob"}"#,
        r#"{"peer":"10.0.0.1","duration":60000}"#,
        r#"{"peer":"0101010101010101010101010101010101010101010101010101010101010101","duration":1}"#,
    ])
}

fn frames() -> Vec<Vec<u8>> {
    let mut stream = bytes::BytesMut::from(&[0x0e][..]);
    for payload in [&b"{}"[..], b"", b"twelve bytes"] {
        write_frame(payload, 64, &mut stream).expect("a short frame");
    }
    let upgrade = "GET /p2p HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
                   Connection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n";
    vec![stream.to_vec(), upgrade.into()]
}

fn grape_answers() -> Vec<Vec<u8>> {
    texts(&[
        r#"["127.0.0.1:3000","192.168.0.9:3001","8.8.8.8:3"]"#,
        r#""ERR_GRAPE_LOOKUP""#,
        r#"["id","p2p_exchange",{"id":"1","type":"order"}]"#,
        r#"["id",null,{"success":true,"nodeId":"n","message":"taken"}]"#,
    ])
}

fn handshakes() -> Vec<Vec<u8>> {
    let plain = plain_handshake();
    let scripts = (0..8).map(|set| {
        let mut script = vec![set];
        for _ in 0..4 {
            script::write(&mut script, 0, &[]);
        }
        script
    });
    let mut inputs: Vec<Vec<u8>> = scripts.collect();
    for (what, content) in [(1, plain.as_slice()), (2, &[5, 1]), (3, &[40])] {
        let mut script = vec![1];
        script::write(&mut script, what, content);
        inputs.push(script);
    }
    inputs
}

fn krpc() -> Vec<Vec<u8>> {
    let id = "2:id20:abcdefghij0123456789";
    let texts = [
        format!("d1:ad{id}9:info_hash12:p2p_exchangee1:q9:get_peers1:t2:aa1:y1:qe"),
        format!("d1:ad{id}e1:q4:ping1:t2:aa1:y1:qe"),
        format!("d1:ad{id}6:target20:abcdefghij0123456789e1:q9:find_node1:t2:ab1:y1:qe"),
        format!("d1:ad{id}6:target20:abcdefghij0123456789e1:q3:get1:t2:ac1:y1:qe"),
        format!("d1:ad{id}5:token4:abcd1:v5:valuee1:q3:put1:t2:ad1:y1:qe"),
        format!(
            "d1:ad{id}12:implied_porti0e9:info_hash3:abc4:porti3000e5:token4:abcde\
             1:q13:announce_peer1:t2:ae1:y1:qe"
        ),
        format!("d1:rd{id}5:token4:abcd6:valuesl6:abcdefee1:t2:aa1:y1:re"),
        "d1:eli201e5:errore1:t2:aa1:y1:ee".to_owned(),
    ];
    let all = texts.iter().fold(Vec::new(), |mut script, text| {
        script::write(&mut script, 1, text.as_bytes());
        script
    });
    let alone = texts.iter().map(|text| {
        let mut script = Vec::new();
        script::write(&mut script, 0x12, text.as_bytes());
        script
    });
    alone.chain([all]).collect()
}

fn lists() -> Vec<Vec<u8>> {
    let peer = |node_id, address: &str, anchor| PersistedPeer {
        node_id,
        address: address.parse().expect("an address"),
        last_seen: NOW.wall,
        anchor,
    };
    let peers = [
        peer(Some(NodeId([3; 32]).to_string()), "10.0.0.1:3000", true),
        peer(None, "[2001:db8::1]:3000", false),
        peer(Some("plain-1".to_owned()), "host.example:3000", false),
    ];
    let mut node = Node::new(
        Config::default().node_config(),
        Arc::new(identity(1)),
        [1; 32],
        NOW,
    );
    let hour = Millis::from_secs(3_600);
    let banned = ["10.0.0.1", "2001:db8::1", &NodeId([4; 32]).to_string()].map(|peer| {
        let peer: BanTarget = peer.parse().expect("a peer");
        node.ban(peer, hour, NOW).expect("a ban")
    });
    let bans: &[Ban] = &banned;
    vec![
        write_peers(&peers).expect("its text"),
        write_bans(bans).expect("its text"),
    ]
}

fn txt() -> Vec<u8> {
    let own = meshbook::discovery::Announcement {
        node_id: NodeId([2; 32]),
        network: network(),
        listen: "0.0.0.0:3000".parse().expect("an address"),
    };
    let mut record = Vec::new();
    for (key, value) in write_txt(&own) {
        let entry = format!("{key}={value}");
        record.push(u8::try_from(entry.len()).expect("a short entry"));
        record.extend(entry.bytes());
    }
    record
}

fn said(message: &Message, dialect: Dialect) -> Vec<u8> {
    let text = encode(message, dialect, "node-1", NOW.wall);
    text.expect("a message of the dialect").to_vec()
}

fn plain_handshake() -> Vec<u8> {
    let handshake = Message::Handshake(Handshake {
        node_id: "orig-1".to_owned(),
        version: PROTOCOL_VERSION.to_owned(),
        port: 4000,
        capabilities: Capabilities::original(),
        network: None,
        timestamp: NOW.wall,
    });
    said(&handshake, Dialect::Original)
}

fn messages() -> Vec<Vec<u8>> {
    let plain = plain_messages();
    let original = plain.iter().map(|it| said(it, Dialect::Original));
    let secured = secured_messages();
    let secured = secured.iter().map(|it| said(it, Dialect::Secured));
    let [order, ..] = &plain[..] else {
        return Vec::new();
    };
    let rpc = said(order, Dialect::Grenache);
    let enveloped = br#"{"type":"heartbeat_ack","from":"n","to":"*","timestamp":5,
        "payload":{"timestamp":5,"echo":3}}"#;
    let more = [plain_handshake(), rpc, enveloped.to_vec()];
    original.chain(secured).chain(more).collect()
}

fn plain_messages() -> Vec<Message> {
    let order = LegacyOrder {
        id: "o-1".into(),
        user_id: "carol".into(),
        side: "buy".into(),
        amount: "0.5".into(),
        price: "101".into(),
        status: "pending".into(),
        timestamp: NOW.wall,
        pair: "BTC/USD".into(),
    };
    let trade = LegacyTrade {
        id: "t-1".into(),
        buy_order_id: "o-1".into(),
        sell_order_id: "o-2".into(),
        amount: "0.5".into(),
        price: "101".into(),
        timestamp: NOW.wall,
    };
    let timestamp = NOW.wall;
    vec![
        Message::Order(order.clone()),
        Message::Trade(trade),
        Message::CancelOrder {
            order_id: "o-1".into(),
        },
        Message::OrderbookSyncRequest,
        Message::OrderbookSyncResponse(vec![order.clone(), order]),
        Message::Heartbeat { timestamp },
        Message::HeartbeatAck {
            timestamp,
            echo: Some(timestamp),
        },
        Message::PeerExchangeRequest,
        Message::PeerExchange(vec![PeerEntry {
            node_id: None,
            address: "192.168.1.101".into(),
            port: 3001,
        }]),
        Message::Error {
            code: ErrorCode::InvalidOrder,
            message: "price \"0\"".into(),
        },
        Message::Disconnect {
            reason: "shutdown".into(),
        },
    ]
}

fn secured_messages() -> Vec<Message> {
    let trade = trade();
    let owner = identity(60).node_id();
    let [raw_place, raw_req] = [trade.taker(), trade.req()].map(Statement::raw);
    let take = TakeRequest {
        req: raw_req,
        place: raw_place,
    };
    let answer = TakeAnswer {
        answer: trade.fill().raw(),
    };
    let forward = Message::Forward(Forward {
        to: identity(1).node_id(),
        id: "00112233445566778899aabbccddeeff".into(),
        hops: 3,
        body: ForwardBody::Take(take.clone()),
    });
    let pair = || "BTC/USD".parse().expect("a pair");
    let (sid, count) = (7, 2);
    let book = |part| Message::Book(BookRequest { pair: pair(), part });
    vec![
        Message::Statements(statement_list().iter().map(Statement::raw).collect()),
        Message::Trades(vec![trade.raw()]),
        Message::Proofs(vec![proof().raw().clone()]),
        Message::Take(take),
        Message::Answer(answer),
        forward,
        Message::Lazy,
        Message::Have(vec![[0xab; 8], [0; 8]]),
        Message::Want(vec![[1, 2, 3, 4, 5, 6, 7, 8]]),
        Message::Recon(Recon {
            sid,
            count,
            data: vec![0x61],
        }),
        Message::ReconAnswer(Recon {
            sid,
            count,
            data: vec![0x61, 0, 0, 2, 0],
        }),
        book(BookPart::Heads { after: None }),
        book(BookPart::Side {
            side: Side::Sell,
            after: None,
        }),
        Message::Get(GetOwner {
            owner,
            have: vec![(OrderId([9; 16]), 2)],
        }),
        Message::State(OwnerState {
            owner,
            ka: None,
            list: Some(vec![(OrderId([9; 16]), 2)]),
        }),
    ]
}

/// Every message by itself, and all in a row, by each peer that may say it.
fn conversations() -> Vec<Vec<u8>> {
    let line = |peer: u8, message: &Message, dialect| {
        let mut line = vec![peer];
        line.extend(said(message, dialect));
        line
    };
    let secured = secured_messages();
    let plain = plain_messages();
    let by_the_secured: Vec<_> = secured
        .iter()
        .chain(&plain)
        .map(|it| line(b'1', it, Dialect::Secured))
        .collect();
    let by_the_dialed: Vec<_> = secured
        .iter()
        .map(|it| line(b'2', it, Dialect::Secured))
        .collect();
    let by_the_plain: Vec<_> = plain
        .iter()
        .flat_map(|it| {
            let seed = line(b'3', it, Dialect::Seed);
            [seed, line(b'4', it, Dialect::Original)]
        })
        .collect();
    let mut matched = vec![b"match".to_vec()];
    matched.extend(by_the_plain.clone());
    matched.push(line(b'5', &plain[0], Dialect::Grenache));
    let join = |lines: &[Vec<u8>]| lines.join(&b"\n+500\n"[..]);
    let rows = [&by_the_secured, &by_the_dialed, &by_the_plain].map(|lines| join(lines));
    let matched = matched.join(&b'\n');
    let alone = by_the_secured.into_iter();
    alone.chain(rows).chain([matched]).collect()
}

fn comparisons() -> Vec<Vec<u8>> {
    // What the negentropy protocol says: nothing; a fingerprint of everything; a list of one item.
    let nothing = vec![0x61];
    let mut fingerprint = vec![0x61, 0, 0, 1];
    fingerprint.extend([0xab; 16]);
    let mut list = vec![0x61, 0, 0, 2, 1];
    list.extend([0xcd; 32]);
    let mut all = Vec::new();
    let mut inputs = Vec::new();
    for content in [nothing, fingerprint, list] {
        for what in [8, 9] {
            let mut script = Vec::new();
            script::write(&mut script, what, &content);
            all.extend(&script);
            inputs.push(script);
        }
        script::write(&mut all, 7, &[]);
    }
    inputs.push(all);
    inputs
}

fn sessions() -> Vec<Vec<u8>> {
    let mut stream = bytes::BytesMut::new();
    for message in secured_messages().iter().chain(&plain_messages()) {
        let text = said(message, Dialect::Secured);
        // What is longer than a message of these sessions is left out.
        let _ = write_frame(&text, crate::handshake::MAX_MESSAGE, &mut stream);
    }
    let script = |set: u8, pieces: &[&[u8]]| {
        let mut script = vec![set];
        for piece in pieces {
            script::write(&mut script, 0, piece);
        }
        script
    };
    let (one, two) = stream.split_at(stream.len() / 2);
    let own = own_handshake();
    vec![
        script(0, &[one, two]),
        script(1, &[&own, one]),
        script(1, &[&[&own, one].concat()]),
    ]
}

fn statements() -> Vec<Vec<u8>> {
    let list = statement_list();
    let payloads = list.iter().map(|it| it.payload().to_string());
    let wires = list.iter().map(|it| it.wire());
    let rest = [trade().wire(), proof().wire()];
    payloads
        .chain(wires)
        .chain(rest)
        .map(String::into_bytes)
        .collect()
}

/// One of each kind.
fn statement_list() -> Vec<Statement> {
    let trade = trade();
    let ts = NOW.wall;
    let maker = trade.maker().order_id().expect("an order");
    let ord = Ord {
        n: 5,
        ts,
        id: maker,
        open: amount("0.5"),
        status: OrdStatus::Open,
        why: "rest".parse().expect("a reason"),
        amt: None,
    };
    let inventory = Inventory::new(vec![(maker, 5)]);
    let ka = Ka {
        n: 6,
        ts,
        live: true,
        cnt: 1,
        root: inventory.root,
        addrs: Vec::new(),
    };
    let rej = Rej {
        ts,
        take: TakeId([5; 32]),
        open: Some(amount("0.5")),
        why: "revoked".parse().expect("a reason"),
    };
    let mut list = [trade.maker(), trade.taker(), trade.req(), trade.fill()]
        .map(Clone::clone)
        .to_vec();
    list.push(signed(60, Payload::Ord(ord)));
    list.push(signed(60, Payload::Ka(ka)));
    list.push(signed(60, Payload::Rej(rej)));
    list
}

fn amount(text: &str) -> Amount {
    text.parse().expect("an amount")
}

fn price(text: &str) -> Price {
    text.parse().expect("a price")
}

/// The key 60 sells, the key 61 buys.
fn trade() -> TradeRecord {
    let maker = place(60, 1, Side::Sell, "100");
    let taker = place(61, 1, Side::Buy, "100");
    let taker: Place = taker.as_place().expect("a place").clone();
    let taker = signed(
        61,
        Payload::Place(Place {
            rest: false,
            ..taker
        }),
    );
    let ids = [&maker, &taker].map(|it| it.order_id().expect("an order"));
    let later = |millis| NOW.wall + Millis(millis);
    let req = Req {
        n: 2,
        ts: later(10),
        until: later(5_010),
        order: ids[1],
        at: Amount::ZERO,
        qty: amount("0.5"),
        min: amount("0.5"),
        lim: price("100"),
        maker: ids[0],
        freed: Vec::new(),
    };
    let req = signed(61, Payload::Req(req));
    let fill = Fill {
        n: 2,
        ts: later(20),
        take: req.take_id().expect("a take"),
        id: ids[0],
        at: Amount::ZERO,
        qty: amount("0.5"),
        px: price("100"),
        open: amount("0.5"),
        last: false,
        freed: Vec::new(),
    };
    let fill = signed(60, Payload::Fill(fill));
    TradeRecord::new(maker, taker, req, fill).expect("a trade")
}

/// The key 62 signed two orders of one number.
fn proof() -> Proof {
    let [one, other] = ["90", "91"].map(|at| place(62, 1, Side::Buy, at));
    Proof::between(&one, &other).expect("a contradiction")
}
