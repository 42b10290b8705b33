use proptest::prelude::*;

use super::contact::Contact;
use super::decode::{Malformed, decode};
use super::id::{InfoHash, MAX_INFO_HASH, NodeId};
use super::item::{Item, sign};
use super::message::{Answer, Ask, Body, Message};

#[test]
fn what_a_grape_sends_is_understood() {
    let datagram = b"d1:ad2:id20:abcdefghij01234567899:info_hash12:p2p_exchangee\
                     1:q9:get_peers1:t2:\x00\x071:y1:qe";
    let message = decode(datagram).unwrap();
    assert_eq!(message.transaction, [0, 7]);
    let ask = Ask::GetPeers {
        info_hash: InfoHash::new(b"p2p_exchange").unwrap(),
    };
    let id = NodeId::from_slice(b"abcdefghij0123456789");
    assert_eq!(message.body, Body::Query { id, ask });
    assert_eq!(message.encode(), datagram);
}

#[test]
fn who_only_reads_is_not_known_by_its_id() {
    let datagram = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi1e1:t4:abcd1:y1:qe";
    let message = decode(datagram).unwrap();
    assert_eq!(message.transaction, b"abcd");
    let (id, ask) = (None, Ask::Ping);
    assert_eq!(message.body, Body::Query { id, ask });
}

#[test]
fn a_query_that_is_none_is_told_why() {
    let told = |datagram: &[u8]| match decode(datagram) {
        Err(Malformed::Query { code, text, .. }) => (code, text),
        other => panic!("{other:?}"),
    };
    let (code, text) = told(b"d1:ade1:q9:find_node1:t2:aa1:y1:qe");
    assert_eq!(code, 203);
    assert_eq!(text, "`find_node` missing required `a.target` field");
    assert_eq!(told(b"d1:ade1:q5:dance1:t2:aa1:y1:qe").0, 204);
    let put = [
        &b"d1:ad5:token1:x1:v1001:"[..],
        &[b'x'; 1001],
        b"e1:q3:put1:t2:aa1:y1:qe",
    ];
    assert_eq!(told(&put.concat()).0, 205);
}

fn id() -> impl Strategy<Value = NodeId> {
    any::<[u8; 20]>().prop_map(NodeId)
}

fn info_hash() -> impl Strategy<Value = InfoHash> {
    let bytes = prop::collection::vec(any::<u8>(), 1..=MAX_INFO_HASH);
    bytes.prop_map(|bytes| InfoHash::new(&bytes).unwrap())
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=most)
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        "[a-z]{0,300}".prop_map(|text| Item::text(&text).unwrap()),
        ("[a-z]{0,300}", any::<i64>()).prop_map(|(text, sequence)| sign(
            &text,
            b"",
            sequence.max(-i64::MAX)
        )),
    ]
}

fn address() -> impl Strategy<Value = std::net::SocketAddrV4> {
    (1_u32..0xe000_0000, 1_u16..)
        .prop_map(|(ip, port)| std::net::SocketAddrV4::new(ip.into(), port))
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        Just(Ask::Ping),
        bytes(40).prop_map(|target| Ask::FindNode { target }),
        info_hash().prop_map(|info_hash| Ask::GetPeers { info_hash }),
        (info_hash(), prop::option::of(1_u16..), bytes(40)).prop_map(|(info_hash, port, token)| {
            Ask::AnnouncePeer {
                info_hash,
                port,
                token,
            }
        }),
        bytes(40).prop_map(|target| Ask::Get { target }),
        (item(), prop::option::of(0..i64::MAX), bytes(40)).prop_map(|(item, replaces, token)| {
            Ask::Put {
                item,
                replaces,
                token,
            }
        }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let contact = (id(), address()).prop_map(|(id, address)| Contact { id, address });
    (
        id(),
        prop::option::of(bytes(40)),
        prop::collection::vec(contact, 0..=20),
        prop::collection::vec(address(), 0..=100),
        prop::option::of(item()),
    )
        .prop_map(|(id, token, nodes, values, item)| Answer {
            id,
            token,
            nodes,
            values,
            item,
        })
}

fn message() -> impl Strategy<Value = Message> {
    let body = prop_oneof![
        (prop::option::of(id()), ask()).prop_map(|(id, ask)| Body::Query { id, ask }),
        answer().prop_map(Body::Answer),
        (0..i64::MAX, "[a-z ]{0,200}").prop_map(|(code, text)| Body::Error { code, text }),
    ];
    let transaction = prop::collection::vec(any::<u8>(), 1..=16);
    (transaction, body).prop_map(|(transaction, body)| Message { transaction, body })
}

proptest! {
    #[test]
    fn messages_are_read_as_written(message in message()) {
        prop_assert_eq!(decode(&message.encode()), Ok(message));
    }

    #[test]
    fn no_datagram_does_harm(bytes in any::<Vec<u8>>()) {
        let _ = decode(&bytes);
    }

    #[test]
    fn no_bent_message_does_harm(
        message in message(), flips in prop::collection::vec(any::<(u16, u8)>(), 1..8)
    ) {
        let mut bytes = message.encode();
        for (at, byte) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        let _ = decode(&bytes);
    }
}
