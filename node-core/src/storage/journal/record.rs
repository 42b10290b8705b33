//! The bytes of a log: one record for each commit, and how far a log can be believed.
//!
//! A record is `mark (4) | length of the body (4) | CRC-32 of length and body (4) | body`, all
//! numbers little-endian. The body begins with how many bytes of the log were flushed when the
//! record was written, so that a reader can tell a tail that was never flushed, which may be torn
//! and is cut off, from damage to what was promised to be there.

use bytes::{Buf, Bytes};

use crate::node::{Table, Write};

/// How every log begins.
const LOG_MARK: &[u8; 8] = b"MESHJNL1";
/// The bytes of [`LogHeader`].
pub(super) const LOG_HEADER: usize = LOG_MARK.len() + 9;

const RECORD_MARK: &[u8; 4] = b"\xC7rec";
const RECORD_HEADER: usize = 12;
/// In place of a value's length: the entry is removed.
const REMOVED: u32 = u32::MAX;

/// How a log follows those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LogHeader {
    /// Everything before the log was flushed when it was begun.
    pub(super) after_flush: bool,
    /// Its first record says again all that this log, which broke, was to hold; 0 for none.
    pub(super) instead_of: u64,
}

/// What a log holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recovered {
    pub(super) header: LogHeader,
    /// How many whole commits there are.
    pub(super) commits: usize,
    /// Their writes, in their order.
    pub(super) writes: Vec<Write>,
    /// Something follows the last whole commit, which begins here.
    pub(super) torn: Option<usize>,
}

/// Something is wrong at this byte, before the place up to which the log was flushed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DamagedAt(pub(super) usize);

/// Appends the record of one commit. `flushed` is the number of bytes of the log that are safe.
///
/// `None` if it would be longer than a record can be.
pub(super) fn encode(writes: &[Write], flushed: u64, into: &mut Vec<u8>) -> Option<()> {
    let start = into.len();
    into.extend_from_slice(RECORD_MARK);
    into.extend_from_slice(&[0; RECORD_HEADER - RECORD_MARK.len()]);
    into.extend_from_slice(&flushed.to_le_bytes());
    for write in writes {
        into.push(table_code(write.table));
        into.push(u8::from(write.lazy));
        into.extend_from_slice(&length(&write.key)?.to_le_bytes());
        let value = write.value.as_ref();
        let size = value.map_or(Some(REMOVED), length)?;
        into.extend_from_slice(&size.to_le_bytes());
        into.extend_from_slice(&write.key);
        into.extend_from_slice(value.map_or(&[], |value| value));
    }
    let body = u32::try_from(into.len() - start - RECORD_HEADER).ok()?;
    into[start + 4..start + 8].copy_from_slice(&body.to_le_bytes());
    let sum = checksum(&into[start + 4..start + 8], &into[start + RECORD_HEADER..]);
    into[start + 8..start + RECORD_HEADER].copy_from_slice(&sum.to_le_bytes());
    Some(())
}

/// Reads a log as it was found.
///
/// # Errors
/// Where bytes that had been flushed are not as they were written.
pub(super) fn recover(log: &Bytes) -> Result<Recovered, DamagedAt> {
    let mut recovered = Recovered {
        header: LogHeader::default(),
        commits: 0,
        writes: Vec::new(),
        torn: None,
    };
    let Some(header) = LogHeader::read(log) else {
        return cut_at(0, log, recovered);
    };
    recovered.header = header;
    let mut at = LOG_HEADER;
    while at < log.len() {
        let Some((_, body, next)) = record(log, at) else {
            return cut_at(at, log, recovered);
        };
        read_writes(body, &mut recovered.writes).ok_or(DamagedAt(at))?;
        recovered.commits += 1;
        at = next;
    }
    Ok(recovered)
}

fn cut_at(at: usize, log: &Bytes, mut recovered: Recovered) -> Result<Recovered, DamagedAt> {
    if promised(log, at) {
        return Err(DamagedAt(at));
    }
    recovered.torn = Some(at);
    Ok(recovered)
}

impl LogHeader {
    /// How a log begins.
    pub(super) fn bytes(self) -> [u8; LOG_HEADER] {
        let mut bytes = [0; LOG_HEADER];
        bytes[..8].copy_from_slice(LOG_MARK);
        bytes[8] = u8::from(self.after_flush);
        bytes[9..].copy_from_slice(&self.instead_of.to_le_bytes());
        bytes
    }

    fn read(log: &[u8]) -> Option<Self> {
        let mut rest = log.get(..LOG_HEADER)?.strip_prefix(LOG_MARK)?;
        Some(Self {
            after_flush: rest.get_u8() == 1,
            instead_of: rest.get_u64_le(),
        })
    }
}

/// Whether a later record says that the log was flushed beyond `at`.
fn promised(log: &Bytes, at: usize) -> bool {
    let marks = log[at..].windows(RECORD_MARK.len());
    let marked = marks.enumerate().filter(|(_, bytes)| bytes == RECORD_MARK);
    let mut records = marked.filter_map(|(offset, _)| record(log, at + offset));
    records.any(|(flushed, ..)| flushed > at as u64)
}

/// The whole record at `at`: the flushed bytes before it, its writes, and where the next begins.
fn record(log: &Bytes, at: usize) -> Option<(u64, Bytes, usize)> {
    let header = log.get(at..at + RECORD_HEADER)?;
    let mut numbers = header.strip_prefix(RECORD_MARK)?;
    let length = &numbers[..4];
    let (size, sum) = (numbers.get_u32_le() as usize, numbers.get_u32_le());
    let start = at + RECORD_HEADER;
    let next = start.checked_add(size)?;
    if next > log.len() || checksum(length, &log[start..next]) != sum {
        return None;
    }
    let mut body = log.slice(start..next);
    let flushed = body.try_get_u64_le().ok()?;
    Some((flushed, body, next))
}

fn read_writes(mut body: Bytes, into: &mut Vec<Write>) -> Option<()> {
    while body.has_remaining() {
        let table = body.try_get_u8().ok()?;
        let table = Table::ALL.into_iter().find(|t| table_code(*t) == table)?;
        let lazy = body.try_get_u8().ok()? == 1;
        let key = body.try_get_u32_le().ok()? as usize;
        let value = body.try_get_u32_le().ok()?;
        let mut take = |size: usize| (size <= body.len()).then(|| body.split_to(size));
        into.push(Write {
            table,
            key: take(key)?,
            value: match value {
                REMOVED => None,
                size => Some(take(size as usize)?),
            },
            lazy,
        });
    }
    Some(())
}

/// On the disk for ever.
const fn table_code(table: Table) -> u8 {
    match table {
        Table::Meta => 1,
        Table::Orders => 2,
        Table::Takes => 3,
        Table::Trades => 4,
        Table::Proofs => 5,
        Table::Fills => 6,
        // Has files of its own.
        Table::Others => 7,
    }
}

fn length(bytes: &Bytes) -> Option<u32> {
    u32::try_from(bytes.len()).ok().filter(|n| *n != REMOVED)
}

fn checksum(length: &[u8], body: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(length);
    sum.update(body);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const HEADER: LogHeader = LogHeader {
        after_flush: true,
        instead_of: 7,
    };

    fn write() -> impl Strategy<Value = Write> {
        let bytes = |most| vec(any::<u8>(), 0..most).prop_map(Bytes::from);
        let table = proptest::sample::select(&Table::ALL);
        let value = proptest::option::of(bytes(40));
        (table, bytes(6), value, any::<bool>()).prop_map(|(table, key, value, lazy)| Write {
            table,
            key,
            value,
            lazy,
        })
    }

    /// A log of these commits, each with how much was flushed before it, and where each ends.
    fn log(commits: &[(Vec<Write>, bool)]) -> (Vec<u8>, Vec<usize>, Vec<usize>) {
        let mut bytes = HEADER.bytes().to_vec();
        let (mut ends, mut safe, mut flushed) = (Vec::new(), Vec::new(), 0);
        for (writes, flush) in commits {
            safe.push(flushed);
            encode(writes, flushed as u64, &mut bytes).unwrap();
            ends.push(bytes.len());
            if *flush {
                flushed = bytes.len();
            }
        }
        (bytes, ends, safe)
    }

    proptest! {
        #[test]
        fn wherever_a_log_ends_its_whole_commits_are_read(
            commits in vec((vec(write(), 0..4), any::<bool>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let (bytes, ends, _) = log(&commits);
            let cut = cut.index(bytes.len() + 1);
            let found = recover(&Bytes::from(bytes[..cut].to_vec())).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let expected: Vec<Write> =
                commits[..whole].iter().flat_map(|(writes, _)| writes.clone()).collect();
            prop_assert_eq!(found.writes, expected);
            let at_an_end = cut == LOG_HEADER || ends.contains(&cut);
            prop_assert_eq!(found.torn.is_none(), at_an_end);
            prop_assert_eq!(found.commits, whole);
        }

        #[test]
        fn a_changed_byte_ends_the_log_before_it_or_is_told(
            commits in vec((vec(write(), 0..4), any::<bool>()), 1..6),
            place in any::<prop::sample::Index>(),
            bits in 1..=255_u8,
        ) {
            let (mut bytes, ends, safe) = log(&commits);
            let place = LOG_HEADER + place.index(bytes.len() - LOG_HEADER);
            bytes[place] ^= bits;
            let hit = ends.iter().filter(|end| **end <= place).count();
            let start = if hit == 0 { LOG_HEADER } else { ends[hit - 1] };
            // What was flushed by the record that the byte is in is known from a later one only.
            let told = safe[hit + 1..].iter().any(|flushed| *flushed > start);
            match recover(&Bytes::from(bytes)) {
                Err(error) => {
                    prop_assert!(told);
                    prop_assert_eq!(error, DamagedAt(start));
                }
                Ok(found) => {
                    prop_assert!(!told);
                    let expected: Vec<Write> =
                        commits[..hit].iter().flat_map(|(writes, _)| writes.clone()).collect();
                    prop_assert_eq!(found.writes, expected);
                    prop_assert_eq!(found.torn, Some(start));
                    prop_assert_eq!(found.header, HEADER);
                }
            }
        }

        #[test]
        fn nothing_makes_reading_a_log_panic(
            bytes in vec(any::<u8>(), 0..200),
            headed in any::<bool>(),
        ) {
            let mut log = if headed { HEADER.bytes().to_vec() } else { Vec::new() };
            log.extend(bytes);
            let _ = recover(&Bytes::from(log));
        }
    }
}
