//! The values that this node keeps.

use super::item::Item;
use super::lru::Lru;
use crate::error::OperationError;

/// The most values; the one that was used least recently goes. As with Grapes.
pub(super) const MAX_VALUES: usize = 5000;

/// Values by their targets.
#[derive(Debug)]
pub(super) struct Store(Lru<[u8; 20], Item>);

impl Store {
    pub(super) fn new() -> Self {
        Self(Lru::new(MAX_VALUES))
    }

    pub(super) fn get(&mut self, target: &[u8]) -> Option<&Item> {
        let target = target.try_into().ok()?;
        self.0.get(&target).map(|item| &*item)
    }

    /// Keeps a value, unless it is not what its owner said last.
    pub(super) fn put(&mut self, item: Item, replaces: Option<i64>) -> Result<(), OperationError> {
        let refused = |code, text: &str| {
            let text = text.to_owned();
            Err(OperationError::Refused { code, text })
        };
        if !item.is_genuine() {
            return Err(OperationError::Signature);
        }
        let target = item.target();
        let kept = self.0.get(&target).and_then(|kept| kept.mutable.as_ref());
        if let (Some(kept), Some(mutable)) = (kept, &item.mutable) {
            if replaces.is_some_and(|replaces| replaces != kept.sequence) {
                return refused(301, "CAS mismatch, re-read and try again");
            }
            if mutable.sequence <= kept.sequence {
                return refused(302, "sequence number less than current");
            }
        }
        self.0.insert(target, item);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::sign;
    use super::{Item, MAX_VALUES, OperationError, Store};

    fn code(put: Result<(), OperationError>) -> i64 {
        match put {
            Ok(()) => 0,
            Err(OperationError::Refused { code, .. }) => code,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn only_a_newer_value_replaces_one() {
        let mut store = Store::new();
        let second = sign("b", b"", 2);
        assert_eq!(code(store.put(second.clone(), None)), 0);
        assert_eq!(code(store.put(sign("a", b"", 1), None)), 302);
        assert_eq!(code(store.put(sign("c", b"", 2), None)), 302);
        assert_eq!(code(store.put(sign("c", b"", 3), Some(1))), 301);
        assert_eq!(store.get(&second.target()), Some(&second));
        assert_eq!(code(store.put(sign("c", b"", 3), Some(2))), 0);
        assert_eq!(store.get(&second.target()).unwrap().to_text(), "c");
        assert_eq!(code(store.put(sign("a", b"salt", 1), None)), 0, "another");
    }

    #[test]
    fn what_was_not_signed_is_not_kept() {
        let mut item = sign("a", b"", 1);
        item.value = super::super::bencode::bytes(b"b");
        assert_eq!(Store::new().put(item, None), Err(OperationError::Signature));
    }

    #[test]
    fn the_store_has_an_end() {
        let mut store = Store::new();
        for number in 0..=MAX_VALUES {
            let item = Item::text(&number.to_string()).unwrap();
            store.put(item, None).unwrap();
        }
        assert_eq!(store.0.len(), MAX_VALUES);
    }
}
