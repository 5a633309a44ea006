//! What every backend must be able to do.

use std::future::Future;

/// A reservation that somebody asks for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What the reservation will be called if it is made.
    pub id: String,
    pub event: String,
    pub pool: String,
    pub customer: String,
    pub quantity: u32,
    /// A repeat with the same key gets the reservation of the first.
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With the id under which it is stored: an earlier one for a repeat.
    Held(String),
    SoldOut,
    /// Too many wanted the same; nothing happened.
    Busy,
}

/// For the check that nothing was oversold. Unit: units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub capacity: u64,
    /// What the counter says.
    pub available: u64,
    /// What the stored reservations add up to.
    pub held: u64,
}

/// A way to guard a counter. Each stores the reservation with the count, and neither without the other.
pub trait Backend: Send + Sync + 'static {
    fn create(
        &self,
        event: &str,
        pool: &str,
        capacity: u64,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;

    fn reserve(&self, ask: Ask) -> impl Future<Output = anyhow::Result<Outcome>> + Send;

    fn counts(&self, event: &str) -> impl Future<Output = anyhow::Result<Counts>> + Send;
}
