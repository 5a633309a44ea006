//! The counts of one general pool. Each method moves units between two states and checks INV-1.

/// Unit of every field: units. INV-1: `available + held + sold + blocked = capacity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolCounts {
    pub capacity: u32,
    pub available: u32,
    pub held: u32,
    pub sold: u32,
    pub blocked: u32,
}

impl PoolCounts {
    #[must_use]
    pub fn with_capacity(capacity: u32) -> Self {
        Self { capacity, available: capacity, ..Self::default() }
    }

    /// Units that a smaller capacity could not take away. Unit: units.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.held + self.sold + self.blocked
    }

    pub(super) fn hold(&mut self, units: u32) {
        self.available = self.available.checked_sub(units).expect("INV-1: held what was gone");
        self.held += units;
        self.assert_laws();
    }

    pub(super) fn free(&mut self, units: u32) {
        self.held = self.held.checked_sub(units).expect("INV-2: freed what was not held");
        self.available += units;
        self.assert_laws();
    }

    pub(super) fn sell(&mut self, units: u32) {
        self.held = self.held.checked_sub(units).expect("INV-1: sold what was not held");
        self.sold += units;
        self.assert_laws();
    }

    /// What was sold returns to stock.
    pub(super) fn take_back(&mut self, units: u32) {
        self.sold = self.sold.checked_sub(units).expect("INV-1: took back what was not sold");
        self.available += units;
        self.assert_laws();
    }

    pub(super) fn resize(&mut self, capacity: u32) {
        let left = capacity.checked_sub(self.taken());
        self.available = left.expect("INV-1: capacity below what is taken");
        self.capacity = capacity;
        self.assert_laws();
    }

    /// Constant time; runs after every fact, release builds included.
    fn assert_laws(&self) {
        let sum = u64::from(self.available)
            + u64::from(self.held)
            + u64::from(self.sold)
            + u64::from(self.blocked);
        assert!(sum == u64::from(self.capacity), "INV-1: {self:?}");
    }
}
