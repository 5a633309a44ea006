//! The code of an e-ticket: what the QR shows and what a door reads, with or without a network.
//!
//! ```text
//! ONSALE1.<base32, RFC 4648, no padding>      the base32 holds:
//!
//! key          4 bytes    first bytes of BLAKE3(public key)
//! event        1 + n      length, then the event's slug
//! reservation  1..10 + 4  varint sequence, 4 bytes salt
//! number       1..5       varint, the ticket's number in its reservation
//! unit         1 + n      length, then a UTF-8 label for the person at the door
//! valid from   1..10      varint, Unix seconds, inclusive
//! valid for    1..10      varint, seconds
//! signature    64         Ed25519 over the text `ONSALE1.` and all the bytes above
//! ```
//!
//! Numbers are big-endian; a varint is LEB128, seven bits a byte, lowest first, in its shortest form.
//!
//! Why base32: a QR packs capitals, digits and `.` into 5.5 bits each (alphanumeric mode), so base32
//! needs 10 % more than the bare bytes, while base64url is stuck in byte mode and needs 33 % more: one
//! size of QR larger. Base45 would save 7 %, but writes spaces and `%`, which do not survive a URL, a
//! log or a phone call. A code of usual length is a 45 x 45 QR at error correction M.
//!
//! One text, one ticket: whatever is not exactly what [`TicketCode::sign`] writes is refused, so that
//! a list of redeemed or revoked codes cannot be passed by respelling one. No name of a person is in
//! it: a code is shown to strangers.

mod code;
mod key;
mod pass;
mod unverified;

pub use code::{CodeError, TicketCode, UnitLabel, Validity};
pub use key::{KeyId, KeyRing, PublicKey, SigningKey};
pub use pass::PassToken;
pub use unverified::Unverified;

#[cfg(test)]
mod tests;
