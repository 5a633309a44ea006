//! What a code says, and how it is written.

use data_encoding::BASE32_NOPAD;

use super::key::{KeyId, SIGNATURE_BYTES, SigningKey};
use crate::domain::ids::{EventId, TicketId, is_printable_name};
use crate::domain::time::UnixMillis;

/// Begins every code and is signed with it: format and version. A QR writes it in alphanumeric mode.
pub(super) const PREFIX: &str = "ONSALE1.";

/// Right of one person to enter an event once, as its code tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketCode {
    pub event: EventId,
    pub ticket: TicketId,
    /// What it admits to, for the person at the door: pool, or row and seat.
    pub unit: UnitLabel,
    pub validity: Validity,
}

impl TicketCode {
    /// Bound of a code's length, in characters; what is longer was not written here.
    pub const CHARS_MAX: usize = 400;

    /// The text that the QR shows. Equal arguments give an equal text.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let mut bytes = self.payload(key.id());
        let signature = key.sign(&signed_message(&bytes));
        bytes.extend_from_slice(&signature);
        let mut text = String::from(PREFIX);
        BASE32_NOPAD.encode_append(&bytes, &mut text);
        text
    }

    /// All bytes but the signature.
    pub(super) fn payload(&self, key: KeyId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128 + SIGNATURE_BYTES);
        bytes.extend_from_slice(&key.0);
        put_text(&mut bytes, self.event.as_str());
        put_number(&mut bytes, self.ticket.reservation.sequence);
        bytes.extend_from_slice(&self.ticket.reservation.salt.to_be_bytes());
        put_number(&mut bytes, u64::from(self.ticket.number));
        put_text(&mut bytes, self.unit.as_str());
        put_number(&mut bytes, self.validity.from_s);
        put_number(&mut bytes, self.validity.until_s - self.validity.from_s);
        bytes
    }
}

/// The prefix is signed too, so that no signature for another purpose or version passes for a ticket.
pub(super) fn signed_message(payload: &[u8]) -> Vec<u8> {
    [PREFIX.as_bytes(), payload].concat()
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).expect("slugs and labels have 64 bytes at most");
    bytes.push(length);
    bytes.extend_from_slice(text.as_bytes());
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while 0x7f < number {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// What a ticket admits to, as one line. Bounds: 1 to 64 bytes of printable UTF-8; longer, and the QR
/// becomes too fine for an old phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitLabel(String);

impl UnitLabel {
    pub const BYTES_MAX: usize = 64;

    /// `None` when `text` is out of bounds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() <= Self::BYTES_MAX && is_printable_name(text);
        fits.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// When a code admits. Unit: Unix seconds; from is inclusive, until is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    from_s: u64,
    until_s: u64,
}

impl Validity {
    /// From the second in which `from` lies to the end of the second in which `until` lies.
    /// `None` when nothing is in between.
    #[must_use]
    pub fn between(from: UnixMillis, until: UnixMillis) -> Option<Self> {
        Self::from_seconds(from.0 / 1_000, until.0.div_ceil(1_000))
    }

    /// `None` when it is empty or ends after the year 9999.
    pub(super) fn from_seconds(from_s: u64, until_s: u64) -> Option<Self> {
        let until_s_max = UnixMillis::MAX.0.div_ceil(1_000);
        (from_s < until_s && until_s <= until_s_max).then_some(Self { from_s, until_s })
    }

    #[must_use]
    pub fn from(self) -> UnixMillis {
        UnixMillis(self.from_s * 1_000)
    }

    #[must_use]
    pub fn until(self) -> UnixMillis {
        UnixMillis(self.until_s * 1_000)
    }
}

/// Why a code does not admit. Variants stand in the order of the checks; the first that applies is said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    #[error("this is no ticket code")]
    Malformed,
    #[error("signed with the unknown key {key}")]
    UnknownKey { key: KeyId },
    #[error("the signature is not ours: forged, or damaged")]
    BadSignature,
    #[error("a ticket for {event}")]
    OtherEvent { event: EventId },
    #[error("admits from {} on, in Unix milliseconds", from.0)]
    NotYetValid { from: UnixMillis },
    #[error("admitted until {}, in Unix milliseconds", until.0)]
    Expired { until: UnixMillis },
}
