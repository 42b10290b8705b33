//! What an engine did with a workload, in four numbers that any right engine agrees on.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::workload::{Op, Workload};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) trades: u64,
    pub(crate) qty: u64,
    pub(crate) cancels: u64,
    /// Over all fills in their order.
    pub(crate) hash: u64,
}

impl Tally {
    #[inline(always)]
    pub(crate) fn fill(&mut self, maker: u32, price: u64, qty: u64) {
        self.trades += 1;
        self.qty += qty;
        let mixed = self.hash ^ u64::from(maker) ^ (price << 32) ^ (qty << 52);
        self.hash = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    }
}

/// What another engine, written apart from this one, gave on the same bytes: trades, quantity,
/// cancels and hash.
const RECORDED: [(&str, u64, u64, u64, u64); 10] = [
    ("a1k", 0, 0, 0, 0x0000_0000_0000_0000),
    ("a10k", 0, 0, 0, 0x0000_0000_0000_0000),
    ("a50k", 0, 0, 0, 0x0000_0000_0000_0000),
    ("a1m", 0, 0, 0, 0x0000_0000_0000_0000),
    ("b1k", 592_381, 20_222_834, 99_700, 0x8d3d_d3cd_323a_b1ba),
    ("b10k", 592_840, 20_226_913, 99_793, 0x64d5_2e3c_334e_c062),
    ("b50k", 593_529, 20_236_942, 99_658, 0x0741_45c3_d5f9_cc71),
    ("b1m", 597_578, 20_219_607, 99_548, 0x40cb_5e75_723d_fe10),
    ("c1", 200_000, 10_083_525, 0, 0xfbb4_71e5_56c4_97e9),
    ("c10", 500_000, 25_251_766, 0, 0x6220_f47f_b51f_628d),
];

/// A second engine: sorted maps and queues, nothing else.
#[derive(Default)]
struct Plain {
    sides: [BTreeMap<u32, VecDeque<(u32, u32)>>; 2],
    /// Side and price of the orders that may be there.
    known: HashMap<u32, (u8, u32)>,
}

impl Plain {
    fn step(&mut self, op: &Op, tally: &mut Tally) {
        if op.kind == 1 {
            tally.cancels += u64::from(self.cancel(op.id));
            return;
        }
        let mut left = op.qty;
        while left > 0 {
            let makers = &mut self.sides[usize::from(op.side ^ 1)];
            let best = if op.side == 0 {
                makers
                    .first_entry()
                    .filter(|level| *level.key() <= op.price)
            } else {
                makers.last_entry().filter(|level| *level.key() >= op.price)
            };
            let Some(mut level) = best else {
                break;
            };
            let price = *level.key();
            let queue = level.get_mut();
            if let Some((maker, open)) = queue.front_mut() {
                let qty = left.min(*open);
                tally.fill(*maker, u64::from(price), u64::from(qty));
                left -= qty;
                *open -= qty;
                if *open == 0 {
                    self.known.remove(maker);
                    queue.pop_front();
                }
            }
            if queue.is_empty() {
                level.remove();
            }
        }
        if left > 0 && op.ioc == 0 {
            let side = &mut self.sides[usize::from(op.side)];
            side.entry(op.price).or_default().push_back((op.id, left));
            self.known.insert(op.id, (op.side, op.price));
        }
    }

    fn cancel(&mut self, id: u32) -> bool {
        let Some((side, price)) = self.known.remove(&id) else {
            return false;
        };
        let side = &mut self.sides[usize::from(side)];
        if let Some(queue) = side.get_mut(&price) {
            queue.retain(|(other, _)| *other != id);
            if queue.is_empty() {
                side.remove(&price);
            }
        }
        true
    }
}

/// What is right for a workload.
pub(crate) fn expected(workload: &Workload) -> Result<Tally, String> {
    let mut plain = Plain::default();
    let mut tally = Tally::default();
    for op in &workload.ops {
        plain.step(op, &mut tally);
    }
    for (name, trades, qty, cancels, hash) in RECORDED {
        let recorded = Tally {
            trades,
            qty,
            cancels,
            hash,
        };
        if name == workload.name && recorded != tally {
            return Err(format!(
                "{name}: {tally:?} is not as recorded, {recorded:?}"
            ));
        }
    }
    Ok(tally)
}
