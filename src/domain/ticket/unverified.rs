//! Reading a code: first its form, then its signature, then whether it admits here and now.

use data_encoding::BASE32_NOPAD;

use super::code::{CodeError, PREFIX, TicketCode, UnitLabel, Validity, signed_message};
use super::key::{KeyId, KeyRing, SIGNATURE_BYTES};
use crate::domain::ids::{EventId, ReservationId, TicketId};
use crate::domain::time::UnixMillis;

/// A well-formed code that anybody may have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    key: KeyId,
    claims: TicketCode,
    payload: Vec<u8>,
    signature: [u8; SIGNATURE_BYTES],
}

impl Unverified {
    /// Reads what a scanner saw. Accepts only what [`TicketCode::sign`] writes, byte by byte.
    ///
    /// # Errors
    /// [`CodeError::Malformed`]: another QR, or one read wrongly; scan again.
    pub fn read(text: &str) -> Result<Self, CodeError> {
        Self::parse(text).ok_or(CodeError::Malformed)
    }

    fn parse(text: &str) -> Option<Self> {
        if TicketCode::CHARS_MAX < text.len() {
            return None;
        }
        let bytes = BASE32_NOPAD.decode(text.strip_prefix(PREFIX)?.as_bytes()).ok()?;
        let (payload, signature) = bytes.split_last_chunk::<SIGNATURE_BYTES>()?;
        let (key, claims) = parse_payload(payload)?;
        // Long varints say the same number twice: only one spelling of each code is good.
        let is_canonical = claims.payload(key) == payload;
        let (payload, signature) = (payload.to_vec(), *signature);
        is_canonical.then_some(Self { key, claims, payload, signature })
    }

    /// The key that is said to have signed it.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The event it says to be for: picks the keys, proves nothing.
    #[must_use]
    pub fn event(&self) -> &EventId {
        &self.claims.event
    }

    /// The ticket, if one of `keys` signed it and it admits to `event` at `now`. Whether it has been
    /// redeemed or revoked stands in the books, not in the code.
    ///
    /// # Errors
    /// In this order: [`CodeError::UnknownKey`] (fetch the keys anew), [`CodeError::BadSignature`] (do
    /// not admit), [`CodeError::OtherEvent`], [`CodeError::NotYetValid`], [`CodeError::Expired`].
    pub fn verify(
        self,
        keys: &KeyRing,
        event: &EventId,
        now: UnixMillis,
    ) -> Result<TicketCode, CodeError> {
        let key = keys.get(self.key).ok_or(CodeError::UnknownKey { key: self.key })?;
        if !key.accepts(&signed_message(&self.payload), &self.signature) {
            return Err(CodeError::BadSignature);
        }
        let (from, until) = (self.claims.validity.from(), self.claims.validity.until());
        if self.claims.event != *event {
            return Err(CodeError::OtherEvent { event: self.claims.event });
        }
        if now < from {
            return Err(CodeError::NotYetValid { from });
        }
        if until <= now {
            return Err(CodeError::Expired { until });
        }
        Ok(self.claims)
    }
}

fn parse_payload(payload: &[u8]) -> Option<(KeyId, TicketCode)> {
    let (key, rest) = payload.split_first_chunk()?;
    let (event, rest) = take_text(rest)?;
    let (sequence, rest) = take_number(rest)?;
    let (salt, rest) = rest.split_first_chunk()?;
    let (number, rest) = take_number(rest)?;
    let (unit, rest) = take_text(rest)?;
    let (from_s, rest) = take_number(rest)?;
    let (length_s, rest) = take_number(rest)?;
    let reservation = ReservationId { sequence, salt: u32::from_be_bytes(*salt) };
    let code = TicketCode {
        event: EventId::parse(event).ok()?,
        ticket: TicketId { reservation, number: u32::try_from(number).ok()? },
        unit: UnitLabel::parse(unit)?,
        validity: Validity::from_seconds(from_s, from_s.checked_add(length_s)?)?,
    };
    rest.is_empty().then_some((KeyId(*key), code))
}

fn take_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

fn take_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let part = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if at == 9 && 1 < part {
            return None;
        }
        number |= part << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}
