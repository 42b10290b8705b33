//! The browser's maps do what the standard library's do.

use std::collections::{BTreeMap as Model, BTreeSet as ModelSet};
use std::ops::Bound;

use proptest::prelude::*;

use super::two_level::{BTreeMap, BTreeSet, Entry};

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, u32),
    Remove(u16),
    Entry(u16, u32),
    Change(u16, u32),
    RemoveFound(u16),
    PopFirst,
    PopLast,
    RemoveFirst,
    Retain(u16),
    Range(Bound<u16>, Bound<u16>),
    Append(Vec<u16>),
}

fn bound() -> impl Strategy<Value = Bound<u16>> {
    prop_oneof![
        Just(Bound::Unbounded),
        any::<u16>().prop_map(Bound::Included),
        any::<u16>().prop_map(Bound::Excluded),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let key = prop_oneof![0..400_u16, any::<u16>()];
    prop_oneof![
        8 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        4 => key.clone().prop_map(Step::Remove),
        3 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Entry(key, value)),
        2 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Change(key, value)),
        2 => key.clone().prop_map(Step::RemoveFound),
        1 => Just(Step::PopFirst),
        1 => Just(Step::PopLast),
        1 => Just(Step::RemoveFirst),
        1 => (2..9_u16).prop_map(Step::Retain),
        3 => (bound(), bound()).prop_map(|(from, to)| Step::Range(from, to)),
        2 => prop::collection::vec(key, 0..200).prop_map(Step::Append),
    ]
}

/// The entries between two bounds; the model panics where they are the wrong way round.
fn between(model: &Model<u16, u32>, from: Bound<u16>, to: Bound<u16>) -> Vec<(u16, u32)> {
    let after = |key: u16| match from {
        Bound::Unbounded => true,
        Bound::Included(from) => key >= from,
        Bound::Excluded(from) => key > from,
    };
    let before = |key: u16| match to {
        Bound::Unbounded => true,
        Bound::Included(to) => key <= to,
        Bound::Excluded(to) => key < to,
    };
    let entries = model.iter().map(|(key, value)| (*key, *value));
    entries
        .filter(|(key, _)| after(*key) && before(*key))
        .collect()
}

fn all<'a>(entries: impl Iterator<Item = (&'a u16, &'a u32)>) -> Vec<(u16, u32)> {
    entries.map(|(key, value)| (*key, *value)).collect()
}

proptest! {
    #[test]
    fn a_map_does_what_the_standard_one_does(steps in prop::collection::vec(step(), 1..300)) {
        let (mut map, mut model) = (BTreeMap::new(), Model::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                }
                Step::Remove(key) => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                Step::Entry(key, value) => {
                    let entry = map.entry(key).or_insert(value);
                    *entry = entry.wrapping_add(1);
                    let entry = model.entry(key).or_insert(value);
                    *entry = entry.wrapping_add(1);
                }
                Step::Change(key, value) => {
                    prop_assert_eq!(map.get(&key), model.get(&key));
                    let changed = map.get_mut(&key).map(|there| *there = value);
                    prop_assert_eq!(changed, model.get_mut(&key).map(|there| *there = value));
                }
                Step::RemoveFound(key) => {
                    let removed = match map.entry(key) {
                        Entry::Occupied(entry) => Some(entry.remove()),
                        Entry::Vacant(_) => None,
                    };
                    prop_assert_eq!(removed, model.remove(&key));
                }
                Step::PopFirst => prop_assert_eq!(map.pop_first(), model.pop_first()),
                Step::PopLast => prop_assert_eq!(map.pop_last(), model.pop_last()),
                Step::RemoveFirst => {
                    let first = map.first_entry().map(|entry| (*entry.key(), entry.remove()));
                    prop_assert_eq!(first, model.pop_first());
                }
                Step::Retain(divisor) => {
                    map.retain(|key, _| key % divisor != 0);
                    model.retain(|key, _| key % divisor != 0);
                }
                Step::Range(from, to) => {
                    let expected = between(&model, from, to);
                    prop_assert_eq!(all(map.range((from, to))), expected.clone());
                    let mut backwards = all(map.range((from, to)).rev());
                    backwards.reverse();
                    prop_assert_eq!(backwards, expected);
                }
                Step::Append(keys) => {
                    let entries = || keys.iter().map(|key| (*key, u32::from(*key)));
                    map.extend(entries());
                    model.extend(entries());
                }
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert_eq!(map.is_empty(), model.is_empty());
            prop_assert_eq!(map.first_key_value(), model.first_key_value());
            prop_assert_eq!(map.last_key_value(), model.last_key_value());
        }
        prop_assert_eq!(all(map.iter()), all(model.iter()));
        for value in map.values_mut().chain(model.values_mut()) {
            *value = value.wrapping_mul(3);
        }
        prop_assert_eq!(all(map.iter()), all(model.iter()));
        // From both ends at once, each entry comes once.
        let mut ends = map.iter();
        let mut seen = 0;
        while ends.next().is_some() {
            seen += 1 + usize::from(ends.next_back().is_some());
        }
        prop_assert_eq!(seen, model.len());
        prop_assert!(map.into_iter().eq(model));
    }

    #[test]
    fn a_set_does_what_the_standard_one_does(
        one in prop::collection::vec(any::<u16>(), 0..500),
        other in prop::collection::vec(any::<u16>(), 0..500),
    ) {
        let (mut set, mut model): (BTreeSet<u16>, ModelSet<u16>) =
            (one.iter().copied().collect(), one.iter().copied().collect());
        for key in &other {
            prop_assert_eq!(set.contains(key), model.contains(key));
            match key % 3 {
                0 => prop_assert_eq!(set.insert(*key), model.insert(*key)),
                _ => prop_assert_eq!(set.remove(key), model.remove(key)),
            }
        }
        prop_assert_eq!(set.first(), model.first());
        prop_assert_eq!(set.last(), model.last());
        prop_assert!(set.range(100..40_000).eq(model.range(100..40_000)));
        let (there, model_there): (BTreeSet<u16>, ModelSet<u16>) =
            (other.iter().copied().collect(), other.iter().copied().collect());
        prop_assert!(set.difference(&there).eq(model.difference(&model_there)));
        prop_assert!(set.into_iter().eq(model));
    }
}
