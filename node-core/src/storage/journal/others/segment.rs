//! One file of others' trades: a mark, and records one after the other.
//!
//! A record is `mark (4) | length of the body (4) | CRC-32 of the body (4) | body`, and the body
//! `arrival (8) | length of the key (1) | key | value`, all numbers little-endian.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::super::log::Medium;
use crate::types::Millis;

/// How every segment begins.
pub(super) const SEGMENT_MARK: &[u8; 8] = b"MESHOTH1";
const RECORD_MARK: &[u8; 4] = b"\xC7oth";
const RECORD_HEADER: usize = 12;
/// What a file takes on the disk is a multiple of this, on nearly all systems.
const BLOCK: u64 = 4096;

/// One file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// How long it is.
    pub(super) length: u64,
    /// Bytes of records in it that still count.
    pub(super) live: u64,
    /// Where to append, while it is the newest.
    pub(super) medium: Option<Arc<dyn Medium>>,
}

/// One record, as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) arrival: Millis,
    pub(super) key: Bytes,
    pub(super) value: Bytes,
    /// How many bytes the record takes.
    pub(super) length: u64,
}

impl Segment {
    /// What it takes on the disk.
    pub(super) const fn size(&self) -> u64 {
        self.length.next_multiple_of(BLOCK)
    }
}

/// Puts a record together. `None` if its key is longer than 255 bytes, or the value than can be.
pub(super) fn encode(arrival: Millis, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let size = u8::try_from(key.len()).ok()?;
    let mut record = RECORD_MARK.to_vec();
    record.extend_from_slice(&[0; RECORD_HEADER - RECORD_MARK.len()]);
    record.extend_from_slice(&arrival.0.to_le_bytes());
    record.push(size);
    record.extend_from_slice(key);
    record.extend_from_slice(value);
    let body = u32::try_from(record.len() - RECORD_HEADER).ok()?;
    let sum = crc32fast::hash(&record[RECORD_HEADER..]);
    record[4..8].copy_from_slice(&body.to_le_bytes());
    record[8..RECORD_HEADER].copy_from_slice(&sum.to_le_bytes());
    Some(record)
}

/// The record at the front; `None` if there is no whole one.
fn decode(bytes: &Bytes) -> Option<Record> {
    let mut numbers = bytes.get(..RECORD_HEADER)?.strip_prefix(RECORD_MARK)?;
    let (size, sum) = (numbers.get_u32_le() as usize, numbers.get_u32_le());
    let end = RECORD_HEADER.checked_add(size)?;
    if end > bytes.len() || crc32fast::hash(&bytes[RECORD_HEADER..end]) != sum {
        return None;
    }
    let mut body = bytes.slice(RECORD_HEADER..end);
    let arrival = Millis(body.try_get_u64_le().ok()?);
    let key = usize::from(body.try_get_u8().ok()?);
    let key = (key <= body.len()).then(|| body.split_to(key))?;
    Some(Record {
        arrival,
        key,
        value: body,
        length: end as u64,
    })
}

/// Reads a whole segment: its records with their places, up to the first that is torn or damaged,
/// and how long the file is.
pub(super) fn read(path: &Path) -> io::Result<(Vec<(u64, Record)>, u64)> {
    let bytes = Bytes::from(fs::read(path)?);
    let mut records = Vec::new();
    let mut at = SEGMENT_MARK.len();
    if !bytes.starts_with(SEGMENT_MARK) {
        return Ok((records, bytes.len() as u64));
    }
    while let Some(record) = decode(&bytes.slice(at..)) {
        let length = record.length;
        records.push((at as u64, record));
        at += length as usize;
    }
    Ok((records, bytes.len() as u64))
}

/// Reads the record at a place of an open segment; `None` if it is not as it was written.
pub(super) fn read_at(file: &mut File, offset: u64, length: u64) -> io::Result<Option<Record>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(decode(&Bytes::from(bytes)))
}

/// The name of a segment.
pub(super) fn file_name(number: u64) -> String {
    format!("{number:020}.trades")
}

/// The number in a segment's name.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".trades")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}
