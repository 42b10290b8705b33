//! Deterministic streams of operations, always the same bytes.

use std::collections::{BTreeMap, VecDeque};

/// One operation on a book, with 32-bit ids and prices in ticks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Op {
    /// 0 adds an order, 1 cancels one.
    pub(crate) kind: u8,
    /// 0 bid, 1 ask.
    pub(crate) side: u8,
    /// 1: what isn't filled at once is cancelled.
    pub(crate) ioc: u8,
    /// 1: a sweep over many levels, timed for itself.
    pub(crate) flag: u8,
    pub(crate) id: u32,
    pub(crate) price: u32,
    pub(crate) qty: u32,
}

#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// So many operations come first and are not measured.
    pub(crate) preload: usize,
    pub(crate) max_id: u32,
    pub(crate) ops: Vec<Op>,
}

/// The names of all workloads, and what they are.
pub(crate) const NAMES: [(&str, &str); 11] = [
    ("a1k", "1,000 resting orders at 1,000 levels"),
    ("a10k", "10,000 of them"),
    ("a50k", "50,000 of them"),
    ("a1m", "1,000,000 of them"),
    (
        "b1k",
        "1,000 resting; 50 % rest, 40 % cross 1-2 makers, 10 % cancel",
    ),
    ("b10k", "10,000 resting, then the same"),
    ("b50k", "50,000 resting, then the same"),
    ("b1m", "1,000,000 resting, then the same"),
    (
        "c1",
        "sweeps of 100 levels with one order each, and refills",
    ),
    (
        "c10",
        "sweeps of 100 levels with ten orders each, and refills",
    ),
    (
        "swing",
        "price halves or doubles every 2,000 operations; single-unit ticks",
    ),
];

impl Workload {
    /// The workload of a name from [`NAMES`].
    pub(crate) fn generate(name: &'static str) -> Self {
        let resting = |orders| {
            let ops = resting_only(orders, 1);
            (0, orders as u32, ops)
        };
        let mixed = |preload| {
            let (ops, max_id) = mixed(preload, 1_000_000, 2);
            (preload, max_id, ops)
        };
        let (preload, max_id, ops) = match name {
            "a1k" => resting(1_000),
            "a10k" => resting(10_000),
            "a50k" => resting(50_000),
            "a1m" => resting(1_000_000),
            "b1k" => mixed(1_000),
            "b10k" => mixed(10_000),
            "b50k" => mixed(50_000),
            "b1m" => mixed(1_000_000),
            "c1" => sweeps(1, 2_000),
            "c10" => sweeps(10, 500),
            _ => swings(20_000, 1_000_000, 3),
        };
        Self {
            name,
            preload,
            max_id,
            ops,
        }
    }

    /// The file format of the engines that this one is compared with: a header of four integers,
    /// then 16 bytes an operation, all little-endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + self.ops.len() * 16);
        let header = [
            0x0b00_c0de,
            self.preload as u32,
            self.ops.len() as u32,
            self.max_id,
        ];
        for word in header {
            bytes.extend(word.to_le_bytes());
        }
        for op in &self.ops {
            bytes.extend([op.kind, op.side, op.ioc, op.flag]);
            for word in [op.id, op.price, op.qty] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes
    }
}

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Orders that rest, spread evenly over 500 levels a side.
fn resting_only(orders: usize, seed: u64) -> Vec<Op> {
    let mut rng = Rng(seed);
    let mut op = |i| {
        let level = rng.below(1000) as u32;
        let (side, price) = if level < 500 {
            (0, 9500 + level)
        } else {
            (1, 10_001 + (level - 500))
        };
        Op {
            side,
            id: i as u32 + 1,
            price,
            qty: 1 + rng.below(100) as u32,
            ..Op::default()
        }
    };
    (0..orders).map(&mut op).collect()
}

#[derive(Clone, Copy)]
struct Known {
    price: u32,
    qty: u32,
    side: u8,
}

/// Follows the book, so that orders can be made to rest or to cross.
struct Sim {
    bids: BTreeMap<u32, VecDeque<u32>>,
    asks: BTreeMap<u32, VecDeque<u32>>,
    known: Vec<Known>,
    live: Vec<u32>,
    /// Where in `live` an order is.
    place: Vec<u32>,
    mid: i64,
    next: u32,
}

impl Sim {
    fn new() -> Self {
        let nobody = Known {
            price: 0,
            qty: 0,
            side: 0,
        };
        Self {
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            known: vec![nobody],
            live: Vec::new(),
            place: vec![u32::MAX],
            mid: 10_000,
            next: 1,
        }
    }

    fn take_id(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    fn forget(&mut self, id: u32) {
        let place = self.place[id as usize];
        if place == u32::MAX {
            return;
        }
        let last = self.live[self.live.len() - 1];
        self.live.swap_remove(place as usize);
        if last != id {
            self.place[last as usize] = place;
        }
        self.place[id as usize] = u32::MAX;
    }

    /// An order that rests: near the middle mostly, up to 500 ticks from it.
    fn rest(&mut self, rng: &mut Rng) -> Op {
        if rng.below(64) == 0 {
            self.mid += if rng.next() & 1 == 0 { 1 } else { -1 };
            self.mid = self.mid.clamp(8_000, 12_000);
        }
        let u = rng.unit();
        let distance = (500.0 * u * u * u) as i64;
        let side = (rng.next() & 1) as u8;
        let price = if side == 0 {
            let best = self.asks.keys().next().map(|p| i64::from(*p) - 1);
            (self.mid - 1 - distance).min(best.unwrap_or(i64::MAX))
        } else {
            let best = self.bids.keys().next_back().map(|p| i64::from(*p) + 1);
            (self.mid + 1 + distance).max(best.unwrap_or(i64::MIN))
        } as u32;
        let qty = 1 + rng.below(100) as u32;
        let id = self.take_id();
        self.known.push(Known { price, qty, side });
        self.place.push(self.live.len() as u32);
        self.live.push(id);
        self.side(side).entry(price).or_default().push_back(id);
        Op {
            side,
            id,
            price,
            qty,
            ..Op::default()
        }
    }

    fn side(&mut self, side: u8) -> &mut BTreeMap<u32, VecDeque<u32>> {
        if side == 0 {
            &mut self.bids
        } else {
            &mut self.asks
        }
    }

    /// An order that fills the first maker whole and, half of the time, a part of the next one.
    fn cross(&mut self, rng: &mut Rng) -> Option<Op> {
        let mut side = (rng.next() & 1) as u8;
        if self.side(side ^ 1).is_empty() {
            side ^= 1;
        }
        let two = rng.next() & 1 == 0;
        let maker_side = self.side(side ^ 1);
        let mut levels: Box<dyn Iterator<Item = (&u32, &VecDeque<u32>)>> = if side == 0 {
            Box::new(maker_side.iter())
        } else {
            Box::new(maker_side.iter().rev())
        };
        let (price, queue) = levels.next()?;
        let (price, first) = (*price, queue[0]);
        let second = match queue.get(1) {
            Some(second) => Some((price, *second)),
            None => levels.next().map(|(price, queue)| (*price, queue[0])),
        };
        drop(levels);
        if let Some(queue) = maker_side.get_mut(&price) {
            queue.pop_front();
            if queue.is_empty() {
                maker_side.remove(&price);
            }
        }
        let (mut limit, mut qty) = (price, self.known[first as usize].qty);
        self.forget(first);
        if two && let Some((price, second)) = second {
            let there = self.known[second as usize].qty;
            if there > 1 {
                let part = 1 + rng.below(u64::from(there) - 1) as u32;
                qty += part;
                self.known[second as usize].qty -= part;
                limit = price;
                self.forget(second);
            }
        }
        let id = self.take_id();
        let price = limit;
        self.known.push(Known {
            price,
            qty: 0,
            side,
        });
        self.place.push(u32::MAX);
        Some(Op {
            side,
            id,
            price,
            qty,
            ..Op::default()
        })
    }

    fn cancel(&mut self, rng: &mut Rng) -> Option<Op> {
        if self.live.is_empty() {
            return None;
        }
        let id = self.live[rng.below(self.live.len() as u64) as usize];
        let Known { price, qty, side } = self.known[id as usize];
        let levels = self.side(side);
        if let Some(queue) = levels.get_mut(&price) {
            queue.retain(|other| *other != id);
            if queue.is_empty() {
                levels.remove(&price);
            }
        }
        self.forget(id);
        Some(Op {
            kind: 1,
            side,
            id,
            price,
            qty,
            ..Op::default()
        })
    }
}

fn mixed(preload: usize, ops: usize, seed: u64) -> (Vec<Op>, u32) {
    let mut rng = Rng(seed);
    let mut sim = Sim::new();
    let mut made: Vec<Op> = (0..preload).map(|_| sim.rest(&mut rng)).collect();
    while made.len() < preload + ops {
        let op = match rng.below(100) {
            0..50 => Some(sim.rest(&mut rng)),
            50..90 => sim.cross(&mut rng),
            _ => sim.cancel(&mut rng),
        };
        made.extend(op);
    }
    (made, sim.next)
}

/// A book of 500 levels a side with `each` orders a level, whose best 100 asks are swept by one
/// bid and put back.
fn sweeps(each: u32, cycles: usize) -> (usize, u32, Vec<Op>) {
    let mut rng = Rng(77);
    let mut ops = Vec::new();
    let mut asks = VecDeque::new();
    let mut next = 1;
    let mut add = |ops: &mut Vec<Op>, side, price, qty, flag| {
        ops.push(Op {
            side,
            flag,
            id: next,
            price,
            qty,
            ..Op::default()
        });
        next += 1;
    };
    for level in 0..500 {
        for _ in 0..each {
            add(&mut ops, 0, 9_999 - level, 1 + rng.below(100) as u32, 0);
        }
    }
    for level in 0..500 {
        for _ in 0..each {
            let qty = 1 + rng.below(100) as u32;
            add(&mut ops, 1, 10_001 + level, qty, 0);
            asks.push_back((10_001 + level, qty));
        }
    }
    let preload = ops.len();
    for _ in 0..cycles {
        let swept: Vec<(u32, u32)> = asks.drain(..100 * each as usize).collect();
        let total = swept.iter().map(|(_, qty)| qty).sum();
        add(&mut ops, 0, 10_100, total, 1);
        let mut again = Vec::new();
        for (price, _) in swept {
            let qty = 1 + rng.below(100) as u32;
            add(&mut ops, 1, price, qty, 0);
            again.push((price, qty));
        }
        for ask in again.into_iter().rev() {
            asks.push_front(ask);
        }
    }
    (preload, next, ops)
}

/// Prices that swing widely: every 2,000 operations the middle falls to as little as a half or
/// grows to as much as twice its value, between 10^6 and 10^9 ticks of one unit. Six of ten
/// operations are limit orders within 10 % of it, nearly each at a price of its own, which trade
/// with whatever the last swing left behind; three take immediately; one cancels any earlier
/// order, there or not.
fn swings(preload: usize, ops: usize, seed: u64) -> (usize, u32, Vec<Op>) {
    let mut rng = Rng(seed);
    let (mut mid, mut next) = (30_000_000.0f64, 1u32);
    let mut made = Vec::with_capacity(preload + ops);
    while made.len() < preload + ops {
        if made.len() % 2_000 == 0 {
            mid = (mid * (rng.unit() * 2.0 - 1.0).exp2()).clamp(1e6, 1e9);
        }
        let u = rng.unit();
        let side = (rng.next() & 1) as u8;
        let away = mid * 0.1 * u * u;
        let kind = if made.len() < preload {
            0
        } else {
            rng.below(10)
        };
        let below = (side == 0) == (kind < 6);
        let price = if below { mid - away } else { mid + away } as u32;
        let qty = 1 + rng.below(100) as u32;
        let id = if kind == 9 {
            1 + rng.below(u64::from(next) - 1) as u32
        } else {
            next
        };
        next += u32::from(kind != 9);
        made.push(Op {
            kind: u8::from(kind == 9),
            side,
            ioc: u8::from((6..9).contains(&kind)),
            flag: 0,
            id,
            price,
            qty,
        });
    }
    (preload, next, made)
}
