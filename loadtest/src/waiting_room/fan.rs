//! One fan: small, since there are a million of them in one table.

use anyhow::Context;
use data_encoding::BASE64URL_NOPAD;

use super::roles::Role;

/// Bytes of a token, not as text.
const TOKEN_BYTES: usize = 46;
/// Where in these the number in the line stands.
const NUMBER_AT: std::ops::Range<usize> = 10..14;

/// Not told, or not happened.
pub const NONE: u32 = u32::MAX;

/// What a fan does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Joins,
    JoinsAgain,
    InLine,
    /// Somebody else uses their token.
    Robbed,
    /// Has a pass and tries what does not work.
    Sneaks,
    Shops,
    /// Has units held, and pays, or not.
    Settles,
    Leaves,
    /// Asks once more after having left.
    LooksBack,
    Done,
}

/// What was remarkable about a fan, as bits.
pub mod mark {
    /// Was told that they are among those who come back.
    pub const RETURNED: u16 = 2;
    /// Was let in after that.
    pub const LET_IN_AGAIN: u16 = 4;
    /// Was away, or late by the doing of this program: may have been passed over.
    pub const WAS_AWAY: u16 = 8;
    /// Has a reservation.
    pub const BOUGHT: u16 = 16;
    /// Came to an end by themselves.
    pub const ENDED: u16 = 32;
    /// Joined before the doors, by what was told.
    pub const IN_DRAW: u16 = 64;
    /// Sent a token that is not quite theirs.
    pub const FORGED: u16 = 128;
    /// Already asked to leave.
    pub const LEFT: u16 = 256;
    /// Was told last that there is no chance.
    pub const TOLD_NONE: u16 = 512;
    /// Has tried what does not work.
    pub const TRIED: u16 = 1_024;
}

/// Times are milliseconds since the start of the run.
#[derive(Debug, Clone)]
pub struct Fan {
    pub(super) token: [u8; TOKEN_BYTES],
    pub role: Role,
    pub stage: Stage,
    /// The first chance that was told, see `chance`.
    pub chance: u8,
    /// How often each was told.
    pub chances: [u8; 4],
    pub polls: u8,
    pub marks: u16,
    /// In the line, as the token says.
    pub number: u32,
    /// The best that was told.
    pub place: u32,
    /// When the first wait was told, and what. Unit of these three: seconds.
    pub told_at: u32,
    pub low: u32,
    pub mid: u32,
    pub high: u32,
    /// When the first pass ends.
    pub pass_ends: u32,
    /// When the next step is due.
    pub due: u32,
    /// When to ask again, as told.
    pub asks_at: u32,
}

impl Fan {
    pub fn new(role: Role) -> Self {
        Self {
            token: [0; TOKEN_BYTES],
            role,
            stage: Stage::Joins,
            chance: u8::MAX,
            chances: [0; 4],
            polls: 0,
            marks: 0,
            number: NONE,
            place: NONE,
            told_at: NONE,
            low: 0,
            mid: 0,
            high: 0,
            pass_ends: NONE,
            due: 0,
            asks_at: 0,
        }
    }

    pub fn is(&self, mark: u16) -> bool {
        self.marks & mark != 0
    }

    pub fn set(&mut self, mark: u16) {
        self.marks |= mark;
    }

    /// Takes the token and gives the number in it.
    ///
    /// # Errors
    /// It is no token.
    pub fn take_token(&mut self, text: &str) -> anyhow::Result<u32> {
        let (bytes, number) = read_token(text)?;
        self.token = bytes;
        Ok(number)
    }

    pub fn token(&self) -> String {
        BASE64URL_NOPAD.encode(&self.token)
    }

    /// The token with one bit of its own turned.
    pub fn forged(&self, luck: u64) -> String {
        let mut bytes = self.token;
        let bit = usize::try_from(luck % (TOKEN_BYTES as u64 * 8)).unwrap_or_default();
        bytes[bit / 8] ^= 1 << (bit % 8);
        BASE64URL_NOPAD.encode(&bytes)
    }
}

fn read_token(text: &str) -> anyhow::Result<([u8; TOKEN_BYTES], u32)> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).with_context(|| text.to_owned())?;
    let bytes: [u8; TOKEN_BYTES] =
        bytes.try_into().map_err(|_| anyhow::anyhow!("a token of another length: {text}"))?;
    let number = bytes[NUMBER_AT].iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    Ok((bytes, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_fans_fit_into_a_hundred_megabytes() {
        assert!(size_of::<Fan>() <= 100, "{}", size_of::<Fan>());
    }

    #[test]
    fn a_token_keeps_its_text_and_tells_its_number() {
        let mut bytes = [7; TOKEN_BYTES];
        bytes[NUMBER_AT].copy_from_slice(&70_000_u32.to_be_bytes());
        let text = BASE64URL_NOPAD.encode(&bytes);
        let mut fan = Fan::new(Role::Plain);
        assert_eq!(fan.take_token(&text).expect("a token"), 70_000);
        assert_eq!(fan.token(), text);
        assert_ne!(fan.forged(12_345), text);
        assert!(fan.take_token("abc").is_err());
    }
}
