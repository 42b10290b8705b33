//! Reading page by page, from logs and tables at once.

use super::super::log::Files;
use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn pages_give_every_entry_once_and_in_order_from_either_end(
        commits in vec(vec(write(), 1..6), 0..30),
        limit in 1..5_usize,
        first in vec(0..6_u8, 0..4),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let held = Arc::new(DataDir::open(dir.path()).unwrap());
        let mut journal =
            Journal::open_with(held, JournalSync::Off, HISTORY, Arc::new(Files), 300).unwrap();
        let mut all = Content::new();
        for writes in &commits {
            journal.commit(writes).unwrap();
            apply(&mut all, writes);
        }
        let reader = journal.reader();
        for table in JOURNALED {
            let mut read = Vec::new();
            let mut next = Some(Bytes::copy_from_slice(&first));
            while let Some(from) = next {
                let page = reader.page(table, &from, limit).unwrap();
                prop_assert!(page.entries.len() <= limit);
                read.extend(page.entries);
                next = page.next;
            }
            let expected = all.iter().filter(|((t, key), _)| *t == table && **key >= *first);
            let expected: Vec<Entry> = expected
                .map(|((_, key), value)| Entry { table, key: key.clone(), value: value.clone() })
                .collect();
            prop_assert_eq!(read, expected);
            let mut read = Vec::new();
            let mut end = Some(Bytes::copy_from_slice(&first)).filter(|end| !end.is_empty());
            let before = end.clone();
            loop {
                let page = reader.page_before(table, end.as_deref(), limit).unwrap();
                prop_assert!(page.entries.len() <= limit);
                read.extend(page.entries);
                end = page.next;
                if end.is_none() {
                    break;
                }
            }
            let expected = all.iter().rev().filter(|((t, key), _)| {
                *t == table && before.as_ref().is_none_or(|before| key < before)
            });
            let expected: Vec<Entry> = expected
                .map(|((_, key), value)| Entry { table, key: key.clone(), value: value.clone() })
                .collect();
            prop_assert_eq!(read, expected);
        }
        let newest = journal.entries(limit).unwrap().map(Result::unwrap);
        let newest = newest.filter(|entry| entry.table == Table::Trades);
        let mut newest: Vec<_> = newest.map(|entry| entry.key).collect();
        newest.sort();
        let trades = all.keys().filter(|(table, _)| *table == Table::Trades);
        let trades: Vec<_> = trades.map(|(_, key)| key.clone()).collect();
        prop_assert!(trades.ends_with(&newest));
        // There may be fewer after removals, which trades don't see.
        let removed = commits.iter().flatten().any(|write| write.value.is_none());
        prop_assert!(removed || newest.len() == limit.min(trades.len()));
    }
}
