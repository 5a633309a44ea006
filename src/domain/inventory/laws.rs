//! The laws of an inventory, stated once.
//!
//! INV-1 no oversell: per pool `available + held + sold + blocked = capacity`.
//! INV-2 a live reservation holds exactly the units of its lines.
//! INV-3 an id is used once.
//! INV-7 one effect per idempotency key.
//! INV-8 units owned by a customer never exceed the limit that held when they were reserved.
//!
//! The constant-time part runs after every fact, in release builds too. `audit` derives every counter
//! again from the reservations: at recovery, in `onsale verify`, and at every simulated step.

use std::collections::BTreeMap;
use std::fmt;

use super::state::Inventory;

/// A law that does not hold, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLaw {
    /// `INV-n`.
    pub law: &'static str,
    pub detail: String,
}

impl fmt::Display for BrokenLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.detail)
    }
}

/// Fingerprint of a whole state: equal digests mean equal states (INV-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..16].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Inventory {
    /// INV-1 is checked by the pools as they change; this is what spans them.
    pub(super) fn assert_laws(&self) {
        let held: u64 = self.pools.iter().map(|pool| u64::from(pool.held)).sum();
        assert!(held == self.units_live, "INV-2: {held} held, {} in reservations", self.units_live);
    }

    /// A limit lowered later does not make earlier owners outlaws, so this runs as units are taken.
    pub(super) fn assert_within_limit(&self, customer: u32) {
        let owned = self.customers.at(customer).owned;
        let limit = self.terms.sale.customer_limit;
        assert!(limit.is_none_or(|limit| owned <= limit.get()), "INV-8: {owned} owned");
    }

    /// Derives every counter from the reservations, and says where the two differ. Slow: walks all
    /// reservations.
    #[must_use]
    pub fn audit(&self) -> Vec<BrokenLaw> {
        let mut broken = Vec::new();
        let mut report = |law, detail| broken.push(BrokenLaw { law, detail });
        let mut held = vec![0_u64; self.pools.len()];
        let mut owned: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
        let (mut live, mut keys) = (0_usize, 0_usize);
        for (sequence, reservation) in self.book.iter() {
            let of = owned.entry(reservation.customer).or_default();
            of.1 += 1;
            if self.next_sequence <= sequence {
                report("INV-3", format!("reservation {sequence} is from the future"));
            }
            if let Some(key) = &reservation.key {
                keys += 1;
                let found = self.answers.find(&key.digest, &self.book).map(|(n, _)| n);
                if found != Some(sequence) {
                    report("INV-7", format!("key of {sequence} answers with {found:?}"));
                }
            }
            if reservation.status.is_live() {
                live += 1;
                of.0 += reservation.lines.units();
                for line in reservation.lines.as_slice() {
                    held[usize::from(line.pool)] += u64::from(line.quantity.units());
                }
                if !self.deadlines.contains(&(reservation.expires_at, sequence)) {
                    report("INV-2", format!("hold {sequence} never ends"));
                }
            }
        }
        for (pool, (counts, held)) in self.pools.iter().zip(held).enumerate() {
            if u64::from(counts.held) != held {
                report("INV-2", format!("pool {pool}: {held} in reservations, {counts:?}"));
            }
            let sum = u64::from(counts.available) + u64::from(counts.taken());
            if sum != u64::from(counts.capacity) {
                report("INV-1", format!("pool {pool}: {counts:?}"));
            }
        }
        if live != self.deadlines.len() {
            report("INV-2", format!("{live} holds, {} deadlines", self.deadlines.len()));
        }
        if keys != self.answers.len() {
            report("INV-7", format!("{keys} keys, {} answers", self.answers.len()));
        }
        if owned.len() != self.customers.len() {
            report("INV-8", format!("{} customers, {} owners", self.customers.len(), owned.len()));
        }
        for (index, (units, reservations)) in owned {
            let customer = self.customers.at(index);
            if customer.owned != units || customer.reservations != reservations {
                report("INV-8", format!("{customer:?}: {units} units in {reservations}"));
            }
        }
        broken
    }
}
