//! How the node treats its peers, as numbers. Each says what it bounds and why.

use crate::node::view::PeerSource;
use crate::types::{Millis, Rate};

/// A heartbeat goes to each peer so often.
pub(crate) const HEARTBEAT_EVERY: Millis = Millis::from_secs(30);
/// A peer that was silent for so long is dead.
pub(crate) const SILENCE_LIMIT: Millis = Millis::from_secs(60);
/// Two sessions with one peer that came up within this time were dialed at the same time: a dial
/// and a handshake take a few seconds at the most where they succeed.
pub(crate) const SAME_TIME: Millis = Millis::from_secs(5);

/// A session that held for so long was a good one: its end is no failure of the peer's.
pub(crate) const HELD_AFTER: Millis = Millis::from_secs(10);

/// Peers are told to a new peer at once and to all so often.
pub(crate) const EXCHANGE_EVERY: Millis = Millis::from_secs(60);
/// The most addresses told or taken in one message.
pub(crate) const EXCHANGE_LIMIT: usize = 20;
/// So many others are named to somebody for whom there is no place, different ones each time.
pub(crate) const TOLD_IF_FULL: usize = 5;

/// The most known addresses, connected or not. When full, one of those that never answered and
/// that the same party named makes room; known good ones stay.
pub(crate) const KNOWN_LIMIT: usize = 1_000;
/// So many addresses that peers of one party named and that never answered are kept, and a quarter
/// of that of one peer.
pub(crate) const BUCKET_LIMIT: usize = 64;
/// So many that never answered are kept at one party's addresses.
pub(crate) const UNTRIED_PER_PARTY: usize = 16;
/// So many addresses that answered are kept, and so many of one party. The one that was up the
/// longest time ago makes room.
pub(crate) const ANSWERED_LIMIT: usize = 400;
/// See [`ANSWERED_LIMIT`].
pub(crate) const ANSWERED_PER_PARTY: usize = 8;
/// So many peers are remembered as anchors: the next start dials those first that were dialed
/// before all others, so that a restart is no chance for who fills the table meanwhile.
pub(crate) const ANCHORS: usize = 2;
/// While no place is free, an address that was never tried is dialed so often, to see whether
/// anybody is there: so the good ones are known when one is needed.
pub(crate) const FEELER_EVERY: Millis = Millis::from_secs(120);
/// Addresses that never answered and that the user didn't name are dialed so often: whoever can name
/// addresses at will must not make this node a flood of dials.
pub(crate) const HEARSAY_DIALS: Rate = Rate {
    per_second: 4,
    at_once: 60,
};
/// Addresses written to disk.
pub(crate) const PERSISTED_LIMIT: usize = 200;
/// An address that is named again is dialed at once, unless that was done so lately: whoever
/// can name addresses at will must not decide how often they are dialed.
pub(crate) const FOUND_AGAIN_AFTER: Millis = Millis::from_secs(5);
/// Dials under way at the same time.
pub(crate) const DIALS_AT_ONCE: usize = 8;
/// Dials of host names under way at the same time, besides [`DIALS_AT_ONCE`] of numeric addresses:
/// names whose server is silent take long, and hold up only each other.
pub(crate) const NAME_DIALS_AT_ONCE: usize = 4;
/// A dial that the driver never reported is given up, so that no slot is lost for ever.
pub(crate) const DIAL_GIVE_UP: Millis = Millis::from_secs(30);
/// The pause after the first failure; it doubles with each, up to the configured interval.
pub(crate) const FIRST_PAUSE: Millis = Millis(500);
/// An address that never answered, and was only hearsay, is forgotten after so many failures.
pub(crate) const HEARSAY_FAILURES: u32 = 6;
/// A peer that had to be dialed in another way than for a secured session is tried in that way again
/// after so long.
pub(crate) const OTHER_WAY_FOR: Millis = Millis::from_secs(3_600);

/// A score at or below this ends the session and bans the peer.
pub(crate) const BAN_SCORE: i32 = -50;
/// The first ban lasts so long; each further one doubles, up to a day.
pub(crate) const FIRST_BAN: Millis = Millis::from_secs(3_600);
/// The longest ban.
pub(crate) const LONGEST_BAN: Millis = Millis::from_secs(24 * 3_600);
/// Keys and addresses remembered as banned; the one whose ban ends first makes room, and those that
/// the user banned come last.
pub(crate) const BANS_LIMIT: usize = 1_000;
/// An address is banned once so many of its keys were within [`FIRST_BAN`].
pub(crate) const KEYS_FOR_ADDRESS: u32 = 3;
/// Addresses of which banned keys are counted.
pub(crate) const STRIKES_LIMIT: usize = 1_000;
/// Scores halve in this time, so that old faults are forgiven and old merits fade.
pub(crate) const SCORE_HALF_LIFE: Millis = Millis::from_secs(600);
/// Scores stay within plus and minus this.
pub(crate) const SCORE_LIMIT: i32 = 100;

/// The same for all addresses in a round, which only the node's own user begins.
pub(crate) const ROUND_AGAIN_AFTER: Millis = Millis::from_secs(1);

/// The most known addresses of one source, so that none can take the room of the others. When
/// full, the worst of the same source that never answered makes room.
pub(crate) const fn known_limit(source: PeerSource) -> usize {
    match source {
        PeerSource::Persisted => PERSISTED_LIMIT,
        // As many as can be configured, the well-known nodes and the own address among them.
        PeerSource::Bootstrap | PeerSource::Inbound => 300,
        PeerSource::Mdns | PeerSource::Grenache | PeerSource::Dht => 200,
        PeerSource::PeerExchange => 500,
    }
}

/// So many sessions are looked for at the public addresses of one party, where there are so many in
/// all, but for those that the user named: whoever has thousands of addresses in a few networks gets
/// no more places by them, and a few nodes that all are in one network still find each other.
pub(crate) const fn outbound_per_party(outbound: usize) -> usize {
    match outbound {
        0..2 => 4,
        2..4 => 3,
        4..6 => 2,
        6.. => 1,
    }
}

/// What changes a peer's score, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merit {
    /// A session came up.
    Connected,
    /// A dial failed.
    DialFailed,
    /// A statement whose signature doesn't hold: relays verify before they relay.
    BadSignature,
    /// A message or statement that breaks its format.
    Malformed,
    /// An answer of a comparison, or an inventory, that can't be true.
    FalseSync,
    /// More requests, or more that changes nothing, than anybody needs.
    RateExcess,
}

impl Merit {
    pub(crate) const fn points(self) -> i32 {
        match self {
            Self::Connected => 5,
            Self::DialFailed => -2,
            Self::BadSignature => -20,
            Self::Malformed => -10,
            Self::FalseSync => -5,
            Self::RateExcess => -1,
        }
    }
}
