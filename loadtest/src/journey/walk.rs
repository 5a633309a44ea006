//! One buyer's way after the reservation. Every request has the discipline of reserving: the same words
//! again, under the same key where there is one, until there is an answer.

use std::time::{Duration, Instant};

use super::answers::{Booking, Tickets};
use super::roles::Roles;
use super::story::{Line, Step};
use crate::buyer::{self, Outcome};
use crate::connection::{Answer, Connection};
use crate::ledger::Ledger;
use crate::plan::{Plan, get, post};
use crate::tally::Tally;

/// First pause between two looks at a booking; each is half as long again, up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What a buyer goes by.
pub struct Walk<'a> {
    pub plan: &'a Plan,
    pub roles: &'a Roles,
    pub ledger: &'a Ledger,
}

impl Walk<'_> {
    /// From the reservation `id` to the end.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn go(
        &self,
        connection: &mut Connection,
        buyer: u64,
        id: &str,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        if self.roles.abandons(buyer) {
            tally.journey.abandoned += 1;
            return Ok(());
        }
        let asked = Instant::now();
        if !self.book(connection, buyer, id, tally).await? {
            return Ok(());
        }
        let Some(booking) = self.outcome(connection, id, tally).await else { return Ok(()) };
        self.told(id, &booking)?;
        tally.journey.decide(&booking, asked.elapsed());
        if booking.status == "CONFIRMED" {
            self.tickets(connection, id, tally).await?;
            if self.roles.cancels(buyer) {
                self.cancel(connection, id, tally).await?;
            }
        }
        Ok(())
    }

    /// Whether the booking was accepted.
    async fn book(
        &self,
        connection: &mut Connection,
        buyer: u64,
        id: &str,
        tally: &mut Tally,
    ) -> anyhow::Result<bool> {
        let token = self.roles.token(buyer);
        self.write(id, Step::BookAsked { token: token.to_owned() })?;
        let asked = Instant::now();
        let request = self.booking(buyer, id, token);
        let Some(answer) = self.ask(connection, &request, "book", tally).await else {
            return Ok(false);
        };
        let code = buyer::code(&answer);
        if answer.status == 410 && code == "reservation_expired" {
            tally.journey.lapsed += 1;
            return Ok(false);
        }
        let Some(booking) = proper::<Booking>(&answer, 202, "book", tally) else {
            return Ok(false);
        };
        if booking.id != id {
            tally.journey.fail("book", "another id than that of the reservation");
            return Ok(false);
        }
        self.write(id, Step::Accepted)?;
        tally.journey.accept(asked.elapsed());
        Ok(true)
    }

    fn booking(&self, buyer: u64, id: &str, token: &str) -> Vec<u8> {
        let body = serde_json::json!({
            "reservation": id,
            "payment": {"method": "card", "token": token},
            "contact": {"email": format!("fan-{buyer}@example.org"), "name": format!("Fan {buyer}")},
        });
        let key = format!("{}-book", self.plan.key(buyer));
        post(&format!("/v1/events/{}/bookings", self.plan.event), Some(&key), &body.to_string())
    }

    /// Looks until it is decided; `None`: the buyer is out of patience.
    async fn outcome(
        &self,
        connection: &mut Connection,
        id: &str,
        tally: &mut Tally,
    ) -> Option<Booking> {
        let (started, mut pause) = (Instant::now(), PAUSE);
        let request = get(&self.path(id, ""));
        loop {
            // Up to half as long again, else all who booked together look together.
            tokio::time::sleep(pause.mul_f64(1.0 + rand::random::<f64>() / 2.0)).await;
            let answer = self.ask(connection, &request, "outcome", tally).await?;
            let booking = proper::<Booking>(&answer, 200, "outcome", tally)?;
            if !booking.is_pending() {
                return Some(booking);
            }
            if self.roles.outcome_patience <= started.elapsed() {
                tally.journey.fail("outcome", "still PENDING_PAYMENT");
                return None;
            }
            pause = pause.mul_f64(1.5).min(PAUSE_MAX);
        }
    }

    async fn tickets(
        &self,
        connection: &mut Connection,
        id: &str,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let asked = Instant::now();
        let request = get(&self.path(id, "/tickets"));
        let Some(answer) = self.ask(connection, &request, "tickets", tally).await else {
            return Ok(());
        };
        let Some(tickets) = proper::<Tickets>(&answer, 200, "tickets", tally) else {
            return Ok(());
        };
        let ids: Vec<String> = tickets.items.into_iter().map(|ticket| ticket.id).collect();
        let count = ids.len();
        self.write(id, Step::Tickets { ids })?;
        tally.journey.fetch(count, asked.elapsed());
        Ok(())
    }

    async fn cancel(
        &self,
        connection: &mut Connection,
        id: &str,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        self.write(id, Step::CancelAsked)?;
        let asked = Instant::now();
        // It needs no key: what is cancelled already answers the same.
        let request = post(&self.path(id, "/cancel"), None, "");
        let Some(answer) = self.ask(connection, &request, "cancel", tally).await else {
            return Ok(());
        };
        let Some(booking) = proper::<Booking>(&answer, 202, "cancel", tally) else {
            return Ok(());
        };
        self.told(id, &booking)?;
        if booking.status == "CANCELLED" {
            tally.journey.cancel(asked.elapsed());
        } else {
            tally.journey.fail("cancel", &format!("202 with {}", booking.status));
        }
        Ok(())
    }

    fn path(&self, id: &str, rest: &str) -> String {
        format!("/v1/events/{}/bookings/{id}{rest}", self.plan.event)
    }

    /// `None`: no answer within the buyer's patience, which is counted.
    async fn ask(
        &self,
        connection: &mut Connection,
        request: &[u8],
        step: &str,
        tally: &mut Tally,
    ) -> Option<Answer> {
        let patience = self.plan.patience;
        match buyer::ask(connection, request, patience, &mut tally.trouble).await {
            Outcome::Answered(answer) => Some(answer),
            Outcome::GaveUp { reason, .. } => {
                tally.journey.fail(step, &reason);
                None
            }
        }
    }

    fn told(&self, id: &str, booking: &Booking) -> anyhow::Result<()> {
        let (status, reason) = (booking.status.clone(), booking.reason.clone());
        self.write(id, Step::Told { status, reason })
    }

    fn write(&self, id: &str, step: Step) -> anyhow::Result<()> {
        self.ledger.add(&Line::Step { booking: id.to_owned(), step })
    }
}

/// The body, if the answer is what it should be; else it is counted.
fn proper<T: for<'a> serde::Deserialize<'a>>(
    answer: &Answer,
    status: u16,
    step: &str,
    tally: &mut Tally,
) -> Option<T> {
    if answer.status != status {
        tally.journey.fail(step, &buyer::code(answer));
        return None;
    }
    answer.parse().map_err(|reason| tally.journey.fail(step, &reason)).ok()
}
