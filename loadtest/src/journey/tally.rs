//! What came of those who went on to buy.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::answers::Booking;
use crate::report::listed;
use crate::tally::{histogram, micros};

/// Counts of one connection or of all. Latencies in microseconds.
pub struct JourneyTally {
    pub abandoned: u64,
    /// 202s.
    pub accepted: u64,
    /// Bookings that came too late for their reservation.
    pub lapsed: u64,
    /// What buyers were told first: `CONFIRMED`, or `FAILED` with its reason.
    pub outcomes: BTreeMap<String, u64>,
    /// CONFIRMED ones that their buyers gave back.
    pub cancelled: u64,
    pub tickets: u64,
    /// Not what a buyer should see, with the step at which they saw it.
    pub errors: BTreeMap<String, u64>,
    /// From the first request to book until its 202.
    pub accepted_latency: Histogram<u64>,
    /// From the same moment until the buyer knew the outcome; the pauses between polls are in it.
    pub outcome_latency: Histogram<u64>,
    pub tickets_latency: Histogram<u64>,
    pub cancelled_latency: Histogram<u64>,
}

impl Default for JourneyTally {
    fn default() -> Self {
        Self {
            abandoned: 0,
            accepted: 0,
            lapsed: 0,
            outcomes: BTreeMap::new(),
            cancelled: 0,
            tickets: 0,
            errors: BTreeMap::new(),
            accepted_latency: histogram(),
            outcome_latency: histogram(),
            tickets_latency: histogram(),
            cancelled_latency: histogram(),
        }
    }
}

impl JourneyTally {
    pub fn accept(&mut self, took: Duration) {
        self.accepted += 1;
        self.accepted_latency.saturating_record(micros(took));
    }

    pub fn decide(&mut self, booking: &Booking, took: Duration) {
        let status = match &booking.reason {
            Some(reason) => format!("{} {reason}", booking.status),
            None => booking.status.clone(),
        };
        *self.outcomes.entry(status).or_default() += 1;
        self.outcome_latency.saturating_record(micros(took));
    }

    pub fn fetch(&mut self, tickets: usize, took: Duration) {
        self.tickets += tickets as u64;
        self.tickets_latency.saturating_record(micros(took));
    }

    pub fn cancel(&mut self, took: Duration) {
        self.cancelled += 1;
        self.cancelled_latency.saturating_record(micros(took));
    }

    pub fn fail(&mut self, step: &str, reason: &str) {
        *self.errors.entry(format!("{step}: {reason}")).or_default() += 1;
    }

    /// Those whose units went back on sale, as far as buyers know.
    pub fn came_back(&self) -> u64 {
        let failed = self.outcomes.iter().filter(|(status, _)| status.starts_with("FAILED"));
        self.cancelled + self.lapsed + failed.map(|(_, count)| count).sum::<u64>()
    }

    pub fn errors_total(&self) -> u64 {
        self.errors.values().sum()
    }

    pub fn merge(&mut self, other: Self) {
        self.abandoned += other.abandoned;
        self.accepted += other.accepted;
        self.lapsed += other.lapsed;
        self.cancelled += other.cancelled;
        self.tickets += other.tickets;
        for (ours, theirs) in
            [(&mut self.outcomes, other.outcomes), (&mut self.errors, other.errors)]
        {
            for (what, count) in theirs {
                *ours.entry(what).or_default() += count;
            }
        }
        self.accepted_latency += other.accepted_latency;
        self.outcome_latency += other.outcome_latency;
        self.tickets_latency += other.tickets_latency;
        self.cancelled_latency += other.cancelled_latency;
    }

    pub fn print(&self) {
        let Self { abandoned, accepted, lapsed, cancelled, tickets, .. } = self;
        println!("booked        {accepted}{}", listed(&self.outcomes));
        println!("not booked    {abandoned} abandoned, {lapsed} lapsed before they were booked");
        println!("tickets       {tickets} fetched, then {cancelled} bookings cancelled");
        println!("journey errors {}{}", self.errors_total(), listed(&self.errors));
    }
}
