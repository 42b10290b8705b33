//! What a driver does for its node: inputs in, one commit for each batch, then the outputs.

use meshbook::node::{Computed, Event, Input, Node, Output};
use meshbook::types::{OrderId, TradeId};

use crate::faults::Trouble;
use crate::host::{Batch, Crash, CrashPoint, Finds, Moment, Task};
use crate::judge::rules;
use crate::mutation::Mutation;
use crate::show::show_order;
use crate::world::{Happening, World};

/// A batch that could not be written is tried again after so long.
const RETRY_AFTER: u64 = 1_000;

/// What a node has worked out beside it comes so much later at most.
const COMPUTING: u64 = 20;

impl World {
    /// One batch of a host: everything that is at hand, then what is due.
    pub(crate) fn run_host(&mut self, host: usize) {
        let it = &mut self.hosts[host];
        if it.run_at != Some(self.now) {
            return;
        }
        it.run_at = None;
        // While a batch is on its way to the disk, the next one waits for it.
        if it.node.is_none() || it.committing.is_some() {
            return;
        }
        if it.busy_until > self.now {
            let later = it.busy_until;
            self.poke(host, later);
            return;
        }
        let now = it.clock.now(self.now);
        let tasks = std::mem::take(&mut it.inbox);
        let Some(node) = it.node.as_mut() else {
            return;
        };
        let mut batch = Batch::default();
        for task in tasks {
            match task {
                Task::Input(input) => node.handle(input, now),
                Task::Place(order) => {
                    let result = node.submit(order.clone(), now);
                    self.trace.say(self.now, || {
                        let result = match result {
                            Ok(id) => id.short(),
                            Err(error) => error.to_string(),
                        };
                        format!("node {host} places {}: {result}", show_order(&order))
                    });
                }
                Task::Cancel(which) => {
                    let open: Vec<OrderId> = node.user_orders().iter().map(|o| o.id).collect();
                    if open.is_empty() {
                        continue;
                    }
                    let id = open[(which % open.len() as u64) as usize];
                    let result = node.cancel(id, now);
                    self.trace.say(self.now, || {
                        format!("node {host} cancels {}: {result:?}", id.short())
                    });
                    if result.is_ok() {
                        batch.cancelled.push(id);
                    }
                }
            }
        }
        if node.next_wakeup().is_some_and(|due| due <= now.mono) {
            node.tick(now);
        }
        let mut outputs = Vec::new();
        node.take_outputs(now, &mut outputs);
        for output in outputs {
            match output {
                Output::Persist(write) => batch.writes.push(write),
                output => batch.outputs.push(output),
            }
        }
        self.judge_batch(host, &mut batch);
        self.commit(host, batch);
        self.wake(host);
    }

    /// Lets the host run again when its node wants it, or a little later.
    fn wake(&mut self, host: usize) {
        let it = &mut self.hosts[host];
        let Some(due) = it.node.as_ref().and_then(Node::next_wakeup) else {
            return;
        };
        let late = it.random.below(it.lateness + 1);
        let at = it.clock.when(due, self.now) + late;
        self.poke(host, at);
    }

    fn commit(&mut self, host: usize, mut batch: Batch) {
        if self.scenario.mutation == Some(Mutation::SendsBeforeWriting) {
            let writes = std::mem::take(&mut batch.writes);
            self.carry_out(host, batch, usize::MAX);
            batch = Batch {
                writes,
                ..Batch::default()
            };
        }
        let it = &mut self.hosts[host];
        let refuses =
            |crash: &mut Crash| crash.moment == Moment::Refusal && Moment::Refusal.is(&batch);
        if !it.disk_fails
            && let Some(crash) = it.crash.take_if(refuses)
        {
            self.judge.counts.one("crashes: after a refusal");
            it.disk.commit(std::mem::take(&mut batch.writes));
            self.carry_out(host, batch, usize::MAX);
            self.crash(host, crash);
            return;
        }
        if batch.writes.is_empty() {
            self.carry_out(host, batch, usize::MAX);
            return;
        }
        let it = &mut self.hosts[host];
        if it.disk_fails {
            if it.kept.is_some() {
                let found = format!("node {host} persists while its store fails");
                self.judge.fail(rules::STORE, found);
                return;
            }
            self.trace
                .say(self.now, || format!("node {host} can't write"));
            self.judge
                .counts
                .one("faults: batches that can't be written");
            it.kept = Some(batch);
            let reason = "no space left on device".to_owned();
            it.inbox
                .insert(0, Task::Input(Input::StoreFailed { reason }));
            let boot = it.boot;
            self.poke(host, self.now);
            self.queue
                .add(self.now + RETRY_AFTER, Happening::Retry { host, boot });
            return;
        }
        let flush = batch.writes.iter().any(|write| !write.lazy);
        let due = |crash: &mut Crash| crash.moment.is(&batch);
        let crash = it.crash.take_if(due);
        if let Some(crash) = crash.filter(|crash| crash.point == CrashPoint::InCommit)
            && it.flush_time > 0
        {
            // Not at once, so that more comes meanwhile.
            let at = self.now + it.random.below(it.flush_time);
            let point = CrashPoint::Now;
            let trouble = Trouble::Crash {
                host,
                crash: Crash { point, ..crash },
            };
            self.queue.add(at, Happening::Trouble(trouble));
            let wait = it.flush_time;
            self.wait_for_disk(host, batch, wait);
            return;
        }
        if let Some(crash) = crash {
            match crash.point {
                CrashPoint::Now | CrashPoint::BeforeCommit => {}
                CrashPoint::InCommit => it.disk.tear(),
                CrashPoint::AfterCommit(outputs) => {
                    it.disk.commit(std::mem::take(&mut batch.writes));
                    let limit = outputs % (batch.outputs.len() + 1);
                    self.carry_out(host, batch, limit);
                }
            }
            self.judge.counts.one(match crash.point {
                CrashPoint::Now | CrashPoint::BeforeCommit => "crashes: before a commit",
                CrashPoint::InCommit => "crashes: in a commit",
                CrashPoint::AfterCommit(0) => "crashes: after a commit, before its outputs",
                CrashPoint::AfterCommit(_) => "crashes: after a commit, among its outputs",
            });
            self.judge.counts.one(match crash.moment {
                Moment::Any | Moment::Refusal => "crashes: with any batch",
                Moment::Take => "crashes: with a request's batch",
                Moment::Fill => "crashes: with a trade's batch",
            });
            self.crash(host, crash);
            return;
        }
        let wait = match flush {
            true => it.random.below(it.flush_time + 1),
            false => 0,
        };
        if wait == 0 {
            self.write(host, batch);
            return;
        }
        self.wait_for_disk(host, batch, wait);
    }

    fn wait_for_disk(&mut self, host: usize, batch: Batch, wait: u64) {
        let it = &mut self.hosts[host];
        it.busy_until = it.busy_until.max(self.now + wait);
        it.committing = Some(batch);
        let boot = it.boot;
        self.queue
            .add(self.now + wait, Happening::Committed { host, boot });
    }

    pub(crate) fn computed(&mut self, host: usize, boot: u32, computed: Computed) {
        if self.hosts[host].boot == boot {
            self.input(host, Input::Computed(computed));
        }
    }

    pub(crate) fn committed(&mut self, host: usize, boot: u32) {
        let it = &mut self.hosts[host];
        if it.boot != boot {
            return;
        }
        if let Some(batch) = it.committing.take() {
            self.write(host, batch);
            self.wake(host);
        }
    }

    /// Writes a batch and carries it out.
    fn write(&mut self, host: usize, mut batch: Batch) {
        let it = &mut self.hosts[host];
        it.disk.commit(std::mem::take(&mut batch.writes));
        it.inbox.insert(0, Task::Input(Input::Committed));
        self.poke(host, self.now);
        self.carry_out(host, batch, usize::MAX);
    }

    pub(crate) fn retry(&mut self, host: usize, boot: u32) {
        let it = &mut self.hosts[host];
        if it.boot != boot {
            return;
        }
        if it.disk_fails {
            self.queue
                .add(self.now + RETRY_AFTER, Happening::Retry { host, boot });
            return;
        }
        if let Some(mut batch) = it.kept.take() {
            it.disk.commit(std::mem::take(&mut batch.writes));
            self.trace
                .say(self.now, || format!("node {host} can write again"));
            self.carry_out(host, batch, usize::MAX);
            self.input(host, Input::StoreWorks);
        }
    }

    /// Carries out the first `limit` outputs of a batch that is committed.
    fn carry_out(&mut self, host: usize, batch: Batch, limit: usize) {
        let Batch {
            outputs,
            trades,
            cancelled,
            ..
        } = batch;
        for trade in &trades {
            self.judge.trade(trade);
        }
        let all = outputs.len() <= limit;
        let mut packets = Vec::new();
        for output in outputs.into_iter().take(limit) {
            match output {
                Output::Send {
                    conn,
                    class,
                    message,
                } => self.send(host, conn, class, message, &mut packets),
                Output::Close {
                    conn,
                    error,
                    reason,
                } => self.close(host, conn, error, reason),
                Output::Dial {
                    address, expect, ..
                } => self.dial(host, address, expect),
                Output::Event(event) => self.told(host, &event),
                Output::SavePeers => {
                    let it = &mut self.hosts[host];
                    let now = it.clock.now(self.now);
                    if let Some(node) = &it.node {
                        it.peers = node.persisted_peers(now);
                    }
                }
                Output::Compute(computation) => {
                    let it = &mut self.hosts[host];
                    let (boot, wait) = (it.boot, it.random.below(COMPUTING + 1));
                    let computed = Box::new(computation.run());
                    let happening = Happening::Computed {
                        host,
                        boot,
                        computed,
                    };
                    self.queue.add(self.now + wait, happening);
                }
                // Nobody sends so much here that it had to be held back, or is banned.
                Output::Pause { .. }
                | Output::SaveBans
                | Output::Settled { .. }
                | Output::Persist(_) => {}
            }
        }
        if all {
            for id in cancelled {
                self.judge.cancelled(id);
            }
        }
    }

    fn told(&mut self, host: usize, event: &Event) {
        match event {
            Event::Trade { trade, own } => {
                let (id, own) = (trade.id, *own);
                self.trace.say(self.now, || {
                    let own = if own { "own " } else { "" };
                    format!(
                        "node {host} tells of {own}trade {}: {}",
                        id.short(),
                        trade.amount
                    )
                });
                if own {
                    self.judge.told_trade(host, id);
                }
            }
            Event::Error { code, message } => {
                self.trace
                    .say(self.now, || format!("node {host}: {code}: {message}"));
            }
            _ => {}
        }
    }

    /// A host's process dies, and starts again later.
    pub(crate) fn crash(&mut self, host: usize, crash: Crash) {
        let it = &mut self.hosts[host];
        if it.node.take().is_none() {
            return;
        }
        self.trace.say(self.now, || {
            format!("node {host} dies, and will find {:?}", crash.finds)
        });
        it.boot += 1;
        it.inbox.clear();
        if let Some(batch) = it.committing.take() {
            // It dies while a batch is on its way: how far that came is chance.
            let counts = &mut self.judge.counts;
            match it.random.below(3) {
                0 => counts.one("crashes: on the way to the disk, nothing written"),
                1 => {
                    counts.one("crashes: on the way to the disk, torn");
                    it.disk.tear();
                }
                _ => {
                    counts.one("crashes: on the way to the disk, all written");
                    it.disk.commit(batch.writes);
                }
            }
        }
        it.kept = None;
        it.crash = None;
        it.busy_until = 0;
        self.judge.counts.one(match crash.finds {
            Finds::Everything => "crashes: of a process",
            Finds::Flushed => "crashes: of a machine",
            Finds::Backup => "crashes: that leave an older copy",
            Finds::Nothing => "crashes: that leave nothing",
        });
        match crash.finds {
            Finds::Everything => {}
            Finds::Flushed => it.disk.lose_power(it.random.next()),
            Finds::Backup => it.disk = it.backup.clone(),
            Finds::Nothing => it.disk = Default::default(),
        }
        if matches!(crash.finds, Finds::Backup | Finds::Nothing) {
            let trades = self.judge.trades();
            let gone = trades.filter(|trade| !self.is_held(trade)).collect();
            self.judge.forgot(host, &gone);
        }
        self.leave_all(host, crash.silent);
        let start = Happening::Start { host };
        self.queue.add(self.now + crash.down, start);
    }

    /// Whether a trade is in any node's memory or on any disk.
    fn is_held(&self, trade: &TradeId) -> bool {
        self.hosts.iter().any(|host| {
            let node = host.node.as_ref();
            let in_memory = node.is_some_and(|node| node.ledger().trade(trade).is_some());
            in_memory || host.disk.holds_trade(trade)
        })
    }

    /// A host's process starts with what its disk holds.
    pub(crate) fn start(&mut self, host: usize) {
        let it = &mut self.hosts[host];
        if it.node.is_some() {
            return;
        }
        self.trace.say(self.now, || format!("node {host} starts"));
        it.clock.started = self.now;
        let now = it.clock.now(self.now);
        let (config, identity) = (it.config.clone(), it.identity.clone());
        let mut node = Node::new(config, identity, it.random.bytes(), now);
        let restored = node.restore(it.disk.entries(), now);
        node.start(it.peers.clone(), None, now);
        it.node = Some(node);
        if let Err(error) = restored {
            let found = format!("node {host} can't read what it wrote: {error}");
            self.judge.fail(rules::STORE, found);
            return;
        }
        self.judge_restored(host);
        self.poke(host, self.now);
    }
}
