//! What a node does by the clock: finding its way in, and back in.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::contact::is_place;
use super::io::Output;
use super::node::{Dht, SILENCE, random};
use super::table::K;

/// The most nodes to join by.
pub(crate) const MAX_BOOTSTRAP: usize = 256;

/// How often questions are looked through for those that were not answered.
const TICK: Duration = Duration::from_millis(100);
/// How often the rest is looked after.
const ROUND: Duration = Duration::from_secs(15);
/// How often it is while no other node is known.
const ROUND_ALONE: Duration = Duration::from_secs(2);
/// How often nodes near this one are searched for; each round while few are known, since they may
/// have joined at the same moment.
const REFRESH: Duration = Duration::from_secs(5 * 60);
/// The most silent nodes that are asked in one round.
const CHECKS: usize = 16;

/// A node to join by.
#[derive(Debug)]
pub(super) struct Bootstrap {
    pub(super) address: SocketAddrV4,
    /// It did not answer when it was asked last. It is asked again each round, and no look-up
    /// waits for it.
    pub(super) is_lost: bool,
}

/// When what is due.
#[derive(Debug)]
pub(super) struct Schedule {
    ticked: Duration,
    round: Duration,
    refresh: Duration,
}

impl Schedule {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            ticked: now,
            round: now + ROUND_ALONE,
            refresh: now + REFRESH,
        }
    }
}

impl Dht {
    /// Sets the nodes to join by, at most [`MAX_BOOTSTRAP`], and joins.
    pub(crate) fn set_bootstrap(&mut self, addresses: Vec<SocketAddrV4>, now: Duration) {
        let addresses = addresses.into_iter().filter(|address| is_place(*address));
        let bootstrap = addresses.map(|address| Bootstrap {
            address,
            is_lost: false,
        });
        self.bootstrap = bootstrap.take(MAX_BOOTSTRAP).collect();
        self.join_by_missing(now);
    }

    /// When [`tick`](Self::tick) is to be called next.
    pub(crate) fn next_wakeup(&self) -> Duration {
        match self.queries.is_empty() {
            true => self.schedule.round,
            false => self.schedule.round.min(self.schedule.ticked + TICK),
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Duration) {
        if now < self.next_wakeup() {
            return;
        }
        self.schedule.ticked = now;
        for (to, datagram) in self.queries.repeated(now) {
            self.outputs.push(Output::Send { to, datagram });
        }
        for query in self.queries.expired(now) {
            self.unanswered(&query, now);
        }
        if now >= self.schedule.round {
            self.round(now);
        }
    }

    pub(super) fn bootstrap_answered(&mut self, address: SocketAddrV4) {
        self.set_lost(address, false);
    }

    pub(super) fn bootstrap_failed(&mut self, address: SocketAddrV4) {
        self.set_lost(address, true);
    }

    fn set_lost(&mut self, address: SocketAddrV4, is_lost: bool) {
        for bootstrap in &mut self.bootstrap {
            if bootstrap.address == address {
                bootstrap.is_lost = is_lost;
            }
        }
    }

    fn round(&mut self, now: Duration) {
        let Self { tokens, rng, .. } = self;
        tokens.rotate(now, || random(rng));
        self.announced.expire(now);
        self.found.expire(now);
        let silent_since = now.saturating_sub(SILENCE);
        for contact in self.table.silent_since(silent_since, CHECKS) {
            self.check(contact, now);
        }
        self.join_by_missing(now);
        if now >= self.schedule.refresh || (1..K).contains(&self.table.len()) {
            self.schedule.refresh = now + REFRESH;
            self.join(Vec::new(), now);
        }
        let is_alone = self.table.len() == 0 && !self.bootstrap.is_empty();
        self.schedule.round = now + if is_alone { ROUND_ALONE } else { ROUND };
    }

    /// Joins by those nodes that are not known, if there are any.
    fn join_by_missing(&mut self, now: Duration) {
        let addresses = self.bootstrap.iter().map(|bootstrap| bootstrap.address);
        let missing = addresses.filter(|address| !self.table.knows_address(*address));
        let missing: Vec<SocketAddrV4> = missing.collect();
        if !missing.is_empty() {
            self.join(missing, now);
        }
    }
}
