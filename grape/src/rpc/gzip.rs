//! Compressed bodies.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

/// Why a body was not unpacked.
#[derive(Debug)]
pub(super) enum Unpacked {
    /// It is not compressed.
    Not,
    /// It has more bytes than are read.
    TooLong,
}

/// Unpacks a body to at most `most` bytes, however small it is packed.
pub(super) fn unpack(body: &[u8], most: usize) -> Result<Vec<u8>, Unpacked> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = GzDecoder::new(body).take(limit).read_to_end(&mut unpacked);
    if read.is_err() {
        return Err(Unpacked::Not);
    }
    match unpacked.len() <= most {
        true => Ok(unpacked),
        false => Err(Unpacked::TooLong),
    }
}

pub(super) fn pack(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(body)?;
    packer.finish()
}

#[cfg(test)]
mod tests {
    use super::{Unpacked, pack, unpack};

    #[test]
    fn what_is_packed_is_unpacked_up_to_a_bound() {
        let body = vec![b'x'; 100_000];
        let packed = pack(&body).unwrap();
        assert!(packed.len() < 1000);
        assert_eq!(unpack(&packed, 100_000).unwrap(), body);
        let bomb = unpack(&packed, 99_999);
        assert!(matches!(bomb, Err(Unpacked::TooLong)));
        assert!(matches!(unpack(b"[1]", 99), Err(Unpacked::Not)));
        assert!(matches!(
            unpack(&packed[..50], 99_999_999),
            Err(Unpacked::Not)
        ));
    }
}
