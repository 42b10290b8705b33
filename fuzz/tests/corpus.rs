//! Replays everything that was found worth keeping, and keeps the seeds up to date.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use meshbook_fuzz::TARGETS;
use meshbook_fuzz::seeds::seeds;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// One test a target, so that they run side by side and a failure names it.
macro_rules! replays {
    ($($target:ident: $name:ident;)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($target), meshbook_fuzz::$target);
        })*

        #[test]
        fn every_target_has_a_corpus_and_is_replayed() {
            let replayed: BTreeSet<&str> = [$(stringify!($target)),*].into();
            let targets: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(replayed, targets);
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
            let names = files(&corpus).into_iter().map(|path| path.file_name().unwrap().to_owned());
            let names: BTreeSet<String> = names.map(|name| name.into_string().unwrap()).collect();
            assert!(names.iter().map(String::as_str).eq(targets));
        }
    };
}

replays! {
    config: settings_are_the_same_when_they_are_read_again;
    control: bodies_mean_the_same_when_they_are_written_again;
    frames: a_stream_gives_the_same_frames_however_it_is_cut;
    grape_answers: what_grapes_answer_is_bounded;
    handshake: nothing_that_was_changed_makes_a_session;
    krpc: datagrams_make_a_dht_node_neither_say_nor_keep_much;
    lists: kept_lists_are_bounded_and_read_the_same;
    mdns_txt: a_record_names_another_node_or_nobody;
    messages: what_is_heard_can_be_said_again;
    node: what_nobody_signed_changes_nothing;
    reconciliation: comparisons_end_and_change_nothing;
    session: a_sessions_messages_are_those_of_its_stream;
    statements: a_payload_has_one_text;
}

fn replay(name: &str, target: fn(&[u8])) {
    let inputs = files(&folder(name));
    assert!(!inputs.is_empty(), "no corpus");
    for path in inputs {
        let input = fs::read(&path).expect("an input");
        let outcome = std::panic::catch_unwind(|| target(&input));
        assert!(outcome.is_ok(), "{}", path.display());
    }
}

/// After a change of an encoder: `MESHBOOK_WRITE_SEEDS=1 cargo nextest run -p meshbook-fuzz seeds`.
#[test]
fn the_seeds_are_what_the_encoders_write() {
    let write = std::env::var_os("MESHBOOK_WRITE_SEEDS").is_some();
    for seed in seeds() {
        let path = folder(seed.target).join(&seed.name);
        if write {
            fs::create_dir_all(folder(seed.target)).unwrap();
            fs::write(&path, &seed.bytes).unwrap();
        }
        let kept = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(kept == seed.bytes, "{} is another", path.display());
    }
}
