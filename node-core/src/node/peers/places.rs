//! How many sessions there may be, whose they may be, and who makes room for whom.

use std::net::IpAddr;

use super::exchange::{Scope, scope};
use super::manager::PeerManager;
use super::policy::{PROTECTED_FAST, PROTECTED_USEFUL};
use super::session::PeerSession;
use crate::collections::BTreeMap;
use crate::node::io::ConnId;
use crate::node::view::Direction;
use crate::types::{PeerAddress, host, subnet};

/// How many sessions there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) all: usize,
    /// So many are left for peers that this node chose itself, so that strangers who dial in
    /// can't take every place.
    pub(super) outbound: usize,
    pub(super) inbound: usize,
    /// With so many none is looked for, so that who comes new finds room.
    pub(super) enough: usize,
}

impl Places {
    pub(super) fn of(all: usize) -> Self {
        let outbound = all.div_ceil(2);
        // With a single place, whoever comes first has it.
        let inbound = (all - all / 2).max(all - outbound);
        Self {
            all,
            outbound,
            inbound,
            enough: all - all / 10,
        }
    }
}

/// Who counts as one party when places are given out: a /24 or /48 where addresses are public, each
/// host by itself in a private network, and all of this machine together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Party {
    Network(IpAddr),
    /// A name that was not resolved here.
    Name(String),
}

pub(super) fn party(address: &PeerAddress) -> Party {
    let Some(ip) = address.ip() else {
        return Party::Name(address.host().to_owned());
    };
    Party::Network(match scope(address) {
        Some(Scope::Public) => subnet(ip),
        Some(Scope::PrivateNetwork) | None => host(ip),
        Some(Scope::ThisMachine) => host(std::net::Ipv4Addr::LOCALHOST.into()),
    })
}

impl PeerManager {
    pub(super) fn is_full(&self, direction: Direction) -> bool {
        let used = self.count(direction);
        let limit = match direction {
            Direction::Inbound => self.places.inbound,
            Direction::Outbound => self.places.outbound,
        };
        used >= limit || self.sessions.len() >= self.places.all
    }

    pub(super) fn count(&self, direction: Direction) -> usize {
        let of = |session: &&PeerSession| session.direction == direction;
        self.sessions.values().filter(of).count()
    }

    /// The label of the bound that one more inbound session from there would break, if any.
    pub(super) fn crowded(&self, remote: &PeerAddress) -> Option<&'static str> {
        let limits = &self.limits;
        let ip = remote.ip()?;
        let inbound = || {
            let sessions = self.all().filter(|s| s.direction == Direction::Inbound);
            sessions.filter_map(|session| session.remote.ip())
        };
        let from =
            |of: fn(IpAddr) -> IpAddr| inbound().filter(|other| of(*other) == of(ip)).count();
        let scope = scope(remote)?;
        if scope == Scope::ThisMachine {
            return None;
        }
        if from(host) >= limits.peers_per_address as usize {
            return Some("too_many_from_address");
        }
        let full = scope == Scope::Public && from(subnet) >= limits.peers_per_subnet as usize;
        full.then_some("too_many_from_subnet")
    }

    /// When all inbound places are taken: whose session ends for one from `remote`. It is the
    /// youngest of the party that holds most of them, unless the newcomer's party holds as many, or
    /// one less: then nothing would be gained. The fastest peers, the ones that bring most news,
    /// and the older half of the rest stay in any case, so that who fills all places at some moment
    /// can't push out those who were there before.
    pub(super) fn who_makes_room(&self, remote: &PeerAddress) -> Option<ConnId> {
        let mut rest: Vec<&PeerSession> = self
            .all()
            .filter(|session| session.direction == Direction::Inbound)
            .collect();
        let mut held: BTreeMap<Party, usize> = BTreeMap::new();
        for session in &rest {
            *held.entry(party(&session.remote)).or_default() += 1;
        }
        let newcomers = held.get(&party(remote)).copied().unwrap_or(0);
        rest.sort_by_key(|session| session.latency.map_or(u64::MAX, |latency| latency.0));
        rest.drain(..rest.len().min(PROTECTED_FAST));
        rest.sort_by_key(|session| std::cmp::Reverse(session.news));
        rest.drain(..rest.len().min(PROTECTED_USEFUL));
        rest.sort_by_key(|session| session.since);
        rest.drain(..rest.len() / 2);
        let (most, youngest) = rest
            .iter()
            .map(|session| {
                let held = held.get(&party(&session.remote)).copied().unwrap_or(0);
                (held, session)
            })
            .max_by_key(|(held, session)| (*held, session.since, session.conn))?;
        (most > newcomers + 1).then_some(youngest.conn)
    }
}
