//! The one place that names bincode, so that it can be replaced, and so that nobody mixes its two
//! incompatible default configurations.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes are not a value of the wanted shape.
pub type CodecError = bincode::Error;

/// Largest payload that is believed. Unit: bytes. An event with 100 pools, or an expiry of 1,000
/// holds, stays far below; a damaged length must not allocate more.
const PAYLOAD_BYTES_MAX: u64 = 64 << 20;

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_varint_encoding().reject_trailing_bytes()
}

/// Appends the encoded value.
///
/// # Panics
/// Never for the shapes of `record`: all are plain data, far below the limit of [`decode`].
pub fn encode_into<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    // Under a limit bincode would walk every value twice, once to count.
    let unlimited = options().with_no_limit();
    unlimited.serialize_into(out, value).expect("records are plain data");
}

/// # Errors
/// When the bytes are not exactly one value of this shape.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    options().with_limit(PAYLOAD_BYTES_MAX).deserialize(bytes)
}

/// The first field of a value, whatever follows it.
///
/// # Errors
/// When the bytes do not begin with a number.
pub fn decode_first(bytes: &[u8]) -> Result<u64, CodecError> {
    bincode::DefaultOptions::new().with_varint_encoding().allow_trailing_bytes().deserialize(bytes)
}
