//! Peer exchange that names addresses where nobody is: in networks that are kept for tests and
//! documents (RFC 2544, RFC 3849), so that whoever believes it troubles nobody, and on this machine
//! itself.

use std::net::{Ipv4Addr, Ipv6Addr};

use meshbook::protocol::{Message, PeerEntry};

use super::lines::at_once;
use super::pace::Pace;
use super::session::text;
use super::stranger::Stranger;

/// Addresses in one message: as many as a node takes of one.
const TOGETHER: usize = 20;

/// Messages a second in each session.
const RATE: u32 = 500;

/// A port at which nobody listens: nothing has used it in decades (RFC 863).
const DISCARD: u16 = 9;

pub(super) async fn attack(stranger: Stranger) {
    let sessions = stranger.strength().sessions;
    at_once(sessions, |number| line(stranger.clone(), number)).await;
}

async fn line(stranger: Stranger, number: usize) {
    let mut pace = Pace::of(RATE);
    let (sessions, addresses) = (stranger.strength().sessions, stranger.strength().addresses);
    let mut next = number * addresses / sessions;
    loop {
        let mut mouth = stranger.session().await.ignoring();
        loop {
            pace.take(1).await;
            let named = (next..next + TOGETHER).map(|one| entry(one % addresses));
            let message = Message::PeerExchange(named.collect());
            if mouth.say(&[text(&message)]).await.is_err() {
                break;
            }
            next += TOGETHER;
        }
        stranger.tally().told("session ended");
    }
}

/// A different one for each number.
fn entry(number: usize) -> PeerEntry {
    let host = number as u32 / 3;
    let (address, port) = match number % 3 {
        // 198.18.0.0/15, spread over its subnets.
        0 => {
            let scattered = host.wrapping_mul(0x9e37_79b1) & 0x1_ffff;
            let ip = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + scattered;
            (Ipv4Addr::from(ip).to_string(), 3000)
        }
        // 2001:db8::/32, each in a /48 of its own.
        1 => {
            let (high, low) = ((host >> 16) as u16, host as u16);
            (
                Ipv6Addr::new(0x2001, 0xdb8, low, high, 0, 0, 0, 1).to_string(),
                3000,
            )
        }
        _ => {
            let [_, _, high, low] = host.to_be_bytes();
            (Ipv4Addr::new(127, 77, high, low).to_string(), DISCARD)
        }
    };
    PeerEntry {
        node_id: None,
        address,
        port,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_address_is_named_twice_in_a_round() {
        let count = super::super::Strength::full().addresses;
        let named: BTreeSet<String> = (0..count).map(|number| entry(number).address).collect();
        assert_eq!(named.len(), count);
    }
}
