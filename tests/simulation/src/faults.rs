//! What goes wrong, when, and how it gets well.

use crate::clock::truth;
use crate::host::{Crash, CrashPoint, Finds, Moment};
use crate::random::Random;
use crate::scenario::Fault;
use crate::world::{Happening, World};

/// Something that goes wrong, or gets well.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The connection of this number, modulo their count, breaks.
    Break { which: u64, silent: bool },
    /// The network falls into groups.
    Divide { groups: Vec<u64> },
    /// It is whole again.
    Unite,
    /// A wall clock jumps by so much (ms).
    Jump { host: usize, by: i64 },
    /// A host does nothing for so long (ms).
    Stall { host: usize, time: u64 },
    /// A host dies.
    Crash { host: usize, crash: Crash },
    /// A host that should have died with its next batch dies anyway.
    CrashAnyway { host: usize },
    /// A host's disk can't be written, or can again.
    Disk { host: usize, fails: bool },
    /// A copy is made of a host's disk.
    BackUp { host: usize },
}

/// The longest that a host stays down (ms).
const LONGEST_DOWN: u64 = 40_000;

impl World {
    /// Decides what goes wrong, and when.
    pub(crate) fn plan_faults(&mut self) {
        let (time, hosts) = (self.scenario.trouble_time, self.hosts.len());
        for fault in self.scenario.faults.clone() {
            let mut random = Random::stream(self.scenario.seed, &fault.name());
            // More nodes see more faults, but the network stays usable.
            let times = random.between(1, 3 + hosts as u64 / 4);
            match fault {
                fault if fault.is_of_rogues() => {}
                Fault::SlowLinks | Fault::Sessions | Fault::AfterHealing => {}
                Fault::Skew => self.skew(&mut random),
                _ => {
                    for _ in 0..times {
                        self.plan(fault, &mut random, time, hosts);
                    }
                }
            }
        }
        self.queue.add(time + 600, Happening::Heal);
    }

    fn plan(&mut self, fault: Fault, random: &mut Random, time: u64, hosts: usize) {
        let at = 600 + random.below(time);
        let host = random.index(hosts);
        let add = |world: &mut Self, at: u64, trouble: Trouble| {
            world.queue.add(at, Happening::Trouble(trouble));
        };
        match fault {
            Fault::Breaks => {
                for _ in 0..random.between(1, 4) {
                    let (which, silent) = (random.next(), random.percent(25));
                    let at = at + random.below(1_000);
                    add(self, at, Trouble::Break { which, silent });
                }
            }
            Fault::Partitions => {
                let count = random.pick(&[2, 2, 3]);
                let groups = (0..hosts).map(|_| random.below(count)).collect();
                add(self, at, Trouble::Divide { groups });
                let end = at + random.pick(&[500, 5_000, 20_000, 90_000]);
                add(self, end, Trouble::Unite);
            }
            Fault::ClockJumps => {
                let size = random.pick(&[500, 5_000, 30_000, 120_000]);
                let size = random.between(1, size) as i64;
                let by = if random.percent(50) { size } else { -size };
                add(self, at, Trouble::Jump { host, by });
            }
            Fault::Stalls => {
                let time = random.pick(&[300, 3_000, 20_000]);
                let time = random.between(1, time);
                add(self, at, Trouble::Stall { host, time });
            }
            Fault::Crashes => {
                let finds = random.pick(&[Finds::Everything, Finds::Flushed]);
                self.plan_crash(at, host, finds, random);
            }
            Fault::OldDisks => {
                let backup = random.below(at);
                add(self, backup, Trouble::BackUp { host });
                self.plan_crash(at, host, Finds::Backup, random);
            }
            Fault::LostDisks => self.plan_crash(at, host, Finds::Nothing, random),
            Fault::DiskFailures => {
                add(self, at, Trouble::Disk { host, fails: true });
                let end = at + random.between(100, 20_000);
                add(self, end, Trouble::Disk { host, fails: false });
            }
            // Links, clocks and rogues are made once.
            _ => {}
        }
    }

    fn plan_crash(&mut self, at: u64, host: usize, finds: Finds, random: &mut Random) {
        let point = match random.below(10) {
            0..=1 => CrashPoint::Now,
            2..=3 => CrashPoint::BeforeCommit,
            4..=5 => CrashPoint::InCommit,
            6..=7 => CrashPoint::AfterCommit(0),
            _ => CrashPoint::AfterCommit(random.next() as usize),
        };
        let moment = random.pick(&[
            Moment::Any,
            Moment::Take,
            Moment::Fill,
            Moment::Refusal,
            Moment::Refusal,
        ]);
        // Who is down for long meets nothing any more that was on its way.
        let down = match moment {
            Moment::Refusal => random.pick(&[1, 50, 500, 2_000]),
            _ => random.pick(&[1, 50, 2_000, LONGEST_DOWN]),
        };
        let crash = Crash {
            point,
            moment,
            finds,
            down,
            silent: random.percent(20),
        };
        let patience = match moment {
            Moment::Any => 5_000,
            _ => random.below(30_000),
        };
        // Refusals that matter are rare: whoever gives one next dies, if not all die at once.
        let hosts = match (moment, point) {
            (Moment::Refusal, point) if point != CrashPoint::Now => 0..self.hosts.len(),
            _ => host..host + 1,
        };
        for host in hosts {
            let trouble = Trouble::Crash { host, crash };
            self.queue.add(at, Happening::Trouble(trouble));
            let anyway = Trouble::CrashAnyway { host };
            self.queue.add(at + patience, Happening::Trouble(anyway));
        }
    }

    fn skew(&mut self, random: &mut Random) {
        for host in &mut self.hosts {
            let most = random.pick(&[50, 2_000, 9_000, 30_000]);
            let ahead = random.between(0, 2 * most) as i64 - most as i64;
            host.clock.ahead = ahead;
            host.clock.drift = random.between(0, 400) as i64 - 200;
        }
    }

    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        if self.healed_at.is_some() {
            return;
        }
        match trouble {
            Trouble::Break { which, silent } => {
                self.judge.counts.one(match silent {
                    true => "faults: silent breaks",
                    false => "faults: breaks",
                });
                let alive = self.network.alive();
                if let Some(at) = which.checked_rem(alive.len() as u64) {
                    let link = alive[at as usize];
                    self.trace.say(self.now, || {
                        let silent = if silent { " silently" } else { "" };
                        format!("link {link} breaks{silent}")
                    });
                    self.break_link(link, silent);
                }
            }
            Trouble::Divide { groups } => {
                self.judge.counts.one("faults: partitions");
                self.trace
                    .say(self.now, || format!("the network falls into {groups:?}"));
                for link in self.network.divide(groups) {
                    if self.luck.percent(50) {
                        let silent = self.luck.percent(30);
                        self.break_link(link, silent);
                    } else {
                        self.network.hold(link);
                    }
                }
            }
            Trouble::Unite => self.unite(),
            Trouble::Jump { host, by } => {
                self.judge.counts.one(match by < 0 {
                    true => "faults: clocks jump back",
                    false => "faults: clocks jump ahead",
                });
                self.trace.say(self.now, || {
                    format!("the clock of node {host} jumps by {by} ms")
                });
                self.note_latest(host);
                self.hosts[host].clock.ahead += by;
            }
            Trouble::Stall { host, time } => {
                self.judge.counts.one("faults: stalls");
                self.trace
                    .say(self.now, || format!("node {host} stalls for {time} ms"));
                let it = &mut self.hosts[host];
                it.busy_until = it.busy_until.max(self.now + time);
            }
            Trouble::Crash { host, crash } => match crash.point {
                CrashPoint::Now => {
                    self.judge.counts.one("crashes: at once");
                    self.crash(host, crash);
                }
                _ => self.hosts[host].crash = Some(crash),
            },
            Trouble::CrashAnyway { host } => {
                let crash = self.hosts[host].crash.take();
                if let Some(crash) = crash.filter(|crash| crash.moment != Moment::Refusal) {
                    self.judge.counts.one("crashes: as no fit batch came");
                    self.crash(host, crash);
                }
            }
            Trouble::Disk { host, fails } => {
                self.trace.say(self.now, || {
                    let what = if fails { "breaks" } else { "works" };
                    format!("the disk of node {host} {what}")
                });
                if fails {
                    self.judge.counts.one("faults: disks that fail");
                }
                self.hosts[host].disk_fails = fails;
            }
            Trouble::BackUp { host } => {
                let it = &mut self.hosts[host];
                it.backup = it.disk.clone();
            }
        }
    }

    /// Notes what time an honest user's node may have dated something by: a jump back or the end of
    /// the faults hides it.
    fn note_latest(&mut self, host: usize) {
        let shown = self.hosts[host].clock.now(self.now).wall;
        self.latest = self.latest.max(shown.since(truth(0)).0);
    }

    fn unite(&mut self) {
        for (end, cargo) in self.network.unite() {
            self.queue.add(self.now, Happening::Arrival { end, cargo });
        }
    }

    /// Everything gets well: after this the nodes must come to agree.
    pub(crate) fn heal(&mut self) {
        self.trace
            .say(self.now, || "all is well from now on".to_owned());
        self.unite();
        self.network.pacify();
        self.calm_rogues();
        for host in 0..self.hosts.len() {
            self.note_latest(host);
            let it = &mut self.hosts[host];
            it.disk_fails = false;
            it.crash = None;
            it.clock.ahead = it.clock.ahead.clamp(-500, 500);
            if it.committing.is_none() {
                it.busy_until = self.now;
            }
            self.queue.add(self.now, Happening::Start { host });
            self.poke(host, self.now);
        }
        self.healed_at = Some(self.now);
        self.queue.add(self.now + 1_000, Happening::Judge);
    }
}
