//! Messages of every dialect.

use meshbook::protocol::{
    Dialect, MAX_CAPABILITIES, MAX_INVENTORY, MAX_NAME, MAX_PEERS, MAX_PREFIXES, MAX_PROOFS,
    MAX_RECON_BYTES, MAX_STATEMENTS, MAX_SYNC_ORDERS, MAX_TEXT, MAX_TRADES, Message, decode,
    encode, read_rpc,
};
use meshbook::types::Millis;

const NOW: Millis = Millis(1_795_000_000_000);

/// What is read can be said again and reads the same, no list is longer than its bound, and nothing
/// that has to be signed is heard in plain.
pub fn messages(data: &[u8]) {
    for dialect in [Dialect::Secured, Dialect::Seed, Dialect::Original] {
        let Ok(message) = decode(data, dialect) else {
            continue;
        };
        within_bounds(&message);
        if !matches!(message, Message::Ignored { .. }) {
            again(&message, dialect);
        }
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(request) = read_rpc(text)
    {
        let name = request.from.to_string();
        if let Ok(bytes) = encode(&request.message, Dialect::Grenache, &name, NOW) {
            let text = std::str::from_utf8(&bytes).expect("JSON");
            let read = read_rpc(text).expect("what was written");
            assert_eq!(read.from, request.from);
            assert_eq!(show(&read.message), show(&request.message));
        }
    }
}

fn again(message: &Message, dialect: Dialect) {
    let bytes = encode(message, dialect, "node-1", NOW).expect("what was heard can be said");
    let read = decode(&bytes, dialect).expect("what was said can be read");
    // A time of 0 is written as 1, which is what the original node wants.
    if !is_undated(message) {
        assert_eq!(show(&read), show(message));
    }
    let once_more = encode(&read, dialect, "node-1", NOW).expect("the same");
    assert_eq!(bytes, once_more);
}

fn show(message: &Message) -> String {
    format!("{message:?}")
}

fn is_undated(message: &Message) -> bool {
    match message {
        Message::Handshake(handshake) => handshake.timestamp == Millis::ZERO,
        Message::HandshakeAck { timestamp }
        | Message::Heartbeat { timestamp }
        | Message::HeartbeatAck { timestamp, .. } => *timestamp == Millis::ZERO,
        _ => false,
    }
}

fn within_bounds(message: &Message) {
    let long = |text: &str, most: usize| assert!(text.chars().count() <= most, "{text:.600}");
    let many = |count: usize, most: usize| assert!(count <= most, "{count} of {most}");
    match message {
        Message::Handshake(handshake) => {
            long(&handshake.node_id, MAX_NAME);
            many(handshake.capabilities.names().len(), MAX_CAPABILITIES);
        }
        Message::PeerExchange(peers) => many(peers.len(), MAX_PEERS),
        Message::Disconnect { reason } => long(reason, MAX_TEXT),
        Message::Error { message, .. } => long(message, MAX_TEXT),
        Message::OrderbookSyncResponse(orders) => many(orders.len(), MAX_SYNC_ORDERS),
        Message::Statements(list) => many(list.len(), MAX_STATEMENTS),
        Message::Trades(list) => many(list.len(), MAX_TRADES),
        Message::Proofs(list) => many(list.len(), MAX_PROOFS),
        Message::Have(list) | Message::Want(list) => many(list.len(), MAX_PREFIXES),
        Message::Recon(recon) | Message::ReconAnswer(recon) => {
            many(recon.data.len(), MAX_RECON_BYTES);
        }
        Message::Get(get) => many(get.have.len(), MAX_INVENTORY),
        Message::State(state) => many(state.list.as_ref().map_or(0, Vec::len), MAX_INVENTORY),
        Message::Ignored { kind } => long(kind, MAX_NAME),
        _ => {}
    }
}
