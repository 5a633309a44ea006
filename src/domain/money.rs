//! Money in minor units. Never a fraction, never a float.

/// An amount in one currency. Bounds of `amount`: 0 to 10^15, the total of the largest reservation
/// at [`Money::PRICE_MAX`]; every amount is thus an exact integer in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// Unit: minor units of `currency` (cents for EUR).
    pub amount: u64,
    pub currency: Currency,
}

impl Money {
    /// Largest price of one unit that the API accepts. Unit: minor units. 10^9 keeps the total of the
    /// largest reservation (100 lines of 10,000 units) at 10^15, within JSON's exact integers.
    pub const PRICE_MAX: u64 = 1_000_000_000;

    /// `units` times this price.
    #[must_use]
    pub fn times(self, units: u32) -> Self {
        Self { amount: self.amount * u64::from(units), currency: self.currency }
    }
}

/// A currency code as ISO 4217 writes it: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Currency([u8; 3]);

impl Currency {
    /// A checked code, or `None` when it is not three capital ASCII letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a Currency is three ASCII letters by construction")
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
