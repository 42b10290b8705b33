//! How much of this node one peer may use. Who uses more is not read from until that is made up for,
//! so that it feels the limit, and nobody else does.

use crate::node::limits::Limits;
use crate::node::view::Direction;
use crate::types::{Bucket, Millis, Rate};

/// What a peer has used of its shares.
#[derive(Debug)]
pub(super) struct Tolls {
    messages: Bucket,
    bytes: Bucket,
    signatures: Bucket,
    repeats: Bucket,
    chatter: Bucket,
    doomed_takes: Bucket,
    floods: Bucket,
    forwards: Bucket,
    named: Bucket,
    asked: Bucket,
    compared_owners: Bucket,
    new_owners: NewOwnerTolls,
    /// What it may bring whatever the other inbound peers do.
    guaranteed: NewOwnerTolls,
    /// When it may be read from again, as it was told last.
    told: Millis,
    /// When it was last blamed for its chatter.
    blamed: Option<Millis>,
}

/// What a peer may do so often and no more. Beyond that it is as if it had not done it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Toll {
    /// Sends a message that goes to neighbours without a known way.
    Flood,
    /// Sends a message for another node.
    Forward,
    /// Names an address.
    NameAddress,
    /// Asks for peers.
    AskForPeers,
    /// Makes an owner known that was unknown.
    BringOwner,
    /// Makes an owner known after both nodes compared what they have.
    BringComparedOwner,
    /// Brings one of the first orders of an owner that was unknown a moment ago.
    BringFirst,
    /// Brings a further order of such an owner.
    BringYoung,
    /// Brings a trade of such an owner.
    BringYoungTrade,
}

/// Forwarded messages of one peer that go to several neighbours, as no way is known for them or the
/// known one brought no answer.
const FLOODS: Rate = Rate {
    per_second: 5,
    at_once: 50,
};
/// Forwarded messages of one inbound peer. Each costs one more message here, and the next peer reads
/// it in this node's session, where it delays the messages behind it.
const FORWARDS: Rate = Rate {
    per_second: 100,
    at_once: 300,
};
/// Forwarded messages of one dialed peer, which may relay for several others.
const FORWARDS_BY_CHOSEN: Rate = Rate {
    per_second: 1_000,
    at_once: 5_000,
};
/// Permanently refused requests of one peer that asks directly. Each costs two signature checks and
/// one signature, and an honest taker makes them only for orders that ended a moment ago.
const DOOMED_TAKES: Rate = Rate {
    per_second: 20,
    at_once: 100,
};
/// Addresses that one peer may name: far more than an honest one does, which tells of 20 a minute.
const NAMED: Rate = Rate {
    per_second: 2,
    at_once: 200,
};
/// Questions for peers: an honest node asks once, when it has too few.
const ASKED: Rate = Rate {
    per_second: 1,
    at_once: 10,
};
/// Unknown owners that one peer makes known which dialed this node, as anybody can.
const UNKNOWN_OWNERS: Rate = Rate {
    per_second: 20,
    at_once: 100,
};
/// Unknown owners by all peers together that dialed this node.
const UNKNOWN_OWNERS_IN_ALL: Rate = Rate {
    per_second: 100,
    at_once: 400,
};
/// Unknown owners of one peer that this node found by comparing with it, as after both were apart.
const UNKNOWN_OWNERS_COMPARED: Rate = Rate {
    per_second: 200,
    at_once: 2_000,
};
/// Unknown owners by a peer that this node chose to dial: what several others brought to it.
const UNKNOWN_OWNERS_BY_CHOSEN: Rate = Rate {
    per_second: 200,
    at_once: 1_000,
};
/// The first orders of owners that were unknown a moment ago, unless the owner itself brings them: so
/// many by a peer that dialed this node, as anybody can. One more is everybody's work.
const FIRST: Rate = Rate {
    per_second: 100,
    at_once: 200,
};
/// Further orders of such owners, and as many trades.
const YOUNG: Rate = Rate {
    per_second: 20,
    at_once: 100,
};
/// The same two by all together that dialed this node.
const FIRST_IN_ALL: Rate = Rate {
    per_second: 300,
    at_once: 600,
};
const YOUNG_IN_ALL: Rate = Rate {
    per_second: 100,
    at_once: 400,
};
/// What one inbound peer may bring of these whatever the others bring: strangers can use up the
/// bounds for all, and honest newcomers behind another inbound peer must come through all the same.
const UNKNOWN_OWNERS_GUARANTEED: Rate = Rate {
    per_second: 2,
    at_once: 20,
};
/// The first orders of new owners.
const FIRST_GUARANTEED: Rate = Rate {
    per_second: 6,
    at_once: 60,
};
/// Further orders of new owners.
const YOUNG_GUARANTEED: Rate = Rate {
    per_second: 4,
    at_once: 40,
};
/// Either by a peer that this node chose to dial: what several others brought to it may come.
const YOUNG_BY_CHOSEN: Rate = Rate {
    per_second: 2_000,
    at_once: 10_000,
};
/// A share may be used up for so many seconds ahead: a burst, as after a meeting, is no fault.
const BURST: u64 = 4;
/// The same for what changes nothing: after a partition most of what a peer sends can be known.
const REPEATS_BURST: u64 = 10;
/// Nobody is left unread for longer than this at a time.
const LONGEST_PAUSE: Millis = Millis::from_secs(5);
/// Who chatters too much is blamed so often at most, so that a short burst costs little.
const BLAME_EVERY: Millis = Millis::from_secs(1);

/// What one peer has to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It is not read from before this (monotonic).
    pub(crate) until: Millis,
    /// It has earned blame as well.
    pub(crate) blame: bool,
}

impl Tolls {
    pub(super) fn new(limits: &Limits, direction: Direction, now: Millis) -> Self {
        let bucket = |per_second: u64, seconds: u64| {
            let at_once = per_second.saturating_mul(seconds);
            Bucket::full(
                Rate {
                    per_second,
                    at_once,
                },
                now,
            )
        };
        let forwards = match direction {
            Direction::Inbound => FORWARDS,
            Direction::Outbound => FORWARDS_BY_CHOSEN,
        };
        Self {
            messages: bucket(limits.peer_messages.into(), BURST),
            bytes: bucket(u64::from(limits.peer_kilobytes) * 1024, BURST),
            signatures: bucket(limits.peer_signatures.into(), BURST),
            repeats: bucket(limits.peer_repeats.into(), REPEATS_BURST),
            chatter: bucket(limits.peer_repeats.into(), REPEATS_BURST),
            doomed_takes: Bucket::full(DOOMED_TAKES, now),
            floods: Bucket::full(FLOODS, now),
            forwards: Bucket::full(forwards, now),
            named: Bucket::full(NAMED, now),
            asked: Bucket::full(ASKED, now),
            compared_owners: Bucket::full(UNKNOWN_OWNERS_COMPARED, now),
            new_owners: NewOwnerTolls::of_one(direction, now),
            guaranteed: NewOwnerTolls::guaranteed(now),
            told: Millis::ZERO,
            blamed: None,
        }
    }

    /// One message came.
    pub(super) fn heard(&mut self, bytes: usize, signatures: usize, now: Millis) {
        self.messages.draw(1, now);
        self.bytes.draw(bytes as u64, now);
        self.signatures.draw(signatures as u64, now);
    }

    /// So many signed things came that changed nothing. An honest peer passes on what a flood of
    /// others' brings to it, so it is slowed down by that, and not blamed.
    pub(super) fn in_vain(&mut self, count: u64, now: Millis) {
        self.repeats.draw(count, now);
    }

    /// One of its requests was refused permanently.
    pub(super) fn asked_in_vain(&mut self, now: Millis) {
        self.doomed_takes.draw(1, now);
    }

    /// So much was said that is neither order nor trade: that is all the peer's own.
    pub(super) fn chatted(&mut self, count: u64, now: Millis) {
        self.chatter.draw(count, now);
    }

    /// Whether it may do this once more.
    pub(super) fn admits(&mut self, toll: Toll, now: Millis) -> bool {
        let bucket = match toll {
            Toll::Flood => &mut self.floods,
            Toll::Forward => &mut self.forwards,
            Toll::NameAddress => &mut self.named,
            Toll::AskForPeers => &mut self.asked,
            Toll::BringComparedOwner => &mut self.compared_owners,
            Toll::BringOwner | Toll::BringFirst | Toll::BringYoung | Toll::BringYoungTrade => {
                return self.new_owners.admits(toll, now);
            }
        };
        bucket.admit(1, now)
    }

    /// Whether it may do this once more although all inbound peers together are over their bound.
    pub(super) fn is_guaranteed(&mut self, toll: Toll, now: Millis) -> bool {
        self.guaranteed.admits(toll, now)
    }

    /// Whether it is to be blamed for what it does too often; then not again for a while.
    pub(super) fn may_blame(&mut self, now: Millis) -> bool {
        let lately = self.blamed.is_some_and(|at| now.since(at) < BLAME_EVERY);
        if !lately {
            self.blamed = Some(now);
        }
        !lately
    }

    /// What follows from all that, if it is not what was said before.
    pub(super) fn take_verdict(&mut self, now: Millis) -> Option<Verdict> {
        let chatter = self.chatter.overdrawn_until();
        let all = [
            self.messages.overdrawn_until(),
            self.bytes.overdrawn_until(),
            self.signatures.overdrawn_until(),
            self.repeats.overdrawn_until(),
            self.doomed_takes.overdrawn_until(),
            chatter,
        ];
        let until = all.into_iter().flatten().max()?;
        // What is owed beyond that stays owed. Heartbeats have to come through meanwhile.
        let until = until.min(now + LONGEST_PAUSE);
        if until <= self.told.max(now) {
            return None;
        }
        self.told = until;
        let blame = chatter.is_some() && self.may_blame(now);
        Some(Verdict { until, blame })
    }
}

/// How fast owners become known, and orders and trades come of those that were unknown a moment ago.
#[derive(Debug)]
pub(super) struct NewOwnerTolls {
    owners: Bucket,
    first: Bucket,
    further: Bucket,
    trades: Bucket,
}

impl NewOwnerTolls {
    fn full(owners: Rate, first: Rate, further: Rate, now: Millis) -> Self {
        Self {
            owners: Bucket::full(owners, now),
            first: Bucket::full(first, now),
            further: Bucket::full(further, now),
            trades: Bucket::full(further, now),
        }
    }

    /// By one peer.
    fn of_one(direction: Direction, now: Millis) -> Self {
        match direction {
            Direction::Inbound => Self::full(UNKNOWN_OWNERS, FIRST, YOUNG, now),
            Direction::Outbound => Self::full(
                UNKNOWN_OWNERS_BY_CHOSEN,
                YOUNG_BY_CHOSEN,
                YOUNG_BY_CHOSEN,
                now,
            ),
        }
    }

    /// By all together that dialed this node: whoever is sent away comes back under another key.
    pub(super) fn of_all_inbound(now: Millis) -> Self {
        Self::full(UNKNOWN_OWNERS_IN_ALL, FIRST_IN_ALL, YOUNG_IN_ALL, now)
    }

    /// By one inbound peer even when all together are over their bound. Empty at first, so that a new
    /// session brings nothing of its own.
    fn guaranteed(now: Millis) -> Self {
        Self {
            owners: Bucket::empty(UNKNOWN_OWNERS_GUARANTEED, now),
            first: Bucket::empty(FIRST_GUARANTEED, now),
            further: Bucket::empty(YOUNG_GUARANTEED, now),
            trades: Bucket::empty(YOUNG_GUARANTEED, now),
        }
    }

    /// Whether one more may come, if this is about such an owner.
    pub(super) fn admits(&mut self, toll: Toll, now: Millis) -> bool {
        match toll {
            Toll::BringOwner => self.owners.admit(1, now),
            Toll::BringFirst => self.first.admit(1, now),
            Toll::BringYoung => self.further.admit(1, now),
            Toll::BringYoungTrade => self.trades.admit(1, now),
            Toll::Flood
            | Toll::Forward
            | Toll::NameAddress
            | Toll::AskForPeers
            | Toll::BringComparedOwner => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        peer_messages: 100,
        peer_kilobytes: 1,
        peer_signatures: 50,
        peer_repeats: 10,
        ..Limits::DEFAULT
    };

    fn tolls() -> Tolls {
        Tolls::new(&LIMITS, Direction::Inbound, Millis(0))
    }

    #[test]
    fn who_keeps_to_its_shares_never_waits() {
        let mut tolls = tolls();
        for second in 0..100 {
            let now = Millis::from_secs(second);
            for _ in 0..20 {
                tolls.heard(50, 2, now);
            }
            tolls.in_vain(10, now);
            assert_eq!(tolls.take_verdict(now), None);
        }
    }

    #[test]
    fn who_uses_more_waits_until_it_is_made_up_for() {
        let mut tolls = tolls();
        for _ in 0..450 {
            tolls.heard(1, 0, Millis(0));
        }
        let verdict = tolls.take_verdict(Millis(0)).unwrap();
        assert_eq!((verdict.until, verdict.blame), (Millis(500), false));
        assert_eq!(tolls.take_verdict(Millis(10)), None, "that was said");
        tolls.heard(1, 0, Millis(500));
        assert_eq!(tolls.take_verdict(Millis(500)).unwrap().until, Millis(510));
        tolls.heard(6 * 1024, 0, Millis(600));
        assert_eq!(
            tolls.take_verdict(Millis(600)).unwrap().until,
            // 4 KiB were there, and 1 KiB/s comes.
            Millis(600 + 2_000)
        );
    }

    #[test]
    fn who_chatters_too_much_is_blamed_once_a_second_and_who_repeats_only_waits() {
        let mut tolls = tolls();
        let mut blamed = 0;
        for tenth in 0..100 {
            let now = Millis(tenth * 100);
            tolls.chatted(10, now);
            blamed += usize::from(tolls.take_verdict(now).is_some_and(|v| v.blame));
        }
        // The first second is within the burst.
        assert_eq!(blamed, 9);
        let mut tolls = self::tolls();
        tolls.in_vain(1_000, Millis(0));
        assert!(!tolls.take_verdict(Millis(0)).unwrap().blame);
    }

    #[test]
    fn who_asks_for_what_never_was_is_read_later() {
        let mut tolls = tolls();
        for _ in 0..DOOMED_TAKES.at_once {
            tolls.asked_in_vain(Millis(0));
        }
        assert_eq!(tolls.take_verdict(Millis(0)), None);
        for _ in 0..DOOMED_TAKES.per_second {
            tolls.asked_in_vain(Millis(0));
        }
        let verdict = tolls.take_verdict(Millis(0)).unwrap();
        assert_eq!((verdict.until, verdict.blame), (Millis(1_000), false));
    }

    #[test]
    fn few_messages_go_to_everybody() {
        let mut tolls = tolls();
        let floods = (0..1_000)
            .filter(|_| tolls.admits(Toll::Flood, Millis(0)))
            .count();
        assert_eq!(floods as u64, FLOODS.at_once);
        assert!(tolls.admits(Toll::Flood, Millis(1_000)));
        let names = (0..1_000)
            .filter(|_| tolls.admits(Toll::NameAddress, Millis(0)))
            .count();
        assert_eq!(names as u64, NAMED.at_once);
    }
}
