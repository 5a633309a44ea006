//! Instants and lengths of time as the rules see them: numbers handed in, never read from a clock.

/// An instant. Unit: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
///
/// Bounds: 0 to the year 9999 when it comes from outside (checked where it is parsed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// Last instant of the year 9999, the largest that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The instant `length_ms` milliseconds later; stays at [`UnixMillis::MAX`] rather than wrap.
    #[must_use]
    pub fn plus_millis(self, length_ms: u64) -> Self {
        Self(self.0.saturating_add(length_ms).min(Self::MAX.0))
    }

    /// The instant `length_s` seconds later.
    #[must_use]
    pub fn plus_seconds(self, length_s: u32) -> Self {
        self.plus_millis(u64::from(length_s) * 1_000)
    }
}

/// How long reserved units stay off the market while the buyer pays.
///
/// Unit:   seconds, from the fact that made the reservation.
/// Bounds: 1 to 86,400. Longer, and a few scripts keep a hall looking sold out for days.
/// Source: the event's `sale.hold_seconds`, else `config.toml` `[sale] hold_seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldLength(u32);

impl HoldLength {
    /// Shortest hold, in seconds.
    pub const SECONDS_MIN: u32 = 1;
    /// Longest hold, in seconds.
    pub const SECONDS_MAX: u32 = 86_400;

    /// A checked length, or `None` when `seconds` is out of bounds.
    #[must_use]
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        (Self::SECONDS_MIN..=Self::SECONDS_MAX).contains(&seconds).then_some(Self(seconds))
    }

    /// Unit: seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}
