//! A day in the life of a node whose peer exchange an attacker fills: whom does it choose?

use std::collections::BTreeMap;

use super::PeerSession;
use super::manager::{Admission, PeerManager};
use super::policy::EXCHANGE_LIMIT;
use crate::node::io::ConnId;
use crate::node::rng::Rng;
use crate::node::tests::config;
use crate::node::view::Direction;
use crate::protocol::{Dialect, PeerEntry, PeerInfo};
use crate::types::{Millis, NodeId, Now, PeerAddress, PeerId};

const HONEST: usize = 120;
const FALSE: usize = 1_000;
/// The networks in which the attacker has its addresses.
const NETWORKS: usize = 4;
const STEP: Millis = Millis::from_secs(20);
const DAY: Millis = Millis::from_secs(24 * 3_600);

struct Siege {
    victim: PeerManager,
    rng: Rng,
    now: Now,
    next_conn: u64,
    /// Who is at the other end.
    ends: BTreeMap<ConnId, PeerAddress>,
    /// Steps in which the attacker held a third of the outbound sessions or more.
    lost_steps: usize,
    steps: usize,
    held: usize,
    sessions: usize,
}

/// An honest node's: each in a network of its own.
fn honest(n: usize) -> PeerAddress {
    format!("{}.{}.0.7:3000", 20 + n / 8, n % 8)
        .parse()
        .unwrap()
}

fn hostile(n: usize) -> PeerAddress {
    format!("203.0.{}.{}:3000", n % NETWORKS, n / NETWORKS)
        .parse()
        .unwrap()
}

fn is_hostile(address: &PeerAddress) -> bool {
    address.host().starts_with("203.0.")
}

/// Each address has a key of its own.
fn key(address: &PeerAddress) -> NodeId {
    let mut id = [0; 32];
    for (place, byte) in address.to_string().bytes().enumerate() {
        id[place % 32] ^= byte.rotate_left((place / 32) as u32);
    }
    NodeId(id)
}

impl Siege {
    fn new(seed: u8) -> Self {
        let now = Now {
            mono: Millis(0),
            wall: Millis(1_700_000_000_000),
        };
        let own = NodeId([255; 32]);
        Self {
            victim: PeerManager::new(own, &config(), [seed; 32], now),
            rng: Rng::new([seed ^ 0x55; 32]),
            now,
            next_conn: 0,
            ends: BTreeMap::new(),
            lost_steps: 0,
            steps: 0,
            held: 0,
            sessions: 0,
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.rng.next() % limit as u64) as usize
    }

    fn connect(&mut self, address: PeerAddress, direction: Direction) {
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        let info = PeerInfo {
            id: PeerId::Node(key(&address)),
            dialect: Dialect::Secured,
            version: "1".to_owned(),
            port: address.port(),
            capabilities: vec!["x1".to_owned()],
            clock_offset: None,
        };
        let admission = self
            .victim
            .add_peer(conn, info, direction, address.clone(), self.now);
        let gone = match admission {
            Admission::Admitted => None,
            Admission::Replaces(old) => {
                self.ends.remove(&old);
                None
            }
            Admission::InPlaceOf { out, .. } => Some(out),
            Admission::Full { .. } | Admission::Refused { .. } => return,
        };
        self.ends.insert(conn, address);
        if let Some(gone) = gone {
            self.end(gone);
        }
    }

    fn end(&mut self, conn: ConnId) {
        self.ends.remove(&conn);
        self.victim.remove_peer(conn, &mut self.rng, self.now);
    }

    /// What a peer tells: the attacker's name nobody but the attacker's, honest ones whom they know,
    /// a third of which are the attacker's as well, who talks to everybody.
    fn tell(&mut self, conn: ConnId, of_hostile: bool) {
        let entries: Vec<PeerEntry> = (0..EXCHANGE_LIMIT)
            .map(|_| {
                let lie = of_hostile || self.below(3) == 0;
                let address = match lie {
                    true => hostile(self.below(FALSE)),
                    false => honest(self.below(HONEST)),
                };
                PeerEntry {
                    node_id: None,
                    address: address.host().to_owned(),
                    port: address.port(),
                }
            })
            .collect();
        self.victim.learn_exchange(conn, &entries, self.now);
    }

    fn step(&mut self) {
        self.now.mono = self.now.mono + STEP;
        self.now.wall = self.now.wall + STEP;
        for plan in self.victim.take_dials(self.now) {
            // One of ten honest nodes is away; the attacker never is.
            let there = is_hostile(&plan.address) || self.below(10) > 0;
            match there {
                true => self.connect(plan.address, Direction::Outbound),
                false => {
                    let (address, reason) = (plan.address, "unreachable");
                    self.victim
                        .dial_failed(&address, reason, None, &mut self.rng, self.now);
                }
            }
        }
        // The attacker dials in all the time, from any of its addresses; others now and then.
        for _ in 0..4 {
            let from = hostile(self.below(FALSE));
            self.connect(from, Direction::Inbound);
        }
        if self.below(3) == 0 {
            let from = honest(self.below(HONEST));
            self.connect(from, Direction::Inbound);
        }
        let ends: Vec<_> = self.ends.iter().map(|(c, a)| (*c, a.clone())).collect();
        for (conn, address) in ends {
            let of_hostile = is_hostile(&address);
            // The attacker's tell twice as often as an honest one, which does so once a minute.
            if self.below(if of_hostile { 2 } else { 3 }) == 0 {
                self.tell(conn, of_hostile);
            }
            // Honest sessions hold for an hour on average, the attacker's for ever.
            if !of_hostile && self.below(180) == 0 {
                self.end(conn);
            }
        }
        let outbound = |session: &&PeerSession| session.direction == Direction::Outbound;
        let sessions: Vec<_> = self.victim.all().filter(outbound).collect();
        let held = sessions.iter().filter(|s| is_hostile(&s.remote)).count();
        self.steps += 1;
        self.lost_steps += usize::from(3 * held >= sessions.len().max(1));
        self.held += held;
        self.sessions += sessions.len();
    }
}

/// The node knows eight honest ones at first, as after an earlier run or from its user.
#[test]
fn an_attacker_with_a_thousand_addresses_in_four_networks_never_has_a_third_of_the_outbound_places()
{
    for seed in [1, 2] {
        let mut siege = Siege::new(seed);
        for n in 0..8 {
            let source = crate::node::view::PeerSource::Bootstrap;
            siege.victim.learn(&honest(n * 5), source, siege.now);
        }
        while siege.now.mono < DAY {
            siege.step();
        }
        let (held, sessions) = (siege.held, siege.sessions);
        let average = sessions / siege.steps;
        println!("seed {seed}: held {held} of {sessions}, {average} outbound on average");
        assert_eq!(siege.lost_steps, 0, "seed {seed}");
        assert!(average >= 15, "seed {seed}: {average} outbound");
        let inbound = siege
            .victim
            .all()
            .filter(|s| s.direction == Direction::Inbound);
        let hostile = inbound.filter(|s| is_hostile(&s.remote)).count();
        println!("inbound: {hostile} of the attacker's");
    }
}

#[test]
fn honest_sessions_that_were_there_first_are_not_pushed_out() {
    let mut siege = Siege::new(3);
    for n in 0..20 {
        siege.connect(honest(n), Direction::Inbound);
    }
    let there = |siege: &Siege| {
        let inbound = siege
            .victim
            .all()
            .filter(|s| s.direction == Direction::Inbound);
        inbound.filter(|s| !is_hostile(&s.remote)).count()
    };
    assert_eq!(there(&siege), 20);
    for _ in 0..1_000 {
        siege.now.mono = siege.now.mono + STEP;
        let from = hostile(siege.below(FALSE));
        siege.connect(from, Direction::Inbound);
    }
    assert_eq!(there(&siege), 20);
    // And somebody new finds a place among those that the attacker filled.
    siege.connect(honest(100), Direction::Inbound);
    assert_eq!(there(&siege), 21);
}
