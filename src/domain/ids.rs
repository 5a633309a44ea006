//! Names of things. A value of these types is valid by construction: parsing is the only way in.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("must match [a-z0-9][a-z0-9-]{{0,63}}")]
    NotASlug,
    #[error("must have 1 to 255 printable characters")]
    NotPrintable,
}

/// An event's name in URLs, chosen by the organizer. Bounds: `[a-z0-9][a-z0-9-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Arc<str>);

/// A pool's name within its event. Bounds: `[a-z0-9][a-z0-9-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(Arc<str>);

/// Who puts events on the books, and whose they are. Bounds: `[a-z0-9][a-z0-9-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizerId(Arc<str>);

macro_rules! slug {
    ($name:ident) => {
        impl $name {
            /// # Errors
            /// [`IdError::NotASlug`]: tell the sender which characters are allowed.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if is_slug(text) { Ok(Self(text.into())) } else { Err(IdError::NotASlug) }
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

slug!(EventId);
slug!(PoolId);
slug!(OrganizerId);

fn is_slug(text: &str) -> bool {
    let bytes = text.as_bytes();
    let letter = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=64).contains(&bytes.len())
        && bytes.first().is_some_and(letter)
        && bytes.iter().all(|b| letter(b) || *b == b'-')
}

/// Whether `text` may be a customer name or an idempotency key: 1 to 255 printable characters.
#[must_use]
pub fn is_printable_name(text: &str) -> bool {
    // The byte bound first: it is free, and no 255 characters take more than 1,020 bytes.
    (1..=1_020).contains(&text.len())
        && text.chars().take(256).count() <= 255
        && text.chars().all(|c| !c.is_control() && !is_invisible(c))
}

/// Characters that print nothing or reorder what is printed; two names must not look alike by them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Who buys. Bounds: 1 to 255 printable characters, compared byte by byte.
///
/// Carries a table hash made once, where the request is parsed, so that the shard need not hash.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerId {
    table_hash: u64,
    text: Arc<str>,
}

impl CustomerId {
    /// # Errors
    /// [`IdError::NotPrintable`]: tell the sender the bounds.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if !is_printable_name(text) {
            return Err(IdError::NotPrintable);
        }
        // blake3, because customers choose their names and must not be able to make a table slow.
        let digest = blake3::hash(text.as_bytes());
        let head = digest.as_bytes()[..8].try_into().expect("eight of 32 bytes");
        Ok(Self { table_hash: u64::from_le_bytes(head), text: text.into() })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn table_hash(&self) -> u64 {
        self.table_hash
    }
}

impl fmt::Debug for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl Hash for CustomerId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.table_hash);
    }
}

/// An event's number in the journal: short, never reused, never shown to buyers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventNumber(pub u64);

/// A shard. Bounds: 0 to 1,023.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// A reservation within its event: a dense sequence number, and a salt from the edge that keeps
/// others from guessing it. Written as 24 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId {
    /// 1, 2, 3… within the event, in the order of the journal (INV-3).
    pub sequence: u64,
    pub salt: u32,
}

impl ReservationId {
    /// `None` when the text is not 24 lower-case hexadecimal digits: no such reservation exists.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 24 || !text.bytes().all(hex) {
            return None;
        }
        let sequence = u64::from_str_radix(&text[..16], 16).ok()?;
        let salt = u32::from_str_radix(&text[16..], 16).ok()?;
        Some(Self { sequence, salt })
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:08x}", self.sequence, self.salt)
    }
}

/// One e-ticket: the reservation that was paid for, and the ticket's number within it. Whoever cannot
/// guess the reservation cannot guess its tickets. Written as the reservation, a dash and the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TicketId {
    pub reservation: ReservationId,
    /// 1, 2, 3… within the reservation, in the order of its lines and units.
    pub number: u32,
}

impl TicketId {
    /// `None` when the text is not what [`TicketId`] writes: no such ticket exists.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (reservation, digits) = text.split_once('-')?;
        let is_plain = !digits.starts_with(['0', '+']);
        let number = digits.parse().ok().filter(|_| is_plain)?;
        Some(Self { reservation: ReservationId::parse(reservation)?, number })
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.reservation, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_has_64_letters_at_most_and_starts_with_no_dash() {
        assert!(EventId::parse("concert-a").is_ok());
        assert!(EventId::parse(&"a".repeat(64)).is_ok());
        for bad in ["", "-a", "A", "a_b", "a b", "ä", &"a".repeat(65)] {
            assert_eq!(EventId::parse(bad), Err(IdError::NotASlug), "{bad:?}");
        }
    }

    #[test]
    fn a_customer_has_1_to_255_printable_characters() {
        assert!(CustomerId::parse("fan-123").is_ok());
        assert!(CustomerId::parse(&"ü".repeat(255)).is_ok());
        for bad in ["", "a\nb", "a\u{0}", "a\u{202e}b", &"x".repeat(256)] {
            assert!(CustomerId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_reservation_id_reads_what_it_writes() {
        let id = ReservationId { sequence: 77, salt: 0xdead_beef };
        assert_eq!(ReservationId::parse(&id.to_string()), Some(id));
        for bad in ["", "77", "000000000000004DDEADBEEF", "+00000000000004ddeadbeef"] {
            assert_eq!(ReservationId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_ticket_id_reads_what_it_writes_and_nothing_else() {
        let reservation = ReservationId { sequence: 77, salt: 0xdead_beef };
        let id = TicketId { reservation, number: 10_000 };
        assert_eq!(id.to_string(), "000000000000004ddeadbeef-10000");
        assert_eq!(TicketId::parse(&id.to_string()), Some(id));
        for bad in ["", "-1", "+1", "-0", "-01", "-+1", "-1-1", "-4294967296"] {
            let text = if bad.is_empty() { bad.to_owned() } else { format!("{reservation}{bad}") };
            let fits = bad == "-1";
            assert_eq!(TicketId::parse(&text).is_some(), fits, "{text:?}");
        }
        assert_eq!(TicketId::parse("000000000000004DDEADBEEF-1"), None);
    }
}
