//! Answers one command against the state, changing nothing. Pure: equal arguments give an equal answer
//! on every machine and in every replay, so `now` is handed in.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::book::Status;
use super::buy;
use super::command::{Amend, Command, Create, Pass, Reserve};
use super::fact::{Amended, Created, Fact, Reserved};
use super::lines::Line;
use super::refusal::Refusal;
use super::state::{EXPIRED_PER_FACT_MAX, Inventory};
use super::terms::{EventTerms, SaleState};
use crate::domain::idempotency::{RememberedKey, WINDOW_MS};
use crate::domain::ids::ReservationId;
use crate::domain::time::UnixMillis;

/// What follows from a command that is not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Something happens; apply it, and answer once it is durable.
    Happens(Fact),
    /// The same was asked before: give the first answer, of this reservation.
    Repeats { sequence: u64 },
    /// Nothing to do: things are already as asked.
    Unchanged,
}

/// Decides whether a new event may come onto the books. `existing` is the event of that id, if any;
/// `Ok(None)` means that this very request created it before.
///
/// # Errors
/// [`Refusal::AlreadyExists`] and [`Refusal::KeyReused`]; nothing changes.
pub fn create(existing: Option<&Inventory>, ask: &Create) -> Result<Option<Created>, Refusal> {
    let Some(existing) = existing else {
        return Ok(Some(Created {
            event: ask.event,
            terms: Arc::clone(&ask.terms),
            capacities: ask.capacities.clone(),
            key: ask.key,
            organizer: ask.organizer.clone(),
        }));
    };
    match (existing.creation_key, ask.key) {
        (Some(first), Some(again)) if first == again => Ok(None),
        (Some(first), Some(again)) if first.digest == again.digest => Err(Refusal::KeyReused),
        (Some(_) | None, Some(_) | None) => Err(Refusal::AlreadyExists),
    }
}

/// # Errors
/// The refusal to tell whoever asked; nothing changes.
pub fn decide(state: &Inventory, command: &Command, now: UnixMillis) -> Result<Decision, Refusal> {
    let now = state.not_before_latest(now);
    match command {
        Command::Reserve(ask) => reserve(state, ask, now),
        Command::Release { reservation } => release(state, *reservation, now),
        Command::Amend(ask) => amend(state, ask, now),
        Command::ExpireDue => Ok(expire_due(state, now)),
        Command::Book(ask) => buy::book(state, ask, now),
        Command::Hear { booking, outcome, provider_id } => {
            buy::hear(state, *booking, outcome, provider_id.as_ref(), now)
        }
        Command::Cancel { booking } => buy::cancel(state, *booking, now),
        Command::Refunded { booking } => buy::refunded(state, *booking, now),
        Command::Redeem(ask) => buy::redeem(state, ask, now),
        Command::Told { message, delivery } => Ok(buy::told(state, *message, delivery, now)),
        Command::Revive { message } => buy::revive(state, *message, now),
    }
}

fn reserve(state: &Inventory, ask: &Reserve, now: UnixMillis) -> Result<Decision, Refusal> {
    if let Some(sequence) = answered(state, ask.key, now)? {
        return Ok(Decision::Repeats { sequence });
    }
    // A booking's key is no reservation's: what was asked under it differs.
    if let Some(key) = ask.key
        && buy::booked_with(state, key, now)?.is_some()
    {
        return Err(Refusal::KeyReused);
    }
    if let Some(pass) = ask.pass {
        may_use(state, pass, now)?;
    }
    on_sale(&state.terms, now)?;
    // Every line is checked before any is taken: a reservation is whole or not at all.
    for line in ask.lines.as_slice() {
        fits(state, line)?;
    }
    within_limit(state, ask)?;
    Ok(Decision::Happens(Fact::Reserved(Reserved {
        id: ReservationId { sequence: state.next_sequence, salt: ask.salt },
        customer: ask.customer.clone(),
        lines: ask.lines.clone(),
        created_at: now,
        expires_at: now.plus_seconds(state.terms.sale.hold.seconds()),
        key: ask.key,
        pass: ask.pass.map(|pass| pass.number),
    })))
}

fn may_use(state: &Inventory, pass: Pass, now: UnixMillis) -> Result<(), Refusal> {
    if state.passes.is_used(pass.number) {
        return Err(Refusal::PassUsed);
    }
    if pass.ends_at <= now { Err(Refusal::PassEnded) } else { Ok(()) }
}

/// The reservation that this key was answered with within the last 24 hours.
pub(super) fn answered(
    state: &Inventory,
    key: Option<RememberedKey>,
    now: UnixMillis,
) -> Result<Option<u64>, Refusal> {
    let Some(key) = key else { return Ok(None) };
    let Some((sequence, first)) = state.answers.find(&key.digest, &state.book) else {
        return Ok(None);
    };
    let answered_at = state.book.get(sequence).map_or(UnixMillis::default(), |r| r.created_at);
    if answered_at.plus_millis(WINDOW_MS) <= now {
        return Ok(None);
    }
    if first.fingerprint == key.fingerprint { Ok(Some(sequence)) } else { Err(Refusal::KeyReused) }
}

fn on_sale(terms: &EventTerms, now: UnixMillis) -> Result<(), Refusal> {
    let sale = &terms.sale;
    match sale.state {
        SaleState::Paused | SaleState::Closed => {
            return Err(Refusal::SaleClosed { state: sale.state.as_str() });
        }
        SaleState::Open => {}
    }
    if sale.closes_at.is_some_and(|closes_at| closes_at <= now) {
        return Err(Refusal::SaleClosed { state: SaleState::Closed.as_str() });
    }
    match sale.opens_at {
        Some(opens_at) if now < opens_at => Err(Refusal::NotOnSale { opens_at }),
        Some(_) | None => Ok(()),
    }
}

fn fits(state: &Inventory, line: &Line) -> Result<(), Refusal> {
    let counts = &state.pools[usize::from(line.pool)];
    let (asked, available) = (line.quantity.units(), counts.available);
    if asked <= available {
        return Ok(());
    }
    let pool = state.terms.pool(line.pool).id.clone();
    if asked <= available + counts.held {
        let next_release_at = state.next_release_at();
        Err(Refusal::AllHeld { pool, asked, available, next_release_at })
    } else {
        Err(Refusal::SoldOut { pool, asked, available })
    }
}

fn within_limit(state: &Inventory, ask: &Reserve) -> Result<(), Refusal> {
    let Some(limit) = state.terms.sale.customer_limit.map(NonZeroU32::get) else { return Ok(()) };
    let (asked, owned) = (ask.lines.units(), state.owned_by(&ask.customer));
    if asked + owned <= limit {
        Ok(())
    } else {
        Err(Refusal::OverCustomerLimit { asked, owned, limit })
    }
}

fn release(state: &Inventory, id: ReservationId, now: UnixMillis) -> Result<Decision, Refusal> {
    let reservation = state.reservation(id).ok_or(Refusal::NoSuchReservation)?;
    match reservation.status {
        // Due but not yet ended: the buyer hears what the next moment would say.
        Status::Held if reservation.expires_at <= now => Err(Refusal::ReservationExpired),
        Status::Held => Ok(Decision::Happens(Fact::Released { sequence: id.sequence, at: now })),
        Status::Released => Ok(Decision::Unchanged),
        Status::Expired => Err(Refusal::ReservationExpired),
        status @ Status::Booked => Err(Refusal::NotHeld { status }),
    }
}

fn expire_due(state: &Inventory, now: UnixMillis) -> Decision {
    let due = state.deadlines.iter().take_while(|(ends_at, _)| *ends_at <= now);
    let sequences: Vec<u64> = due.take(EXPIRED_PER_FACT_MAX).map(|(_, n)| *n).collect();
    if sequences.is_empty() {
        Decision::Unchanged
    } else {
        Decision::Happens(Fact::Expired { sequences, at: now })
    }
}

fn amend(state: &Inventory, ask: &Amend, now: UnixMillis) -> Result<Decision, Refusal> {
    let old = &state.terms;
    if ask.expected_revision.is_some_and(|expected| expected != old.revision) {
        return Err(Refusal::VersionMismatch { current: old.revision });
    }
    let mut capacities: Vec<u32> = state.pools.iter().map(|pool| pool.capacity).collect();
    for (pool, capacity) in &ask.capacities {
        let taken = state.pools[usize::from(*pool)].taken();
        if *capacity < taken {
            let pool = old.pool(*pool).id.clone();
            return Err(Refusal::BelowTaken { pool, asked: *capacity, taken });
        }
        capacities[usize::from(*pool)] = *capacity;
    }
    let mut terms = amended_terms(old, ask);
    if let (Some(opens), Some(closes)) = (terms.sale.opens_at, terms.sale.closes_at)
        && closes <= opens
    {
        return Err(Refusal::ClosesBeforeOpens);
    }
    if terms == **old && capacities.iter().zip(&state.pools).all(|(c, pool)| *c == pool.capacity) {
        return Ok(Decision::Unchanged);
    }
    terms.revision += 1;
    let terms = Arc::new(terms);
    Ok(Decision::Happens(Fact::Amended(Amended { terms, capacities, at: now })))
}

fn amended_terms(old: &EventTerms, ask: &Amend) -> EventTerms {
    let mut terms = old.clone();
    if let Some(name) = &ask.name {
        terms.name = Arc::clone(name);
    }
    if let Some(change) = ask.starts_at {
        terms.starts_at = change.into_value();
    }
    let booking = &mut terms.booking;
    booking.pay_seconds = ask.pay_seconds.unwrap_or(booking.pay_seconds);
    booking.late_payment = ask.late_payment.unwrap_or(booking.late_payment);
    if let Some(change) = &ask.venue {
        booking.venue = change.clone().into_value();
    }
    let sale = &mut terms.sale;
    sale.state = ask.state.unwrap_or(sale.state);
    sale.hold = ask.hold.unwrap_or(sale.hold);
    if let Some(change) = ask.opens_at {
        sale.opens_at = change.into_value();
    }
    if let Some(change) = ask.closes_at {
        sale.closes_at = change.into_value();
    }
    if let Some(change) = ask.customer_limit {
        sale.customer_limit = change.into_value();
    }
    for (pool, name) in &ask.pool_names {
        terms.pools[usize::from(*pool)].name = Arc::clone(name);
    }
    terms
}
