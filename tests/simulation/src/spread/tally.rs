//! What is counted while news spreads.

use std::collections::BTreeMap;

/// All that was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// The first quarter of the orders: no node knows yet who brings it news.
    pub cold: Kind,
    /// The second quarter.
    pub between: Kind,
    /// The second half.
    pub warm: Kind,
    /// Keep-alives and whatever else owners sign.
    pub others: Kind,
    /// Messages that spread no news, by their kind: how many, and their bytes.
    pub background: BTreeMap<String, (u64, u64)>,
    /// For how long all this was counted (virtual ms).
    pub time: u64,
    /// The fewest, the average and the most connections of a node.
    pub connections: (usize, f64, usize),
    /// Messages of the whole run, with those that came before the first order.
    pub messages: u64,
}

/// What was counted of one kind of statements. A message that carries several is shared out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kind {
    /// How many statements.
    pub said: usize,
    pub(super) whole: Sent,
    pub(super) announced: Sent,
    pub(super) wanted: Sent,
    /// Of each first arrival.
    pub(super) hops: Vec<u8>,
    pub(super) latencies: Vec<u32>,
}

/// Messages that carry something.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sent {
    items: u64,
    messages: f64,
    bytes: f64,
}

impl Sent {
    /// One of `parts` in a message of so many bytes.
    pub(super) fn add(&mut self, parts: usize, bytes: usize) {
        self.items += 1;
        self.messages += 1.0 / parts as f64;
        self.bytes += bytes as f64 / parts as f64;
    }
}

/// Averages for one delivery, and the spread of the rest at p50, p99 and the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Whole copies.
    pub copies: f64,
    /// Whole copies of something that the receiver had.
    pub duplicates: f64,
    /// Hashes of announcements.
    pub announcements: f64,
    /// Messages with whole copies, with announcements, and that ask for what was announced.
    pub messages: [f64; 3],
    /// The bytes of the same messages.
    pub bytes: [f64; 3],
    /// Connections from the owner to the receiver, along the way that was first.
    pub hops: [u8; 3],
    /// From the owner's signature to the first arrival (virtual ms).
    pub latency: [u32; 3],
}

impl Kind {
    /// First arrivals of statements at nodes.
    #[must_use]
    pub const fn deliveries(&self) -> usize {
        self.hops.len()
    }

    /// All of it in a few numbers.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let all = self.deliveries().max(1) as f64;
        let copies = self.whole.items as f64 / all;
        let sent = [self.whole, self.announced, self.wanted];
        Figures {
            copies,
            duplicates: copies - self.deliveries() as f64 / all,
            announcements: self.announced.items as f64 / all,
            messages: sent.map(|sent| sent.messages / all),
            bytes: sent.map(|sent| sent.bytes / all),
            hops: percentiles(&self.hops),
            latency: percentiles(&self.latencies),
        }
    }
}

fn percentiles<T: Copy + Ord + Default>(values: &[T]) -> [T; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    let at = |percent: usize| sorted.get(last * percent / 100).copied();
    [50, 99, 100].map(|percent| at(percent).unwrap_or_default())
}
