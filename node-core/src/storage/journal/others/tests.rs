//! That the bound holds whatever is written, and who loses what.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::super::log::Files;
use super::super::tests::disk::{Disk, Failing};
use super::*;

const MEGABYTE: u64 = 1 << 20;

/// What a folder takes, as `du` shows it.
fn used(folder: &Path) -> u64 {
    let Ok(files) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = files.map(|file| fs::metadata(file.unwrap().path()).unwrap());
    let blocks: u64 = sizes.map(|data| data.len().next_multiple_of(4096)).sum();
    blocks + 4096
}

fn key(number: u64) -> Bytes {
    // As if the time in it were any.
    Bytes::copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
}

fn write(share: u64, number: u64, size: usize) -> Write {
    let mut value = share.to_le_bytes().to_vec();
    value.extend_from_slice(&number.to_le_bytes());
    value.resize(size.max(16), 7);
    Write {
        table: Table::Others,
        key: key(number),
        value: Some(value.into()),
        lazy: true,
    }
}

fn release(number: u64) -> Write {
    Write {
        value: None,
        ..write(0, number, 0)
    }
}

struct Run {
    dir: tempfile::TempDir,
    now: Arc<AtomicU64>,
    limits: HistoryLimits,
    others: Option<Others>,
}

impl Run {
    fn new(limits: HistoryLimits) -> Self {
        let mut run = Self {
            dir: tempfile::tempdir().unwrap(),
            now: Arc::new(AtomicU64::new(1_000_000)),
            limits,
            others: None,
        };
        run.open(Arc::new(Files));
        run
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("others")
    }

    fn open(&mut self, media: Arc<dyn Media>) {
        self.others = None;
        let now = Arc::clone(&self.now);
        let now = Box::new(move || Millis(now.load(Ordering::Relaxed)));
        let others = Others::open_at(self.folder(), media, self.limits, now);
        self.others = Some(others.unwrap());
    }

    fn others(&self) -> &Others {
        self.others.as_ref().unwrap()
    }

    fn commit(&self, writes: &[Write]) {
        self.others().commit(writes.iter());
        assert!(
            used(&self.folder()) <= self.limits.bytes,
            "{}",
            used(&self.folder())
        );
    }

    fn pass(&self, millis: u64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }

    /// What is read of it, page by page.
    fn all(&self, limit: usize) -> BTreeMap<Bytes, Bytes> {
        let mut all = BTreeMap::new();
        let mut next = Some(Bytes::new());
        while let Some(first) = next {
            let page = self.others().page(&first, limit).unwrap();
            assert!(page.entries.len() <= limit);
            all.extend(
                page.entries
                    .into_iter()
                    .map(|entry| (entry.key, entry.value)),
            );
            next = page.next;
        }
        let mut back = BTreeMap::new();
        let mut end = None;
        loop {
            let page = self.others().page_before(end.as_deref(), limit).unwrap();
            back.extend(
                page.entries
                    .into_iter()
                    .map(|entry| (entry.key, entry.value)),
            );
            end = page.next;
            if end.is_none() {
                break;
            }
        }
        assert_eq!(all, back);
        all
    }

    fn holds(&self, numbers: impl IntoIterator<Item = u64>) -> usize {
        let all = self.all(100);
        numbers
            .into_iter()
            .filter(|number| all.contains_key(&key(*number)))
            .count()
    }
}

#[test]
fn a_flood_displaces_itself_and_the_files_stay_within_the_bound() {
    let mut run = Run::new(HistoryLimits::new(1, 30));
    for number in 0..100 {
        run.commit(&[write(1, number, 1200)]);
    }
    for number in 1000..6000 {
        run.commit(&[write(2, number, 1200)]);
        if number % 100 == 0 {
            // Somebody else's, a few at a time.
            run.commit(&[write(3, number / 100, 1200), release(number - 50)]);
        }
    }
    for _ in 0..3 {
        assert_eq!(run.holds(0..100), 100);
        let flood = run.holds(1000..6000);
        assert!((300..600).contains(&flood), "{flood}");
        assert_eq!(run.holds(5900..6000), 100);
        run.open(Arc::new(Files));
        assert!(used(&run.folder()) <= MEGABYTE);
    }
}

#[test]
fn what_the_node_remembers_goes_after_what_is_history() {
    let run = Run::new(HistoryLimits::new(1, 30));
    for number in 0..100 {
        run.commit(&[write(1, number, 1000)]);
    }
    for number in 1000..3000 {
        run.commit(&[write(1, number, 1000), release(number)]);
    }
    assert_eq!(run.holds(0..100), 100);
    for number in 0..100 {
        run.commit(&[release(number)]);
    }
    for number in 3000..4000 {
        run.commit(&[write(1, number, 1000), release(number)]);
    }
    assert_eq!(run.holds(0..100), 0);
}

#[test]
fn after_a_start_each_party_is_remembered_by_its_share() {
    let mut run = Run::new(HistoryLimits::new(4, 30));
    for number in 0..20 {
        run.commit(&[write(1, number, 500)]);
    }
    for number in 100..1100 {
        run.commit(&[write(2, number, 500)]);
    }
    for number in 2000..2200 {
        run.commit(&[write(3, number, 500)]);
    }
    run.open(Arc::new(Files));
    let recalled: Vec<Bytes> = run.others().recall(200).map(|e| e.unwrap().key).collect();
    assert_eq!(recalled.len(), 200);
    let expected = (0..20).chain(1010..1100).chain(2110..2200).map(key);
    assert_eq!(recalled, expected.collect::<Vec<_>>());
}

#[test]
fn nothing_is_older_than_the_bound_and_nothing_is_kept_where_it_is_zero() {
    let mut run = Run::new(HistoryLimits::new(1, 2));
    let day = 24 * 3600 * 1000;
    run.commit(&[write(1, 1, 900)]);
    run.pass(day);
    run.commit(&[write(1, 2, 900)]);
    run.pass(day);
    assert_eq!((run.holds([1]), run.holds([2])), (0, 1));
    run.pass(day);
    assert_eq!(run.all(10), BTreeMap::new());
    run.others().expire();
    run.commit(&[write(1, 3, 900)]);
    for limits in [HistoryLimits::new(0, 30), HistoryLimits::new(1, 0)] {
        run.limits = HistoryLimits::new(1, 30);
        run.open(Arc::new(Files));
        run.commit(&[write(1, 4, 900)]);
        assert!(run.holds([4]) == 1);
        run.limits = limits;
        run.open(Arc::new(Files));
        run.others().commit([write(1, 5, 900)].iter());
        assert_eq!(run.all(10), BTreeMap::new());
        assert_eq!(fs::read_dir(run.folder()).unwrap().count(), 0);
    }
}

#[test]
fn a_lower_bound_holds_from_the_start() {
    let mut run = Run::new(HistoryLimits::new(8, 30));
    for number in 0..5000 {
        run.others()
            .commit([write(number % 7, number, 1200)].iter());
    }
    assert!(used(&run.folder()) > 4 * MEGABYTE);
    run.limits = HistoryLimits::new(2, 30);
    run.open(Arc::new(Files));
    assert!(used(&run.folder()) <= 2 * MEGABYTE);
    run.commit(&[write(1, 9000, 1200)]);
    assert_eq!(run.holds([9000]), 1);
}

#[test]
fn an_archive_reads_it_and_changes_nothing() {
    let mut run = Run::new(HistoryLimits::new(1, 30));
    run.commit(&[write(1, 1, 900)]);
    let names = |run: &Run| fs::read_dir(run.folder()).unwrap().count();
    run.limits = HistoryLimits::READ_ONLY;
    run.pass(u64::MAX / 2);
    run.open(Arc::new(Files));
    assert_eq!((run.holds([1]), names(&run)), (1, 1));
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64, u64, usize),
    Release(u64),
    Fail(Vec<Option<u8>>),
    Crash(Option<u8>),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let fault = proptest::option::weighted(0.4, any::<u8>());
    prop_oneof![
        40 => (0..5u64, 0..3000u64, 16..9000usize).prop_map(|(s, n, size)| Step::Insert(s, n, size)),
        10 => (0..3000u64).prop_map(Step::Release),
        3 => proptest::collection::vec(fault, 1..6).prop_map(Step::Fail),
        2 => proptest::option::of(any::<u8>()).prop_map(Step::Crash),
        2 => (0..20_000_000u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_the_bound_holds_and_what_is_there_is_as_it_was_written(
        steps in proptest::collection::vec(step(), 100..600),
    ) {
        let mut run = Run::new(HistoryLimits::new(1, 1));
        let mut written: BTreeMap<Bytes, Bytes> = BTreeMap::new();
        let mut disk: Arc<Disk> = Arc::default();
        run.open(Arc::new(Failing(Arc::clone(&disk))));
        for step in steps {
            match step {
                Step::Insert(share, number, size) => {
                    let write = write(share, number, size);
                    // A key has one value for ever, as a trade has.
                    let value = written.entry(write.key.clone()).or_insert_with(|| write.value.unwrap());
                    let write = Write { value: Some(value.clone()), ..release(number) };
                    run.commit(&[write]);
                }
                Step::Release(number) => run.commit(&[release(number)]),
                Step::Fail(plan) => disk.plan(plan),
                Step::Crash(power) => {
                    disk.kill();
                    run.others = None;
                    if let Some(kept) = power {
                        disk.lose_power(kept);
                    }
                    disk = Arc::default();
                    run.open(Arc::new(Failing(Arc::clone(&disk))));
                    prop_assert!(used(&run.folder()) <= MEGABYTE);
                }
                Step::Pass(millis) => run.pass(millis),
            }
        }
        for (key, value) in run.all(7) {
            prop_assert_eq!(written.get(&key), Some(&value));
        }
        // Once the disk works again, so does the history.
        disk.plan(Vec::new());
        run.commit(&[write(1, 5000, 900)]);
        prop_assert_eq!(run.holds([5000]), 1);
    }
}
