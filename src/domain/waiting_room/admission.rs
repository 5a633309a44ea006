//! How many may come in now, from the pace that is set, from who shops, and from what is left to sell.

use crate::domain::time::UnixMillis;

/// What the clockwork looks at. Absent fans are asked for one by one, when their turn has come.
pub struct TickInput<'a> {
    /// What the event's shard said since the last tick; absent: nothing, so nobody is let in.
    pub heard: Option<&'a Heard>,
    /// Whether the fan with this number has been gone for too long.
    pub absent: &'a dyn Fn(u32) -> bool,
    /// Passes that the pace allows now, see [`Tokens`].
    pub tokens: u32,
    /// Demand is low enough that a room in the mode `auto` may rest.
    pub calm: bool,
}

/// One consistent answer of the event's shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// All passes used after those that were asked for, in the order of their use.
    pub uses: Vec<u32>,
    /// How many passes were used in all, the last of `uses` among them.
    pub heard: u64,
    /// Live reservations made with a pass.
    pub shopping: u32,
    /// Unit: units, over all pools.
    pub available_units: u64,
    /// When it was so.
    pub as_of: UnixMillis,
}

/// What [`want`] looks at.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionInput {
    pub tokens: u32,
    pub active_max: u32,
    /// Passes that are out and may still be used.
    pub ready: u32,
    pub shopping: u32,
    pub available_units: u64,
    pub units_per_pass_hundredths: u32,
}

/// How many passes to give out now: the least of what the pace allows, of the room for more shoppers,
/// and of what the stock can still serve beyond the passes that are out.
#[must_use]
pub fn want(input: &AdmissionInput) -> u32 {
    let active = u64::from(input.ready) + u64::from(input.shopping);
    let room = u64::from(input.active_max).saturating_sub(active);
    let per_pass = u64::from(input.units_per_pass_hundredths.max(1));
    let served = input.available_units.saturating_mul(100).div_ceil(per_pass);
    let stock = served.saturating_sub(u64::from(input.ready));
    let least = u64::from(input.tokens).min(room).min(stock);
    u32::try_from(least).expect("at most the tokens, which fit")
}

/// Passes that the pace allows and that were not given out. Not journaled: after a restart it begins
/// empty, so a crash never lets in more.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokens {
    /// Unit: 1/60,000 of a pass, so that each millisecond at each pace adds a whole number.
    parts: u64,
}

impl Tokens {
    const PER_PASS: u64 = 60_000;

    /// `elapsed_ms` passed at this pace, slowed by `pace` (0 to 1). At most one second's worth is saved,
    /// or one pass, so that a pause is not followed by a rush.
    pub fn refill(&mut self, elapsed_ms: u64, rate_per_minute: u32, pace: f64) {
        let rate = u64::from(rate_per_minute);
        let full = (rate * 1_000).max(Self::PER_PASS);
        let added = elapsed_ms.min(1_000) * rate;
        // A thousandth is fine enough for a brake.
        let thousandths = (pace.clamp(0.0, 1.0) * 1_000.0).round() as u64;
        self.parts = (self.parts + added * thousandths / 1_000).min(full);
    }

    /// Whole passes.
    #[must_use]
    pub fn whole(&self) -> u32 {
        u32::try_from(self.parts / Self::PER_PASS).unwrap_or(u32::MAX)
    }

    /// So many were given out.
    pub fn take(&mut self, passes: u32) {
        self.parts = self.parts.saturating_sub(u64::from(passes) * Self::PER_PASS);
    }
}
