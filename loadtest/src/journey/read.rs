//! Reads from the server what a journey's ledger is held against.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::answers::{Booking, Tickets};
use super::check::{Found, judge};
use super::story::{Line, Stories, Story};
use crate::connection::{Answer, Connection};
use crate::ledger::{self, Heading};
use crate::ledger_check::{Checked, PoolCount, ask, pool_count};
use crate::measure::each::each;
use crate::target::Target;

const CONNECTIONS: u32 = 32;
/// How long outcomes and refunds that are under way are waited for, over all bookings.
const SETTLE_PATIENCE: Duration = Duration::from_secs(120);
const SETTLE_PAUSE: Duration = Duration::from_millis(250);
/// Holds may lapse while everything is read; then it is read again, so often at the most.
const READINGS_MAX: u32 = 5;

/// Waits until money and outcomes have settled, then checks.
///
/// # Errors
/// The ledger cannot be read, or the server cannot be asked.
pub fn check(target: Target, path: &Path) -> anyhow::Result<Checked> {
    let (heading, lines) = ledger::read::<Line>(path)?;
    let stories = Rc::new(Stories::of(lines));
    let settle_until = Instant::now() + SETTLE_PATIENCE;
    for _ in 0..READINGS_MAX {
        let before = now_count(target, &heading)?;
        let found = read_all(target, &heading, &stories, settle_until)?;
        let pool = now_count(target, &heading)?;
        if before == pool {
            let (balance, complaints) =
                judge(&heading, &stories, &found, &pool, jiff::Timestamp::now());
            let told = stories.stories.iter().map(|story| story.entry.quantity).sum();
            return Ok(Checked { told, pool, complaints, balance: Some(balance) });
        }
    }
    bail!(
        "the counts moved during each of {READINGS_MAX} readings; check again when the sale rests"
    )
}

fn now_count(target: Target, heading: &Heading) -> anyhow::Result<PoolCount> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(pool_count(target, heading))
}

fn read_all(
    target: Target,
    heading: &Heading,
    stories: &Rc<Stories>,
    settle_until: Instant,
) -> anyhow::Result<Vec<Found>> {
    let count = stories.stories.len();
    let bar = crate::report::progress("ledger", count as u64);
    let found = Rc::new(RefCell::new(vec![Found::default(); count]));
    let (event, stories, places) = (heading.event.clone(), Rc::clone(stories), Rc::clone(&found));
    each(target, count as u64, CONNECTIONS, &bar, async move |connection, number| {
        // A number below the length of a list in memory.
        let place = usize::try_from(number)?;
        let read = read_one(connection, &event, &stories.stories[place], settle_until).await?;
        places.borrow_mut()[place] = read;
        Ok(Vec::new())
    })?;
    bar.finish_and_clear();
    Ok(found.take())
}

async fn read_one(
    connection: &mut Connection,
    event: &str,
    story: &Story,
    settle_until: Instant,
) -> anyhow::Result<Found> {
    let id = &story.entry.id;
    let path = format!("/v1/events/{event}/bookings/{id}");
    let booking = settled(connection, &path, settle_until).await?;
    let path = format!("/v1/events/{event}/reservations/{id}");
    let reservation = known(&path, &ask(connection, &path).await?)?;
    let mut tickets = Vec::new();
    if booking.is_some() {
        let path = format!("/v1/events/{event}/bookings/{id}/tickets");
        let listed: Option<Tickets> = known(&path, &ask(connection, &path).await?)?;
        tickets = listed.map(|listed| listed.items).unwrap_or_default();
    }
    Ok(Found { reservation, booking, tickets })
}

/// The booking once it is settled, or as it is when patience is over.
async fn settled(
    connection: &mut Connection,
    path: &str,
    settle_until: Instant,
) -> anyhow::Result<Option<Booking>> {
    loop {
        let booking: Option<Booking> = known(path, &ask(connection, path).await?)?;
        let done = booking.as_ref().is_none_or(Booking::is_settled);
        if done || settle_until <= Instant::now() {
            return Ok(booking);
        }
        tokio::time::sleep(SETTLE_PAUSE).await;
    }
}

/// `None`: there is no such thing.
fn known<T: for<'a> serde::Deserialize<'a>>(
    path: &str,
    answer: &Answer,
) -> anyhow::Result<Option<T>> {
    match answer.status {
        200 => answer.parse().map(Some).map_err(anyhow::Error::msg),
        404 => Ok(None),
        status => bail!("{path}: status {status}: {}", answer.text()),
    }
}
