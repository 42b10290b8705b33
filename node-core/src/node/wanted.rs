//! What other nodes are known to have and this one hasn't: asked for once, from one of them after
//! the other, until it comes.

use std::collections::{HashMap, VecDeque};

use super::io::ConnId;
use crate::collections::{BTreeMap, BTreeSet};
use crate::protocol::Prefix;
use crate::types::Millis;

/// What one peer is asked for at the same time. The answer has to fit its queue of outgoing
/// messages, also if all of it are trades.
const ASKED_AT_ONCE: usize = 1_024;
/// What may wait to be asked of one peer. What is beyond that is found by the next reconciliation.
pub(super) const QUEUE_LIMIT: usize = 1 << 17;
/// Further peers that are remembered to have one thing.
const OTHERS: usize = 3;
/// What did not come in this time is asked of the next peer.
const PATIENCE: Millis = Millis::from_secs(3);

/// How it became known that something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A peer announced it as news.
    Announced,
    /// Both nodes compared what they have: others nearby may have had it for long.
    Compared,
}

/// Something that was asked for.
#[derive(Debug)]
struct Asked {
    of: ConnId,
    until: Millis,
    found: Found,
    others: Vec<ConnId>,
}

/// What is to be asked of one peer.
#[derive(Debug, Default)]
struct Line {
    queue: VecDeque<(Prefix, Found)>,
    asked: usize,
    /// Something that both nodes found to be missing did not come from it.
    given_up: bool,
}

/// Everything that is missing, as far as it is known.
#[derive(Debug)]
pub(super) struct Wanted {
    asked: HashMap<Prefix, Asked>,
    until: BTreeSet<(Millis, Prefix)>,
    lines: BTreeMap<ConnId, Line>,
    /// What may wait to be asked of one peer.
    most_queued: usize,
}

impl Wanted {
    pub(super) fn new(most_queued: usize) -> Self {
        Self {
            asked: HashMap::new(),
            until: BTreeSet::new(),
            lines: BTreeMap::new(),
            most_queued,
        }
    }

    /// A peer has something that this node hasn't.
    pub(super) fn offer(&mut self, conn: ConnId, prefix: Prefix, found: Found) {
        // Who has a line can be asked in its turn, also for what was first asked of somebody else.
        self.lines.entry(conn).or_default();
        if self.join(conn, &prefix) {
            return;
        }
        let line = self.lines.entry(conn).or_default();
        if line.queue.len() < self.most_queued {
            line.queue.push_back((prefix, found));
        }
    }

    /// Notes one more peer that has what was asked of another one.
    fn join(&mut self, conn: ConnId, prefix: &Prefix) -> bool {
        let Some(asked) = self.asked.get_mut(prefix) else {
            return false;
        };
        if asked.of != conn && asked.others.len() < OTHERS && !asked.others.contains(&conn) {
            asked.others.push(conn);
        }
        true
    }

    /// Something came, wanted or not. Says how it became known if it was asked for.
    pub(super) fn arrived(&mut self, prefix: &Prefix) -> Option<Found> {
        let asked = self.asked.remove(prefix)?;
        self.until.remove(&(asked.until, *prefix));
        if let Some(line) = self.lines.get_mut(&asked.of) {
            line.asked = line.asked.saturating_sub(1);
        }
        Some(asked.found)
    }

    /// Whether nothing is wanted of this peer.
    pub(super) fn is_idle(&self, conn: ConnId) -> bool {
        let line = self.lines.get(&conn);
        line.is_none_or(|line| line.asked == 0 && line.queue.is_empty())
    }

    /// Whether something that this peer has did not come since the last call.
    pub(super) fn take_given_up(&mut self, conn: ConnId) -> bool {
        let line = self.lines.get_mut(&conn);
        line.is_some_and(|line| std::mem::take(&mut line.given_up))
    }

    /// What has to be asked for now, and of whom. `has` tells what came meanwhile.
    pub(super) fn take_asks(
        &mut self,
        has: impl Fn(&Prefix) -> bool,
        now: Millis,
    ) -> Vec<(ConnId, Vec<Prefix>)> {
        let mut asks = Vec::new();
        let conns: Vec<ConnId> = self.lines.keys().copied().collect();
        for conn in conns {
            let mut ask = Vec::new();
            while let Some((prefix, found)) = self.next_of(conn) {
                if has(&prefix) || self.join(conn, &prefix) {
                    continue;
                }
                let until = now + PATIENCE;
                self.until.insert((until, prefix));
                let asked = Asked {
                    of: conn,
                    until,
                    found,
                    others: Vec::new(),
                };
                self.asked.insert(prefix, asked);
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.asked += 1;
                }
                ask.push(prefix);
            }
            if !ask.is_empty() {
                asks.push((conn, ask));
            }
        }
        asks
    }

    fn next_of(&mut self, conn: ConnId) -> Option<(Prefix, Found)> {
        let line = self.lines.get_mut(&conn)?;
        let room = line.asked < ASKED_AT_ONCE;
        room.then(|| line.queue.pop_front()).flatten()
    }

    /// Turns to others for what did not come in time; what nobody else has is given up.
    pub(super) fn expire(&mut self, now: Millis) {
        while let Some((until, prefix)) = self.until.first().copied()
            && until <= now
        {
            self.turn_to_others(&prefix);
        }
    }

    /// A peer is gone: others are asked instead.
    pub(super) fn forget_conn(&mut self, conn: ConnId) {
        self.lines.remove(&conn);
        let of_it = self.asked.iter().filter(|(_, asked)| asked.of == conn);
        let mut prefixes: Vec<Prefix> = of_it.map(|(prefix, _)| *prefix).collect();
        prefixes.sort_unstable();
        for prefix in prefixes {
            self.turn_to_others(&prefix);
        }
    }

    fn turn_to_others(&mut self, prefix: &Prefix) {
        let Some(asked) = self.asked.remove(prefix) else {
            return;
        };
        self.until.remove(&(asked.until, *prefix));
        if let Some(line) = self.lines.get_mut(&asked.of) {
            line.asked = line.asked.saturating_sub(1);
            line.given_up |= asked.found == Found::Compared;
        }
        // All of them are put in line: the first to have its turn is asked.
        for other in asked.others {
            if let Some(line) = self.lines.get_mut(&other)
                && line.queue.len() < self.most_queued
            {
                line.queue.push_front((*prefix, asked.found));
            }
        }
    }

    /// When [`Self::expire`] has something to do.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.until.first().map(|(until, _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConnId = ConnId(1);
    const B: ConnId = ConnId(2);
    const NOW: Millis = Millis(1_000);

    fn prefix(number: u64) -> Prefix {
        number.to_be_bytes()
    }

    fn asks(wanted: &mut Wanted, now: Millis) -> Vec<(ConnId, Vec<Prefix>)> {
        wanted.take_asks(|_| false, now)
    }

    #[test]
    fn what_several_peers_have_is_asked_of_one_and_then_of_the_next() {
        let mut wanted = Wanted::new(QUEUE_LIMIT);
        wanted.offer(A, prefix(1), Found::Announced);
        assert_eq!(asks(&mut wanted, NOW), [(A, vec![prefix(1)])]);
        wanted.offer(B, prefix(1), Found::Announced);
        wanted.offer(B, prefix(2), Found::Announced);
        assert_eq!(asks(&mut wanted, NOW), [(B, vec![prefix(2)])]);
        let later = NOW + PATIENCE;
        assert_eq!(wanted.next_due(), Some(later));
        wanted.arrived(&prefix(2));
        wanted.expire(later);
        assert_eq!(asks(&mut wanted, later), [(B, vec![prefix(1)])]);
        assert_eq!(wanted.arrived(&prefix(1)), Some(Found::Announced));
        assert!(wanted.is_idle(A) && wanted.is_idle(B));
    }

    #[test]
    fn a_peer_that_goes_leaves_what_it_was_asked_for_to_the_others() {
        let mut wanted = Wanted::new(QUEUE_LIMIT);
        for number in 0..10 {
            wanted.offer(A, prefix(number), Found::Compared);
            wanted.offer(B, prefix(number), Found::Compared);
        }
        assert_eq!(asks(&mut wanted, NOW)[0].1.len(), 10);
        wanted.forget_conn(A);
        let again = asks(&mut wanted, NOW);
        assert_eq!(again.len(), 1);
        assert_eq!((again[0].0, again[0].1.len()), (B, 10));
        wanted.forget_conn(B);
        assert!(asks(&mut wanted, NOW).is_empty());
    }

    #[test]
    fn one_peer_is_asked_for_no_more_than_it_can_answer_at_once() {
        let mut wanted = Wanted::new(QUEUE_LIMIT);
        let most = 3 * ASKED_AT_ONCE as u64;
        for number in 0..most {
            wanted.offer(A, prefix(number), Found::Compared);
        }
        let mut came = 0;
        loop {
            let asked = asks(&mut wanted, NOW);
            let Some((_, prefixes)) = asked.first() else {
                break;
            };
            assert!(prefixes.len() <= ASKED_AT_ONCE);
            for prefix in prefixes {
                assert_eq!(wanted.arrived(prefix), Some(Found::Compared));
                came += 1;
            }
        }
        assert_eq!(came, most);
        assert!(wanted.is_idle(A));
    }

    #[test]
    fn what_came_another_way_is_not_asked_for() {
        let mut wanted = Wanted::new(QUEUE_LIMIT);
        wanted.offer(A, prefix(1), Found::Announced);
        wanted.offer(A, prefix(2), Found::Announced);
        let asked = wanted.take_asks(|known| *known == prefix(1), NOW);
        assert_eq!(asked, [(A, vec![prefix(2)])]);
        assert_eq!(wanted.arrived(&prefix(1)), None);
    }

    #[test]
    fn what_waits_for_one_peer_and_who_else_has_it_is_bounded() {
        let mut wanted = Wanted::new(QUEUE_LIMIT);
        let most = QUEUE_LIMIT as u64;
        wanted.offer(A, prefix(u64::MAX), Found::Announced);
        assert_eq!(asks(&mut wanted, NOW).len(), 1);
        for number in 2..20 {
            wanted.offer(ConnId(number), prefix(u64::MAX), Found::Announced);
        }
        assert_eq!(wanted.asked[&prefix(u64::MAX)].others.len(), OTHERS);
        for number in 0..most + 10 {
            wanted.offer(B, prefix(number), Found::Announced);
        }
        assert_eq!(wanted.lines[&B].queue.len(), QUEUE_LIMIT);
        // Nor is there more room for what another peer did not answer.
        wanted.expire(NOW + PATIENCE);
        assert_eq!(wanted.lines[&B].queue.len(), QUEUE_LIMIT);
        assert_eq!(wanted.lines[&ConnId(3)].queue.len(), 1);
        assert!(wanted.asked.is_empty() && wanted.until.is_empty());
        let asked = asks(&mut wanted, NOW);
        assert!(asked.iter().all(|(_, ask)| ask.len() <= ASKED_AT_ONCE));
        assert_eq!(wanted.asked.len(), wanted.until.len());
    }
}
