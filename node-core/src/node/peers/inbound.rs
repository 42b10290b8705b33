//! Whose inbound sessions there may be, and who makes room for whom.

use std::net::IpAddr;

use super::exchange::{Scope, scope};
use super::manager::PeerManager;
use super::places::party;
use super::session::PeerSession;
use super::table::Counts;
use crate::node::io::ConnId;
use crate::node::view::Direction;
use crate::types::{PeerAddress, host, subnet};

/// Inbound sessions with so many of the fastest peers are never ended to make room.
const PROTECTED_FAST: usize = 4;
/// The same for the peers that brought most news.
const PROTECTED_USEFUL: usize = 4;

impl PeerManager {
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
        let mut held = Counts::default();
        for session in &rest {
            held.count(&party(&session.remote));
        }
        let newcomers = held.of(&party(remote));
        rest.sort_by_key(|session| session.latency.map_or(u64::MAX, |latency| latency.0));
        rest.drain(..rest.len().min(PROTECTED_FAST));
        rest.sort_by_key(|session| std::cmp::Reverse(session.news));
        rest.drain(..rest.len().min(PROTECTED_USEFUL));
        rest.sort_by_key(|session| session.since);
        rest.drain(..rest.len() / 2);
        let (most, youngest) = rest
            .iter()
            .map(|session| {
                let held = held.of(&party(&session.remote));
                (held, session)
            })
            .max_by_key(|(held, session)| (*held, session.since, session.conn))?;
        (most > newcomers + 1).then_some(youngest.conn)
    }
}
