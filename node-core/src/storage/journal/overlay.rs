//! A file that is read and never written: what is written over it stays in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// Bytes that are copied into memory together.
const PAGE: usize = 4096;

/// Tables that are only read may have to be mended first, after a crash. That takes writes, a few
/// of its pages: they are kept here.
#[derive(Debug)]
pub(super) struct Overlay(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Absent where there is no file.
    base: Option<File>,
    /// So much of the file is still to be seen.
    base_length: u64,
    length: u64,
    /// Written pages by their number.
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

impl Overlay {
    /// Over this file, or over nothing.
    pub(super) fn new(base: Option<File>) -> io::Result<Self> {
        let length = base
            .as_ref()
            .map_or(Ok(0), |file| file.metadata().map(|metadata| metadata.len()))?;
        Ok(Self(Mutex::new(State {
            base,
            base_length: length,
            length,
            pages: BTreeMap::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Fills `out` from the file, with zeros behind its end.
    fn read_base(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = self.base_length.saturating_sub(offset);
        let there = usize::try_from(there).unwrap_or(usize::MAX).min(out.len());
        let (there, beyond) = out.split_at_mut(there);
        beyond.fill(0);
        if let (Some(file), false) = (&mut self.base, there.is_empty()) {
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(there)?;
        }
        Ok(())
    }

    fn page_to_write(&mut self, number: u64) -> io::Result<&mut [u8; PAGE]> {
        if !self.pages.contains_key(&number) {
            let mut page = Box::new([0; PAGE]);
            self.read_base(number * PAGE as u64, &mut page[..])?;
            self.pages.insert(number, page);
        }
        let page = self.pages.get_mut(&number);
        page.map(|page| &mut **page)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The parts of `length` bytes from `offset` on that are in one page each: the page's number, where
/// in it the part begins, and how long it is.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut at = offset;
    let mut left = length;
    std::iter::from_fn(move || {
        let start = usize::try_from(at % PAGE as u64).unwrap_or(0);
        let part = (PAGE - start).min(left);
        let number = at / PAGE as u64;
        at += part as u64;
        left -= part;
        (part > 0).then_some((number, start, part))
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.lock();
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > state.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        state.read_base(offset, out)?;
        let mut rest = out;
        for (number, start, length) in parts(offset, rest.len()) {
            let (part, behind) = rest.split_at_mut(length);
            if let Some(page) = state.pages.get(&number) {
                part.copy_from_slice(&page[start..start + length]);
            }
            rest = behind;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.lock();
        if length < state.length {
            state.base_length = state.base_length.min(length);
            let whole = length.div_ceil(PAGE as u64);
            state.pages.split_off(&whole);
            let kept = usize::try_from(length % PAGE as u64).unwrap_or(0);
            if kept > 0
                && let Some(page) = state.pages.get_mut(&(length / PAGE as u64))
            {
                page[kept..].fill(0);
            }
        }
        state.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        let end = offset.checked_add(data.len() as u64);
        let end = end.ok_or(io::ErrorKind::InvalidInput)?;
        let mut rest = data;
        for (number, start, length) in parts(offset, rest.len()) {
            let (part, behind) = rest.split_at(length);
            state.page_to_write(number)?[start..start + length].copy_from_slice(part);
            rest = behind;
        }
        state.length = state.length.max(end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn overlay_reads_as_a_file_and_leaves_the_base_alone(
            base in vec(any::<u8>(), 0..3 * PAGE),
            steps in vec((0..4 * PAGE, vec(1..u8::MAX, 0..PAGE), any::<bool>()), 0..12),
        ) {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&base).unwrap();
            let overlay = Overlay::new(Some(file.try_clone().unwrap())).unwrap();
            let mut expected = base.clone();
            for (offset, data, resize) in steps {
                if resize {
                    overlay.set_len(offset as u64).unwrap();
                    expected.resize(offset, 0);
                } else {
                    overlay.write(offset as u64, &data).unwrap();
                    let end = offset + data.len();
                    expected.resize(expected.len().max(end), 0);
                    expected[offset..end].copy_from_slice(&data);
                }
                prop_assert_eq!(overlay.len().unwrap(), expected.len() as u64);
                let mut read = vec![7; expected.len()];
                overlay.read(0, &mut read).unwrap();
                prop_assert!(read == expected);
            }
            prop_assert!(overlay.read(expected.len() as u64, &mut [0]).is_err());
            let mut left = Vec::new();
            file.seek(SeekFrom::Start(0)).unwrap();
            file.read_to_end(&mut left).unwrap();
            prop_assert!(left == base);
        }
    }
}
