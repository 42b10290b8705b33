//! The files of others' trades: appended to in segments, and bounded in bytes.
//!
//! What has to go is left out of the index at once, and its bytes leave the disk with their segment.
//! When a segment is full, the next one is begun, and the one with the fewest bytes that still count
//! is emptied into it and removed. There is always room left for one segment more, so the files
//! never take more than the bound, not even meanwhile.

use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tracing::warn;

use super::super::log::Media;
use super::HistoryLimits;
use super::index::{Index, Place};
use super::segment::{self, Record, SEGMENT_MARK, Segment};
use crate::node::share_of;
use crate::types::Millis;

/// So many segments make up the bound.
const SEGMENTS: u64 = 32;
/// So many segments' bytes may count: the rest is room to move.
const COUNTING: u64 = 24;
/// What a folder takes.
const FOLDER: u64 = 4096;

/// The trades of others on the disk.
#[derive(Debug)]
pub(super) struct Ring {
    folder: PathBuf,
    media: Arc<dyn Media>,
    limits: HistoryLimits,
    segments: std::collections::BTreeMap<u64, Segment>,
    /// The segment that is appended to.
    current: Option<u64>,
    next: u64,
    index: Index,
    /// The last record could not be written; told once.
    failing: bool,
}

/// Where to read entries of a page that was asked for.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) places: Vec<(File, u64, u64)>,
    /// Whether there are more, and the key of the last one here.
    pub(super) more: bool,
    pub(super) last: Option<Bytes>,
}

impl Ring {
    /// Reads what is there. Nothing is made before something is written, and what is damaged is left
    /// out: other nodes have it.
    pub(super) fn open(
        folder: PathBuf,
        media: Arc<dyn Media>,
        limits: HistoryLimits,
        now: Millis,
    ) -> io::Result<Self> {
        let mut ring = Self {
            folder,
            media,
            limits,
            segments: std::collections::BTreeMap::new(),
            current: None,
            next: 1,
            index: Index::default(),
            failing: false,
        };
        ring.read()?;
        if !limits.is_read_only() {
            ring.expire(now);
            ring.make_room(0);
            ring.fit();
        }
        Ok(ring)
    }

    /// Writes a trade down that the node needs, unless it is there. What can't be written is left out.
    pub(super) fn insert(&mut self, key: &Bytes, value: &Bytes, now: Millis) {
        if self.limits.keeps_nothing() || self.limits.is_read_only() {
            return;
        }
        self.expire(now);
        if self.index.get(key).is_none() {
            let Some(record) = segment::encode(now, key, value) else {
                return;
            };
            if SEGMENT_MARK.len() + record.len() > self.segment_bytes() as usize {
                return;
            }
            self.make_room(record.len() as u64);
            let Some(place) = self.append(&record) else {
                return;
            };
            self.index.insert(key.clone(), share_of(value), now, place);
        }
        self.index.set_needed(key, true);
    }

    /// The node needs a trade no more: it is history.
    pub(super) fn release(&mut self, key: &[u8]) {
        self.index.set_needed(key, false);
    }

    /// Takes out what is too old.
    pub(super) fn expire(&mut self, now: Millis) {
        if self.limits.is_read_only() {
            return;
        }
        let age = self.limits.age;
        while let Some((key, slot)) = self.index.oldest() {
            if now.since(slot.arrival) < age {
                break;
            }
            let key = key.clone();
            self.drop_record(&key);
        }
        self.remove_dead();
    }

    /// The keys of what a node remembers after a start, which it needs from now on.
    pub(super) fn recall(&mut self, most: usize) -> Vec<Bytes> {
        let keys = self.index.newest(most);
        for key in &keys {
            self.index.set_needed(key, true);
        }
        keys
    }

    /// Where one record is.
    pub(super) fn find(&self, key: &[u8]) -> io::Result<Option<(File, u64, u64)>> {
        let slot = self.index.get(key);
        slot.map_or(Ok(None), |slot| self.locate(slot.place))
    }

    /// Where the first `limit` records with these keys are, from either end.
    pub(super) fn range(
        &self,
        keys: (Bound<&[u8]>, Bound<&[u8]>),
        backward: bool,
        limit: usize,
        now: Millis,
    ) -> io::Result<Found> {
        let young = |slot: &super::index::Slot| now.since(slot.arrival) < self.limits.age;
        let mut range: Box<dyn Iterator<Item = _>> = match backward {
            true => Box::new(self.index.range(keys).rev()),
            false => Box::new(self.index.range(keys)),
        };
        let mut found = Found::default();
        for (key, slot) in range.by_ref().take(limit) {
            if young(slot) {
                found.places.extend(self.locate(slot.place)?);
            }
            found.last = Some(key.clone());
        }
        found.more = range.next().is_some();
        Ok(found)
    }

    /// `None` where somebody removed the file.
    fn locate(&self, place: Place) -> io::Result<Option<(File, u64, u64)>> {
        let Some(segment) = self.segments.get(&place.segment) else {
            return Ok(None);
        };
        match File::open(&segment.path) {
            // What is open stays readable when it is removed meanwhile.
            Ok(file) => Ok(Some((file, place.offset, place.length))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut numbers = Vec::new();
        match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => {
                for entry in entries? {
                    numbers.extend(entry?.file_name().to_str().and_then(segment::number_of));
                }
            }
        }
        numbers.sort_unstable();
        let mut all: Vec<(Bytes, u64, Millis, Place)> = Vec::new();
        for number in numbers {
            let path = self.folder.join(segment::file_name(number));
            let (records, length) = segment::read(&path)?;
            let segment = Segment {
                path,
                length,
                live: 0,
                medium: None,
            };
            self.segments.insert(number, segment);
            self.next = number + 1;
            all.extend(records.into_iter().map(|(offset, record)| {
                let length = record.length;
                let place = Place {
                    segment: number,
                    offset,
                    length,
                };
                // A copy, so that the segment's bytes are let go.
                let key = Bytes::copy_from_slice(&record.key);
                (key, share_of(&record.value), record.arrival, place)
            }));
        }
        // What was moved is twice there after a crash, and keeps its time.
        all.sort_by_key(|(_, _, arrival, _)| *arrival);
        for (key, share, arrival, place) in all {
            if self.index.get(&key).is_none() {
                self.index.insert(key, share, arrival, place);
                self.count(place.segment, |live| live + place.length);
            }
        }
        Ok(())
    }

    /// The most bytes of one segment.
    fn segment_bytes(&self) -> u64 {
        self.limits.bytes / SEGMENTS
    }

    /// What all files take on the disk.
    pub(super) fn size(&self) -> u64 {
        FOLDER + self.segments.values().map(Segment::size).sum::<u64>()
    }

    /// Takes out records until another of this length may count.
    fn make_room(&mut self, length: u64) {
        let room = COUNTING * self.segment_bytes();
        while self.index.bytes() + length > room {
            let Some(victim) = self.index.victim(room) else {
                return;
            };
            self.drop_record(&victim);
        }
    }

    fn drop_record(&mut self, key: &[u8]) {
        if let Some(slot) = self.index.remove(key) {
            let length = slot.place.length;
            self.count(slot.place.segment, |live| live.saturating_sub(length));
        }
    }

    fn count(&mut self, segment: u64, change: impl FnOnce(u64) -> u64) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.live = change(segment.live);
        }
    }

    /// Appends to the current segment, or to the next.
    fn append(&mut self, record: &[u8]) -> Option<Place> {
        let room = self.segment_bytes();
        let fits = |segment: &Segment| segment.length + record.len() as u64 <= room;
        let current = self.current.and_then(|number| self.segments.get(&number));
        let written = match current.is_some_and(fits) {
            true => self.write(record),
            false => self.roll().and_then(|()| self.write(record)),
        };
        match written {
            Ok(place) => {
                self.failing = false;
                Some(place)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    let path = self.folder.display();
                    warn!(%path, %error, "others' trades can't be written down and are left out");
                }
                None
            }
        }
    }

    fn write(&mut self, record: &[u8]) -> io::Result<Place> {
        let current = self.current.ok_or(io::ErrorKind::NotFound)?;
        let segment = self.segments.get_mut(&current);
        let segment = segment.ok_or(io::ErrorKind::NotFound)?;
        let medium = segment.medium.clone().ok_or(io::ErrorKind::NotFound)?;
        if let Err(error) = medium.append(record) {
            if medium.cut(segment.length).is_err() {
                // What follows a part of a record is not found: the next one goes elsewhere.
                let length = fs::metadata(&segment.path).map(|data| data.len());
                segment.length = length.unwrap_or(segment.length + record.len() as u64);
                self.seal();
            }
            return Err(error);
        }
        let place = Place {
            segment: current,
            offset: segment.length,
            length: record.len() as u64,
        };
        segment.length += place.length;
        segment.live += place.length;
        Ok(place)
    }

    fn seal(&mut self) {
        let current = self.current.take();
        if let Some(segment) = current.and_then(|number| self.segments.get_mut(&number)) {
            segment.medium = None;
        }
    }

    /// Begins the next segment, and makes room for the one after it.
    fn roll(&mut self) -> io::Result<()> {
        self.seal();
        self.remove_dead();
        if self.size() + self.segment_bytes() > self.limits.bytes {
            // A file could not be removed.
            self.fit();
            if self.size() + self.segment_bytes() > self.limits.bytes {
                return Err(io::Error::other("there are files that can't be removed"));
            }
        }
        if !self.folder.is_dir() {
            crate::storage::data_dir::create(&self.folder)?;
        }
        let number = self.next;
        self.next += 1;
        let path = self.folder.join(segment::file_name(number));
        let medium = self.media.create(&path)?;
        let segment = Segment {
            path,
            length: SEGMENT_MARK.len() as u64,
            live: 0,
            medium: Some(Arc::clone(&medium)),
        };
        self.segments.insert(number, segment);
        self.current = Some(number);
        if let Err(error) = medium.append(SEGMENT_MARK) {
            self.seal();
            self.remove_dead();
            return Err(error);
        }
        self.fit();
        Ok(())
    }

    /// Empties segments until one more fits beside the current one.
    fn fit(&mut self) {
        let whole = self.segment_bytes();
        loop {
            let current = self.current.and_then(|number| self.segments.get(&number));
            let used = current.map_or(0, Segment::size);
            let reserved = if current.is_some() { 2 * whole } else { whole };
            if self.size() - used + reserved <= self.limits.bytes {
                return;
            }
            let left = current.map_or(0, |segment| whole.saturating_sub(segment.length));
            let sealed = self
                .segments
                .iter()
                .filter(|(number, _)| Some(**number) != self.current);
            let least = sealed.min_by_key(|(_, segment)| segment.live);
            let Some((number, live)) = least.map(|(number, segment)| (*number, segment.live))
            else {
                return;
            };
            if live > left && left > whole / 8 * 7 && live <= whole {
                // Nearly all of it counts: somebody's oldest have to go first.
                match self.index.victim(COUNTING * whole) {
                    Some(victim) => self.drop_record(&victim),
                    None => return,
                }
                continue;
            }
            let before = self.segments.len();
            self.empty(number, live <= left);
            self.remove_dead();
            if self.segments.len() == before {
                return;
            }
        }
    }

    /// Moves what counts in a segment to the current one, if it fits, or lets go of it.
    fn empty(&mut self, number: u64, fits: bool) {
        let Some(path) = self
            .segments
            .get(&number)
            .map(|segment| segment.path.clone())
        else {
            return;
        };
        let records = segment::read(&path).map(|(records, _)| records);
        let mut moved = false;
        for (offset, record) in records.unwrap_or_default() {
            let here = |place: Place| (place.segment, place.offset) == (number, offset);
            let slot = self.index.get(&record.key);
            if slot.is_none_or(|slot| !here(slot.place)) {
                continue;
            }
            let copy = fits.then(|| self.copy(&record)).flatten();
            match copy {
                Some(place) => {
                    self.index.moved(&record.key, place);
                    self.count(number, |live| live.saturating_sub(record.length));
                    moved = true;
                }
                None => self.drop_record(&record.key),
            }
        }
        let current = self.current.and_then(|number| self.segments.get(&number));
        if moved && let Some(medium) = current.and_then(|segment| segment.medium.as_ref()) {
            // If it fails they may be lost with the machine, as what was just written may.
            let _ = medium.flush();
            let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
        }
        // What could not be read is gone from the index with it.
        let lost: Vec<Bytes> = self.index.in_segment(number);
        for key in lost {
            self.drop_record(&key);
        }
    }

    fn copy(&mut self, record: &Record) -> Option<Place> {
        let bytes = segment::encode(record.arrival, &record.key, &record.value)?;
        self.write(&bytes).ok()
    }

    /// Removes the files in which nothing counts any more.
    fn remove_dead(&mut self) {
        let (media, current) = (Arc::clone(&self.media), self.current);
        self.segments.retain(|number, segment| {
            if segment.live > 0 || Some(*number) == current {
                return true;
            }
            // One that can't be removed is tried again.
            let removed = media.remove(&segment.path);
            removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
    }
}
