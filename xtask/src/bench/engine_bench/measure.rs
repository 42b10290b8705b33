//! Runs a workload several times for throughput, once for latencies, once for allocations.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

use crate::ours::Ours;
use crate::tally::Tally;
use crate::workload::Workload;

/// Figures of one workload; times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Median over the runs of the thread's CPU time an operation.
    pub(crate) ns_per_op: f64,
    /// Latency percentiles of operations that are no sweeps: 50, 99 and 99.9.
    pub(crate) latency: [u64; 3],
    /// Median of a sweep, if there are any.
    pub(crate) sweep: Option<u64>,
    /// Allocations in the second half of the measured operations, where the book has its size.
    pub(crate) allocations: u64,
    pub(crate) tally: Tally,
}

/// CPU time of this thread: says little about other load on the machine.
fn cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn preloaded(workload: &Workload) -> Ours {
    let mut book = Ours::new();
    for op in &workload.ops[..workload.preload] {
        book.step(op);
    }
    book
}

/// Runs at most `ops` operations after the preload, and nothing else: for profilers.
pub(crate) fn run_only(workload: &Workload, ops: usize) -> usize {
    let mut book = preloaded(workload);
    let measured = &workload.ops[workload.preload..];
    let ops = ops.min(measured.len());
    for op in &measured[..ops] {
        book.step(op);
    }
    ops
}

/// What the reading of the clock itself takes, at the median.
fn clock_cost() -> u64 {
    let mut costs: Vec<u64> = (0..10_001)
        .map(|_| Instant::now().elapsed().as_nanos() as u64)
        .collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}

fn latencies(workload: &Workload) -> ([u64; 3], Option<u64>) {
    let cost = clock_cost();
    let mut book = preloaded(workload);
    let measured = &workload.ops[workload.preload..];
    let mut single = Vec::with_capacity(measured.len());
    let mut sweeps = Vec::new();
    for op in measured {
        let start = Instant::now();
        book.step(op);
        let ns = (start.elapsed().as_nanos() as u64).saturating_sub(cost);
        if op.flag == 1 {
            sweeps.push(ns);
        } else {
            single.push(ns);
        }
    }
    single.sort_unstable();
    sweeps.sort_unstable();
    let at = |per_mille| {
        single
            .get(single.len() * per_mille / 1000)
            .copied()
            .unwrap_or(0)
    };
    let sweep = sweeps.get(sweeps.len() / 2).copied();
    ([at(500), at(990), at(999)], sweep)
}

fn allocations(workload: &Workload) -> u64 {
    let mut book = preloaded(workload);
    let measured = &workload.ops[workload.preload..];
    let (first, second) = measured.split_at(measured.len() / 2);
    for op in first {
        book.step(op);
    }
    let count = allocation_counter::measure(|| {
        for op in second {
            book.step(op);
        }
    });
    count.count_total
}

pub(crate) fn measure(workload: &Workload, repeats: usize) -> Figures {
    let measured = &workload.ops[workload.preload..];
    let mut tally = Tally::default();
    let mut runs: Vec<f64> = (0..repeats.max(1))
        .map(|_| {
            let mut book = preloaded(workload);
            let start = cpu_ns();
            for op in measured {
                book.step(op);
            }
            let spent = cpu_ns() - start;
            tally = book.tally();
            spent / measured.len() as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    let (latency, sweep) = latencies(workload);
    Figures {
        ns_per_op: runs[runs.len() / 2],
        latency,
        sweep,
        allocations: allocations(workload),
        tally,
    }
}
