//! Counts of units, bounded where they enter so that no sum of them can overflow later.

/// How many units one line of a reservation asks for.
///
/// Bounds: 1 to 10,000. A larger order is a contract, not a click.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u32);

impl Quantity {
    /// Largest quantity of one line.
    pub const MAX: u32 = 10_000;

    /// A checked quantity, or `None` when out of bounds.
    #[must_use]
    pub fn new(units: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&units).then_some(Self(units))
    }

    /// Unit: units.
    #[must_use]
    pub fn units(self) -> u32 {
        self.0
    }
}

/// How many units a pool can sell in all. Bounds: 0 to 1,000,000,000.
pub const CAPACITY_MAX: u32 = 1_000_000_000;

/// Most lines one reservation may have.
pub const LINES_MAX: usize = 100;

/// Most pools one event may have; equal to [`LINES_MAX`], so that one reservation can span them all.
pub const POOLS_MAX: usize = 100;
