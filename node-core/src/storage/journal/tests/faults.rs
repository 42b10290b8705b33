//! Commits on a failing disk, ended by the process or the machine.

use super::disk::{Disk, Failing};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Write>),
    /// How the next operations of the disk end.
    Plan(Vec<Option<u8>>),
    /// The process is killed and started again.
    Kill,
    /// The machine goes down, and so much of what was not flushed is there, in 256ths.
    PowerLoss(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let fault = proptest::option::weighted(0.3, any::<u8>());
    prop_oneof![
        12 => vec(write(), 1..5).prop_map(Step::Commit),
        3 => vec(fault, 1..6).prop_map(Step::Plan),
        1 => Just(Step::Kill),
        1 => any::<u8>().prop_map(Step::PowerLoss),
    ]
}

/// A journal on a failing disk, and what must be in it.
struct Run {
    dir: tempfile::TempDir,
    sync: JournalSync,
    disk: Arc<Disk>,
    journal: Option<Journal>,
    /// What was there at the start.
    before: Content,
    /// The commits since then.
    commits: Vec<Vec<Write>>,
    /// How many of them are safe.
    safe: usize,
    /// The commit that failed and is given again until it succeeds.
    failed: Option<Vec<Write>>,
}

impl Run {
    fn new(sync: JournalSync) -> Self {
        let mut run = Self {
            dir: tempfile::tempdir().unwrap(),
            sync,
            disk: Arc::default(),
            journal: None,
            before: Content::new(),
            commits: Vec::new(),
            safe: 0,
            failed: None,
        };
        run.open();
        run
    }

    fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().unwrap()
    }

    fn open(&mut self) {
        self.disk = Arc::default();
        let dir = Arc::new(DataDir::open(self.dir.path()).unwrap());
        let media = Arc::new(Failing(Arc::clone(&self.disk)));
        // Short logs, so that many are sealed and moved.
        let journal = Journal::open_with(dir, self.sync, HISTORY, media, 600).unwrap();
        self.journal = Some(journal);
    }

    fn commit(&mut self, writes: Vec<Write>) {
        // As the driver does: first what failed.
        for writes in self.failed.take().into_iter().chain([writes]) {
            if self.failed.is_some() {
                return;
            }
            if self.journal().commit(&writes).is_err() {
                self.failed = Some(writes);
                continue;
            }
            let flushed = writes.iter().any(|write| !write.lazy);
            self.commits.push(writes);
            if flushed && self.sync == JournalSync::Always {
                self.safe = self.commits.len();
            }
        }
    }

    fn after(&self, commits: usize) -> Content {
        let mut content = self.before.clone();
        let all = self.commits.iter().chain(&self.failed).take(commits);
        all.for_each(|writes| apply(&mut content, writes));
        content
    }

    /// Ends the run, opens again, and looks for what must be there.
    fn crash(&mut self, kept: Option<u8>) {
        self.disk.kill();
        self.journal = None;
        if let Some(kept) = kept {
            self.disk.lose_power(kept);
        }
        self.open();
        let found = content(self.journal());
        let least = if kept.is_some() {
            self.safe
        } else {
            self.commits.len()
        };
        let most = self.commits.len() + usize::from(self.failed.is_some());
        let fits = (least..=most).any(|commits| self.after(commits) == found);
        assert!(
            fits,
            "{found:?} is not what {least} to {most} of {:?} give",
            self.commits
        );
        self.before = found;
        self.commits.clear();
        self.safe = 0;
        self.failed = None;
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Commit(writes) => self.commit(writes),
            Step::Plan(plan) => self.disk.plan(plan),
            Step::Kill => self.crash(None),
            Step::PowerLoss(kept) => self.crash(Some(kept)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_leaves_a_run_of_commits_with_all_that_was_safe(
        sync in proptest::sample::select(&ALL_SYNCS),
        steps in vec(step(), 1..40),
    ) {
        let mut run = Run::new(sync);
        steps.into_iter().for_each(|step| run.step(step));
        // Once the disk works again, so does the journal.
        run.disk.plan(Vec::new());
        run.commit(vec![numbered(1, 8)]);
        prop_assert!(run.failed.is_none());
        run.crash(None);
    }
}

#[test]
fn a_broken_log_that_can_not_be_removed_does_no_harm() {
    let mut run = Run::new(JournalSync::Always);
    run.commit(vec![numbered(1, 8)]);
    // The record is written, its flush fails; then a new log is made and the old one stays.
    let fails = Some(0);
    let mut plan = vec![None, fails, None, None, None, None, None, fails];
    plan.reverse();
    run.disk.plan(plan);
    run.commit(vec![numbered(2, 8)]);
    assert!(run.failed.is_some());
    run.commit(vec![numbered(3, 8)]);
    assert_eq!((logs(run.dir.path()).len(), run.safe), (2, 3));
    run.crash(Some(0));
    assert_eq!(run.before.len(), 3);
}
