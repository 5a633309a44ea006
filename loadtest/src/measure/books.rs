//! After each run: do a server's books agree with what it told?

use anyhow::bail;
use indicatif::ProgressBar;
use serde::Deserialize;

use super::each::each;
use crate::connection::Connection;
use crate::plan::get;
use crate::target::Target;

const CONNECTIONS: u32 = 64;

#[derive(Deserialize)]
struct Availability {
    pools: Vec<Counts>,
}

#[derive(Deserialize)]
struct Counts {
    capacity: u64,
    available: u64,
    held: u64,
    sold: u64,
    blocked: u64,
}

/// What buyers of one event know. Unit: units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// In 201s.
    pub yes: u64,
    /// Asked and not answered: may be taken or not.
    pub nothing: u64,
}

impl Told {
    pub fn yes(yes: u64) -> Self {
        Self { yes, nothing: 0 }
    }
}

/// What is wrong, if anything: what was told must be all that is taken.
///
/// # Errors
/// The server does not say.
pub fn complaints(target: Target, event: &str, told: Told) -> anyhow::Result<Vec<String>> {
    complaints_of_all(target, vec![(event.to_owned(), told)])
}

/// The same for many events.
///
/// # Errors
/// The server does not say.
pub fn complaints_of_all(
    target: Target,
    events: Vec<(String, Told)>,
) -> anyhow::Result<Vec<String>> {
    let count = events.len() as u64;
    let many = 1 < count;
    each(target, count, CONNECTIONS, &ProgressBar::hidden(), async move |connection, number| {
        let Some((event, told)) = events.get(usize::try_from(number)?) else {
            return Ok(Vec::new());
        };
        let wrong = judge(&ask(connection, event).await?, *told);
        Ok(wrong.into_iter().map(|w| if many { format!("{event}: {w}") } else { w }).collect())
    })
}

async fn ask(connection: &mut Connection, event: &str) -> anyhow::Result<Counts> {
    let answer = connection.ask(&get(&format!("/v1/events/{event}/availability"))).await?;
    if answer.status != 200 {
        bail!("its books cannot be read: status {}: {}", answer.status, answer.text());
    }
    let availability: Availability = answer.parse().map_err(anyhow::Error::msg)?;
    let Some(pool) = availability.pools.into_iter().next() else {
        bail!("no pool in {}", answer.text())
    };
    Ok(pool)
}

fn judge(pool: &Counts, told: Told) -> Vec<String> {
    let Counts { capacity, available, held, sold, blocked } = pool;
    let mut complaints = Vec::new();
    let taken = held + sold;
    if available + taken + blocked != *capacity {
        complaints
            .push(format!("capacity {capacity}, but {available} available and {taken} taken"));
    }
    if taken < told.yes || told.yes + told.nothing < taken {
        let maybe = match told.nothing {
            0 => String::new(),
            nothing => format!(", {nothing} more not answered"),
        };
        complaints.push(format!("{taken} taken, but {} were told so{maybe}", told.yes));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_oversold_or_lost_is_said() {
        let pool = |available, held| Counts { capacity: 10, available, held, sold: 0, blocked: 0 };
        assert!(judge(&pool(7, 3), Told::yes(3)).is_empty());
        assert_eq!(judge(&pool(7, 2), Told::yes(3)).len(), 2, "a reservation is lost");
        assert_eq!(judge(&pool(7, 4), Told::yes(4)).len(), 1, "the counter lost a sale");
        assert_eq!(judge(&pool(7, 3), Told::yes(4)).len(), 1, "a buyer was told yes for nothing");
    }

    #[test]
    fn only_what_was_asked_without_an_answer_may_be_taken_beyond_what_was_told() {
        let pool = |held| Counts { capacity: 10, available: 10 - held, held, sold: 0, blocked: 0 };
        let told = Told { yes: 3, nothing: 2 };
        assert!(judge(&pool(3), told).is_empty() && judge(&pool(5), told).is_empty());
        assert_eq!(judge(&pool(2), told).len(), 1, "a reservation is lost");
        assert_eq!(judge(&pool(6), told).len(), 1, "nobody asked for it");
    }
}
