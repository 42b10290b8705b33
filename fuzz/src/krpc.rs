//! Datagrams of the Grapes' DHT.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use meshbook_grape::fuzzing::{Node, reread};

use crate::script::steps;

/// A node knows at most so many others, and sends at most so much because of one datagram.
const MOST_KNOWN: usize = 160 * 20;
const MOST_SENT: usize = 16;
const LONGEST: usize = 16 * 1024;

/// A message reads the same once it is written again; no row of datagrams, from whomever, makes a
/// node say or keep much.
pub fn krpc(data: &[u8]) {
    let mut node = Node::new([7; 32], 20001);
    let mut now = Duration::ZERO;
    for step in steps(data, 64) {
        if let Some((read, again)) = reread(step.content) {
            assert_eq!(read, again);
        }
        let host = step.what & 15;
        let from = SocketAddrV4::new(Ipv4Addr::new(10, 0, host, 1), 20_000 + u16::from(host));
        now += Duration::from_secs(u64::from(step.what >> 4));
        let sent = node.handle(step.content, from, now);
        assert!(sent.len() <= MOST_SENT, "{} datagrams", sent.len());
        for (_, datagram) in sent {
            assert!(datagram.len() <= LONGEST);
            let (read, again) = reread(&datagram).expect("what a node says");
            assert_eq!(read, again);
        }
        assert!(node.known() <= MOST_KNOWN);
    }
}
