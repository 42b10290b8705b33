//! Range-based set reconciliation (Meyer; the negentropy protocol) of everything that is retained.
//!
//! The node that began sees what the other lacks and what itself lacks. It announces the one and
//! asks for the other, so that both flow as news does: bounded, and each thing once however many
//! peers have it.

use negentropy::{Id, Negentropy};

use super::computation::{self, Computation, Computed, Ours};
use super::items::Items;
use super::state::Cost;
use crate::ledger::prefix_of;
use crate::node::core::Node;
use crate::node::io::{ConnId, Output};
use crate::node::peers::policy::Merit;
use crate::node::rng::Rng;
use crate::node::wanted::Found;
use crate::protocol::{MAX_PREFIXES, MAX_RECON_BYTES, Message, Prefix, Recon};
use crate::types::{Millis, Now};

/// The other node's answer is waited for so long.
const PATIENCE: Millis = Millis::from_secs(20);
/// A comparison after which something did not come is repeated in so long.
const AFTER_LOSS: Millis = Millis::from_secs(5);
/// No honest comparison takes so many questions: each but the last splits what differs 16-fold, and
/// what doesn't fit one message is asked in further ones.
const ROUNDS: u32 = 4_096;
/// Who has fewer than a quarter of the other's items, and the other more than so many, reads the
/// book page by page first.
const MANY: u64 = 2_000;

/// Missing things that one comparison asks for. Beyond the bounds of what is stored, nodes that hold
/// different owners find the same differences again and again; and whoever has keys by the million
/// could show as many. A random choice of them reaches every one in time.
const ASKED_AT_ONCE: usize = 8_192;

/// A comparison that this node began.
#[derive(Debug)]
pub(in crate::node) struct Comparison {
    sid: u64,
    /// A random choice of what was found to be missing here.
    missing: Vec<Prefix>,
    /// How much was found to be missing in all.
    found: u64,
    /// Something that it asked for was new here.
    helped: bool,
    /// What the next answer is taken up by; absent while that is under way, and at the end.
    ours: Option<Ours>,
    rounds: u32,
    /// When there was last any progress.
    asked: Millis,
    /// All questions are answered; what was missing may be on its way.
    answered: bool,
}

/// Whether a node with so many items does better to read the book of one with `theirs` first.
const fn has_next_to_nothing(ours: u64, theirs: u64) -> bool {
    theirs > MANY && ours < theirs / 4
}

impl Comparison {
    /// Keeps a uniform random choice of all that was found to be missing (reservoir sampling).
    fn choose(&mut self, need: &[Id], rng: &mut Rng) {
        for id in need {
            self.found += 1;
            let prefix = prefix_of(id.as_bytes());
            if self.missing.len() < ASKED_AT_ONCE {
                self.missing.push(prefix);
                continue;
            }
            let place = usize::try_from(rng.next() % self.found).unwrap_or(usize::MAX);
            if let Some(chosen) = self.missing.get_mut(place) {
                *chosen = prefix;
            }
        }
    }
}

impl Node {
    /// Begins to compare with a peer, unless that is under way.
    pub(super) fn compare_with(&mut self, conn: ConnId, now: Now) {
        if self.sync.comparisons.contains_key(&conn) || self.store_failure.is_some() {
            return;
        }
        let retained = self.market.ledger().retained();
        let count = retained.len() as u64;
        let limit = MAX_RECON_BYTES as u64;
        let begun = Negentropy::owned(Items::of(retained), limit).and_then(|mut negentropy| {
            let question = negentropy.initiate()?;
            Ok((negentropy, question))
        });
        let Ok((negentropy, data)) = begun else {
            self.counters.count("recon_failed");
            return;
        };
        // Below 2^53, as every integer on the wire.
        let sid = self.rng.next() >> 11;
        let comparison = Comparison {
            sid,
            missing: Vec::new(),
            found: 0,
            helped: false,
            ours: Some(negentropy),
            rounds: 0,
            asked: now.mono,
            answered: false,
        };
        self.sync.comparisons.insert(conn, comparison);
        self.sync.tried.insert(conn, now.mono);
        self.counters.count("recon_begun");
        let recon = Recon { sid, count, data };
        self.send_bulk(conn, &Message::Recon(recon), now);
    }

    /// A question of a comparison that the peer began.
    pub(in crate::node) fn on_recon(&mut self, conn: ConnId, recon: Recon, now: Now) {
        if !self.admits(conn, Cost::Comparison, now) {
            return;
        }
        let Recon { sid, count, data } = recon;
        let retained = self.market.ledger().retained();
        let ours = retained.len() as u64;
        let may_read = !self.sync.was_read.contains(&conn);
        if may_read && has_next_to_nothing(ours, count) {
            self.read_book_of(conn, now);
            // This node compares when it has read all.
            self.answer_recon(conn, sid, Vec::new(), now);
        } else if self.sync.answering.insert(conn) {
            let answer = Computation::answer(conn, sid, Items::of(retained), data);
            self.outputs.push(Output::Compute(answer));
        } else {
            // Nobody has two questions at a time.
            self.counters.count("recon_impatient");
        }
    }

    fn answer_recon(&mut self, conn: ConnId, sid: u64, data: Vec<u8>, now: Now) {
        let count = self.market.ledger().retained().len() as u64;
        let answer = Recon { sid, count, data };
        self.send_bulk(conn, &Message::ReconAnswer(answer), now);
    }

    /// The answer to a question of this node's.
    pub(in crate::node) fn on_recon_answer(&mut self, conn: ConnId, recon: Recon, now: Now) {
        let ours = self.market.ledger().retained().len() as u64;
        let comparison = self.sync.comparisons.get_mut(&conn);
        let asked = comparison.filter(|it| it.sid == recon.sid && it.ours.is_some());
        let Some(comparison) = asked else {
            self.counters.count("recon_unasked");
            return;
        };
        if recon.data.is_empty() {
            self.sync.comparisons.remove(&conn);
            // The peer reads this node's book first, and compares afterwards: if it has so little.
            if !has_next_to_nothing(recon.count, ours) {
                self.blame(conn, Merit::FalseSync, now);
            }
            return;
        }
        if has_next_to_nothing(ours, recon.count) && !self.sync.was_read.contains(&conn) {
            self.sync.comparisons.remove(&conn);
            self.read_book_of(conn, now);
            return;
        }
        comparison.asked = now.mono;
        if let Some(ours) = comparison.ours.take() {
            let next = Computation::take_up(conn, recon.sid, ours, recon.data);
            self.outputs.push(Output::Compute(next));
        }
    }

    /// What was worked out beside this node.
    pub(in crate::node) fn on_computed(&mut self, computed: Computed, now: Now) {
        let Computed { conn, sid, result } = computed;
        match result {
            computation::Result::Answer(answer) => {
                if !self.sync.answering.remove(&conn) {
                    return;
                }
                match answer {
                    Ok(data) => self.answer_recon(conn, sid, data, now),
                    Err(_) => self.blame(conn, Merit::FalseSync, now),
                }
            }
            computation::Result::TakenUp {
                ours,
                next,
                have,
                need,
            } => {
                let comparison = self.sync.comparisons.get_mut(&conn);
                let Some(comparison) = comparison.filter(|it| it.sid == sid) else {
                    return;
                };
                comparison.rounds += 1;
                comparison.asked = now.mono;
                comparison.choose(&need, &mut self.rng);
                let answered = matches!(next, Ok(None));
                match next {
                    Ok(None) => comparison.answered = true,
                    Ok(Some(data)) if comparison.rounds < ROUNDS => {
                        comparison.ours = Some(ours);
                        let count = self.market.ledger().retained().len() as u64;
                        self.send_bulk(conn, &Message::Recon(Recon { sid, count, data }), now);
                    }
                    Ok(Some(_)) | Err(_) => {
                        self.sync.comparisons.remove(&conn);
                        self.blame(conn, Merit::FalseSync, now);
                        return;
                    }
                }
                self.counters.add("recon_have", have.len() as u64);
                self.counters.add("recon_need", need.len() as u64);
                if answered {
                    self.want_chosen(conn);
                }
                self.announce_all(conn, &have, now);
            }
        }
    }

    /// Asks for what this node lacks, but for what came by gossip meanwhile.
    fn want_chosen(&mut self, conn: ConnId) {
        let comparison = self.sync.comparisons.get_mut(&conn);
        let missing = comparison.map(|it| std::mem::take(&mut it.missing));
        for prefix in missing.unwrap_or_default() {
            if !self.has(&prefix) {
                self.wanted.offer(conn, prefix, Found::Compared);
            }
        }
    }

    /// Something came that a comparison had asked for, and it was new.
    pub(in crate::node) fn comparison_helped(&mut self, conn: ConnId) {
        if let Some(comparison) = self.sync.comparisons.get_mut(&conn) {
            comparison.helped = true;
        }
    }

    /// Announces what the peer lacks: it asks for it as fast as it can take it.
    fn announce_all(&mut self, conn: ConnId, have: &[Id], now: Now) {
        let prefixes: Vec<Prefix> = have.iter().map(|id| prefix_of(id.as_bytes())).collect();
        for part in prefixes.chunks(MAX_PREFIXES) {
            self.send_bulk(conn, &Message::Have(part.to_vec()), now);
        }
    }

    /// Comparisons that are due, and those that lead nowhere.
    pub(super) fn look_after_comparisons(&mut self, now: Now) {
        let stuck = |it: &Comparison| !it.answered && now.mono.since(it.asked) >= PATIENCE;
        self.sync.comparisons.retain(|_, it| !stuck(it));
        let due: Vec<ConnId> = self
            .sync
            .due
            .iter()
            .filter(|(_, due)| **due <= now.mono)
            .map(|(conn, _)| *conn)
            .collect();
        for conn in due {
            self.sync.due.remove(&conn);
            self.compare_with(conn, now);
        }
    }

    /// Notes the comparisons of which everything has come.
    pub(super) fn finish_comparisons(&mut self, now: Now) {
        let complete: Vec<ConnId> = self
            .sync
            .comparisons
            .iter()
            .filter(|(conn, it)| it.answered && self.wanted.is_idle(**conn))
            .map(|(conn, _)| *conn)
            .collect();
        for conn in complete {
            let comparison = self.sync.comparisons.remove(&conn);
            if self.wanted.take_given_up(conn) {
                self.sync.due.insert(conn, now.mono + AFTER_LOSS);
                continue;
            }
            if comparison.is_some_and(|it| it.helped && it.found > ASKED_AT_ONCE as u64) {
                // There is more of use.
                self.sync.due.insert(conn, now.mono);
                continue;
            }
            self.counters.count("recon_complete");
            let peer = self.peers.get(conn).and_then(|peer| peer.id.node());
            if let Some(peer) = peer {
                self.on_compared(peer, now);
            }
        }
    }
}
