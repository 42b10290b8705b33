//! Everything that a node retains, as the protocol of comparisons wants it.

use negentropy::{Bound, Error, Id, Item, NegentropyStorageBase};

use crate::ledger::RetainedItems;
use crate::types::Millis;

/// All that was retained when a comparison was begun.
#[derive(Clone, Debug)]
pub(super) struct Items(RetainedItems);

impl Items {
    pub(super) fn of(retained: &RetainedItems) -> Self {
        Self(retained.clone())
    }
}

impl NegentropyStorageBase for Items {
    fn size(&self) -> Result<usize, Error> {
        Ok(self.0.len())
    }

    fn get_item(&self, i: usize) -> Result<Option<Item>, Error> {
        Ok(self.0.keys_from(i).next().map(item))
    }

    fn iterate(
        &self,
        begin: usize,
        end: usize,
        cb: &mut dyn FnMut(Item, usize) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if begin > end || end > self.0.len() {
            return Err(Error::BadRange);
        }
        for (place, key) in (begin..end).zip(self.0.keys_from(begin)) {
            if !cb(item(key), place)? {
                break;
            }
        }
        Ok(())
    }

    fn find_lower_bound(&self, first: usize, last: usize, value: &Bound) -> usize {
        let Item { timestamp, id } = value.item;
        let place = self.0.count_before(Millis(timestamp), id.to_bytes());
        place.clamp(first, last.max(first))
    }
}

fn item((ts, id): (Millis, [u8; 32])) -> Item {
    Item::with_timestamp_and_id(ts.0, Id::from_byte_array(id))
}
