//! Holds what buyers were told against what the server says afterwards: every booking ended, money,
//! tickets and units balance. Pure: what was read is handed in ([`super::read`]).

mod one;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use self::one::judge_one;
use super::answers::{Booking, Reservation, Ticket};
use super::story::{Stories, Story};
use crate::ledger::{Heading, Money};
use crate::ledger_check::{PoolCount, capacity, doubles};

/// What the server says of one story; `None`: it knows nothing of it.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub reservation: Option<Reservation>,
    pub booking: Option<Booking>,
    pub tickets: Vec<Ticket>,
}

/// Sums over the sale, as the server's answers give them. Money in minor units.
#[derive(Debug, Default)]
pub struct Balance {
    pub captured: u64,
    pub refunded: u64,
    /// What the units of the CONFIRMED bookings cost.
    pub earned: u64,
    pub currency: String,
    pub confirmed: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub tickets: u64,
    /// Units of CONFIRMED bookings.
    pub units_sold: u64,
    /// Units of live holds, and of bookings that are not decided.
    pub units_held: u64,
}

impl Balance {
    pub fn print(&self) {
        let Self { captured, refunded, earned, currency, confirmed, failed, cancelled, .. } = self;
        println!("bookings      {confirmed} CONFIRMED, {failed} FAILED, {cancelled} CANCELLED");
        println!("tickets       {} of CONFIRMED bookings", self.tickets);
        println!(
            "money         captured {} - refunded {} = {} {currency}; {confirmed} CONFIRMED cost {}",
            minor(*captured),
            minor(*refunded),
            // Checked: when refunds pass what was captured that is a complaint, not a panic.
            captured.checked_sub(*refunded).map_or("less than nothing".to_owned(), minor),
            minor(*earned),
        );
    }
}

/// Cents as people write them.
fn minor(amount: u64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

/// Everything that is wrong, and the sums.
///
/// `now`: when it was read. `found` has one place for each story.
pub fn judge(
    heading: &Heading,
    stories: &Stories,
    found: &[Found],
    pool: &PoolCount,
    now: jiff::Timestamp,
) -> (Balance, Vec<String>) {
    let none = Money { amount: 0, currency: String::new() };
    let price = heading.price.clone().unwrap_or(none);
    let mut balance = Balance { currency: price.currency.clone(), ..Balance::default() };
    let mut complaints = doubles(stories.stories.iter().map(|story| &story.entry));
    for stray in &stories.strays {
        complaints.push(format!("{stray}: the ledger tells of no reservation before it"));
    }
    for (story, found) in stories.stories.iter().zip(found) {
        let wrongs = judge_one(story, found, &price, now);
        let Story { entry, .. } = story;
        complaints.extend(wrongs.map(|wrong| format!("{} (key {}): {wrong}", entry.id, entry.key)));
        balance.count(story, found, &price);
    }
    complaints.extend(tickets_told_twice(found));
    complaints.extend(capacity(heading, pool));
    complaints.extend(sums(&balance, pool, stories.unknown));
    (balance, complaints)
}

impl Balance {
    fn count(&mut self, story: &Story, found: &Found, price: &Money) {
        let quantity = story.entry.quantity;
        let Some(booking) = &found.booking else {
            let is_held = found.reservation.as_ref().is_some_and(|found| found.status == "HELD");
            self.units_held += if is_held { quantity } else { 0 };
            return;
        };
        if booking.was_captured() {
            self.captured += booking.total.amount;
        }
        if booking.payment.status == "REFUNDED" {
            self.refunded += booking.total.amount;
        }
        match booking.status.as_str() {
            "CONFIRMED" => {
                self.confirmed += 1;
                self.units_sold += quantity;
                self.earned += quantity * price.amount;
                self.tickets += found.tickets.len() as u64;
            }
            "FAILED" => self.failed += 1,
            "CANCELLED" => self.cancelled += 1,
            _ => self.units_held += quantity,
        }
    }
}

fn tickets_told_twice(found: &[Found]) -> Vec<String> {
    let mut ids = BTreeSet::new();
    let tickets = found.iter().flat_map(|found| &found.tickets);
    let doubled = tickets.filter(|ticket| !ids.insert(&ticket.id));
    doubled.map(|ticket| format!("ticket {} is in the sale twice", ticket.id)).collect()
}

fn sums(balance: &Balance, pool: &PoolCount, unknown: u64) -> Vec<String> {
    let Balance { captured, refunded, earned, units_sold, units_held, .. } = balance;
    let mut complaints = Vec::new();
    if captured.checked_sub(*refunded) != Some(*earned) {
        complaints.push(format!(
            "money: captured {captured} - refunded {refunded} is not the {earned} of CONFIRMED bookings"
        ));
    }
    if pool.sold != *units_sold {
        complaints.push(format!("{} units are sold, CONFIRMED have {units_sold}", pool.sold));
    }
    // Who gave up may hold a unit without knowing; nobody else may.
    if !(*units_held..=units_held + unknown).contains(&pool.held) {
        let held = pool.held;
        complaints
            .push(format!("{held} units are held, live holds have {units_held} (+{unknown})"));
    }
    complaints
}
