//! One record on disk: `kind u8 | version u8 | length u32 | crc32 u32 | payload`, integers
//! little-endian; the checksum covers everything but itself. Knows nothing of what payloads mean.

/// A record that passed its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: u8,
    pub version: u8,
    pub payload: &'a [u8],
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the frame is cut short")]
    Short,
    #[error("the checksum is wrong")]
    Checksum,
}

/// Bytes before the payload.
pub const HEADER: usize = 10;
const LENGTH_AT: usize = 2;
const CRC_AT: usize = 6;

/// Appends one frame; `payload_into` appends the payload in place.
///
/// # Panics
/// When the payload is 4 GiB or longer.
pub fn write_frame(
    out: &mut Vec<u8>,
    kind: u8,
    version: u8,
    payload_into: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[kind, version, 0, 0, 0, 0, 0, 0, 0, 0]);
    payload_into(out);
    let frame = &mut out[start..];
    let length = u32::try_from(frame.len() - HEADER).expect("a record is far below 4 GiB");
    frame[LENGTH_AT..CRC_AT].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(frame);
    frame[CRC_AT..HEADER].copy_from_slice(&crc.to_le_bytes());
}

/// The frames in `bytes`, in order; after an error, none.
pub fn read_frames(bytes: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, FrameError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let read = split_frame(rest).and_then(|(frame, after)| {
            rest = after;
            check(frame)
        });
        if read.is_err() {
            rest = &[];
        }
        Some(read)
    })
}

/// The first frame's bytes and what follows; the checksum is not looked at.
///
/// # Errors
/// [`FrameError::Short`].
pub fn split_frame(bytes: &[u8]) -> Result<(&[u8], &[u8]), FrameError> {
    let header = bytes.get(..HEADER).ok_or(FrameError::Short)?;
    let length = u32::from_le_bytes(word(header, LENGTH_AT)) as usize;
    bytes.split_at_checked(HEADER + length).ok_or(FrameError::Short)
}

fn check(frame: &[u8]) -> Result<Frame<'_>, FrameError> {
    if checksum(frame) != u32::from_le_bytes(word(frame, CRC_AT)) {
        return Err(FrameError::Checksum);
    }
    Ok(Frame { kind: frame[0], version: frame[1], payload: &frame[HEADER..] })
}

fn checksum(frame: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[..CRC_AT]);
    crc.update(&frame[HEADER..]);
    crc.finalize()
}

fn word(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes[at..at + 4].try_into().expect("four bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, 3, 1, |out| out.extend_from_slice(b"first"));
        write_frame(&mut bytes, 4, 2, |_| ());
        bytes
    }

    #[test]
    fn frames_read_back_in_order() {
        let bytes = two_frames();
        let frames: Vec<_> = read_frames(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(frames[0], Frame { kind: 3, version: 1, payload: b"first" });
        assert_eq!(frames[1], Frame { kind: 4, version: 2, payload: b"" });
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = two_frames();
        let whole: Vec<_> = read_frames(&bytes).collect();
        for at in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(read_frames(&bad).any(|frame| frame.is_err()), "bit {at}");
        }
        for cut in 1..bytes.len() {
            let read: Vec<_> = read_frames(&bytes[..cut]).collect();
            assert_ne!(read, whole, "cut at {cut}");
            assert!(cut == HEADER + 5 || read.iter().any(Result::is_err), "cut at {cut}");
        }
    }
}
